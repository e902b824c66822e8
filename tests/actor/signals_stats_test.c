/* What the statistics count, and that they last. */
#include "signals_fixture.h"

static err_t s_ask(signals_fixture_t *f, const char *window, SignalStats *stats) {
    GetSignalStatsRequest request = GetSignalStatsRequest_init_zero;
    *stats = (SignalStats)SignalStats_init_zero;
    if (window)
        SET(&request, window, window);
    return harness_request(harness_of(f), &rpc_SignalRouter_GetSignalStats, &request, stats, NULL);
}

static SignalStats s_stats(signals_fixture_t *f, const char *window) {
    SignalStats stats;
    cr_assert_eq(s_ask(f, window, &stats), OK);
    return stats;
}

static void s_free(SignalStats *stats) {
    message_release(SignalStats_message(), stats);
}

static uint64_t s_of_source(const SignalStats *stats, const char *source) {
    for (size_t i = 0; i < stats->by_source_count; i++)
        if (strcmp(stats->by_source[i].key, source) == 0)
            return stats->by_source[i].value;
    return 0;
}

/* Two signals of macro that oppose each other, of which the second loses; one of tactical; one sent twice. */
static void s_fill(signals_fixture_t *f) {
    RouteSignalRequest request = opinion("s-1", "AAPL", "buy", 5);
    route_as(f, &request, "routed");
    request = opinion("s-2", "AAPL", "sell", 1);
    route_as(f, &request, "rejected");
    request = opinion("s-3", "MSFT", "buy", 3);
    SET(&request, source, "tactical");
    route_as(f, &request, "routed");
    route_as(f, &request, "duplicate");
}

static void s_expect_filled(const SignalStats *stats) {
    cr_assert_eq(stats->total_signals, 3);
    cr_assert_eq(stats->routed, 2);
    cr_assert_eq(stats->rejected, 1);
    cr_assert_eq(stats->held, 0);
    cr_assert_eq(stats->active_signals, 2);
    cr_assert(stats->has_success_rate);
    cr_assert_float_eq(stats->success_rate, 2.0 / 3, 1e-9);
    cr_assert_eq(s_of_source(stats, "macro"), 2);
    cr_assert_eq(s_of_source(stats, "tactical"), 1);
    cr_assert_eq(stats->by_target_count, 1);
    cr_assert_eq(stats->by_target[0].value, 3);
    cr_assert_eq(stats->by_side_count, 2);
    cr_assert_eq(stats->by_type_count, 1);
}

SIGNALS_TEST(signals_are_counted_by_outcome_and_by_name) {
    s_fill(f);
    SignalStats stats = s_stats(f, NULL);
    s_expect_filled(&stats);
    cr_assert_eq(stats.duplicates, 1);
    cr_assert(stats.conflicts_detected >= 1 && stats.conflicts_resolved == stats.conflicts_detected);
    cr_assert(stats.has_p50_ms && stats.has_p99_ms && stats.has_avg_routing_time_ms);
    cr_assert(stats.p50_ms > 0 && stats.p50_ms <= stats.p99_ms);
    cr_assert(stats.window_seconds >= 3600 && stats.window_seconds < 3660);
    cr_assert_float_eq(stats.throughput_per_second, 3 / stats.window_seconds, 1e-9);
    cr_assert(!stats.has_stream, "there is no stream in this test");
    s_free(&stats);
}

SIGNALS_TEST(statistics_last_over_a_restart_in_every_window) {
    static const char *const windows[] = {"5m", "1h", "3h", "36h", "366d"};
    s_fill(f);
    SignalStats before = s_stats(f, NULL);
    signals_restart(f);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        SignalStats after = s_stats(f, windows[i]);
        s_expect_filled(&after);
        cr_assert_eq(after.duplicates, 1);
        cr_assert_eq(after.conflicts_detected, before.conflicts_detected);
        cr_assert_eq(after.p99_ms, before.p99_ms);
        s_free(&after);
    }
    cr_assert_eq(stored_signals(f), 3);
    s_free(&before);
}

/* As if what the router stores at its stop had never been. */
static void s_forget_flushes(signals_fixture_t *f) {
    static const char *const counters[] = {"signal_minutes", "signal_minutes_seq", "signals_total"};
    store_write_t *write = store_write_new();
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        store_write_op(write, "counter_set", "si", counters[i], (int64_t)0);
    store_write_op(write, "signal_minutes_prune", "i", INT64_MAX);
    store_write_op(write, "signal_hours_prune", "i", INT64_MAX);
    StoreWritten written = commit(&f->store, &write);
    written_free(&written);
}

SIGNALS_TEST(what_was_not_flushed_is_counted_from_the_history_after_a_crash) {
    s_fill(f);
    signals_restart(f);
    s_forget_flushes(f);
    signals_restart(f);
    SignalStats stats = s_stats(f, "1h");
    s_expect_filled(&stats);
    cr_assert(!stats.has_p50_ms, "how long it took is not known any more");
    s_free(&stats);
    cr_assert_eq(stored_signals(f), 3);
}

SIGNALS_TEST(without_signals_there_are_no_rates_and_no_percentiles) {
    SignalStats stats = s_stats(f, "1s");
    cr_assert_eq(stats.total_signals, 0);
    cr_assert(!stats.has_success_rate && !stats.has_p50_ms && !stats.has_p99_ms &&
              !stats.has_avg_routing_time_ms);
    cr_assert(stats.window_seconds >= 1 && stats.window_seconds <= 61);
    s_free(&stats);
}

SIGNALS_TEST(what_supersedes_and_what_a_resolution_settles_is_counted) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest request = opinion("s-1", "AAPL", "buy", 1);
    route_as(f, &request, "routed");
    request = opinion("s-2", "AAPL", "sell", 5);
    route_as(f, &request, "held");
    ResolveConflictsRequest resolve = ResolveConflictsRequest_init_zero;
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ResolveConflicts, &resolve, &reply, NULL),
                 OK);
    message_release(ResolveConflictsReply_message(), &reply);
    SignalStats stats = s_stats(f, "1h");
    cr_assert_eq(stats.held, 1);
    cr_assert_eq(stats.superseded, 1);
    cr_assert_eq(stats.conflicts_resolved, stats.conflicts_detected);
    cr_assert_eq(stats.active_signals, 1);
    s_free(&stats);
}

TestSuite(signals_stats, .timeout = 60);

Test(signals_stats, a_window_that_is_none_is_refused) {
    static const char *const windows[] = {"0s", "h", "1", "1h1", "367d", "9999999999s"};
    signals_fixture_t f;
    signals_begin(&f, false);
    publish_running(&f);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        SignalStats stats;
        cr_assert_eq(s_ask(&f, windows[i], &stats), ERR_VALIDATION_FAILED, "%s", windows[i]);
    }
    signals_end(&f);
}
