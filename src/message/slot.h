/* Inside of the message folder: how a field lies in its struct (see field_t). */
#pragma once

#include "message/message.h"

/* The place of the value, of the pointer to it, or of the pointer to the list. */
static inline void *slot_of(const field_t *field, void *value) {
    return (char *)value + field->offset;
}

static inline const void *slot_of_const(const field_t *field, const void *value) {
    return (const char *)value + field->offset;
}

static inline size_t slot_count(const field_t *field, const void *value) {
    return *(const pb_size_t *)((const char *)value + field->count_offset);
}

static inline void slot_set_count(const field_t *field, void *value, size_t count) {
    *(pb_size_t *)((char *)value + field->count_offset) = (pb_size_t)count;
}

/* Strings and raw JSON: char[size], char * when behind a pointer. */
static inline bool slot_is_text(const field_t *field) {
    return field->type == FIELD_STRING || field->type == FIELD_JSON;
}

static inline bool slot_is_message(const field_t *field) {
    return field->type == FIELD_MESSAGE || field->type == FIELD_MAP;
}

/* False when the field's struct holds all of it: there is nothing to free. */
static inline bool slot_may_own(const field_t *field) {
    return field->pointer || slot_is_message(field) || field->cardinality == CARDINALITY_REPEATED;
}

/* True when a field that is not repeated holds a value; implicit ones always do. */
static inline bool slot_is_set(const field_t *field, const void *value) {
    const char *count = (const char *)value + field->count_offset;
    switch (field->cardinality) {
    case CARDINALITY_OPTIONAL:
        return field->pointer ? *(void *const *)slot_of_const(field, value) != NULL : *(const bool *)count;
    case CARDINALITY_ONEOF: return *(const pb_size_t *)count == field->tag;
    default: return true;
    }
}

static inline void *slot_bytes_copy(const pb_bytes_array_t *bytes) {
    return bytes ? message_bytes(bytes->bytes, bytes->size) : NULL;
}

/* Makes room for a value that is not repeated and marks it as set. Returns where to put the value: for text
 * and bytes behind a pointer, the place of that pointer. NULL when another member of its oneof is set. */
void *slot_open(const field_t *field, void *value);

/* A zeroed element at the end of a repeated field, which only slot_add may have filled so far; NULL when it
 * already holds `limit`. */
void *slot_add(const field_t *field, void *value, size_t limit);

/* Most elements of a repeated field that JSON may give: its rule, else 65536 (for maps 1024). */
size_t slot_limit(const field_t *field);

/* Frees what the field points to and zeroes its pointers; a oneof only when this member is the one. */
void slot_release(const field_t *field, void *value);

/* True when the elements of the field (or its value) are pointers to text or bytes of their own. */
static inline bool slot_is_boxed(const field_t *field) {
    return field->pointer && (slot_is_text(field) || field->type == FIELD_BYTES);
}
