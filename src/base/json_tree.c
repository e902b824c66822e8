/* jansson trees as text: see json_tree.h. */
#include "base/json_tree.h"

#include "base/json.h"
#include <string.h>

static void s_write_object(const json_t *value, buf_t *out) {
    const char *key, *separator = "";
    json_t *member;
    buf_append_char(out, '{');
    json_object_foreach ((json_t *)value, key, member) {
        buf_append_str(out, separator);
        json_write_str(out, key);
        buf_append_char(out, ':');
        json_tree_write(member, out);
        separator = ",";
    }
    buf_append_char(out, '}');
}

static void s_write_array(const json_t *value, buf_t *out) {
    buf_append_char(out, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_tree_write(json_array_get(value, i), out);
    }
    buf_append_char(out, ']');
}

void json_tree_write(const json_t *value, buf_t *out) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: s_write_object(value, out); break;
    case JSON_ARRAY: s_write_array(value, out); break;
    case JSON_STRING: json_write_string(out, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: json_write_int(out, json_integer_value(value)); break;
    case JSON_REAL: json_write_double(out, json_real_value(value)); break;
    default: buf_append_str(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
    }
}

char *json_tree_text(const json_t *value) {
    buf_t out = BUF_INIT;
    json_tree_write(value, &out);
    return buf_steal(&out);
}

json_t *json_tree_parse(const char *text) {
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

double json_tree_number(const json_t *object, const char *key, double fallback) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}
