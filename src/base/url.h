/* Taking a URL apart: scheme://[user[:password]@]host[:port][/path][?query]. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *text; /* borrowed from the URL; not NUL-terminated */
    size_t length;
} url_part_t;

typedef struct {
    url_part_t scheme;
    url_part_t user;
    url_part_t password;
    url_part_t host; /* of [::1] without the brackets; may be empty */
    int port;        /* 1-65535; 0 when "0" is written; -1 = none given, -2 = "*" */
    url_part_t path; /* with its leading slash, without the query; may be empty */
    url_part_t query;
} url_t;

/* False when it is not of that form; `out` then holds nothing of use. Nothing is percent-decoded. */
bool url_parse(const char *url, url_t *out);

bool url_scheme_is(const url_t *url, const char *scheme);
bool url_part_is(url_part_t part, const char *text);

/* The URL with any password replaced by ***, also `password=` in its query, and whatever stands before an @
 * when it cannot be taken apart. Never NULL; the caller frees it. */
char *url_mask(const char *url);
