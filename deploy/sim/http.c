/* Replies, query fields and percent-encoding. */
#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUERY_VALUE_SIZE = 256, REAL_DIGITS = 12 };

reply_t reply_error(int status, const char *code, const char *message, json_t *details) {
    json_t *error = json_pack("{s:s, s:s}", "code", code, "message", message);
    if (details)
        json_object_set_new(error, "details", details);
    json_t *body = json_pack("{s:b, s:s, s:o}", "success", 0, "status", "error", "error", error);
    return (reply_t){.status = status, .body = body};
}

static bool s_is_deep(const char *text, size_t size) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return true;
    }
    return false;
}

json_t *json_parse(const char *text, size_t size, char *error, size_t error_size) {
    json_error_t where;
    if (s_is_deep(text, size)) {
        snprintf(error, error_size, "is nested deeper than %d", JSON_DEPTH_MAX);
        return NULL;
    }
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!value)
        snprintf(error, error_size, "is not valid JSON: %s (line %d, column %d)", where.text, where.line,
                 where.column);
    return value;
}

void reply_render(reply_t *reply) {
    if (reply->body && !reply->text)
        reply->text = json_dumps(reply->body, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
}

void reply_clear(reply_t *reply) {
    json_decref(reply->body);
    free(reply->text);
    *reply = (reply_t){0};
}

static int s_hex(char c) {
    if (isdigit((unsigned char)c))
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(const char *text, size_t length, char *out, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            bool whole = i + 2 < length;
            int high = whole ? s_hex(text[i + 1]) : -1;
            int low = whole ? s_hex(text[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (c == 0 || used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = 0;
    return true;
}

typedef struct {
    char *out;
    size_t size;
    bool found;
} first_t;

static void s_take_first(const char *value, void *arg) {
    first_t *first = arg;
    if (first->found || strlen(value) >= first->size)
        return;
    snprintf(first->out, first->size, "%s", value);
    first->found = true;
}

bool request_query(const request_t *request, const char *name, char *out, size_t size) {
    first_t first = {out, size, false};
    request_query_each(request, name, s_take_first, &first);
    return first.found;
}

void request_query_each(const request_t *request, const char *name,
                        void (*each)(const char *value, void *arg), void *arg) {
    size_t name_length = strlen(name);
    for (const char *at = request->query; *at;) {
        const char *end = strchrnul(at, '&');
        char value[QUERY_VALUE_SIZE];
        if (strncmp(at, name, name_length) == 0 && at[name_length] == '=' &&
            percent_decode(at + name_length + 1, (size_t)(end - at) - name_length - 1, value, sizeof value))
            each(value, arg);
        at = *end ? end + 1 : end;
    }
}
