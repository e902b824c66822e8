/* Driven by the field table, so that a field added to the .proto is checked and hashed without a change here. */
#include "signals/field_check.h"

#include "base/ids.h"
#include "base/json_hash.h"
#include "tables.gen.h"
#include <math.h>
#include <string.h>

typedef struct {
    const field_t *field;
    problems_t *problems;
    bool ok;
} check_t;

static void s_problem(check_t *check, const char *problem) {
    problems_add(check->problems, check->field->name, "%s", problem);
    check->ok = false;
}

static bool s_word_known(const char *words, const char *text, size_t length) {
    for (const char *word = words; *word;) {
        const char *end = strchrnul(word, '|');
        if ((size_t)(end - word) == length && memcmp(word, text, length) == 0)
            return true;
        word = *end ? end + 1 : end;
    }
    return false;
}

static bool s_charset_holds(const uint64_t *map, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!(map[c / 64] >> (c % 64) & 1))
            return false;
    }
    return true;
}

static uint64_t s_text(check_t *check, const char *text) {
    const field_rule_t *rule = check->field->rule;
    size_t length = strlen(text);
    if (length < rule->min_length || (rule->max_length && length > rule->max_length))
        problems_add(check->problems, check->field->name, "must have %u to %u bytes, got %zu",
                     rule->min_length, rule->max_length, length);
    else if (rule->charset_map && !s_charset_holds(rule->charset_map, text, length))
        problems_add(check->problems, check->field->name, "must consist of %s", rule->charset);
    else if (rule->words && !s_word_known(rule->words, text, length))
        problems_add(check->problems, check->field->name, "must be one of %s", rule->words);
    else
        return ids_hash64(text, length);
    check->ok = false;
    return 0;
}

static uint64_t s_json(check_t *check, const char *text) {
    const field_rule_t *rule = check->field->rule;
    size_t length = strlen(text);
    json_event_t kind;
    uint64_t hash = 0;
    if (rule->max_length && length > rule->max_length)
        problems_add(check->problems, check->field->name, "must have at most %u bytes, got %zu",
                     rule->max_length, length);
    else if (!json_hash(text, length, &kind, &hash) || (rule->json_object && kind != JSON_OBJECT_BEGIN))
        problems_add(check->problems, check->field->name, "must be a JSON object");
    else
        return hash;
    check->ok = false;
    return 0;
}

static void s_range(check_t *check, double value) {
    const field_rule_t *rule = check->field->rule;
    if (!isnan(value) && !(rule->has_min && value < rule->min) && !(rule->has_max && value > rule->max))
        return;
    problems_add(check->problems, check->field->name, "must be between %g and %g, got %g", rule->min,
                 rule->max, value);
    check->ok = false;
}

static uint64_t s_real(check_t *check, double value) {
    uint64_t bits;
    s_range(check, value);
    value += 0.0; /* minus zero is zero */
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t s_integer(check_t *check, int64_t value) {
    s_range(check, (double)value);
    return (uint64_t)value;
}

/* The field's hash; 0 with a problem when it breaks its rule. */
static uint64_t s_value(check_t *check, const char *slot) {
    switch (check->field->type) {
    case FIELD_STRING: return s_text(check, check->field->pointer ? *(char *const *)slot : slot);
    case FIELD_JSON: return s_json(check, check->field->pointer ? *(char *const *)slot : slot);
    case FIELD_DOUBLE: return s_real(check, *(const double *)slot);
    case FIELD_INT32: return s_integer(check, *(const int32_t *)slot);
    case FIELD_INT64:
    case FIELD_TIMESTAMP: return s_integer(check, *(const int64_t *)slot);
    default: assert_always(!"a field type that signals do not have"); return 0;
    }
}

bool field_check(const RouteSignalRequest *request, uint64_t *hash, problems_t *problems) {
    const message_t *message = RouteSignalRequest_message();
    check_t check = {.problems = problems, .ok = true};
    *hash = message->field_count;
    for (const field_t *field = message->fields; field < message->fields + message->field_count; field++) {
        if (field->rule->internal)
            continue;
        check.field = field;
        const char *slot = (const char *)request + field->offset;
        bool set = field->pointer ? *(char *const *)slot != NULL
                                  : *(const bool *)((const char *)request + field->count_offset);
        if (set)
            *hash = hash_fold(hash_fold(*hash, field->tag), s_value(&check, slot));
        else if (field->rule->required)
            s_problem(&check, "is required");
    }
    return check.ok;
}
