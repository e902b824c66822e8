/* The StoreRow codec: `repeated Value values = 1`, each Value one field of a oneof. */
#include "store/value.h"

#include <string.h>

enum {
    TAG_VALUES = 1 << 3 | 2,
    TAG_INTEGER = 1 << 3 | 0,
    TAG_REAL = 2 << 3 | 1,
    TAG_TEXT = 3 << 3 | 2,
    TAG_BLOB = 4 << 3 | 2,
    TAG_NULL = 5 << 3 | 0
};

enum { HEAD_MOST = 11, LENGTH_MOST = 11 }; /* a tag and a varint */

typedef struct {
    const uint8_t *at, *end;
} cursor_t;

value_t value_text(const char *text) {
    return text ? (value_t){.kind = VALUE_TEXT, .bytes = text, .size = strlen(text)} : VALUE_NONE;
}

value_t value_blob(const void *bytes, size_t size) {
    return (value_t){.kind = VALUE_BLOB, .bytes = bytes, .size = size};
}

static size_t s_put_varint(uint8_t *at, uint64_t number) {
    size_t n = 0;
    for (; number >= 0x80; number >>= 7)
        at[n++] = (uint8_t)(number | 0x80);
    at[n++] = (uint8_t)number;
    return n;
}

static bool s_get_long_varint(cursor_t *from, uint64_t *number) {
    *number = 0;
    for (int shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Most are one byte. */
static inline bool s_get_varint(cursor_t *from, uint64_t *number) {
    if (from->at == from->end || *from->at >= 0x80)
        return s_get_long_varint(from, number);
    *number = *from->at++;
    return true;
}

static inline bool s_get_bytes(cursor_t *from, cursor_t *part) {
    uint64_t size;
    if (!s_get_varint(from, &size) || size > (uint64_t)(from->end - from->at))
        return false;
    *part = (cursor_t){from->at, from->at + size};
    from->at += size;
    return true;
}

/* What comes before the bytes of text and blobs, or the whole Value of a number: HEAD_MOST bytes at most. */
static size_t s_value_head(const value_t *value, uint8_t *head) {
    switch (value->kind) {
    case VALUE_INT: head[0] = TAG_INTEGER; return 1 + s_put_varint(head + 1, (uint64_t)value->integer);
    case VALUE_DOUBLE:
        head[0] = TAG_REAL;
        memcpy(head + 1, &value->real, 8);
        return 9;
    case VALUE_TEXT: head[0] = TAG_TEXT; return 1 + s_put_varint(head + 1, value->size);
    case VALUE_BLOB: head[0] = TAG_BLOB; return 1 + s_put_varint(head + 1, value->size);
    case VALUE_NULL: break;
    }
    head[0] = TAG_NULL;
    head[1] = 1;
    return 2;
}

void value_encode(buf_t *out, const value_t *value) {
    size_t bytes = value->kind == VALUE_TEXT || value->kind == VALUE_BLOB ? value->size : 0;
    uint8_t head[HEAD_MOST];
    size_t head_size = s_value_head(value, head);
    buf_reserve(out, LENGTH_MOST + head_size + bytes);
    uint8_t *at = (uint8_t *)out->data + out->size;
    *at++ = TAG_VALUES;
    at += s_put_varint(at, head_size + bytes);
    memcpy(at, head, head_size);
    if (bytes)
        memcpy(at + head_size, value->bytes, bytes);
    out->size = (size_t)((char *)at - out->data) + head_size + bytes;
    out->data[out->size] = '\0';
}

static inline bool s_decode_number(cursor_t *from, uint8_t tag, value_t *value) {
    uint64_t number;
    if (tag == TAG_REAL) {
        if (from->end - from->at < 8)
            return false;
        value->kind = VALUE_DOUBLE;
        memcpy(&value->real, from->at, 8);
        from->at += 8;
        return true;
    }
    if (!s_get_varint(from, &number))
        return false;
    *value = tag == TAG_INTEGER ? VALUE_OF_INT(number) : VALUE_NONE;
    return true;
}

/* An empty Value is null. */
static inline bool s_decode_value(cursor_t from, value_t *value) {
    *value = VALUE_NONE;
    while (from.at < from.end) {
        uint8_t tag = *from.at++;
        cursor_t part;
        if (tag == TAG_TEXT || tag == TAG_BLOB) {
            if (!s_get_bytes(&from, &part))
                return false;
            *value = value_blob(part.at, (size_t)(part.end - part.at));
            value->kind = tag == TAG_TEXT ? VALUE_TEXT : VALUE_BLOB;
        } else if (tag == TAG_INTEGER || tag == TAG_REAL || tag == TAG_NULL) {
            if (!s_decode_number(&from, tag, value))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

static inline bool s_next_value(cursor_t *from, cursor_t *part) {
    return *from->at++ == TAG_VALUES && s_get_bytes(from, part);
}

bool value_decode_row(const void *bytes, size_t size, value_t *values, size_t capacity, size_t *count) {
    cursor_t from = {bytes, (const uint8_t *)bytes + size}, part;
    *count = 0;
    while (from.at < from.end)
        if (*count == capacity || !s_next_value(&from, &part) || !s_decode_value(part, &values[(*count)++]))
            return false;
    return true;
}

bool value_count_row(const void *bytes, size_t size, size_t *count) {
    cursor_t from = {bytes, (const uint8_t *)bytes + size}, part;
    *count = 0;
    for (; from.at < from.end; ++*count)
        if (!s_next_value(&from, &part))
            return false;
    return true;
}
