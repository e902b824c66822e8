/* The JSON writer's strings: runs of plain characters are copied whole, the rest is escaped. */
#include "base/json.h"

#include <string.h>

/* Length of the run that needs no escape. Bytes of other scripts count as plain here. */
static size_t s_plain_run(const unsigned char *p, size_t size) {
    size_t i = 0;
    while (i < size && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

static void s_write_escape(buf_t *out, unsigned char c) {
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    char text[6] = {'\\', letters[c]};
    size_t length = 2;
    if (!letters[c]) {
        static const char hex[] = "0123456789abcdef";
        const char unit[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        memcpy(text, unit, length = sizeof unit);
    }
    buf_append(out, text, length);
}

static void s_write_valid(buf_t *out, const char *text, size_t length) {
    while (length) {
        size_t run = s_plain_run((const unsigned char *)text, length);
        buf_append(out, text, run);
        if (run == length)
            return;
        s_write_escape(out, (unsigned char)text[run]);
        text += run + 1;
        length -= run + 1;
    }
}

/* Longest UTF-8 sequence at `text`, 0 when none begins there. */
static size_t s_sequence(const char *text, size_t length) {
    for (size_t n = 1; n <= 4 && n <= length; n++)
        if (json_utf8_valid(text, n))
            return n;
    return 0;
}

static void s_write_repaired(buf_t *out, const char *text, size_t length) {
    while (length) {
        size_t n = s_sequence(text, length);
        if (n)
            s_write_valid(out, text, n);
        else
            buf_append(out, "\xef\xbf\xbd", 3); /* U+FFFD */
        text += n ? n : 1;
        length -= n ? n : 1;
    }
}

void json_write_string(buf_t *out, const char *text, size_t length) {
    buf_reserve(out, length + 2);
    buf_append_char(out, '"');
    if (json_utf8_valid(text, length))
        s_write_valid(out, text, length);
    else
        s_write_repaired(out, text, length);
    buf_append_char(out, '"');
}

void json_write_str(buf_t *out, const char *text) {
    if (text)
        json_write_string(out, text, strlen(text));
    else
        buf_append(out, "null", 4);
}
