/* JSON: a strict pull reader (RFC 8259) over bytes in memory, and a writer onto a buffer.
 *
 * The reader makes no tree and allocates nothing. It refuses what the grammar refuses, invalid UTF-8, lone
 * surrogates in escapes, and nesting deeper than JSON_MAX_DEPTH; repeated names are its caller's business.
 * Owned by one thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

/* Where jansson has taken the short name, ours is longer. */
typedef enum {
    JSON_END, /* after the one value: nothing but white space may follow */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY, /* text: the raw name, escapes not yet resolved when `escaped` */
    JSON_EVENT_STRING,
    JSON_NUMBER,
    JSON_EVENT_TRUE,
    JSON_EVENT_FALSE,
    JSON_EVENT_NULL,
    JSON_ERROR /* `error` says what, json_position where; it stays that way */
} json_event_t;

typedef struct {
    const char *begin, *cursor, *end;
    const char *text; /* of KEY, STRING (between the quotes), NUMBER; where any other value begins */
    size_t length;
    bool escaped; /* the string holds backslash escapes: json_unescape it */
    uint8_t expect;
    int depth;
    uint64_t objects;  /* bit per level: 1 for an object, 0 for an array */
    const char *error; /* static text */
} json_reader_t;

void json_reader_init(json_reader_t *self, const char *bytes, size_t size);
json_event_t json_next(json_reader_t *self);

/* Skips the value whose first event was just returned; false on a syntax error. */
bool json_skip(json_reader_t *self, json_event_t first);

/* The raw text of the value whose first event was just returned, without surrounding white space; validates
 * it to its end. False on a syntax error. Borrowed from the input. */
bool json_raw(json_reader_t *self, json_event_t first, const char **text, size_t *length);

/* Line and column (1-based, in bytes) of the reader's position, for messages. */
void json_position(const json_reader_t *self, size_t *line, size_t *column);

/* Resolves escapes of a text that the reader returned (so it is valid); `out` has room for `length` bytes.
 * Returns the bytes written, never more than `length`. \u0000 gives a NUL byte. */
size_t json_unescape(const char *text, size_t length, char *out);

/* The number as double; exact for integers up to 2^53. False when it overflows to infinity. */
bool json_read_number(const char *text, size_t length, double *value);
/* The number as integer: false when it has a fraction or does not fit (1e3 and 5.0 are integers). */
bool json_read_integer(const char *text, size_t length, int64_t *value);
bool json_read_unsigned(const char *text, size_t length, uint64_t *value);

/* True when the bytes are UTF-8 (no overlong forms, no surrogates). */
bool json_utf8_valid(const char *bytes, size_t size);

/* True when the bytes are exactly one JSON value; `first` (may be NULL) says which kind. */
bool json_valid(const char *bytes, size_t size, json_event_t *first);

/* Copies a valid JSON text without its white space; `out` has room for `length` bytes. Returns the bytes. */
size_t json_compact(const char *text, size_t length, char *out);

/* Writers append one value. Strings are escaped and quoted; invalid UTF-8 becomes U+FFFD. Doubles are the
 * shortest text that reads back the same; NaN and infinities become null. */
void json_write_string(buf_t *out, const char *text, size_t length);
void json_write_str(buf_t *out, const char *text); /* NULL writes null */
void json_write_double(buf_t *out, double value);
void json_write_int(buf_t *out, int64_t value);
void json_write_uint(buf_t *out, uint64_t value);
void json_write_bool(buf_t *out, bool value);
