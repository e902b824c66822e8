/* Path and query parameters -> message, by the rules of the JSON side. */
#include "message/json_codec.h"

#include "message/rules.h"
#include "message/slot.h"
#include <string.h>

static bool s_is_number(const char *text, size_t size) {
    json_reader_t reader;
    json_reader_init(&reader, text, size);
    return json_next(&reader) == JSON_NUMBER && reader.length == size;
}

static bool s_put_number(const field_t *field, void *slot, const char *text, size_t size, report_t report) {
    if (s_is_number(text, size))
        return rules_put_number(field, slot, text, size, report);
    bool real = field->type == FIELD_DOUBLE || field->type == FIELD_FLOAT;
    return report_problem(report, "must be %s, got \"%.*s\"", real ? "a number" : "an integer",
                          size < 40 ? (int)size : 40, text);
}

static bool s_put_bool(void *slot, const char *text, size_t size, report_t report) {
    bool yes = (size == 4 && memcmp(text, "true", 4) == 0) || (size == 1 && *text == '1');
    bool no = (size == 5 && memcmp(text, "false", 5) == 0) || (size == 1 && *text == '0');
    if (!yes && !no)
        return report_problem(report, "must be true or false, got \"%.*s\"", size < 40 ? (int)size : 40,
                              text);
    *(bool *)slot = yes;
    return true;
}

static bool s_put(const field_t *field, void *slot, const char *text, size_t size, report_t report) {
    switch (field->type) {
    case FIELD_BOOL: return s_put_bool(slot, text, size, report);
    case FIELD_STRING:
    case FIELD_TIMESTAMP:
    case FIELD_ENUM: return rules_put_text(field, slot, text, size, report);
    case FIELD_JSON:
    case FIELD_BYTES:
    case FIELD_MESSAGE:
    case FIELD_MAP: return report_problem(report, "cannot be given as a parameter");
    default: return s_put_number(field, slot, text, size, report);
    }
}

static void s_put_list(const field_t *field, void *value, const char *text, size_t size, report_t report) {
    size_t limit = slot_limit(field);
    for (const char *item = text, *end = text + size;;) {
        const char *comma = memchr(item, ',', (size_t)(end - item));
        size_t length = (size_t)((comma ? comma : end) - item);
        void *element = length ? slot_add(field, value, limit) : NULL;
        if (!length)
            report_problem(report, "must not have an empty item");
        else if (!element)
            report_problem(report, "must have at most %zu items", limit);
        if (!element || !s_put(field, element, item, length, report) || !comma)
            return;
        item = comma + 1;
    }
}

void json_set_from_text(const message_t *message, void *value, const char *name, size_t name_length,
                        const char *text, size_t size, json_seen_t *seen, problems_t *problems) {
    size_t next = 0;
    path_t path = {NULL, name, name_length, 0};
    report_t report = {problems, &path};
    if (!json_utf8_valid(name, name_length) || !json_utf8_valid(text, size)) {
        problems_add(problems, "", "a parameter is not valid UTF-8");
        return;
    }
    const field_t *field = rules_find(message, name, name_length, &next);
    if (!field) {
        rules_unknown(message, "parameter", name, name_length, report);
        return;
    }
    json_seen_t bit = (json_seen_t)1 << (field - message->fields);
    bool again = *seen & bit;
    *seen |= bit;
    if (field->cardinality == CARDINALITY_REPEATED && field->type != FIELD_MAP) {
        s_put_list(field, value, text, size, report);
        return;
    }
    void *slot = again ? NULL : slot_open(field, value);
    if (slot)
        s_put(field, slot, text, size, report);
    else
        report_problem(report, again ? "is given twice" : "excludes a parameter that is given as well");
}
