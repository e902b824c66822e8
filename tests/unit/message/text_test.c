/* Path and query parameters, and the three sources of a request together. */
#include "message/json_codec.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <string.h>

TestSuite(text, .timeout = 20);

typedef struct {
    const message_t *message;
    void *value;
    json_seen_t seen;
    problems_t problems;
} request_t;

static request_t s_request(const message_t *message) {
    return (request_t){.message = message, .value = message_new(message)};
}

static void s_set(request_t *self, const char *name, const char *text) {
    json_set_from_text(self->message, self->value, name, strlen(name), text, strlen(text), &self->seen,
                       &self->problems);
}

static void s_body(request_t *self, const char *text) {
    err_t err =
        json_decode_fields(self->message, text, strlen(text), self->value, &self->seen, &self->problems);
    cr_assert_eq(err == OK, self->problems.found == 0);
}

static void s_expect(request_t *self, const char *field, const char *problem) {
    cr_assert_eq(self->problems.count, 1);
    cr_assert_str_eq(self->problems.items[0].field, field);
    cr_assert_str_eq(self->problems.items[0].problem, problem);
    problems_free(&self->problems);
}

static void s_end(request_t *self) {
    problems_free(&self->problems);
    message_free(self->message, &self->value);
}

/* One bad parameter of the signal history. */
static void s_refused(const char *name, const char *text, const char *problem) {
    request_t request = s_request(ListSignalsRequest_message());
    s_set(&request, name, text);
    s_expect(&request, name, problem);
    s_end(&request);
}

Test(text, parameters_land_in_their_fields) {
    request_t request = s_request(ListSignalsRequest_message());
    s_set(&request, "symbol", "600519.SH");
    s_set(&request, "side", "Long");
    s_set(&request, "from", "2026-01-05T01:30:00Z");
    s_set(&request, "to", "2026-01-05T09:30:01+08:00");
    s_set(&request, "limit", "50");
    s_set(&request, "after_seq", "18446744073709551615");
    cr_assert_eq(request.problems.found, 0);
    const ListSignalsRequest *list = request.value;
    cr_assert_str_eq(list->symbol, "600519.SH");
    cr_assert_str_eq(list->side, "buy");
    cr_assert_eq(list->from, INT64_C(1767576600000));
    cr_assert_eq(list->to, INT64_C(1767576601000));
    cr_assert(list->has_limit && list->limit == 50 && !list->has_offset);
    cr_assert_eq(list->after_seq, UINT64_MAX);
    s_end(&request);
}

Test(text, a_bad_parameter_is_refused_in_the_words_of_the_body) {
    s_refused("limit", "0", "must be between 1 and 200, got 0");
    s_refused("limit", "many", "must be an integer, got \"many\"");
    s_refused("limit", "", "must be an integer, got \"\"");
    s_refused("limit", " 5", "must be an integer, got \" 5\"");
    s_refused("limit", "5x", "must be an integer, got \"5x\"");
    s_refused("symbol", "", "must not be empty");
    s_refused("symbol", "a b", "has a character that is not allowed: \"a\"; allowed: A-Z0-9._^-");
    s_refused("order", "up", "must be one of asc, desc, got \"up\"");
    s_refused("from", "2026-01-05",
              "must be an RFC 3339 time such as 2026-01-05T09:30:00Z, got \"2026-01-05\"");
    s_refused("form", "1",
              "unknown parameter; allowed: symbol, source, target, signal_type, side, status, from, to, "
              "after_seq, limit, offset, cursor, order");
}

Test(text, booleans_are_true_false_1_0) {
    static const char *const yes[] = {"true", "1"}, *const no[] = {"false", "0"};
    for (int i = 0; i < 2; i++) {
        request_t request = s_request(ListTasksRequest_message());
        s_set(&request, "enabled", i ? yes[0] : yes[1]);
        cr_assert(((ListTasksRequest *)request.value)->enabled);
        s_end(&request);
        request = s_request(ListTasksRequest_message());
        s_set(&request, "enabled", no[i]);
        cr_assert(((ListTasksRequest *)request.value)->has_enabled);
        cr_assert_not(((ListTasksRequest *)request.value)->enabled);
        s_end(&request);
    }
    request_t request = s_request(ListTasksRequest_message());
    s_set(&request, "enabled", "yes");
    s_expect(&request, "enabled", "must be true or false, got \"yes\"");
    s_end(&request);
}

Test(text, a_list_is_split_at_commas_and_may_be_given_again) {
    request_t request = s_request(ResolveConflictsRequest_message());
    s_set(&request, "conflict_ids", "a,b");
    s_set(&request, "conflict_ids", "c");
    const ResolveConflictsRequest *resolve = request.value;
    cr_assert_eq(resolve->conflict_ids_count, 3);
    cr_assert_str_eq(resolve->conflict_ids[1], "b");
    cr_assert_str_eq(resolve->conflict_ids[2], "c");
    s_set(&request, "conflict_ids", "d,,e");
    s_expect(&request, "conflict_ids", "must not have an empty item");
    s_end(&request);
}

Test(text, a_parameter_that_is_no_list_may_come_once) {
    request_t request = s_request(ListSignalsRequest_message());
    s_set(&request, "limit", "5");
    s_set(&request, "limit", "5");
    s_expect(&request, "limit", "is given twice");
    s_end(&request);
}

Test(text, what_is_not_utf8_or_holds_a_nul_is_refused) {
    request_t request = s_request(ListSignalsRequest_message());
    s_set(&request, "cursor", "\xff");
    s_expect(&request, "", "a parameter is not valid UTF-8");
    json_set_from_text(request.message, request.value, "cursor", 6, "a\0b", 3, &request.seen,
                       &request.problems);
    s_expect(&request, "cursor", "must not hold a NUL character");
    s_end(&request);
}

Test(text, path_and_body_make_one_request) {
    request_t request = s_request(RerunCycleRequest_message());
    s_set(&request, "cycle_id", "c1");
    s_body(&request, "{\"from_stage\":\"macro_analysis\"}");
    json_check_required(request.message, request.seen, &request.problems);
    cr_assert_eq(request.problems.found, 0, "%s", request.problems.items[0].problem);
    cr_assert_str_eq(((RerunCycleRequest *)request.value)->cycle_id, "c1");
    s_end(&request);
}

Test(text, a_body_may_repeat_what_the_path_says_but_not_contradict_it) {
    request_t request = s_request(RerunCycleRequest_message());
    s_set(&request, "cycle_id", "c1");
    s_body(&request, "{\"cycle_id\":\"c\\u0031\"}");
    cr_assert_eq(request.problems.found, 0);
    s_body(&request, "{\"cycle_id\":\"c2\"}");
    s_expect(&request, "cycle_id", "is given by the path as \"c1\"; the body may only repeat it");
    cr_assert_str_eq(((RerunCycleRequest *)request.value)->cycle_id, "c1");
    s_end(&request);
}

Test(text, what_nobody_gave_is_required_once_all_is_read) {
    request_t request = s_request(SetModeRequest_message());
    s_body(&request, "{\"reason\":\"r\"}");
    json_check_required(request.message, request.seen, &request.problems);
    s_expect(&request, "mode", "is required");
    s_end(&request);
}
