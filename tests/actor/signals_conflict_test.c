/* Conflicts between signals that are routed: what is decided, stored, published and answered, on one write and over
 * several, through failures and restarts. */
#include "signals_fixture.h"

/* ---- one rival ---- */

SIGNALS_TEST(a_newcomer_that_wins_supersedes_its_rival) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 4);
    route_as(f, &buy, "routed");
    RouteSignalReply reply = route_expecting(f, &sell, "routed");
    cr_assert_eq(reply.routed_signals_count, 1);
    cr_assert_str_eq(reply.routed_signals[0].decision->winner_signal_id, "sell");
    cr_assert_eq(reply.conflicts_detected_count, 1);
    const Conflict *conflict = &reply.conflicts_detected[0];
    cr_assert_str_eq(conflict->conflict_type, "direction_conflict");
    cr_assert_str_eq(conflict->status, "resolved");
    cr_assert_str_eq(conflict->symbol, "AAPL");
    cr_assert_eq(conflict->signals_count, 2);
    cr_assert_eq(reply.conflicts_resolved_count, 1);
    cr_assert_str_eq(reply.conflicts_resolved[0].conflict_id, conflict->conflict_id);
    cr_assert_str_eq(reply.conflicts_resolved[0].winner_signal_id, "sell");
    cr_assert_str_eq(reply.decision->strategy, "priority_based");
    cr_assert_str_eq(reply.decision->loser_signal_ids[0], "buy");
    cr_assert_eq(reply.success_rate, 1.0);
    route_free(&reply);
    expect_stored(f, "buy", "superseded", "sell");
    expect_stored(f, "sell", "routed", NULL);
    expect_conflicts(f, "resolved", 1);
    expect_conflicts(f, "open", 0);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_superseded_total"), 1);
}

SIGNALS_TEST(a_newcomer_that_loses_is_stored_as_rejected) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 2);
    route_as(f, &buy, "routed");
    RouteSignalReply reply = route_expecting(f, &sell, "rejected");
    cr_assert(reply.seq > 0 && reply.routed_signals_count == 0 && reply.success_rate == 0);
    cr_assert_str_eq(reply.decision->winner_signal_id, "buy");
    cr_assert_gt(reply.decision->reasons_count, 0);
    route_free(&reply);
    expect_stored(f, "sell", "rejected", NULL);
    expect_stored(f, "buy", "routed", NULL);
    uint64_t seq;
    Signal published = next_signal(f, "sell", "rejected", &seq);
    cr_assert_eq(published.seq, seq);
    cr_assert_str_eq(published.decision->winner_signal_id, "buy");
    message_release(Signal_message(), &published);
}

SIGNALS_TEST(a_superseded_signal_is_published_whole_and_keeps_its_seq) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 4);
    char data[] = "{\"reason\":\"momentum\"}";
    buy.data = data;
    SET(&buy, horizon, "1d");
    RouteSignalReply reply = route_expecting(f, &buy, "routed");
    uint64_t first_seq = reply.seq, seq;
    route_free(&reply);
    route_as(f, &sell, "routed");
    Signal published = next_signal(f, "buy", "superseded", &seq);
    cr_assert_eq(published.seq, first_seq);
    cr_assert_gt(seq, first_seq);
    cr_assert_str_eq(published.superseded_by, "sell");
    cr_assert_str_eq(published.data, data);
    cr_assert_str_eq(published.horizon, "1d");
    cr_assert_str_eq(published.symbol, "AAPL");
    cr_assert_eq(published.strength, 0.8);
    message_release(Signal_message(), &published);
}

SIGNALS_TEST(signals_of_other_scopes_do_not_meet) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "MSFT", "sell", 4);
    route_as(f, &buy, "routed");
    RouteSignalReply reply = route_expecting(f, &sell, "routed");
    cr_assert_eq(reply.conflicts_detected_count, 0);
    cr_assert_str_eq(reply.decision->strategy, "none");
    route_free(&reply);
    SET(&sell, signal_id, "other");
    SET(&sell, symbol, "AAPL");
    SET(&sell, target, "execution");
    route_as(f, &sell, "routed");
    expect_conflicts(f, "all", 0);
}

SIGNALS_TEST(a_duplicate_gets_the_conflicts_of_the_first_answer) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 1);
    route_as(f, &buy, "routed");
    RouteSignalReply first = route_expecting(f, &sell, "rejected");
    cr_assert_eq(first.conflicts_detected_count, 2); /* priority and direction */
    RouteSignalReply again = route_expecting(f, &sell, "duplicate");
    cr_assert_eq(again.conflicts_detected_count, 2);
    cr_assert_eq(again.conflicts_resolved_count, 2);
    cr_assert_str_eq(again.decision->winner_signal_id, "buy");
    cr_assert_eq(again.decision->reasons_count, first.decision->reasons_count);
    for (size_t i = 0; i < 2; i++) {
        bool found = false;
        for (size_t k = 0; k < 2; k++)
            found |=
                strcmp(again.conflicts_detected[i].conflict_id, first.conflicts_detected[k].conflict_id) == 0;
        cr_assert(found);
    }
    route_free(&first);
    route_free(&again);
    again = route_expecting(f, &buy, "duplicate"); /* conflicts that others made are not its own */
    cr_assert_eq(again.conflicts_detected_count, 0);
    route_free(&again);
}

SIGNALS_TEST(a_rival_from_before_a_restart_is_met) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 2);
    RouteSignalRequest winner = opinion("winner", "AAPL", "sell", 5);
    route_as(f, &buy, "routed");
    signals_restart(f);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    route_as(f, &sell, "rejected");
    route_as(f, &winner, "routed");
    signals_restart(f);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    SET(&sell, signal_id, "same-side");
    sell.priority = 5;
    route_as(f, &sell, "routed");
    expect_stored(f, "buy", "superseded", "winner");
}

/* ---- one write ---- */

SIGNALS_TEST(signals_of_one_batch_meet_each_other) {
    RouteSignalRequest items[3] = {opinion("one", "AAPL", "buy", 3), opinion("two", "AAPL", "sell", 2),
                                   opinion("three", "AAPL", "sell", 4)};
    char data[] = "{\"n\":1}";
    items[0].data = data;
    RouteSignalsReply reply = route_batch(f, items, 3);
    expect_status(&reply, 0, "routed", "");
    expect_status(&reply, 1, "rejected", "");
    expect_status(&reply, 2, "routed", "");
    cr_assert(reply.accepted == 2 && reply.rejected == 1);
    cr_assert_eq(reply.results[1].conflicts_detected_count, 1);
    cr_assert_eq(reply.results[2].conflicts_resolved_count, 1);
    uint64_t seq, first_seq = reply.results[0].seq;
    batch_free(&reply);
    expect_stored(f, "one", "superseded", "three");
    expect_stored(f, "three", "routed", NULL);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signal_groups_total"), 1);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    Signal published = next_signal(f, "one", "superseded", &seq);
    cr_assert_eq(published.seq, first_seq);
    cr_assert_str_eq(published.data, "{\"n\":1}");
    message_release(Signal_message(), &published);
}

static size_t s_count_status(signals_fixture_t *f, const char *side, const char *status) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, side, side);
    SET(&request, status, status);
    ListSignalsReply reply = list(f, &request);
    size_t total = (size_t)reply.total;
    list_free(&reply);
    return total;
}

SIGNALS_TEST(of_requests_at_once_no_two_that_contradict_stay_routed) {
    enum { REQUESTS = 200 };
    for (int i = 0; i < REQUESTS; i++) {
        RouteSignalRequest request = opinion(NULL, "AAPL", i % 2 ? "sell" : "buy", 3);
        request.confidence = (i * 37 % 101) / 101.0;
        harness_send(harness_of(f), &rpc_SignalRouter_RouteSignal, &request);
    }
    for (int i = 0; i < REQUESTS; i++) {
        bus_message_t message;
        RouteSignalReply reply = RouteSignalReply_init_zero;
        harness_recv(harness_of(f), &message);
        cr_assert_eq(harness_reply(&message, RouteSignalReply_message(), &reply), OK);
        route_free(&reply);
        bus_message_close(&message);
    }
    cr_assert_eq(stored_signals(f), REQUESTS);
    size_t buys = s_count_status(f, "buy", "routed"), sells = s_count_status(f, "sell", "routed");
    cr_assert(buys + sells > 0 && (buys == 0 || sells == 0), "%zu buy and %zu sell", buys, sells);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), (double)(buys + sells));
    cr_assert_lt(harness_metric(harness_of(f), "signals", "signal_groups_total"), REQUESTS / 2);
}

/* So many conflicts that one write cannot hold them. */
SIGNALS_TEST(a_batch_too_large_for_one_write_is_stored_by_several) {
    enum { HALF = 120 };
    RouteSignalRequest *items = calloc(2 * HALF, sizeof *items);
    for (int i = 0; i < 2 * HALF; i++)
        items[i] = opinion(NULL, "AAPL", i < HALF ? "buy" : "sell", i < HALF ? 3 : 2);
    RouteSignalsReply reply = route_batch(f, items, 2 * HALF);
    for (size_t i = 0; i < 2 * HALF; i++)
        expect_status(&reply, i, i < HALF ? "routed" : "rejected", "");
    batch_free(&reply);
    free(items);
    cr_assert_gt(harness_metric(harness_of(f), "signals", "signal_groups_total"), 1);
    expect_conflicts(f, "resolved", HALF);
}

static bool s_has_passed(void *context) {
    return clock_wall_ms() > *(int64_t *)context;
}

/* Leaves `old` superseded, with nobody active in its scope. */
static RouteSignalRequest s_bury(signals_fixture_t *f) {
    RouteSignalRequest old = opinion("old", "AAPL", "buy", 3), brief = opinion("brief", "AAPL", "sell", 4);
    route_as(f, &old, "routed");
    brief.has_expiry_time = true;
    brief.expiry_time = clock_wall_ms() + 700;
    route_as(f, &brief, "routed");
    harness_until(s_has_passed, &brief.expiry_time, "the rival expires");
    return old;
}

SIGNALS_TEST(what_rested_on_a_duplicate_is_decided_again) {
    RouteSignalRequest old = s_bury(f);
    RouteSignalRequest items[4] = {old, opinion(NULL, "AAPL", "sell", 2), opinion("third", "AAPL", "sell", 2),
                                   opinion(NULL, "MSFT", "sell", 2)};
    RouteSignalsReply reply = route_batch(f, items, 4);
    expect_status(&reply, 0, "duplicate", "");
    for (size_t i = 1; i < 4; i++) {
        expect_status(&reply, i, "routed", "");
        cr_assert_eq(reply.results[i].conflicts_detected_count, 0);
    }
    batch_free(&reply);
    expect_stored(f, "old", "superseded", "brief");
    expect_conflicts(f, "all", 1);
    signals_restart(f);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 3);
}

SIGNALS_TEST(what_a_duplicate_would_have_superseded_stays) {
    RouteSignalRequest old = s_bury(f);
    RouteSignalRequest active = opinion("active", "AAPL", "sell", 2);
    route_as(f, &active, "routed");
    RouteSignalRequest items[2] = {old, opinion("weak", "AAPL", "buy", 1)};
    RouteSignalsReply reply = route_batch(f, items, 2);
    expect_status(&reply, 0, "duplicate", "");
    expect_status(&reply, 1, "rejected", "");
    cr_assert_str_eq(reply.results[1].decision->winner_signal_id, "active");
    batch_free(&reply);
    expect_stored(f, "active", "routed", NULL);
}

/* ---- groups ---- */

SIGNALS_TEST(a_group_whose_member_loses_is_rejected_whole) {
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), weak = opinion("weak", "MSFT", "buy", 1);
    route_as(f, &buy, "routed");
    route_as(f, &weak, "routed");
    RouteSignalRequest items[4] = {opinion("g-1", "MSFT", "sell", 2), opinion("g-2", "AAPL", "sell", 2),
                                   opinion("g-3", "IBM", "sell", 2), opinion("alone", "IBM", "buy", 2)};
    for (int i = 0; i < 3; i++)
        SET(&items[i], group_id, "g");
    RouteSignalsReply reply = route_batch(f, items, 4);
    for (size_t i = 0; i < 3; i++)
        expect_status(&reply, i, "rejected", "");
    expect_status(&reply, 3, "routed", "");
    cr_assert(reply.accepted == 1 && reply.rejected == 3);
    batch_free(&reply);
    expect_stored(f, "weak", "routed", NULL);
    expect_stored(f, "buy", "routed", NULL);
}

SIGNALS_TEST(members_of_a_group_are_no_rivals_of_each_other) {
    RouteSignalRequest rival = opinion("rival", "AAPL", "hold", 1);
    route_as(f, &rival, "routed");
    RouteSignalRequest items[2] = {opinion("g-1", "AAPL", "buy", 3), opinion("g-2", "AAPL", "sell", 3)};
    SET(&items[0], group_id, "g");
    SET(&items[1], group_id, "g");
    RouteSignalsReply reply = route_batch(f, items, 2);
    expect_status(&reply, 0, "routed", "");
    expect_status(&reply, 1, "routed", "");
    batch_free(&reply);
    expect_stored(f, "rival", "superseded", "g-1"); /* both won over it */
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 2);
}

/* ---- more than one scope ---- */

SIGNALS_TEST(a_signal_for_several_symbols_meets_the_rivals_of_each) {
    RouteSignalRequest a = opinion("a", "AAPL", "buy", 3), m = opinion("m", "MSFT", "buy", 3);
    RouteSignalRequest both = opinion("both", "X", "sell", 4);
    char data[] = "{\"symbols\":[\"AAPL\",\"MSFT\"]}";
    both.has_symbol = false;
    both.data = data;
    route_as(f, &a, "routed");
    route_as(f, &m, "routed");
    RouteSignalReply reply = route_expecting(f, &both, "routed");
    cr_assert_eq(reply.conflicts_detected_count, 2);
    route_free(&reply);
    expect_stored(f, "a", "superseded", "both");
    expect_stored(f, "m", "superseded", "both");
    uint64_t seq;
    RouteSignalRequest last = opinion("last", "MSFT", "buy", 5);
    route_as(f, &last, "routed");
    expect_stored(f, "both", "superseded", "last");
    Signal published = next_signal(f, "both", "superseded", &seq);
    cr_assert_not(published.has_symbol);
    cr_assert_str_eq(published.data, data);
    message_release(Signal_message(), &published);
    last = opinion("free", "AAPL", "buy", 1); /* it is gone from its other scope too */
    route_as(f, &last, "routed");
}

/* ---- strategies that change figures ---- */

SIGNALS_TEST(average_strength_merges_into_the_winner) {
    signals_restart_with(f, "average_strength", "all");
    RouteSignalRequest one = opinion("one", "AAPL", "buy", 3), two = opinion("two", "AAPL", "buy", 4);
    one.strength = 0.2;
    one.confidence = two.confidence = 0.5;
    two.strength = 0.8;
    route_as(f, &one, "routed");
    RouteSignalReply reply = route_expecting(f, &two, "routed");
    cr_assert_float_eq(reply.routed_signals[0].strength, 0.5, 1e-9);
    route_free(&reply);
    SignalTrail trail;
    cr_assert_eq(get_signal(f, "two", &trail), OK);
    cr_assert_float_eq(trail.signal->strength, 0.5, 1e-9);
    message_release(SignalTrail_message(), &trail);
    expect_stored(f, "one", "superseded", "two");
}

SIGNALS_TEST(proportional_allocation_divides_the_resources) {
    signals_restart_with(f, "proportional_allocation", "all");
    RouteSignalRequest one = opinion("one", "AAPL", "buy", 3), two = opinion("two", "AAPL", "buy", 3);
    char half[] = "{\"resource_requirements\":0.5}", most[] = "{\"resource_requirements\":1.5}";
    one.data = half;
    two.data = most;
    route_as(f, &one, "routed");
    RouteSignalReply reply = route_expecting(f, &two, "routed");
    cr_assert_eq(reply.conflicts_detected_count, 1);
    cr_assert_float_eq(reply.routed_signals[0].allocation, 0.75, 1e-9);
    route_free(&reply);
    uint64_t seq;
    Signal published;
    do
        published = next_signal(f, "one", "routed", &seq);
    while (!published.has_allocation && (message_release(Signal_message(), &published), true));
    cr_assert_float_eq(published.allocation, 0.25, 1e-9);
    cr_assert_lt(published.seq, seq);
    message_release(Signal_message(), &published);
    SignalTrail trail;
    cr_assert_eq(get_signal(f, "one", &trail), OK);
    cr_assert_float_eq(trail.signal->allocation, 0.25, 1e-9);
    cr_assert_str_eq(trail.signal->status, "routed");
    message_release(SignalTrail_message(), &trail);
}

SIGNALS_TEST(a_superseded_signal_is_published_with_the_figures_that_it_had) {
    signals_restart_with(f, "proportional_allocation", "all");
    RouteSignalRequest one = opinion("one", "AAPL", "buy", 3), two = opinion("two", "AAPL", "buy", 3);
    RouteSignalRequest sell = opinion("sell", "AAPL", "sell", 4);
    char half[] = "{\"resource_requirements\":0.5}", most[] = "{\"resource_requirements\":1.5}";
    one.data = half;
    two.data = most;
    route_as(f, &one, "routed");
    route_as(f, &two, "routed");
    route_as(f, &sell, "routed");
    uint64_t seq;
    Signal published = next_signal(f, "one", "superseded", &seq);
    cr_assert(published.has_allocation);
    cr_assert_float_eq(published.allocation, 0.25, 1e-9);
    message_release(Signal_message(), &published);
}

/* ---- the order of arrival ---- */

static void s_shuffle(int *order, int count, unsigned *seed) {
    for (int i = count - 1; i > 0; i--) {
        int k = rand_r(seed) % (i + 1), other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
}

/* Every two of them contradict each other: all priorities are two apart, or their sides are opposite. */
static void s_fill_rivals(RouteSignalRequest *rivals, int count, int run, const char *symbol,
                          int64_t now_ms) {
    static const int priorities[] = {1, 3, 5, 1, 3, 5};
    static const char *const sides[] = {"buy", "buy", "buy", "sell", "sell", "sell"};
    for (int i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "r%d-%d", run, i);
        rivals[i] = opinion(id, symbol, sides[i], priorities[i]);
        rivals[i].confidence = 0.3 + 0.1 * i;
        rivals[i].strength = 0.7;
        rivals[i].has_timestamp = true;
        rivals[i].timestamp = now_ms - 1000 * i;
        char source[24];
        snprintf(source, sizeof source, "source-%d", i); /* no two of a source: timing is of the arrival */
        SET(&rivals[i], source, source);
    }
}

/* Of the only one that is routed in the end. */
static int s_winner(signals_fixture_t *f, const char *symbol) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, symbol, symbol);
    SET(&request, status, "routed");
    ListSignalsReply reply = list(f, &request);
    cr_assert_eq(reply.total, 1);
    int winner = atoi(strchr(reply.history[0].signal_id, '-') + 1);
    list_free(&reply);
    return winner;
}

SIGNALS_TEST(the_winner_does_not_depend_on_the_order_of_arrival) {
    enum { RIVALS = 6, RUNS = 24 };
    unsigned seed = 20261123;
    int64_t now_ms = clock_wall_ms();
    for (int run = 0; run < RUNS; run++) {
        RouteSignalRequest rivals[RIVALS], arriving[RIVALS];
        int order[RIVALS];
        char symbol[16];
        snprintf(symbol, sizeof symbol, "S%d", run);
        s_fill_rivals(rivals, RIVALS, run, symbol, now_ms);
        for (int i = 0; i < RIVALS; i++)
            order[i] = i;
        s_shuffle(order, RIVALS, &seed);
        for (int i = 0; i < RIVALS; i++)
            arriving[i] = rivals[order[i]];
        if (run % 2) {
            RouteSignalsReply reply = route_batch(f, arriving, RIVALS);
            batch_free(&reply);
        } else {
            for (int i = 0; i < RIVALS; i++) {
                RouteSignalReply reply;
                cr_assert_eq(route_one(f, &arriving[i], &reply), OK);
                route_free(&reply);
            }
        }
        cr_assert_eq(s_winner(f, symbol), 5); /* priority 5, and more confident than the other */
    }
}

/* ---- faults; the engine makes no difference ---- */

TestSuite(signals_undo, .timeout = 60);

Test(signals_undo, a_write_that_fails_leaves_the_active_signals_as_they_were) {
    signals_fixture_t f;
    RouteSignalReply reply;
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), strong = opinion("strong", "AAPL", "sell", 5);
    RouteSignalRequest weak = opinion("weak", "AAPL", "sell", 2);
    signals_begin(&f, false);
    publish_running(&f);
    route_as(&f, &buy, "routed");
    fixture_stop_actors(&f.store);
    cr_assert_eq(err_http_status(route_one(&f, &strong, &reply)), 503);
    fixture_start_actors(&f.store, NULL);
    harness_until(signals_knows_state, &f, "the router is ready again");
    route_as(&f, &weak, "rejected");
    reply = route_expecting(&f, &strong, "routed");
    cr_assert_not(reply.duplicate);
    cr_assert_eq(reply.decision->loser_signal_ids_count, 1);
    route_free(&reply);
    expect_stored(&f, "buy", "superseded", "strong");
    signals_end(&f);
}

/* Whole, as nothing of it was judged; while the state is not known, each item is refused by itself. */
static bool s_refused_unloaded(void *context) {
    RouteSignalRequest request = opinion(NULL, "AAPL", "buy", 3);
    RouteSignalsReply reply;
    err_t err = try_batch(context, &request, 1, &reply);
    batch_free(&reply);
    return err == ERR_STORE_UNAVAILABLE;
}

Test(signals_undo, nothing_is_routed_before_the_active_signals_are_known) {
    signals_fixture_t f;
    RouteSignalReply reply;
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3);
    signals_begin(&f, false);
    publish_running(&f);
    fixture_stop_actors(&f.store);
    harness_stop_actor(harness_of(&f), f.signals, HARNESS_MS);
    f.signals = harness_actor(harness_of(&f), &signals_class, &f.store.config, NULL);
    publish_state(&f, &(SystemState){.is_running = true});
    cr_assert_neq(route_one(&f, &buy, &reply), OK);
    harness_until(s_refused_unloaded, &f, "the router knows the state, and not the active signals");
    cr_assert_eq(route_one(&f, &buy, &reply), ERR_STORE_UNAVAILABLE);
    ComponentStatus status = signals_describe(&f);
    cr_assert_str_eq(status.status, "degraded");
    message_release(ComponentStatus_message(), &status);
    fixture_start_actors(&f.store, NULL);
    harness_until(signals_knows_state, &f, "the active signals are read");
    route_as(&f, &buy, "routed");
    signals_end(&f);
}
