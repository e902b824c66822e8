/* Message -> JSON. */
#include "message/json_codec.h"

#include "base/clock.h"
#include "base/json.h"
#include "message/base64.h"
#include "message/slot.h"
#include <string.h>

static void s_write_json(const field_t *field, const char *text, buf_t *out) {
    size_t length = text ? strlen(text) : 0;
    if (!length)
        buf_append_str(out, field->rule->json_object ? "{}" : "null");
    else if (json_valid(text, length, NULL))
        buf_append(out, text, length);
    else
        json_write_string(out, text, length);
}

static void s_write_time(const field_t *field, int64_t ms, buf_t *out) {
    char text[CLOCK_RFC3339_SIZE + 2];
    if (!ms && field->cardinality == CARDINALITY_IMPLICIT && !field->rule->required) {
        buf_append(out, "null", 4);
        return;
    }
    size_t length = clock_format_ms(ms, text + 1);
    text[0] = text[length + 1] = '"';
    buf_append(out, text, length + 2);
}

static void s_write_bytes(const pb_bytes_array_t *bytes, buf_t *out) {
    buf_append_char(out, '"');
    if (bytes)
        base64_encode(bytes->bytes, bytes->size, out);
    buf_append_char(out, '"');
}

/* A number that no name stands for is written as the number. */
static void s_write_enum(const field_t *field, const void *element, buf_t *out) {
    int number;
    memcpy(&number, element, sizeof number);
    int count = 0;
    while (field->enum_names[count])
        count++;
    if (number >= 0 && number < count)
        json_write_str(out, field->enum_names[number]);
    else
        json_write_int(out, number);
}

/* `element` is the value itself; for text and bytes what the pointer points to, or NULL. */
static void s_write_value(const field_t *field, const void *element, buf_t *out) {
    switch ((field_type_t)field->type) {
    case FIELD_BOOL: json_write_bool(out, *(const bool *)element); break;
    case FIELD_INT32: json_write_int(out, *(const int32_t *)element); break;
    case FIELD_UINT32: json_write_uint(out, *(const uint32_t *)element); break;
    case FIELD_INT64: json_write_int(out, *(const int64_t *)element); break;
    case FIELD_UINT64: json_write_uint(out, *(const uint64_t *)element); break;
    case FIELD_FLOAT: json_write_double(out, (double)*(const float *)element); break;
    case FIELD_DOUBLE: json_write_double(out, *(const double *)element); break;
    case FIELD_STRING: json_write_str(out, element ? element : ""); break;
    case FIELD_JSON: s_write_json(field, element, out); break;
    case FIELD_TIMESTAMP: s_write_time(field, *(const int64_t *)element, out); break;
    case FIELD_BYTES: s_write_bytes(element, out); break;
    case FIELD_ENUM: s_write_enum(field, element, out); break;
    case FIELD_MESSAGE:
    case FIELD_MAP: json_encode(field->message(), element, out); break;
    }
}

static void s_write_entry(const message_t *message, const void *entry, buf_t *out) {
    const field_t *key = &message->fields[0], *item = &message->fields[1];
    const void *name = slot_of_const(key, entry), *value = slot_of_const(item, entry);
    name = key->pointer ? *(void *const *)name : name;
    value = item->pointer ? *(void *const *)value : value;
    json_write_str(out, name ? name : "");
    buf_append_char(out, ':');
    if (slot_is_set(item, entry))
        s_write_value(item, value, out);
    else
        buf_append(out, "null", 4);
}

static void s_write_list(const field_t *field, const void *value, buf_t *out) {
    bool map = field->type == FIELD_MAP;
    const char *element = *(char *const *)slot_of_const(field, value);
    size_t count = element ? slot_count(field, value) : 0;
    buf_append_char(out, map ? '{' : '[');
    for (size_t i = 0; i < count; i++, element += field->size) {
        if (i)
            buf_append_char(out, ',');
        if (map)
            s_write_entry(field->message(), element, out);
        else
            s_write_value(field, slot_is_boxed(field) ? *(void *const *)(const void *)element : element, out);
    }
    buf_append_char(out, map ? '}' : ']');
}

static void s_write_field(const field_t *field, const void *value, buf_t *out) {
    if (field->cardinality == CARDINALITY_REPEATED) {
        s_write_list(field, value, out);
        return;
    }
    const void *element = slot_of_const(field, value);
    if (field->pointer)
        element = *(void *const *)element;
    bool missing = field->pointer && !element && !slot_is_boxed(field);
    if (missing || !slot_is_set(field, value))
        buf_append(out, "null", 4);
    else
        s_write_value(field, element, out);
}

/* The entries of a flattened map, as members of the object at hand. */
static void s_write_members(const field_t *field, const void *value, char *before, buf_t *out) {
    const char *entry = *(char *const *)slot_of_const(field, value);
    size_t count = entry ? slot_count(field, value) : 0;
    for (size_t i = 0; i < count; i++, entry += field->size) {
        buf_append_char(out, *before);
        *before = ',';
        s_write_entry(field->message(), entry, out);
    }
}

static bool s_is_written(const field_t *field, const void *value) {
    if (field->rule->internal)
        return false;
    bool may_miss = field->rule->omit_unset || field->cardinality == CARDINALITY_ONEOF;
    return !may_miss || slot_is_set(field, value);
}

void json_encode(const message_t *message, const void *value, buf_t *out) {
    char before = '{';
    for (const field_t *field = message->fields; field < message->fields + message->field_count; field++) {
        if (!s_is_written(field, value))
            continue;
        if (field->rule->flatten) {
            s_write_members(field, value, &before, out);
            continue;
        }
        buf_append_char(out, before);
        before = ',';
        buf_append(out, field->json_key, (size_t)field->name_length + 3);
        s_write_field(field, value, out);
    }
    if (before == '{')
        buf_append_char(out, '{');
    buf_append_char(out, '}');
}

void json_encode_field(const message_t *message, const void *value, const char *field, buf_t *out) {
    const field_t *found = message_field(message, field, strlen(field));
    assert_always(found);
    s_write_field(found, value, out);
}
