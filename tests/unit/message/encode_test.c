/* Message -> JSON. */
#include "message/json_codec.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(encode, .timeout = 20);

static void s_becomes(const message_t *message, const void *value, const char *expected) {
    buf_t out = BUF_INIT;
    json_encode(message, value, &out);
    cr_assert_str_eq(buf_str(&out), expected);
    buf_free(&out);
}

Test(encode, an_empty_message_shows_every_field) {
    Decision decision = Decision_init_zero;
    s_becomes(
        Decision_message(), &decision,
        "{\"strategy\":\"\",\"winner_signal_id\":null,\"loser_signal_ids\":[],\"scores\":[],\"reasons\":[],"
        "\"rule_version\":\"\"}");
    Empty empty = Empty_init_zero;
    s_becomes(Empty_message(), &empty, "{}");
}

Test(encode, lists_and_nested_messages) {
    Decision decision = Decision_init_zero;
    decision.scores = message_list(1, sizeof *decision.scores);
    decision.scores_count = 1;
    decision.scores[0].score = 0.25;
    decision.reasons = message_list(2, sizeof *decision.reasons);
    decision.reasons_count = 2;
    decision.reasons[0] = message_strdup("a \"b\"");
    s_becomes(
        Decision_message(), &decision,
        "{\"strategy\":\"\",\"winner_signal_id\":null,\"loser_signal_ids\":[],\"scores\":[{\"signal_id\":\"\","
        "\"score\":0.25,\"priority\":0,\"confidence\":0,\"strength\":0}],\"reasons\":[\"a \\\"b\\\"\",\"\"],"
        "\"rule_version\":\"\"}");
    message_release(Decision_message(), &decision);
}

Test(encode, maps_are_objects) {
    SignalStats stats = SignalStats_init_zero;
    stats.by_side = message_list(2, sizeof *stats.by_side);
    stats.by_side_count = 2;
    cr_assert(MESSAGE_SET(stats.by_side[0].key, "buy"));
    stats.by_side[0].value = 3;
    cr_assert(MESSAGE_SET(stats.by_side[1].key, "a\"b"));
    buf_t out = BUF_INIT;
    json_encode_field(SignalStats_message(), &stats, "by_side", &out);
    cr_assert_str_eq(buf_str(&out), "{\"buy\":3,\"a\\\"b\":0}");
    buf_free(&out);
    message_release(SignalStats_message(), &stats);
}

Test(encode, one_field_alone) {
    Decision decision = {.strategy = "hybrid"};
    buf_t out = BUF_INIT;
    json_encode_field(Decision_message(), &decision, "strategy", &out);
    buf_append_char(&out, ' ');
    json_encode_field(Decision_message(), &decision, "winner_signal_id", &out);
    cr_assert_str_eq(buf_str(&out), "\"hybrid\" null");
    buf_free(&out);
}

static void s_field_is(const Signal *signal, const char *field, const char *expected) {
    buf_t out = BUF_INIT;
    json_encode_field(Signal_message(), signal, field, &out);
    cr_assert_str_eq(buf_str(&out), expected);
    buf_free(&out);
}

Test(encode, free_form_json_is_inlined_and_never_breaks_the_whole) {
    Signal signal = Signal_init_zero;
    s_field_is(&signal, "data", "{}");
    signal.data = message_strdup("{\"a\":[1, 2]}");
    s_field_is(&signal, "data", "{\"a\":[1, 2]}");
    strcpy(signal.data, "{\"a\":");
    s_field_is(&signal, "data", "\"{\\\"a\\\":\"");
    message_release(Signal_message(), &signal);
}

Test(encode, times_are_rfc3339_and_an_unset_one_is_null) {
    Signal signal = {.timestamp = INT64_C(1767576600123)};
    s_field_is(&signal, "timestamp", "\"2026-01-05T01:30:00.123Z\"");
    s_field_is(&signal, "expiry_time", "null");
}

Test(encode, a_required_time_may_be_1970) {
    Signal signal = {.timestamp = 0};
    s_field_is(&signal, "timestamp", "\"1970-01-01T00:00:00.000Z\"");
}

Test(encode, a_number_that_json_lacks_is_null) {
    Signal signal = {.strength = NAN};
    s_field_is(&signal, "strength", "null");
}

Test(encode, omit_unset_leaves_out_and_internal_never_shows) {
    ModeScope scope = {.has_symbol = true, .symbol = "A"};
    s_becomes(ModeScope_message(), &scope, "{\"symbol\":\"A\"}");
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    buf_t out = BUF_INIT;
    json_encode(RouteSignalRequest_message(), &request, &out);
    cr_assert_null(strstr(buf_str(&out), "problems"));
    buf_free(&out);
}

Test(encode, only_the_set_member_of_a_oneof_shows) {
    Value value = Value_init_zero;
    s_becomes(Value_message(), &value, "{}");
    value.which_kind = Value_integer_tag;
    value.kind.integer = 7;
    s_becomes(Value_message(), &value, "{\"integer\":7}");
}
