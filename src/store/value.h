/* Values between components and engines, and their wire form, the message StoreRow.
 *
 * Text and blobs are borrowed from wherever they were decoded. The codec is by hand because rows are the bulk of
 * what the store handles: it allocates nothing for a value. Any thread. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { VALUE_NULL, VALUE_INT, VALUE_DOUBLE, VALUE_TEXT, VALUE_BLOB } value_kind_t;

typedef struct {
    value_kind_t kind;
    size_t size; /* of bytes */
    union {
        int64_t integer;
        double real;
        const char *bytes; /* text is not NUL-terminated */
    };
} value_t;

#define VALUE_NONE      ((value_t){.kind = VALUE_NULL})
#define VALUE_OF_INT(x) ((value_t){.kind = VALUE_INT, .integer = (int64_t)(x)})
value_t value_text(const char *text); /* NULL is null */
value_t value_blob(const void *bytes, size_t size);

/* Appends one value of a StoreRow. */
void value_encode(buf_t *out, const value_t *value);

/* Reads a StoreRow into at most `capacity` values that borrow from `bytes`; false when it is not one or holds
 * more. */
bool value_decode_row(const void *bytes, size_t size, value_t *values, size_t capacity, size_t *count);

/* How many values the StoreRow holds; false when it is not one. */
bool value_count_row(const void *bytes, size_t size, size_t *count);
