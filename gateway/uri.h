/* The target of a request taken apart: path segments and query parameters, percent-decoded.
 *
 * Pure. Everything is borrowed from the raw text or from the buffers named below. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define URI_SEGMENTS_MAX 12
#define URI_DECODED_MAX  1024

typedef struct {
    const char *text; /* not NUL-terminated */
    size_t length;
} uri_text_t;

bool uri_text_is(uri_text_t self, const char *word);

typedef struct {
    uri_text_t segments[URI_SEGMENTS_MAX];
    size_t count;
    char decoded[URI_DECODED_MAX]; /* segments that held escapes */
} uri_path_t;

/* Splits "/a/b%20c" at its slashes, then decodes each segment (so an encoded slash stays inside of one). The root
 * "/" has no segments; an empty segment ("//", a slash at the end) is kept as an empty one.
 * ERR_MALFORMED_REQUEST: no leading slash, an escape that is none, an encoded NUL. ERR_ROUTE_NOT_FOUND: longer
 * than any path can be. */
ERR_MUST_USE
err_t uri_path_split(uri_path_t *self, const char *raw);

/* Decodes %XX, and + as a blank when `plus`, into `out` (room for `length`). False for a bad escape or a NUL. */
ERR_MUST_USE
bool uri_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length);

/* Appends `text` with everything but unreserved characters percent-encoded. */
void uri_encode(buf_t *out, const char *text, size_t length);

/* Steps through "a=1&b=2". */
typedef struct {
    const char *cursor;
} uri_query_t;

typedef struct {
    uri_text_t name, value; /* decoded, in place */
    bool valid;             /* false: a bad escape; name and value are then as they came */
} uri_param_t;

/* `query` is changed in place and must stay; NULL is an empty one. */
void uri_query_init(uri_query_t *self, char *query);
/* The next parameter; false at the end. Empty parts ("a=1&&b=2") are skipped. */
bool uri_query_next(uri_query_t *self, uri_param_t *param);
