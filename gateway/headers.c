/* Finding and judging request headers. */
#include "gateway/headers.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *name;
    size_t offset;
    bool once; /* said twice, it is ambiguous; elsewhere the first counts */
} header_row_t;

#define ROW(name, field, once) \
    { name, offsetof(headers_t, field), once }

static const header_row_t s_rows[] = {
    ROW("Accept", accept, false),
    ROW("Access-Control-Request-Method", access_control_request_method, false),
    ROW("Authorization", authorization, true),
    ROW("Connection", connection, false),
    ROW("Content-Length", content_length, true),
    ROW("Content-Type", content_type, true),
    ROW("Expect", expect, false),
    ROW("Host", host, true),
    ROW("Idempotency-Key", idempotency_key, true),
    ROW("Origin", origin, true),
    ROW("Traceparent", traceparent, false),
    ROW("Transfer-Encoding", transfer_encoding, true),
    ROW("X-API-Key", api_key, true),
    ROW("X-Request-ID", request_id, false),
};

void headers_take(headers_t *self, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        if (strcasecmp(name, s_rows[i].name) != 0)
            continue;
        const char **field = (const char **)((char *)self + s_rows[i].offset);
        if (*field)
            self->ambiguous |= s_rows[i].once;
        else
            *field = value;
        return;
    }
}

bool headers_framing_valid(const headers_t *self) {
    if (self->ambiguous || (self->content_length && self->transfer_encoding))
        return false;
    const char *c = self->content_length;
    if (!c)
        return true;
    size_t digits = strspn(c, "0123456789");
    return digits > 0 && digits <= 18 && c[digits] == '\0';
}

bool header_is_token(const char *value) {
    size_t length = 0;
    for (; value[length]; length++)
        if (length == 128 || value[length] < 0x21 || value[length] > 0x7e)
            return false;
    return length > 0;
}

/* One element of a comma list: its word, and its parameters. */
typedef struct {
    const char *word;
    size_t word_length;
    const char *params; /* from the first semicolon; empty when there are none */
    size_t params_length;
} element_t;

static const char *s_next_element(const char *cursor, element_t *element) {
    cursor += strspn(cursor, " \t,");
    if (*cursor == '\0')
        return NULL;
    size_t length = strcspn(cursor, ",");
    const char *semicolon = memchr(cursor, ';', length);
    size_t word = semicolon ? (size_t)(semicolon - cursor) : length;
    element->params = cursor + word;
    element->params_length = length - word;
    while (word > 0 && (cursor[word - 1] == ' ' || cursor[word - 1] == '\t'))
        word--;
    element->word = cursor;
    element->word_length = word;
    return cursor + length;
}

static bool s_word_is(const element_t *element, const char *word) {
    return strlen(word) == element->word_length &&
           strncasecmp(element->word, word, element->word_length) == 0;
}

bool header_list_has(const char *value, const char *word) {
    element_t element;
    for (const char *c = value; c && (c = s_next_element(c, &element));)
        if (s_word_is(&element, word))
            return true;
    return false;
}

/* "q=0", "q=0.0", ...: not wanted. */
static bool s_weight_is_zero(const element_t *element) {
    for (size_t i = 0; i + 2 < element->params_length; i++) {
        const char *c = element->params + i;
        bool starts = *c == ';' || *c == ' ';
        if (!starts || (c[1] | 0x20) != 'q' || c[2] != '=')
            continue;
        size_t rest = element->params_length - i - 3;
        size_t zeros = strspn(c + 3, "0.");
        bool ends = zeros >= rest || !isdigit((unsigned char)c[3 + zeros]);
        return zeros > 0 && ends;
    }
    return false;
}

bool header_accepts_problem(const char *accept) {
    element_t element;
    for (const char *c = accept; c && (c = s_next_element(c, &element));)
        if (s_word_is(&element, "application/problem+json"))
            return !s_weight_is_zero(&element);
    return false;
}

static bool s_charset_is_utf8(const element_t *element) {
    const char *charset = NULL;
    for (size_t i = 0; i + 8 < element->params_length; i++)
        if (strncasecmp(element->params + i, "charset=", 8) == 0)
            charset = element->params + i + 8;
    if (!charset)
        return true;
    charset += *charset == '"';
    return strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "utf8", 4) == 0 ||
           strncasecmp(charset, "us-ascii", 8) == 0;
}

bool header_is_json(const char *content_type) {
    element_t element;
    if (!content_type || !s_next_element(content_type, &element))
        return false;
    bool suffix = element.word_length > 17 && strncasecmp(element.word, "application/", 12) == 0 &&
                  strncasecmp(element.word + element.word_length - 5, "+json", 5) == 0;
    return (suffix || s_word_is(&element, "application/json")) && s_charset_is_utf8(&element);
}

const char *header_bearer(const char *authorization) {
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    const char *key = authorization + 7;
    return key + strspn(key, " ");
}
