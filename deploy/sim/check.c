/* Validation of request bodies. */
#include "check.h"

#include "dates.h"

#include <stdio.h>
#include <string.h>

enum { FIELD_SIZE = 160, TEXT_SIZE = 320, SYMBOL_MAX = 32, STRING_MAX = 128 };

bool check_passed(const check_t *self) {
    return self->problems == NULL;
}

void check_clear(check_t *self) {
    json_decref(self->problems);
    *self = (check_t){0};
}

static void s_add(check_t *self, const char *path, const char *name, const char *problem) {
    char field[FIELD_SIZE];
    snprintf(field, sizeof field, "%s%s", path, name);
    if (!self->problems)
        self->problems = json_array();
    json_array_append_new(self->problems, json_pack("{s:s, s:s}", "field", field, "problem", problem));
}

void check_malformed(check_t *self, const char *path, const char *name, const char *problem) {
    self->malformed = true;
    s_add(self, path, name, problem);
}

void check_invalid(check_t *self, const char *path, const char *name, const char *problem) {
    s_add(self, path, name, problem);
}

reply_t check_reply(check_t *self) {
    const char *field = "", *problem = "";
    json_unpack(json_array_get(self->problems, 0), "{s:s, s:s}", "field", &field, "problem", &problem);
    char message[TEXT_SIZE * 2];
    snprintf(message, sizeof message, "%s: %s", field, problem);
    reply_t reply =
        reply_error(self->malformed ? 400 : 422, "VALIDATION_ERROR", message, json_incref(self->problems));
    check_clear(self);
    return reply;
}

static json_t *s_member(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    json_t *value = in ? json_object_get(in, name) : NULL;
    if (in && !value && presence == REQUIRED)
        check_malformed(self, path, name, "is required");
    return value;
}

static json_t *s_typed(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                       json_type type, const char *problem) {
    json_t *value = s_member(self, in, path, name, presence);
    if (value && json_typeof(value) != type) {
        check_malformed(self, path, name, problem);
        return NULL;
    }
    return value;
}

json_t *check_object(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    return s_typed(self, in, path, name, presence, JSON_OBJECT, "must be an object");
}

json_t *check_array(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    return s_typed(self, in, path, name, presence, JSON_ARRAY, "must be an array");
}

const char *check_string(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                         size_t max) {
    json_t *value = s_typed(self, in, path, name, presence, JSON_STRING, "must be a string");
    if (!value)
        return NULL;
    size_t length = json_string_length(value);
    if (length >= 1 && length <= max)
        return json_string_value(value);
    char problem[TEXT_SIZE];
    snprintf(problem, sizeof problem, "must have 1 to %zu bytes, has %zu", max, length);
    check_invalid(self, path, name, problem);
    return NULL;
}

const char *check_word(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                       const char *const *words) {
    json_t *value = s_typed(self, in, path, name, presence, JSON_STRING, "must be a string");
    if (!value)
        return NULL;
    char problem[TEXT_SIZE] = "must be one of";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], json_string_value(value)) == 0)
            return words[i];
        size_t used = strlen(problem);
        snprintf(problem + used, sizeof problem - used, "%s %s", i ? "," : "", words[i]);
    }
    check_invalid(self, path, name, problem);
    return NULL;
}

const char *check_date(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    json_t *value = s_typed(self, in, path, name, presence, JSON_STRING, "must be a date, YYYY-MM-DD");
    if (!value || date_is_valid(json_string_value(value)))
        return json_string_value(value);
    check_invalid(self, path, name, "must be a date, YYYY-MM-DD");
    return NULL;
}

bool check_bool(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                bool otherwise) {
    json_t *value = s_member(self, in, path, name, presence);
    if (value && !json_is_boolean(value))
        check_malformed(self, path, name, "must be true or false");
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int64_t check_int(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                  int64_t min, int64_t max, int64_t otherwise) {
    json_t *value = s_typed(self, in, path, name, presence, JSON_INTEGER, "must be an integer");
    if (!value)
        return otherwise;
    int64_t number = json_integer_value(value);
    if (number >= min && number <= max)
        return number;
    char problem[TEXT_SIZE];
    snprintf(problem, sizeof problem, "must be between %lld and %lld, got %lld", (long long)min,
             (long long)max, (long long)number);
    check_invalid(self, path, name, problem);
    return otherwise;
}

double check_number(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                    double min, double max, double otherwise) {
    json_t *value = s_member(self, in, path, name, presence);
    if (!value)
        return otherwise;
    if (!json_is_number(value)) {
        check_malformed(self, path, name, "must be a number");
        return otherwise;
    }
    double number = json_number_value(value);
    if (number >= min && number <= max)
        return number;
    char problem[TEXT_SIZE];
    snprintf(problem, sizeof problem, "must be between %g and %g, got %g", min, max, number);
    check_invalid(self, path, name, problem);
    return otherwise;
}

bool symbol_is_valid(const char *text) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._^-";
    size_t length = strlen(text);
    return length >= 1 && length <= SYMBOL_MAX && strspn(text, allowed) == length;
}

static json_t *s_string_list(check_t *self, json_t *in, const char *path, const char *name,
                             presence_t presence, bool symbols) {
    if (presence == OPTIONAL && in && json_is_null(json_object_get(in, name)))
        return NULL;
    json_t *list = check_array(self, in, path, name, presence);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        char field[FIELD_SIZE];
        snprintf(field, sizeof field, "%s[%zu]", name, i);
        if (!json_is_string(item))
            check_malformed(self, path, field, "must be a string");
        else if (symbols ? !symbol_is_valid(json_string_value(item))
                         : !json_string_length(item) || json_string_length(item) > STRING_MAX)
            check_invalid(self, path, field,
                          symbols ? "must be 1-32 characters of A-Z 0-9 . _ ^ -"
                                  : "must have 1 to 128 bytes");
        else
            continue;
        return NULL;
    }
    if (list && json_array_size(list) == 0) {
        check_invalid(self, path, name, "must not be empty");
        return NULL;
    }
    return list;
}

json_t *check_symbols(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    return s_string_list(self, in, path, name, presence, true);
}

json_t *check_strings(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    return s_string_list(self, in, path, name, presence, false);
}

json_t *check_numbers(check_t *self, json_t *in, const char *path, const char *name, presence_t presence) {
    json_t *object = check_object(self, in, path, name, presence);
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value)
        if (!json_is_number(value)) {
            char field[FIELD_SIZE];
            snprintf(field, sizeof field, "%s.%s", name, key);
            check_malformed(self, path, field, "must be a number");
            return NULL;
        }
    return object;
}
