/* Splitting and percent-decoding of request targets. */
#include "gateway/uri.h"

#include "base/hex.h"
#include <string.h>

bool uri_text_is(uri_text_t self, const char *word) {
    return strlen(word) == self.length && memcmp(self.text, word, self.length) == 0;
}

bool uri_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length) {
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        out[at++] = c;
    }
    *out_length = at;
    return true;
}

/* One segment into the path; `used` counts the bytes of `decoded` that are taken. */
static err_t s_add_segment(uri_path_t *self, const char *text, size_t length, size_t *used) {
    if (self->count == URI_SEGMENTS_MAX)
        return ERR_ROUTE_NOT_FOUND;
    uri_text_t *segment = &self->segments[self->count++];
    *segment = (uri_text_t){text, length};
    if (!memchr(text, '%', length))
        return OK;
    if (length > sizeof self->decoded - *used)
        return ERR_ROUTE_NOT_FOUND;
    segment->text = self->decoded + *used;
    if (!uri_decode(text, length, false, self->decoded + *used, &segment->length))
        return ERR_MALFORMED_REQUEST;
    *used += segment->length;
    return OK;
}

err_t uri_path_split(uri_path_t *self, const char *raw) {
    self->count = 0;
    if (!raw || raw[0] != '/')
        return ERR_MALFORMED_REQUEST;
    if (raw[1] == '\0')
        return OK;
    size_t used = 0;
    err_t err = OK;
    for (const char *begin = raw + 1; err == OK && begin;) {
        const char *slash = strchr(begin, '/');
        err = s_add_segment(self, begin, slash ? (size_t)(slash - begin) : strlen(begin), &used);
        begin = slash ? slash + 1 : NULL;
    }
    return err;
}

void uri_encode(buf_t *out, const char *text, size_t length) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c)) {
            buf_append_char(out, (char)c);
        } else {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_append(out, escape, sizeof escape);
        }
    }
}

void uri_query_init(uri_query_t *self, char *query) {
    self->cursor = query;
}

static bool s_decode_in_place(uri_text_t *text) {
    return uri_decode(text->text, text->length, true, (char *)text->text, &text->length);
}

bool uri_query_next(uri_query_t *self, uri_param_t *param) {
    while (self->cursor && *self->cursor == '&')
        self->cursor++;
    if (!self->cursor || *self->cursor == '\0')
        return false;
    const char *begin = self->cursor;
    size_t length = strcspn(begin, "&");
    self->cursor = begin[length] ? begin + length + 1 : NULL;
    const char *equals = memchr(begin, '=', length);
    size_t name_length = equals ? (size_t)(equals - begin) : length;
    param->name = (uri_text_t){begin, name_length};
    param->value =
        equals ? (uri_text_t){equals + 1, length - name_length - 1} : (uri_text_t){begin + length, 0};
    bool name_valid = s_decode_in_place(&param->name);
    bool value_valid = s_decode_in_place(&param->value);
    param->valid = name_valid && value_valid;
    return true;
}
