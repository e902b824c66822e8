/* Room for values in nanopb's structs. Whatever is half filled in can always be released. */
#include "message/slot.h"

#include <stdlib.h>
#include <string.h>

void *slot_open(const field_t *field, void *value) {
    char *count = (char *)value + field->count_offset;
    void *slot = slot_of(field, value);
    if (field->cardinality == CARDINALITY_ONEOF) {
        pb_size_t *which = (pb_size_t *)count;
        if (*which && *which != field->tag)
            return NULL;
        *which = (pb_size_t)field->tag;
    }
    if (field->cardinality == CARDINALITY_OPTIONAL && !field->pointer)
        *(bool *)count = true;
    if (!field->pointer || slot_is_boxed(field))
        return slot;
    void **pointer_p = slot;
    if (!*pointer_p)
        *pointer_p = calloc(1, field->size);
    assert_always(*pointer_p);
    return *pointer_p;
}

void *slot_add(const field_t *field, void *value, size_t limit) {
    size_t count = slot_count(field, value);
    if (count >= limit)
        return NULL;
    char **list_p = slot_of(field, value);
    enum { FIRST = 4 };
    if (!count || (count >= FIRST && (count & (count - 1)) == 0)) { /* full at 4, 8, 16, ... */
        *list_p = realloc(*list_p, (count ? count * 2 : FIRST) * field->size);
        assert_always(*list_p);
    }
    slot_set_count(field, value, count + 1);
    return memset(*list_p + count * field->size, 0, field->size);
}

size_t slot_limit(const field_t *field) {
    enum { ELEMENTS_MAX = 65536, MAP_ENTRIES_MAX = 1024 }; /* looking for a name twice is quadratic */
    size_t most = field->type == FIELD_MAP ? MAP_ENTRIES_MAX : ELEMENTS_MAX;
    return field->rule->max_items && field->rule->max_items < most ? field->rule->max_items : most;
}

static void s_release_list(const field_t *field, void *value) {
    char **list_p = slot_of(field, value);
    size_t count = *list_p ? slot_count(field, value) : 0;
    for (char *element = *list_p; count; count--, element += field->size) {
        if (slot_is_boxed(field))
            free(*(void **)(void *)element);
        else if (slot_is_message(field))
            message_release(field->message(), element);
    }
    free(*list_p);
    *list_p = NULL;
    slot_set_count(field, value, 0);
}

void slot_release(const field_t *field, void *value) {
    if (field->cardinality == CARDINALITY_REPEATED) {
        s_release_list(field, value);
        return;
    }
    if ((!field->pointer && !slot_is_message(field)) || !slot_is_set(field, value))
        return;
    void *slot = slot_of(field, value), *content = field->pointer ? *(void **)slot : slot;
    if (content && slot_is_message(field))
        message_release(field->message(), content);
    if (field->pointer) {
        free(content);
        *(void **)slot = NULL;
    }
}
