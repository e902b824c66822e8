/* What is allowed in a single value, and how to say what is wrong with it. */
#include "message/rules.h"

#include "base/clock.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 40 }; /* bytes of the client's text that a problem repeats */

/* --- reports --------------------------------------------------------------------------------- */

static void s_spell(const path_t *path, buf_t *out) {
    if (path->parent)
        s_spell(path->parent, out);
    if (!path->name) {
        buf_printf(out, "[%zu]", path->index);
        return;
    }
    if (out->size)
        buf_append_char(out, '.');
    buf_append(out, path->name, path->length < 64 ? path->length : 64);
}

bool report_problem(report_t report, const char *format, ...) {
    if (report.problems->count == PROBLEMS_MAX) {
        report.problems->found++;
        return false;
    }
    buf_t field = BUF_INIT, problem = BUF_INIT;
    if (report.path)
        s_spell(report.path, &field);
    va_list args;
    va_start(args, format);
    buf_vprintf(&problem, format, args);
    va_end(args);
    problems_add(report.problems, buf_str(&field), "%s", buf_str(&problem));
    buf_free(&field);
    buf_free(&problem);
    return false;
}

const char *rules_kind(json_event_t event) {
    switch (event) {
    case JSON_OBJECT_BEGIN: return "an object";
    case JSON_ARRAY_BEGIN: return "an array";
    case JSON_EVENT_STRING: return "a string";
    case JSON_NUMBER: return "a number";
    case JSON_EVENT_TRUE: return "true";
    case JSON_EVENT_FALSE: return "false";
    case JSON_EVENT_NULL: return "null";
    default: return "something else";
    }
}

/* How much of a text to show, never half a character. */
static int s_shown(const char *text, size_t length) {
    if (length <= SHOWN_MAX)
        return (int)length;
    int shown = SHOWN_MAX;
    while (shown && (text[shown] & 0xc0) == 0x80)
        shown--;
    return shown;
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool s_out_of_range(const field_rule_t *rule, const char *text, size_t length, report_t report) {
    buf_t range = BUF_INIT;
    if (rule->has_min && rule->has_max) {
        buf_append_str(&range, "between ");
        json_write_double(&range, rule->min);
        buf_append_str(&range, " and ");
        json_write_double(&range, rule->max);
    } else {
        buf_append_str(&range, rule->has_min ? "at least " : "at most ");
        json_write_double(&range, rule->has_min ? rule->min : rule->max);
    }
    report_problem(report, "must be %s, got %.*s", buf_str(&range), s_shown(text, length), text);
    buf_free(&range);
    return false;
}

static bool s_in_range(const field_rule_t *rule, double value) {
    return !(rule->has_min && value < rule->min) && !(rule->has_max && value > rule->max);
}

static bool s_not_integer(const field_t *field, const char *text, size_t length, report_t report) {
    double value;
    if (!json_read_number(text, length, &value))
        return report_problem(report, "is too large a number");
    if (value != rint(value))
        return report_problem(report, "must be an integer, got %.*s", s_shown(text, length), text);
    const field_rule_t *rule = field->rule;
    if (!s_in_range(rule, value))
        return s_out_of_range(rule, text, length, report);
    static const char *const bounds[] = {[FIELD_INT32] = "-2147483648 and 2147483647",
                                         [FIELD_UINT32] = "0 and 4294967295",
                                         [FIELD_INT64] = "-9223372036854775808 and 9223372036854775807",
                                         [FIELD_UINT64] = "0 and 18446744073709551615"};
    return report_problem(report, "must be between %s, got %.*s", bounds[field->type], s_shown(text, length),
                          text);
}

static bool s_put_unsigned(const field_t *field, void *slot, const char *text, size_t length,
                           report_t report) {
    uint64_t value;
    bool wide = field->type == FIELD_UINT64;
    if (!json_read_unsigned(text, length, &value) || (!wide && value > UINT32_MAX))
        return s_not_integer(field, text, length, report);
    if (!s_in_range(field->rule, (double)value))
        return s_out_of_range(field->rule, text, length, report);
    if (wide)
        *(uint64_t *)slot = value;
    else
        *(uint32_t *)slot = (uint32_t)value;
    return true;
}

static bool s_put_integer(const field_t *field, void *slot, const char *text, size_t length,
                          report_t report) {
    int64_t value;
    bool wide = field->type == FIELD_INT64;
    if (!json_read_integer(text, length, &value) || (!wide && (value < INT32_MIN || value > INT32_MAX)))
        return s_not_integer(field, text, length, report);
    if (!s_in_range(field->rule, (double)value))
        return s_out_of_range(field->rule, text, length, report);
    if (wide)
        *(int64_t *)slot = value;
    else
        *(int32_t *)slot = (int32_t)value;
    return true;
}

static bool s_put_real(const field_t *field, void *slot, const char *text, size_t length, report_t report) {
    double value;
    if (!json_read_number(text, length, &value) ||
        (field->type == FIELD_FLOAT && fabs(value) > (double)FLT_MAX))
        return report_problem(report, "is too large a number");
    if (!s_in_range(field->rule, value))
        return s_out_of_range(field->rule, text, length, report);
    if (field->type == FIELD_FLOAT)
        *(float *)slot = (float)value;
    else
        *(double *)slot = value;
    return true;
}

bool rules_put_number(const field_t *field, void *slot, const char *text, size_t length, report_t report) {
    switch (field->type) {
    case FIELD_INT32:
    case FIELD_INT64: return s_put_integer(field, slot, text, length, report);
    case FIELD_UINT32:
    case FIELD_UINT64: return s_put_unsigned(field, slot, text, length, report);
    default: return s_put_real(field, slot, text, length, report);
    }
}

/* --- times ----------------------------------------------------------------------------------- */

static bool s_put_time(void *slot, const char *text, size_t length, report_t report) {
    if (clock_parse_ms(text, length, slot))
        return true;
    return report_problem(report, "must be an RFC 3339 time such as 2026-01-05T09:30:00Z, got \"%.*s\"",
                          s_shown(text, length), text);
}

/* --- strings --------------------------------------------------------------------------------- */

/* The next word of a list "a|b|c"; false at its end. */
static bool s_next_word(const char **list, const char **word, size_t *length) {
    if (!*list || !**list)
        return false;
    const char *bar = strchrnul(*list, '|');
    *word = *list;
    *length = (size_t)(bar - *list);
    *list = *bar ? bar + 1 : bar;
    return true;
}

static bool s_same(const char *a, size_t a_length, const char *b, size_t b_length, bool ignore_case) {
    if (a_length != b_length)
        return false;
    return ignore_case ? strncasecmp(a, b, a_length) == 0 : memcmp(a, b, a_length) == 0;
}

static bool s_find_word(const field_rule_t *rule, const char **text, size_t *length) {
    const char *list = rule->words, *word;
    size_t word_length;
    while (s_next_word(&list, &word, &word_length)) {
        if (s_same(word, word_length, *text, *length, rule->ignore_case)) {
            *text = word;
            return true;
        }
    }
    list = rule->synonyms;
    while (s_next_word(&list, &word, &word_length)) {
        const char *equals = memchr(word, '=', word_length);
        if (equals && s_same(word, (size_t)(equals - word), *text, *length, rule->ignore_case)) {
            *text = equals + 1;
            *length = word_length - (size_t)(equals + 1 - word);
            return true;
        }
    }
    return false;
}

static bool s_not_a_word(const field_rule_t *rule, const char *text, size_t length, report_t report) {
    buf_t list = BUF_INIT;
    const char *rest = rule->words, *word;
    size_t word_length;
    while (s_next_word(&rest, &word, &word_length))
        buf_printf(&list, "%s%.*s", list.size ? ", " : "", (int)word_length, word);
    rest = rule->synonyms;
    for (bool first = true; s_next_word(&rest, &word, &word_length); first = false) {
        const char *equals = memchr(word, '=', word_length);
        buf_printf(&list, "%s%.*s", first ? " (also " : ", ",
                   (int)(equals ? equals - word : (long)word_length), word);
    }
    if (rule->synonyms)
        buf_append_char(&list, ')');
    report_problem(report, "must be one of %s, got \"%.*s\"", buf_str(&list), s_shown(text, length), text);
    buf_free(&list);
    return false;
}

static const char *s_unit(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] & 0x80)
            return "bytes";
    return "characters";
}

/* Limit of the rule, or of the storage where the rule has none; 0 = none. */
static size_t s_longest(const field_t *field) {
    size_t storage = !field->pointer && field->cardinality != CARDINALITY_REPEATED ? field->size - 1 : 0;
    size_t limit = field->rule->max_length;
    return !limit || (storage && storage < limit) ? storage : limit;
}

static bool s_length_fits(const field_t *field, const char *text, size_t length, report_t report) {
    size_t longest = s_longest(field);
    if (longest && length > longest)
        return report_problem(report, "must be at most %zu %s, got %zu", longest, s_unit(text, length),
                              length);
    if (length >= field->rule->min_length)
        return true;
    if (length == 0)
        return report_problem(report, "must not be empty");
    return report_problem(report, "must be at least %u %s, got %zu", field->rule->min_length,
                          s_unit(text, length), length);
}

static bool s_characters_fit(const field_rule_t *rule, const char *text, size_t length, report_t report) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (rule->charset_map[c / 64] >> (c % 64) & 1)
            continue;
        size_t width = 1;
        while (c >= 0xc0 && i + width < length && (text[i + width] & 0xc0) == 0x80)
            width++;
        if (c < 0x20 || c == 0x7f)
            return report_problem(report, "has a control character; allowed: %s", rule->charset);
        return report_problem(report, "has a character that is not allowed: \"%.*s\"; allowed: %s",
                              (int)width, text + i, rule->charset);
    }
    return true;
}

static bool s_check_string(const field_t *field, const char **text, size_t *length, report_t report) {
    const field_rule_t *rule = field->rule;
    if (rule->words)
        return s_find_word(rule, text, length) || s_not_a_word(rule, *text, *length, report);
    if (!s_length_fits(field, *text, *length, report))
        return false;
    return !rule->charset_map || s_characters_fit(rule, *text, *length, report);
}

bool rules_store_text(const field_t *field, void *slot, const char *text, size_t length, report_t report) {
    if (memchr(text, '\0', length))
        return report_problem(report, "must not hold a NUL character");
    if (field->pointer) {
        *(char **)slot = message_strndup(text, length);
        return true;
    }
    if (length >= field->size)
        return report_problem(report, "must be at most %u %s, got %zu", field->size - 1, s_unit(text, length),
                              length);
    memcpy(slot, text, length);
    ((char *)slot)[length] = '\0';
    return true;
}

static bool s_put_enum(const field_t *field, void *slot, const char *text, size_t length, report_t report) {
    buf_t list = BUF_INIT;
    for (int i = 0; field->enum_names[i]; i++) {
        if (s_same(field->enum_names[i], strlen(field->enum_names[i]), text, length, false)) {
            memcpy(slot, &i, sizeof i);
            buf_free(&list);
            return true;
        }
        buf_printf(&list, "%s%s", i ? ", " : "", field->enum_names[i]);
    }
    report_problem(report, "must be one of %s, got \"%.*s\"", buf_str(&list), s_shown(text, length), text);
    buf_free(&list);
    return false;
}

bool rules_put_text(const field_t *field, void *slot, const char *text, size_t length, report_t report) {
    switch (field->type) {
    case FIELD_STRING:
        return s_check_string(field, &text, &length, report) &&
               rules_store_text(field, slot, text, length, report);
    case FIELD_TIMESTAMP: return s_put_time(slot, text, length, report);
    default: return s_put_enum(field, slot, text, length, report);
    }
}

/* --- names ----------------------------------------------------------------------------------- */

static bool s_has_alias(const field_t *field, const char *name, size_t length) {
    const char *list = field->rule->aliases, *word;
    size_t word_length;
    while (s_next_word(&list, &word, &word_length))
        if (s_same(word, word_length, name, length, false))
            return true;
    return false;
}

static bool s_is_readable(const field_t *field) {
    return !field->rule->internal && !field->rule->output_only;
}

static bool s_is_named(const field_t *field, const char *name, size_t length) {
    return field->name_length == length && memcmp(field->name, name, length) == 0;
}

const field_t *rules_find(const message_t *message, const char *name, size_t length, size_t *next) {
    const field_t *found = NULL, *fields = message->fields;
    if (*next < message->field_count && s_is_named(&fields[*next], name, length))
        found = &fields[*next];
    for (size_t i = 0; !found && i < message->field_count; i++)
        if (s_is_named(&fields[i], name, length))
            found = &fields[i];
    for (size_t i = 0; !found && i < message->field_count; i++)
        if (fields[i].rule->aliases && s_has_alias(&fields[i], name, length))
            found = &fields[i];
    if (!found || !s_is_readable(found))
        return NULL;
    *next = (size_t)(found - fields) + 1;
    return found;
}

void rules_unknown(const message_t *message, const char *what, const char *name, size_t length,
                   report_t report) {
    const field_t *field = message_field(message, name, length);
    if (field && field->rule->output_only) {
        report_problem(report, "is set by the server; leave it out");
        return;
    }
    buf_t list = BUF_INIT;
    for (size_t i = 0; i < message->field_count; i++)
        if (s_is_readable(&message->fields[i]))
            buf_printf(&list, "%s%s", list.size ? ", " : "", message->fields[i].name);
    report_problem(report, "unknown %s; allowed: %s", what, list.size ? buf_str(&list) : "none");
    buf_free(&list);
}
