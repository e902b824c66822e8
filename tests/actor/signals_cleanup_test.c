/* Signals past their expiry, and decisions that are only tried. */
#include "signals_fixture.h"

static bool s_has_passed(void *context) {
    return clock_wall_ms() > *(int64_t *)context;
}

static CleanUpSignalsReply s_clean_up(signals_fixture_t *f) {
    CleanUpSignalsRequest request = CleanUpSignalsRequest_init_zero;
    CleanUpSignalsReply reply = CleanUpSignalsReply_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_CleanUpSignals, &request, &reply, NULL),
                 OK);
    return reply;
}

SIGNALS_TEST(signals_past_their_expiry_become_expired) {
    RouteSignalRequest items[3] = {opinion("short", "AAPL", "buy", 3), opinion("long", "AAPL", "buy", 3),
                                   opinion("other", "MSFT", "buy", 3)};
    int64_t expiry = clock_wall_ms() + 700;
    items[0].has_expiry_time = items[2].has_expiry_time = true;
    items[0].expiry_time = items[2].expiry_time = expiry;
    RouteSignalsReply routed = route_batch(f, items, 3);
    cr_assert_eq(routed.accepted, 3);
    batch_free(&routed);
    CleanUpSignalsReply reply = s_clean_up(f);
    cr_assert(reply.cleaned == 0 && reply.active_remaining == 3);
    harness_until(s_has_passed, &expiry, "two expire");
    reply = s_clean_up(f);
    cr_assert(reply.cleaned == 2 && reply.active_remaining == 1 && reply.timestamp >= expiry);
    expect_stored(f, "short", "expired", NULL);
    expect_stored(f, "other", "expired", NULL);
    expect_stored(f, "long", "routed", NULL);
    cr_assert_eq(stored_signals(f), 3);
    reply = s_clean_up(f);
    cr_assert_eq(reply.cleaned, 0);
}

SIGNALS_TEST(a_held_signal_past_its_expiry_leaves_its_conflicts_closed) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 3);
    sell.has_expiry_time = true;
    sell.expiry_time = clock_wall_ms() + 900;
    route_as(f, &buy, "routed");
    route_as(f, &sell, "held");
    harness_until(s_has_passed, &sell.expiry_time, "the held one expires");
    CleanUpSignalsReply reply = s_clean_up(f);
    cr_assert(reply.cleaned == 1 && reply.active_remaining == 1);
    expect_stored(f, "sell", "expired", NULL);
    expect_stored(f, "buy", "routed", NULL);
    expect_conflicts(f, "open", 0);
    ListConflictsReply list = conflicts_of(f, "resolved");
    cr_assert_str_eq(list.conflicts[0].resolution->loser_signal_ids[0], "sell");
    cr_assert(strstr(list.conflicts[0].resolution->reason, "expired"));
    conflict_list_free(&list);
    uint64_t seq;
    Signal published = next_signal(f, "sell", "expired", &seq);
    cr_assert_lt(published.seq, seq);
    message_release(Signal_message(), &published);
}

SIGNALS_TEST(an_expired_rival_is_no_rival) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 5), sell = opinion("sell", "AAPL", "sell", 1);
    buy.has_expiry_time = true;
    buy.expiry_time = clock_wall_ms() + 700;
    route_as(f, &buy, "routed");
    harness_until(s_has_passed, &buy.expiry_time, "it expires");
    RouteSignalReply reply = route_expecting(f, &sell, "routed");
    cr_assert_eq(reply.conflicts_detected_count, 0);
    route_free(&reply);
}

/* ---- simulations ---- */

static err_t s_try_simulate(signals_fixture_t *f, const RouteSignalRequest *request,
                            SimulateSignalReply *reply) {
    *reply = (SimulateSignalReply)SimulateSignalReply_init_zero;
    return harness_request(harness_of(f), &rpc_SignalRouter_SimulateSignal, request, reply, NULL);
}

static SimulateSignalReply s_simulate(signals_fixture_t *f, const RouteSignalRequest *request,
                                      const char *status) {
    SimulateSignalReply reply;
    cr_assert_eq(s_try_simulate(f, request, &reply), OK);
    cr_assert_str_eq(reply.status, status);
    return reply;
}

static void s_simulated(SimulateSignalReply *reply) {
    message_release(SimulateSignalReply_message(), reply);
}

SIGNALS_TEST(a_simulation_decides_and_leaves_no_trace) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 4);
    SimulateSignalReply reply = s_simulate(f, &buy, "routed");
    cr_assert_eq(reply.active_in_scope, 0);
    cr_assert_str_eq(reply.decision->strategy, "none");
    s_simulated(&reply);
    route_as(f, &buy, "routed");
    reply = s_simulate(f, &sell, "routed");
    cr_assert_eq(reply.active_in_scope, 1);
    cr_assert_str_eq(reply.signal_id, "sell");
    cr_assert_str_eq(reply.decision->loser_signal_ids[0], "buy");
    cr_assert(reply.conflicts_detected_count == 1 && reply.conflicts_resolved_count == 1);
    s_simulated(&reply);
    sell.priority = 2;
    reply = s_simulate(f, &sell, "rejected");
    s_simulated(&reply);
    cr_assert_eq(stored_signals(f), 1);
    expect_stored(f, "buy", "routed", NULL);
    expect_conflicts(f, "all", 0);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
}

SIGNALS_TEST(a_simulation_is_judged_as_a_real_signal) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), late = opinion("late", "AAPL", "buy", 3);
    route_as(f, &buy, "routed");
    SimulateSignalReply reply = s_simulate(f, &buy, "duplicate");
    s_simulated(&reply);
    buy.priority = 4;
    cr_assert_eq(s_try_simulate(f, &buy, &reply), ERR_SIGNAL_ID_REUSED);
    late.has_expiry_time = true;
    late.expiry_time = 1;
    reply = s_simulate(f, &late, "expired");
    s_simulated(&reply);
    late.strength = 7;
    cr_assert_eq(s_try_simulate(f, &late, &reply), ERR_VALIDATION_FAILED);
    publish_state(f, &(SystemState){.is_running = false});
    RouteSignalRequest fresh = opinion("fresh", "AAPL", "buy", 3);
    err_t err = OK;
    for (int64_t deadline_us = harness_deadline(HARNESS_MS); err == OK && clock_mono_us() < deadline_us;) {
        err = s_try_simulate(f, &fresh, &reply);
        s_simulated(&reply);
    }
    cr_assert_eq(err, ERR_SYSTEM_STOPPED);
    cr_assert_eq(stored_signals(f), 1);
}

SIGNALS_TEST(a_simulation_is_held_where_a_real_signal_is) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 4);
    route_as(f, &buy, "routed");
    SimulateSignalReply reply = s_simulate(f, &sell, "held");
    cr_assert_str_eq(reply.conflicts_detected[0].status, "open");
    s_simulated(&reply);
    expect_conflicts(f, "all", 0);
}
