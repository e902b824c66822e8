/* From a request to a signal. */
#include "signals/admission.h"

#include "sample.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const admission_t s_admission = {.now_ms = SAMPLE_NOW_MS, .ttl_ms = 300000, .routing_id = "route-1"};

static Signal s_signal;
static problems_t s_problems;
static uint64_t s_hash;

static void s_tear_down(void) {
    message_release(Signal_message(), &s_signal);
    problems_free(&s_problems);
}

TestSuite(admission, .timeout = 10, .fini = s_tear_down);

static err_t s_admit(const RouteSignalRequest *request) {
    s_tear_down();
    s_problems = (problems_t)PROBLEMS_INIT;
    return admission_check(&s_admission, request, &s_signal, &s_hash, &s_problems);
}

static uint64_t s_hash_of(const RouteSignalRequest *request) {
    cr_assert_neq(s_admit(request), ERR_VALIDATION_FAILED);
    return s_hash;
}

static void s_expect_problem(const RouteSignalRequest *request, const char *field, const char *part) {
    cr_assert_eq(s_admit(request), ERR_VALIDATION_FAILED);
    for (size_t i = 0; i < s_problems.count; i++)
        if (strcmp(s_problems.items[i].field, field) == 0) {
            cr_assert(strstr(s_problems.items[i].problem, part), "%s: %s", field,
                      s_problems.items[i].problem);
            return;
        }
    cr_assert_fail("no problem of %s", field);
}

Test(admission, defaults_are_filled_in) {
    RouteSignalRequest request = sample_request();
    cr_assert_eq(s_admit(&request), OK);
    cr_assert_eq(strlen(s_signal.signal_id), 36);
    cr_assert_eq(s_signal.signal_id[14], '7');
    cr_assert_eq(s_signal.timestamp, SAMPLE_NOW_MS);
    cr_assert_eq(s_signal.expiry_time, SAMPLE_NOW_MS + 300000);
    cr_assert_eq(s_signal.received_at, SAMPLE_NOW_MS);
    cr_assert_eq(s_signal.priority, 3);
    cr_assert_str_eq(s_signal.data, "{}");
    cr_assert_str_eq(s_signal.metadata, "{}");
    cr_assert_str_eq(s_signal.routing_id, "route-1");
    cr_assert_not(s_signal.has_symbol || s_signal.has_side || s_signal.has_horizon || s_signal.has_group_id ||
                  s_signal.has_dedup_key || s_signal.has_source_seq || s_signal.has_cycle_id);
}

Test(admission, what_was_sent_is_kept) {
    RouteSignalRequest request = sample_request();
    char data[] = "{\"a\":1}";
    SAMPLE_SET(&request, signal_id, "s-1");
    SAMPLE_SET(&request, symbol, "600519.SH");
    SAMPLE_SET(&request, side, "sell");
    SAMPLE_SET(&request, horizon, "1d");
    SAMPLE_SET(&request, group_id, "g");
    SAMPLE_SET(&request, dedup_key, "d");
    request.has_priority = request.has_timestamp = request.has_expiry_time = request.has_source_seq = true;
    request.priority = 5;
    request.timestamp = SAMPLE_NOW_MS - 1000;
    request.expiry_time = SAMPLE_NOW_MS + 1;
    request.source_seq = -7;
    request.data = data;
    cr_assert_eq(s_admit(&request), OK);
    cr_assert_str_eq(s_signal.signal_id, "s-1");
    cr_assert_str_eq(s_signal.signal_type, "analysis");
    cr_assert_str_eq(s_signal.source, "macro");
    cr_assert_str_eq(s_signal.target, "portfolio");
    cr_assert_str_eq(s_signal.symbol, "600519.SH");
    cr_assert_str_eq(s_signal.side, "sell");
    cr_assert_str_eq(s_signal.horizon, "1d");
    cr_assert_str_eq(s_signal.group_id, "g");
    cr_assert_str_eq(s_signal.dedup_key, "d");
    cr_assert_str_eq(s_signal.data, "{\"a\":1}");
    cr_assert_eq(s_signal.strength, 0.8);
    cr_assert_eq(s_signal.confidence, 0.9);
    cr_assert_eq(s_signal.priority, 5);
    cr_assert_eq(s_signal.timestamp, SAMPLE_NOW_MS - 1000);
    cr_assert_eq(s_signal.expiry_time, SAMPLE_NOW_MS + 1);
    cr_assert(s_signal.has_source_seq && s_signal.source_seq == -7);
}

Test(admission, the_cycle_is_found_in_the_metadata) {
    RouteSignalRequest request = sample_request();
    char metadata[] = "{\"x\":{\"cycle_id\":\"no\"},\"cycle_id\":\"c-1\"}";
    request.metadata = metadata;
    cr_assert_eq(s_admit(&request), OK);
    cr_assert(s_signal.has_cycle_id);
    cr_assert_str_eq(s_signal.cycle_id, "c-1");
    char other[] = "{\"cycle_id\":17}";
    request.metadata = other;
    cr_assert_eq(s_admit(&request), OK);
    cr_assert_not(s_signal.has_cycle_id);
}

Test(admission, a_timestamp_may_be_300_seconds_ahead_and_no_more) {
    RouteSignalRequest request = sample_request();
    request.has_timestamp = true;
    request.timestamp = SAMPLE_NOW_MS + 300000;
    cr_assert_eq(s_admit(&request), OK);
    request.timestamp++;
    s_expect_problem(&request, "timestamp", "at most 300 seconds ahead");
}

Test(admission, an_expiry_before_the_timestamp_is_a_problem) {
    RouteSignalRequest request = sample_request();
    request.has_timestamp = request.has_expiry_time = true;
    request.timestamp = SAMPLE_NOW_MS + 1000;
    request.expiry_time = SAMPLE_NOW_MS + 999;
    s_expect_problem(&request, "expiry_time", "before timestamp");
}

Test(admission, a_signal_that_has_expired_is_told_from_a_bad_one) {
    RouteSignalRequest request = sample_request();
    SAMPLE_SET(&request, signal_id, "old");
    request.has_expiry_time = true;
    request.expiry_time = SAMPLE_NOW_MS;
    cr_assert_eq(s_admit(&request), ERR_SIGNAL_EXPIRED);
    cr_assert_str_eq(s_signal.signal_id, "old");
    request.has_timestamp = true;
    request.timestamp = SAMPLE_NOW_MS + 1000;
    cr_assert_eq(s_admit(&request), ERR_SIGNAL_EXPIRED, "whenever it was made");
    request.has_timestamp = false;
    request.expiry_time++;
    cr_assert_eq(s_admit(&request), OK);
}

Test(admission, every_problem_is_reported_at_once) {
    RouteSignalRequest request = sample_request();
    request.has_target = false;
    request.strength = 1.7;
    request.confidence = NAN;
    request.has_priority = request.has_timestamp = true;
    request.priority = 6;
    request.timestamp = SAMPLE_NOW_MS * 2;
    SAMPLE_SET(&request, symbol, "lower");
    SAMPLE_SET(&request, side, "up");
    char data[] = "[1]";
    request.data = data;
    s_expect_problem(&request, "target", "is required");
    s_expect_problem(&request, "strength", "between 0 and 1, got 1.7");
    s_expect_problem(&request, "confidence", "got nan");
    s_expect_problem(&request, "priority", "between 1 and 5, got 6");
    s_expect_problem(&request, "timestamp", "ahead");
    s_expect_problem(&request, "symbol", "A-Z0-9");
    s_expect_problem(&request, "side", "buy|sell|hold");
    s_expect_problem(&request, "data", "JSON object");
    cr_assert_eq(s_problems.count, 8);
}

Test(admission, a_number_without_an_upper_limit_is_free) {
    RouteSignalRequest request = sample_request();
    request.has_source_seq = true;
    request.source_seq = INT64_MIN;
    cr_assert_eq(s_admit(&request), OK);
}

Test(admission, free_form_objects_hold_16_kib) {
    RouteSignalRequest request = sample_request();
    char *data = malloc(16386);
    snprintf(data, 16386, "{\"a\":\"%*s\"}", 16384 - 8, "");
    request.data = data;
    cr_assert_eq(s_admit(&request), OK);
    snprintf(data, 16386, "{\"a\":\"%*s\"}", 16385 - 8, "");
    s_expect_problem(&request, "data", "at most 16384 bytes");
    free(data);
}

Test(admission, what_the_gateway_found_wrong_is_not_found_again) {
    RouteSignalRequest request = sample_request();
    FieldProblem problem = {.field = (char *)"strength", .problem = (char *)"must be a number"};
    request.has_strength = false;
    request.problems = &problem;
    request.problems_count = 1;
    cr_assert_eq(s_admit(&request), ERR_VALIDATION_FAILED);
    cr_assert_eq(s_problems.found, 0);
}

Test(admission, equal_bodies_hash_alike_whenever_they_arrive) {
    RouteSignalRequest a = sample_request(), b = sample_request();
    char a_data[] = "{\"x\":1,\"y\":2.0}", b_data[] = "{ \"y\" : 2, \"x\" : 1 }";
    a.data = a_data;
    b.data = b_data;
    cr_assert_eq(s_hash_of(&a), s_hash_of(&b));
}

Test(admission, a_field_that_was_sent_with_its_default_is_another_body) {
    RouteSignalRequest a = sample_request(), b = sample_request();
    b.has_priority = true;
    b.priority = 3;
    cr_assert_neq(s_hash_of(&a), s_hash_of(&b));
}

Test(admission, each_field_counts_for_the_hash) {
    RouteSignalRequest plain = sample_request();
    uint64_t hash = s_hash_of(&plain);
    RouteSignalRequest other[8];
    for (int i = 0; i < 8; i++)
        other[i] = plain;
    char data[] = "{\"a\":1}";
    SAMPLE_SET(&other[0], source, "macro2");
    SAMPLE_SET(&other[1], dedup_key, "k");
    SAMPLE_SET(&other[2], symbol, "AAPL");
    SAMPLE_SET(&other[3], horizon, "AAPL");
    other[4].strength = 0.81;
    other[5].confidence = 0.8;
    other[6].data = data;
    other[7].metadata = data;
    for (int i = 0; i < 8; i++) {
        cr_expect_neq(s_hash_of(&other[i]), hash, "%d", i);
        for (int j = 0; j < i; j++)
            cr_expect_neq(s_hash_of(&other[i]), s_hash_of(&other[j]), "%d and %d", i, j);
    }
}
