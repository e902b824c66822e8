/* Repetitions and groups within one body, and the answers that follow. */
#include "signals/batch.h"

#include "sample.h"
#include "signals/reply.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 6 };

static RouteSignalRequest s_requests[1000];
static route_t *s_route;

static void s_tear_down(void) {
    route_destroy(&s_route);
}

TestSuite(batch, .timeout = 20, .fini = s_tear_down);

static void s_begin(size_t count) {
    s_route = route_new(count);
    s_route->batch = true;
    static Decision unopposed;
    if (!unopposed.reasons)
        decision_unopposed(&unopposed);
    s_route->unopposed = &unopposed;
    s_route->now_ms = SAMPLE_NOW_MS;
    strcpy(s_route->routing_id, "route-1");
    for (size_t i = 0; i < count; i++)
        s_requests[i] = sample_request();
}

static void s_admit(void) {
    for (size_t i = 0; i < s_route->count; i++)
        route_admit(s_route, i, &s_requests[i], 300000);
    batch_bind(s_route, s_requests);
}

static void s_store_open(void) {
    for (size_t i = 0; i < s_route->count; i++)
        if (s_route->items[i].state == ITEM_OPEN) {
            MESSAGE_PUT(s_route->items[i].signal.status, "routed");
            s_route->items[i].signal.seq = 100 + i;
            s_route->items[i].state = ITEM_STORED;
        }
}

static void s_expect_states(const item_state_t *states) {
    for (size_t i = 0; i < s_route->count; i++)
        cr_expect_eq(s_route->items[i].state, states[i], "item %zu is %d", i, s_route->items[i].state);
}

Test(batch, signals_without_names_are_all_their_own) {
    s_begin(3);
    s_admit();
    s_expect_states((item_state_t[]){ITEM_OPEN, ITEM_OPEN, ITEM_OPEN});
}

Test(batch, a_repeated_signal_id_is_a_twin_or_a_reuse) {
    s_begin(3);
    for (int i = 0; i < 3; i++)
        SAMPLE_SET(&s_requests[i], signal_id, "s-1");
    s_requests[2].strength = 0.1;
    s_admit();
    s_expect_states((item_state_t[]){ITEM_OPEN, ITEM_TWIN, ITEM_REFUSED});
    cr_assert_eq(s_route->items[1].twin_of, 0);
    cr_assert_eq(s_route->items[2].err, ERR_SIGNAL_ID_REUSED);
}

Test(batch, a_dedup_key_is_unique_per_source) {
    s_begin(3);
    for (int i = 0; i < 3; i++)
        SAMPLE_SET(&s_requests[i], dedup_key, "k");
    SAMPLE_SET(&s_requests[1], source, "tactical");
    s_admit();
    s_expect_states((item_state_t[]){ITEM_OPEN, ITEM_OPEN, ITEM_TWIN});
    cr_assert_eq(s_route->items[2].twin_of, 0);
}

Test(batch, an_item_that_was_refused_holds_no_name) {
    s_begin(2);
    SAMPLE_SET(&s_requests[0], signal_id, "s-1");
    SAMPLE_SET(&s_requests[1], signal_id, "s-1");
    s_requests[0].strength = 7;
    s_admit();
    s_expect_states((item_state_t[]){ITEM_REFUSED, ITEM_OPEN});
}

Test(batch, a_refused_member_takes_its_group_along) {
    s_begin(5);
    SAMPLE_SET(&s_requests[0], group_id, "g");
    SAMPLE_SET(&s_requests[2], group_id, "g");
    SAMPLE_SET(&s_requests[3], group_id, "h");
    SAMPLE_SET(&s_requests[4], group_id, "g");
    s_requests[4].has_source = false;
    s_admit();
    batch_settle_groups(s_route);
    s_expect_states((item_state_t[]){ITEM_REFUSED, ITEM_OPEN, ITEM_REFUSED, ITEM_OPEN, ITEM_REFUSED});
    cr_assert(s_route->items[0].by_group && s_route->items[2].by_group && !s_route->items[4].by_group);
    cr_assert_eq(s_route->items[0].err, ERR_VALIDATION_FAILED);
}

Test(batch, a_group_without_a_refused_member_stands) {
    s_begin(3);
    for (int i = 0; i < 3; i++)
        SAMPLE_SET(&s_requests[i], group_id, "g");
    s_admit();
    batch_settle_groups(s_route);
    s_expect_states((item_state_t[]){ITEM_OPEN, ITEM_OPEN, ITEM_OPEN});
    cr_assert_eq(s_route->items[0].group_next, 1);
    cr_assert_eq(s_route->items[1].group_next, 2);
    cr_assert_eq(s_route->items[2].group_next, ITEM_NONE);
}

Test(batch, a_duplicate_does_not_sink_its_group) {
    s_begin(2);
    SAMPLE_SET(&s_requests[0], group_id, "g");
    SAMPLE_SET(&s_requests[1], group_id, "g");
    s_admit();
    s_route->items[0].state = ITEM_DUPLICATE;
    batch_settle_groups(s_route);
    cr_assert_eq(s_route->items[1].state, ITEM_OPEN);
}

Test(batch, an_expired_signal_with_a_name_is_looked_up_first) {
    s_begin(2);
    for (int i = 0; i < 2; i++) {
        s_requests[i].has_expiry_time = true;
        s_requests[i].expiry_time = SAMPLE_NOW_MS - 1;
    }
    SAMPLE_SET(&s_requests[1], signal_id, "s-1");
    s_admit();
    s_expect_states((item_state_t[]){ITEM_REFUSED, ITEM_LOOKUP});
    cr_assert_eq(s_route->items[1].err, ERR_SIGNAL_EXPIRED);
}

Test(batch, a_thousand_names_are_bound) {
    char name[16];
    s_begin(1000);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "s-%zu", i % 500);
        SAMPLE_SET(&s_requests[i], signal_id, name);
        SAMPLE_SET(&s_requests[i], dedup_key, name);
        SAMPLE_SET(&s_requests[i], group_id, name);
    }
    s_admit();
    cr_assert_eq(route_count(s_route, ITEM_OPEN), 500);
    cr_assert_eq(route_count(s_route, ITEM_TWIN), 500);
    for (size_t i = 500; i < 1000; i++)
        cr_assert_eq(s_route->items[i].twin_of, i - 500);
}

Test(batch, each_item_has_its_result_in_order) {
    s_begin(COUNT);
    SAMPLE_SET(&s_requests[0], signal_id, "s-1");
    SAMPLE_SET(&s_requests[1], signal_id, "s-1");
    s_requests[2].strength = -1;
    s_requests[3].has_expiry_time = true;
    s_requests[3].expiry_time = 1;
    s_admit();
    s_store_open();
    s_route->items[5].state = ITEM_DUPLICATE;
    RouteSignalsReply reply = RouteSignalsReply_init_zero;
    reply_batch(s_route, &reply);
    const char *statuses[COUNT] = {"routed", "duplicate", "invalid", "expired", "routed", "duplicate"};
    cr_assert_eq(reply.results_count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_expect_eq(reply.results[i].index, i);
        cr_expect_str_eq(reply.results[i].status, statuses[i]);
    }
    cr_assert(reply.accepted == 2 && reply.duplicates == 2 && reply.rejected == 2);
    cr_assert_float_eq(reply.success_rate, 4.0 / 6.0, 1e-9);
    cr_assert_str_eq(reply.results[2].error_code, "VALIDATION_FAILED");
    cr_assert_str_eq(reply.results[2].details[0].field, "strength");
    cr_assert_str_eq(reply.results[3].error_code, "SIGNAL_EXPIRED");
    cr_assert(reply.results[0].has_seq && reply.results[0].seq == 100 && !reply.results[0].duplicate);
    cr_assert(reply.results[1].has_seq && reply.results[1].seq == 100 && reply.results[1].duplicate);
    cr_assert_not(reply.results[2].has_seq || reply.results[2].has_signal_id);
    cr_assert_str_eq(reply.results[1].signal_id, "s-1");
    cr_assert_str_eq(reply.results[0].decision->strategy, "none");
    reply_batch_free(&reply);
}

Test(batch, a_twin_of_a_refused_signal_is_refused_too) {
    s_begin(3);
    SAMPLE_SET(&s_requests[0], signal_id, "s-1");
    SAMPLE_SET(&s_requests[0], group_id, "g");
    s_requests[1] = s_requests[0];
    SAMPLE_SET(&s_requests[2], group_id, "g");
    s_requests[2].confidence = 2;
    s_admit();
    batch_settle_groups(s_route);
    RouteSignalsReply reply = RouteSignalsReply_init_zero;
    reply_batch(s_route, &reply);
    cr_assert(reply.accepted == 0 && reply.duplicates == 0 && reply.rejected == 3);
    cr_assert_str_eq(reply.results[1].status, "invalid");
    reply_batch_free(&reply);
}

Test(batch, the_answer_to_one_signal_carries_it) {
    s_begin(1);
    SAMPLE_SET(&s_requests[0], symbol, "AAPL");
    s_admit();
    s_store_open();
    s_route->routing_time = 0.5;
    RouteSignalReply reply = RouteSignalReply_init_zero;
    reply_single(s_route, &reply);
    cr_assert_str_eq(reply.status, "routed");
    cr_assert_str_eq(reply.routing_id, "route-1");
    cr_assert_str_eq(reply.source_layer, "macro");
    cr_assert_str_eq(reply.target_layer, "portfolio");
    cr_assert_eq(reply.seq, 100);
    cr_assert(reply.routed_signals_count == 1 && reply.routed_signals[0].seq == 100);
    cr_assert_str_eq(reply.decision->rule_version, DECISION_RULE_VERSION);
    cr_assert_eq(reply.decision->reasons_count, 1);
    cr_assert(reply.success_rate == 1.0 && reply.routing_time == 0.5 && reply.timestamp == SAMPLE_NOW_MS);
    cr_assert_not(reply.duplicate);
}
