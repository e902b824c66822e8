/* URLs: one pass over the text, parts as slices of it. */
#include "base/url.h"

#include "base/buf.h"
#include <stdint.h>
#include <string.h>
#include <strings.h>

static url_part_t s_part(const char *begin, const char *end) {
    return (url_part_t){begin, (size_t)(end - begin)};
}

static const char *s_find(const char *begin, const char *end, char c) {
    const char *found = memchr(begin, c, (size_t)(end - begin));
    return found ? found : end;
}

static const char *s_find_last(const char *begin, const char *end, char c) {
    return memrchr(begin, c, (size_t)(end - begin));
}

static bool s_parse_port(const char *begin, const char *end, int *port) {
    if (end - begin == 1 && *begin == '*') {
        *port = -2;
        return true;
    }
    *port = 0;
    for (const char *p = begin; p < end; p++) {
        if (*p < '0' || *p > '9' || p - begin > 5)
            return false;
        *port = *port * 10 + (*p - '0');
    }
    return end > begin && *port <= 65535;
}

static bool s_parse_host(const char *begin, const char *end, url_t *out) {
    const char *colon;
    if (begin < end && *begin == '[') {
        const char *close = s_find(begin, end, ']');
        if (close == end)
            return false;
        out->host = s_part(begin + 1, close);
        colon = close + 1;
        if (colon < end && *colon != ':')
            return false;
    } else {
        colon = s_find(begin, end, ':');
        out->host = s_part(begin, colon);
    }
    out->port = -1;
    return colon == end || s_parse_port(colon + 1, end, &out->port);
}

static const char *s_parse_user(const char *begin, const char *end, url_t *out) {
    const char *at = s_find_last(begin, end, '@');
    if (!at)
        return begin;
    const char *colon = s_find(begin, at, ':');
    out->user = s_part(begin, colon);
    if (colon < at)
        out->password = s_part(colon + 1, at);
    return at + 1;
}

bool url_parse(const char *url, url_t *out) {
    *out = (url_t){0};
    const char *mark = strstr(url, "://");
    if (!mark || mark == url)
        return false;
    for (const unsigned char *p = (const unsigned char *)url; *p; p++)
        if (*p <= ' ' || *p == 0x7f)
            return false;
    out->scheme = s_part(url, mark);
    const char *begin = mark + 3;
    const char *end = begin + strlen(begin);
    const char *authority_end = begin + strcspn(begin, "/?#");
    const char *query = authority_end + strcspn(authority_end, "?#");
    out->path = s_part(authority_end, query);
    out->query = query < end ? s_part(query + 1, end) : s_part(end, end);
    const char *host = s_parse_user(begin, authority_end, out);
    return s_parse_host(host, authority_end, out);
}

bool url_part_is(url_part_t part, const char *text) {
    return part.length == strlen(text) && (part.length == 0 || memcmp(part.text, text, part.length) == 0);
}

bool url_scheme_is(const url_t *url, const char *scheme) {
    return url->scheme.length == strlen(scheme) &&
           strncasecmp(url->scheme.text, scheme, url->scheme.length) == 0;
}

/* Appends the query with the values of password parameters masked. */
static void s_mask_query(buf_t *out, const char *query) {
    while (*query) {
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t name = equals ? (size_t)(equals - query) + 1 : 0;
        bool secret = (name == 9 && strncasecmp(query, "password=", 9) == 0) ||
                      (name == 12 && strncasecmp(query, "sslpassword=", 12) == 0);
        buf_append(out, query, secret ? name : length);
        if (secret)
            buf_append_str(out, "***");
        query += length;
        if (*query)
            buf_append_char(out, *query++);
    }
}

char *url_mask(const char *url) {
    buf_t out = BUF_INIT;
    url_t parts;
    const char *rest = url;
    const char *at = strrchr(url, '@');
    if (url_parse(url, &parts)) {
        if (parts.password.text) {
            buf_append(&out, url, (size_t)(parts.password.text - url));
            buf_append_str(&out, "***");
            rest = parts.password.text + parts.password.length;
        }
    } else if (at) {
        size_t scheme = parts.scheme.text ? parts.scheme.length + 3 : 0;
        buf_append(&out, url, scheme);
        buf_append_str(&out, "***");
        rest = at;
    }
    size_t before_query = strcspn(rest, "?");
    buf_append(&out, rest, before_query);
    if (rest[before_query]) {
        buf_append_char(&out, '?');
        s_mask_query(&out, rest + before_query + 1);
    }
    return buf_steal(&out);
}
