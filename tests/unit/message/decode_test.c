/* JSON -> message: what is understood, what is refused, and in which words. */
#include "message/json_codec.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(decode, .timeout = 20);

#define ROUTE_REQUIRED \
    "\"signal_type\":\"a\",\"source\":\"s\",\"target\":\"t\",\"strength\":0.5,\"confidence\":0.5"

/* "field: problem" lines of a body, "" when it is valid; for the caller to compare at once. */
static const char *s_problems(const message_t *message, const char *text) {
    static char lines[16384];
    problems_t problems = PROBLEMS_INIT;
    void *value = message_new(message);
    err_t err = json_decode(message, text, strlen(text), value, &problems);
    cr_assert_eq(err == OK, problems.found == 0);
    size_t used = 0;
    lines[0] = '\0';
    for (size_t i = 0; i < problems.count; i++)
        used += (size_t)snprintf(lines + used, sizeof lines - used, "%s%s: %s", i ? "\n" : "",
                                 problems.items[i].field, problems.items[i].problem);
    problems_free(&problems);
    message_free(message, &value);
    return lines;
}

static void s_route(const char *member, const char *expected) {
    char body[1024];
    snprintf(body, sizeof body, "{" ROUTE_REQUIRED "%s%s}", *member ? "," : "", member);
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), body), expected);
}

static RouteSignalRequest s_read_route(const char *member) {
    char body[1024];
    snprintf(body, sizeof body, "{" ROUTE_REQUIRED "%s%s}", *member ? "," : "", member);
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    problems_t problems = PROBLEMS_INIT;
    cr_assert_eq(json_decode(RouteSignalRequest_message(), body, strlen(body), &request, &problems), OK,
                 "%s: %s", problems.items[0].field, problems.items[0].problem);
    return request;
}

static void s_release(RouteSignalRequest *request) {
    message_release(RouteSignalRequest_message(), request);
}

Test(decode, every_field_lands_in_its_place) {
    RouteSignalRequest r = s_read_route(
        "\"signal_id\":\"id-1\",\"timestamp\":\"2026-01-05T09:30:00+08:00\",\"priority\":5,\"symbol\":\"600519.SH\","
        "\"side\":\"sell\",\"horizon\":\"1d\",\"group_id\":\"g\",\"dedup_key\":\"k\",\"source_seq\":7,"
        "\"data\":{ \"a\" : 1 },\"metadata\":{}");
    cr_assert(r.has_signal_id && r.has_timestamp && r.has_priority && r.has_source_seq && !r.has_expiry_time);
    cr_assert_str_eq(r.signal_id, "id-1");
    cr_assert_eq(r.timestamp, INT64_C(1767576600000));
    cr_assert_eq(r.priority, 5);
    cr_assert_str_eq(r.side, "sell");
    cr_assert_eq(r.source_seq, 7);
    cr_assert_eq(r.strength, 0.5);
    cr_assert_str_eq(r.data, "{\"a\":1}");
    s_release(&r);
}

Test(decode, null_is_the_same_as_leaving_out) {
    RouteSignalRequest r = s_read_route("\"priority\":null,\"symbol\":null,\"data\":null");
    cr_assert(!r.has_priority && !r.has_symbol && !r.data);
    s_release(&r);
    cr_assert_str_eq(s_problems(SetModeRequest_message(), "{\"mode\":null,\"reason\":\"r\"}"),
                     "mode: is required");
}

Test(decode, every_problem_of_a_body_is_reported_at_once) {
    const char *body =
        "{\"signal_type\":\"a b\",\"source\":\"\",\"strength\":1.7,\"confidence\":\"high\",\"priority\":9,"
        "\"side\":\"up\",\"data\":[1],\"timestamp\":\"yesterday\",\"extra\":1}";
    const char *expected =
        "signal_type: has a character that is not allowed: \" \"; allowed: A-Za-z0-9_.-\n"
        "source: must not be empty\n"
        "strength: must be between 0 and 1, got 1.7\n"
        "confidence: must be a number, got a string\n"
        "priority: must be between 1 and 5, got 9\n"
        "side: must be one of buy, sell, hold (also long, bullish, increase, short, bearish, decrease), got \"up\"\n"
        "data: must be an object, got an array\n"
        "timestamp: must be an RFC 3339 time such as 2026-01-05T09:30:00Z, got \"yesterday\"\n"
        "extra: unknown field; allowed: signal_id, signal_type, source, target, strength, confidence, timestamp, "
        "expiry_time, priority, symbol, side, horizon, group_id, dedup_key, source_seq, data, metadata\n"
        "target: is required";
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), body), expected);
}

Test(decode, a_name_may_come_once) {
    s_route("\"priority\":1,\"priority\":1", "priority: is given twice");
    s_route("\"priority\":null,\"priority\":1", "priority: is given twice");
    s_route("\"pr\\u0069ority\":1,\"priority\":1", "priority: is given twice");
}

Test(decode, integers_take_any_spelling_and_no_fraction) {
    RouteSignalRequest r = s_read_route("\"priority\":5.0,\"source_seq\":1e3");
    cr_assert_eq(r.priority, 5);
    cr_assert_eq(r.source_seq, 1000);
    s_release(&r);
    s_route("\"priority\":2.5", "priority: must be an integer, got 2.5");
    s_route("\"priority\":true", "priority: must be an integer, got true");
    s_route("\"priority\":-99999999999", "priority: must be between 1 and 5, got -99999999999");
    s_route("\"source_seq\":1e19",
            "source_seq: must be between -9223372036854775808 and 9223372036854775807, got 1e19");
    s_route("\"source_seq\":1e400", "source_seq: is too large a number");
}

Test(decode, bounds_are_inclusive) {
    s_route("\"priority\":1", "");
    s_route("\"priority\":5", "");
    s_route("\"priority\":0", "priority: must be between 1 and 5, got 0");
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(),
                                "{\"signal_type\":\"a\",\"source\":\"s\",\"target\":\"t\",\"strength\":1,"
                                "\"confidence\":-0.0000001}"),
                     "confidence: must be between 0 and 1, got -0.0000001");
}

Test(decode, strings_keep_their_length_and_characters) {
    char long_id[128] = "\"signal_id\":\"";
    memset(long_id + 13, 'x', 64);
    strcpy(long_id + 77, "\"");
    s_route(long_id, "");
    strcpy(long_id + 77, "x\"");
    s_route(long_id, "signal_id: must be at most 64 characters, got 65");
    s_route("\"horizon\":\"ééééééééééééééééé\"", "horizon: must be at most 32 bytes, got 34");
    s_route("\"symbol\":\"a\"", "symbol: has a character that is not allowed: \"a\"; allowed: A-Z0-9._^-");
    s_route("\"symbol\":\"A€\"", "symbol: has a character that is not allowed: \"€\"; allowed: A-Z0-9._^-");
    s_route("\"symbol\":\"A\\n\"", "symbol: has a control character; allowed: A-Z0-9._^-");
    s_route("\"horizon\":\"a\\u0000b\"", "horizon: must not hold a NUL character");
    s_route("\"horizon\":7", "horizon: must be a string, got a number");
}

Test(decode, escapes_in_strings_are_resolved) {
    RouteSignalRequest r = s_read_route("\"horizon\":\"\\u00e9\\ud83d\\ude00\\n\"");
    cr_assert_str_eq(r.horizon, "é😀\n");
    s_release(&r);
}

Test(decode, synonyms_become_the_word_they_mean) {
    static const char *const rows[][2] = {{"buy", "buy"},       {"LONG", "buy"},  {"Bullish", "buy"},
                                          {"decrease", "sell"}, {"SELL", "sell"}, {"hold", "hold"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char member[64];
        snprintf(member, sizeof member, "\"side\":\"%s\"", rows[i][0]);
        RouteSignalRequest r = s_read_route(member);
        cr_assert_str_eq(r.side, rows[i][1]);
        s_release(&r);
    }
}

Test(decode, times_are_rfc3339_and_nothing_else) {
    RouteSignalRequest r = s_read_route(
        "\"timestamp\":\"2026-01-05T09:30:00.25+08:00\",\"expiry_time\":\"2026-01-05T01:30:00Z\"");
    cr_assert_eq(r.timestamp, INT64_C(1767576600250));
    cr_assert_eq(r.expiry_time, INT64_C(1767576600000));
    s_release(&r);
    s_route("\"timestamp\":1767576600.25", "timestamp: must be an RFC 3339 time as a string, got a number");
    s_route("\"timestamp\":false", "timestamp: must be an RFC 3339 time as a string, got false");
    s_route("\"timestamp\":\"1767576600\"",
            "timestamp: must be an RFC 3339 time such as 2026-01-05T09:30:00Z, got \"1767576600\"");
}

Test(decode, free_form_json_is_kept_compact_and_bounded) {
    RouteSignalRequest r = s_read_route("\"data\":{ \"x\" : [ 1 , \"a b\" ], \"x\":2 }");
    cr_assert_str_eq(r.data, "{\"x\":[1,\"a b\"],\"x\":2}");
    s_release(&r);
    static char body[20000] = "{" ROUTE_REQUIRED ",\"data\":{\"a\":\"";
    size_t used = strlen(body);
    memset(body + used, 'x', 16384);
    strcpy(body + used + 16384, "\"}}");
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), body),
                     "data: must be at most 16384 bytes of JSON, got 16392");
}

Test(decode, aliases_are_understood_and_are_the_same_field) {
    const message_t *message = PutAlertRuleRequest_message();
    PutAlertRuleRequest rule = PutAlertRuleRequest_init_zero;
    problems_t problems = PROBLEMS_INIT;
    const char *body = "{\"name\":\"n\",\"metric\":\"cpu_usage\",\"threshold\":1,\"id\":\"r\"}";
    cr_assert_eq(json_decode(message, body, strlen(body), &rule, &problems), OK);
    cr_assert_str_eq(rule.condition, "cpu_usage");
    cr_assert_str_eq(rule.rule_id, "r");
    message_release(message, &rule);
    cr_assert_str_eq(
        s_problems(message, "{\"name\":\"n\",\"metric\":\"a\",\"condition\":\"a\",\"threshold\":1}"),
        "condition: is given twice");
}

Test(decode, problems_of_nested_values_carry_their_path) {
    cr_assert_str_eq(
        s_problems(SetModeRequest_message(),
                   "{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{\"symbol\":\"a\",\"x\":1}}"),
        "scope.symbol: has a character that is not allowed: \"a\"; allowed: A-Z0-9._^-\n"
        "scope.x: unknown field; allowed: source, target, symbol");
    cr_assert_str_eq(
        s_problems(SetModeRequest_message(), "{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":[]}"),
        "scope: must be an object, got an array");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), "{\"conflict_ids\":[\"a\",7,null,\"\"]}"),
                     "conflict_ids[1]: must be a string, got a number\n"
                     "conflict_ids[2]: must not be null\n"
                     "conflict_ids[3]: must not be empty");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), "{\"conflict_ids\":\"a\"}"),
                     "conflict_ids: must be an array, got a string");
}

Test(decode, an_empty_list_is_not_the_same_as_none) {
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), "{\"conflict_ids\":[]}"),
                     "conflict_ids: must have at least 1 item, got 0");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), "{\"conflict_ids\":null}"), "");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), "{}"), "");
}

Test(decode, lists_are_bounded) {
    buf_t body = BUF_INIT;
    buf_append_str(&body, "{\"conflict_ids\":[\"a\"");
    for (int i = 1; i < 1000; i++)
        buf_append_str(&body, ",\"a\"");
    buf_append_str(&body, "]}");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), buf_str(&body)), "");
    body.size -= 2;
    buf_append_str(&body, ",\"a\",\"b\"]}");
    cr_assert_str_eq(s_problems(ResolveConflictsRequest_message(), buf_str(&body)),
                     "conflict_ids: must have at most 1000 items, got 1002");
    buf_free(&body);
}

Test(decode, a_lenient_list_keeps_its_bad_elements_with_their_problems) {
    const char *body =
        "{\"signals\":[{" ROUTE_REQUIRED "},{" ROUTE_REQUIRED ",\"priority\":9,\"x\":1},7,{}]}";
    RouteSignalsRequest request = RouteSignalsRequest_init_zero;
    problems_t problems = PROBLEMS_INIT;
    cr_assert_eq(json_decode(RouteSignalsRequest_message(), body, strlen(body), &request, &problems), OK);
    cr_assert_eq(problems.found, 0);
    cr_assert_eq(request.signals_count, 4);
    cr_assert_eq(request.signals[0].problems_count, 0);
    cr_assert_eq(request.signals[1].problems_count, 2);
    cr_assert_str_eq(request.signals[1].problems[0].field, "priority");
    cr_assert_str_eq(request.signals[1].problems[0].problem, "must be between 1 and 5, got 9");
    cr_assert_str_eq(request.signals[1].source, "s");
    cr_assert_eq(request.signals[2].problems_count, 1);
    cr_assert_str_eq(request.signals[2].problems[0].field, "");
    cr_assert_str_eq(request.signals[2].problems[0].problem, "must be an object, got a number");
    cr_assert_eq(request.signals[3].problems_count, 5);
    message_release(RouteSignalsRequest_message(), &request);
}

Test(decode, internal_fields_are_not_read) {
    cr_assert_not_null(
        strstr(s_problems(RouteSignalRequest_message(), "{" ROUTE_REQUIRED ",\"problems\":[]}"),
               "problems: unknown field"));
}

Test(decode, what_is_not_json_is_one_problem_with_its_place) {
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), "{\"priority\":9,\n\"side\" \"buy\"}"),
                     ": line 2, column 8: a colon must follow the name");
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), ""), ": line 1, column 1: the text is empty");
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), "{} {}"),
                     ": line 1, column 4: nothing may follow the value");
    cr_assert_str_eq(s_problems(RouteSignalRequest_message(), "[]"),
                     ": the body must be an object, got an array");
}

Test(decode, a_malformed_body_and_an_invalid_one_are_told_apart) {
    RouteSignalRequest r = RouteSignalRequest_init_zero;
    problems_t problems = PROBLEMS_INIT;
    cr_assert_eq(json_decode(RouteSignalRequest_message(), "{", 1, &r, &problems), ERR_MALFORMED_JSON);
    problems_free(&problems);
    cr_assert_eq(json_decode(RouteSignalRequest_message(), "{}", 2, &r, &problems), ERR_VALIDATION_FAILED);
    cr_assert_eq(problems.found, 5);
    problems_free(&problems);
    s_release(&r);
}

Test(decode, more_problems_than_are_kept_are_counted) {
    buf_t body = BUF_INIT;
    buf_append_char(&body, '{');
    for (int i = 0; i < 200; i++)
        buf_printf(&body, "%s\"x%d\":0", i ? "," : "", i);
    buf_append_char(&body, '}');
    problems_t problems = PROBLEMS_INIT;
    ResolveConflictsRequest request = ResolveConflictsRequest_init_zero;
    cr_assert_eq(json_decode(ResolveConflictsRequest_message(), body.data, body.size, &request, &problems),
                 ERR_VALIDATION_FAILED);
    cr_assert_eq(problems.count, PROBLEMS_MAX);
    cr_assert_eq(problems.found, 200);
    problems_free(&problems);
    buf_free(&body);
}

/* --- fields that no request has today, in tables made by hand ----------------------------------- */

typedef struct {
    bool has_made;
    int64_t made;
    char *any;
    pb_bytes_array_t *blob;
    int outcome;
    pb_size_t which_pick;
    union {
        int32_t number;
        char *text;
    } pick;
} sample_t;

static const field_rule_t s_free = {0}, s_output = {.output_only = true};
#define SAMPLE_FIELD(n, t, c, p, g, ...)                                                                  \
    {                                                                                                     \
        .name = #n, .json_key = "\"" #n "\":", .name_length = sizeof #n - 1, .type = t, .cardinality = c, \
        .pointer = p, .tag = g, __VA_ARGS__                                                               \
    }
static const field_t s_sample_fields[] = {
    SAMPLE_FIELD(made, FIELD_TIMESTAMP, CARDINALITY_OPTIONAL, false, 1, .offset = offsetof(sample_t, made),
                 .count_offset = offsetof(sample_t, has_made), .size = 8, .rule = &s_output),
    SAMPLE_FIELD(any, FIELD_JSON, CARDINALITY_OPTIONAL, true, 2, .offset = offsetof(sample_t, any), .size = 1,
                 .rule = &s_free),
    SAMPLE_FIELD(blob, FIELD_BYTES, CARDINALITY_IMPLICIT, true, 3, .offset = offsetof(sample_t, blob),
                 .size = 8, .rule = &s_free),
    SAMPLE_FIELD(outcome, FIELD_ENUM, CARDINALITY_IMPLICIT, false, 4, .offset = offsetof(sample_t, outcome),
                 .size = 4, .enum_names = Outcome_names, .rule = &s_free),
    SAMPLE_FIELD(number, FIELD_INT32, CARDINALITY_ONEOF, false, 5, .offset = offsetof(sample_t, pick.number),
                 .count_offset = offsetof(sample_t, which_pick), .size = 4, .rule = &s_free),
    SAMPLE_FIELD(text, FIELD_STRING, CARDINALITY_ONEOF, true, 6, .offset = offsetof(sample_t, pick.text),
                 .count_offset = offsetof(sample_t, which_pick), .size = 1, .rule = &s_free),
};
static const message_t s_sample = {"Sample", "test.Sample", sizeof(sample_t), s_sample_fields, 6};

static void s_sample_becomes(const char *body, const char *expected) {
    sample_t sample = {0};
    problems_t problems = PROBLEMS_INIT;
    buf_t out = BUF_INIT;
    cr_assert_eq(json_decode(&s_sample, body, strlen(body), &sample, &problems), OK, "%s: %s",
                 problems.items[0].field, problems.items[0].problem);
    json_encode(&s_sample, &sample, &out);
    cr_assert_str_eq(buf_str(&out), expected);
    buf_free(&out);
    message_release(&s_sample, &sample);
}

Test(decode, any_json_value_is_a_free_form_value) {
    s_sample_becomes("{\"any\":[1, 2]}", "{\"made\":null,\"any\":[1,2],\"blob\":\"\",\"outcome\":\"done\"}");
    s_sample_becomes("{\"any\":\"a b\"}",
                     "{\"made\":null,\"any\":\"a b\",\"blob\":\"\",\"outcome\":\"done\"}");
}

Test(decode, bytes_are_base64) {
    s_sample_becomes("{\"blob\":\"AP+A\"}",
                     "{\"made\":null,\"any\":null,\"blob\":\"AP+A\",\"outcome\":\"done\"}");
    s_sample_becomes("{\"blob\":\"AA==\"}",
                     "{\"made\":null,\"any\":null,\"blob\":\"AA==\",\"outcome\":\"done\"}");
    static const char *const bad[] = {"A", "AA=", "A===", "AB==", "A A=", "AA==AA==", "====", "AA\\u0000A"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"blob\":\"%s\"}", bad[i]);
        cr_assert_str_eq(s_problems(&s_sample, body), "blob: must be base64", "%s", bad[i]);
    }
}

Test(decode, enums_are_their_lower_case_names) {
    s_sample_becomes("{\"outcome\":\"created\"}",
                     "{\"made\":null,\"any\":null,\"blob\":\"\",\"outcome\":\"created\"}");
    cr_assert_str_eq(s_problems(&s_sample, "{\"outcome\":\"CREATED\"}"),
                     "outcome: must be one of done, created, accepted, got \"CREATED\"");
}

Test(decode, only_one_member_of_a_oneof_is_taken) {
    s_sample_becomes("{\"text\":\"x\"}",
                     "{\"made\":null,\"any\":null,\"blob\":\"\",\"outcome\":\"done\",\"text\":\"x\"}");
    cr_assert_str_eq(s_problems(&s_sample, "{\"text\":\"x\",\"number\":1}"),
                     "number: excludes a field that is given as well");
}

Test(decode, what_the_server_fills_in_cannot_be_given) {
    cr_assert_str_eq(s_problems(&s_sample, "{\"made\":\"2026-01-05T01:30:00Z\"}"),
                     "made: is set by the server; leave it out");
}
