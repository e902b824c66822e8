/* The life of messages: make, release, copy. */
#include "message/message.h"

#include "message/slot.h"
#include <stdlib.h>
#include <string.h>

const message_t *message_find(const char *schema) {
    size_t low = 0, high = messages_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(schema, messages_all[middle]->schema);
        if (order == 0)
            return messages_all[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const field_t *message_field(const message_t *self, const char *name, size_t length) {
    for (const field_t *field = self->fields; field < self->fields + self->field_count; field++)
        if (field->name_length == length && memcmp(field->name, name, length) == 0)
            return field;
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

void *message_new(const message_t *self) {
    void *value = calloc(1, self->size);
    assert_always(value);
    return value;
}

static void s_release(const message_t *self, void *value) {
    for (const field_t *field = self->fields; field < self->fields + self->field_count; field++)
        if (slot_may_own(field))
            slot_release(field, value);
}

void message_release(const message_t *self, void *value) {
    s_release(self, value);
    memset(value, 0, self->size);
}

void message_free(const message_t *self, void **value_p) {
    if (!*value_p)
        return;
    s_release(self, *value_p);
    free(*value_p);
    *value_p = NULL;
}

char *message_strndup(const char *text, size_t length) {
    char *copy = malloc(length + 1);
    assert_always(copy);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *message_strdup(const char *text) {
    return text ? message_strndup(text, strlen(text)) : NULL;
}

void *message_list(size_t count, size_t element_size) {
    if (!count)
        return NULL;
    assert_always(count <= INT32_MAX);
    void *list = calloc(count, element_size);
    assert_always(list);
    return list;
}

pb_bytes_array_t *message_bytes(const void *bytes, size_t size) {
    assert_always(size <= INT32_MAX);
    pb_bytes_array_t *copy = malloc(PB_BYTES_ARRAY_T_ALLOCSIZE(size));
    assert_always(copy);
    copy->size = (pb_size_t)size;
    if (size)
        memcpy(copy->bytes, bytes, size);
    return copy;
}

bool message_set(char *field, size_t capacity, const char *text) {
    size_t length = strlen(text);
    if (length >= capacity)
        return false;
    memcpy(field, text, length + 1);
    return true;
}

/* --- copy ------------------------------------------------------------------------------------ */

static void *s_duplicate(const void *from, size_t size) {
    void *copy = malloc(size);
    assert_always(copy);
    memcpy(copy, from, size);
    return copy;
}

/* `to` holds the same bytes as the original: what it points to is replaced by copies of its own. */
static void s_own(const message_t *self, void *to);

static void s_own_list(const field_t *field, void *to) {
    void **list_p = slot_of(field, to);
    size_t count = slot_count(field, to);
    *list_p = *list_p && count ? s_duplicate(*list_p, count * field->size) : NULL;
    if (!*list_p)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        char *element = (char *)*list_p + i * field->size;
        if (slot_is_text(field))
            *(char **)element = message_strdup(*(char **)element);
        else if (field->type == FIELD_BYTES)
            *(void **)element = slot_bytes_copy(*(void **)element);
        else if (slot_is_message(field))
            s_own(field->message(), element);
    }
}

static void s_own_single(const field_t *field, void *to) {
    void *slot = slot_of(field, to);
    if (field->pointer) {
        void **pointer_p = slot;
        if (!*pointer_p)
            return;
        if (slot_is_text(field))
            *pointer_p = message_strdup(*pointer_p);
        else if (field->type == FIELD_BYTES)
            *pointer_p = slot_bytes_copy(*pointer_p);
        else
            *pointer_p = s_duplicate(*pointer_p, field->size);
        slot = *pointer_p;
    }
    if (slot_is_message(field))
        s_own(field->message(), slot);
}

static void s_own(const message_t *self, void *to) {
    for (const field_t *field = self->fields; field < self->fields + self->field_count; field++) {
        if (field->cardinality == CARDINALITY_REPEATED)
            s_own_list(field, to);
        else if (slot_is_set(field, to))
            s_own_single(field, to);
    }
}

err_t message_copy(const message_t *self, void *to, const void *from) {
    memcpy(to, from, self->size);
    s_own(self, to);
    return OK;
}
