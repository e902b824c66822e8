/* Old history is removed in steps, and what is still at work stays however old it is: the same on both engines. */
#include "store_fixture.h"

#define DAY INT64_C(86400000)

/* Stops the writer and starts it with a retention of one day; waits for the end of its first run. */
static StoreRemoved s_run_retention(fixture_t *f) {
    StoreRemoved removed = StoreRemoved_init_zero;
    fixture_stop_actors(f);
    f->config.history_retention_days = 1;
    fixture_start_actors(f, NULL);
    do {
        removed = (StoreRemoved)StoreRemoved_init_zero;
        next_event(f, STORE_TOPIC_REMOVED, StoreRemoved_message(), &removed);
    } while (!removed.ended);
    return removed;
}

static void s_commit(fixture_t *f, store_write_t *write) {
    StoreWritten written = commit(f, &write);
    for (size_t i = 0; i < written.units_count; i++)
        cr_assert_str_eq(written.units[i].code, "OK", "unit %zu: %s", i, written.units[i].message);
    written_free(&written);
}

static size_t s_rows(fixture_t *f, const char *statement, const char *id) {
    StoreRows rows = query(f, 10, statement, "s", id);
    size_t count = rows.rows_count;
    rows_free(&rows);
    return count;
}

static void s_expect(fixture_t *f, const char *statement, const char *id, size_t count) {
    cr_expect_eq(s_rows(f, statement, id), count, "%s of %s: not %zu", statement, id, count);
}

static int64_t s_counter(fixture_t *f, const char *name) {
    StoreRows rows = query(f, 1, "counter_get", "s", name);
    int64_t value = rows.rows_count ? row_int(&rows, 0, 0) : 0;
    rows_free(&rows);
    return value;
}

static void s_add(store_write_t *write, const char *id, const char *status, int64_t received_at,
                  int64_t expiry_time) {
    store_write_unit(write);
    store_write_op(write, "signal_insert", "issssssddisssiiisssssissiin", (int64_t)0, id, "analysis", "macro",
                   "execution", "AAPL", "buy", 0.5, 0.75, (int64_t)3, "1d", NULL, NULL, (int64_t)7,
                   received_at, expiry_time, "{}", "{}", status, NULL, "routing-1", (int64_t)-5, NULL, NULL,
                   received_at, received_at);
    store_write_expect(write, 1);
    store_write_event(write, "signal/execution/AAPL", Empty_message(), &(Empty)Empty_init_zero, NULL);
    store_write_seq(write, 0, 0);
}

/* As the statistics do when they have counted the signals up to that seq. */
static void s_count_signals(fixture_t *f, int64_t seq) {
    store_write_t *write = store_write_new();
    store_write_op(write, "counter_set", "si", "signal_minutes_seq", seq);
    s_commit(f, write);
}

STORE_TEST(old_signals_are_removed_and_active_held_and_young_ones_stay) {
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    s_add(write, "held", "held", old, old + 1);
    s_add(write, "active", "routed", old, now + DAY);
    s_add(write, "routed", "routed", old, old + 1);
    s_add(write, "superseded", "superseded", old, now + DAY);
    s_add(write, "expired", "expired", old, old + 1);
    s_add(write, "young", "expired", now - DAY / 2, old + 1);
    s_commit(f, write);
    s_count_signals(f, 6);
    StoreRemoved removed = s_run_retention(f);
    cr_expect_eq(removed.signals, 3);
    cr_expect_eq(s_counter(f, "signals_removed"), 3);
    s_expect(f, "signal_by_id", "held", 1);
    s_expect(f, "signal_by_id", "active", 1);
    s_expect(f, "signal_by_id", "routed", 0);
    s_expect(f, "signal_by_id", "superseded", 0);
    s_expect(f, "signal_by_id", "expired", 0);
    s_expect(f, "signal_by_id", "young", 1);
}

STORE_TEST(more_than_a_step_is_removed_past_what_stays) {
    enum { OLD = 1200, HELD = 600 };
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    for (int i = 0; i < OLD + HELD; i++) {
        char id[32];
        snprintf(id, sizeof id, "s-%d", i);
        s_add(write, id, i < HELD ? "held" : "expired", old, old + 1);
    }
    s_commit(f, write);
    s_count_signals(f, OLD + HELD - 1);
    StoreRemoved removed = s_run_retention(f);
    cr_expect_eq(removed.signals, OLD - 1);
    s_expect(f, "signal_by_id", "s-0", 1);
    s_expect(f, "signal_by_id", "s-600", 0);
    s_expect(f, "signal_by_id", "s-1798", 0);
    s_expect(f, "signal_by_id", "s-1799", 1); /* not counted yet */
}

static void s_add_conflict(store_write_t *write, const char *id, const char *status, const char *signal_id,
                           int64_t detected_at, int64_t resolved_at) {
    store_write_unit(write);
    store_write_op(write, "conflict_insert", "sssssissts", id, "direction_conflict", "high", "execution",
                   "AAPL", detected_at, status, signal_id, resolved_at, "{}");
    store_write_op(write, "conflict_signal_insert", "ss", id, signal_id);
}

STORE_TEST(resolved_conflicts_are_removed_and_open_ones_stay_with_their_signals) {
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    s_add(write, "disputed", "expired", old, old + 1);
    s_add(write, "settled", "expired", old, old + 1);
    s_add_conflict(write, "open", "open", "disputed", old, 0);
    s_add_conflict(write, "resolved", "resolved", "settled", old, old);
    s_add_conflict(write, "lately", "resolved", "settled", old, now);
    s_commit(f, write);
    s_count_signals(f, 2);
    s_run_retention(f);
    s_expect(f, "conflict_by_id", "open", 1);
    s_expect(f, "conflict_by_id", "resolved", 0);
    s_expect(f, "conflict_by_id", "lately", 1);
    s_expect(f, "signal_by_id", "disputed", 1);
    s_expect(f, "signal_by_id", "settled", 0);
}

static void s_add_delivery(store_write_t *write, const char *id, const char *status, int64_t created_at) {
    store_write_unit(write);
    store_write_op(write, "delivery_insert", "ssissssiiisiiiss", id, id, (int64_t)1, "execution", "s",
                   "http://x/", status, (int64_t)1, (int64_t)5, (int64_t)200, NULL, created_at, created_at,
                   created_at, NULL, NULL);
}

STORE_TEST(ended_deliveries_are_removed_and_pending_ones_stay_with_their_signals) {
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    s_add(write, "pending", "expired", old, old + 1);
    s_add_delivery(write, "pending", "pending", old);
    s_add_delivery(write, "delivered", "delivered", old);
    s_add_delivery(write, "dead", "dead", old);
    s_add_delivery(write, "young", "dead", now);
    s_commit(f, write);
    s_count_signals(f, 1);
    s_run_retention(f);
    s_expect(f, "delivery_by_id", "pending", 1);
    s_expect(f, "delivery_by_id", "delivered", 0);
    s_expect(f, "delivery_by_id", "dead", 0);
    s_expect(f, "delivery_by_id", "young", 1);
    s_expect(f, "signal_by_id", "pending", 1);
}

static void s_add_cycle(store_write_t *write, const char *id, const char *status, int64_t created_at,
                        const char *rerun_of, const char *validation_id) {
    store_write_unit(write);
    store_write_op(write, "cycle_insert", "ssssiiiissiisssssssin", id, status, "manual", NULL, created_at,
                   created_at, created_at, (int64_t)1, NULL, NULL, (int64_t)0, (int64_t)0, rerun_of, NULL,
                   validation_id, NULL, NULL, NULL, NULL, (int64_t)0);
    store_write_op(write, "cycle_stage_upsert", "ssisiiissssssds", id, "data_readiness", (int64_t)1,
                   "completed", (int64_t)1, created_at, created_at, NULL, NULL, NULL, NULL, NULL, NULL, 1.0,
                   NULL);
}

STORE_TEST(ended_cycles_are_removed_with_their_stages_and_open_ones_stay) {
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    for (int i = 0; i < 50; i++) {
        char id[32];
        snprintf(id, sizeof id, "old-%d", i);
        s_add_cycle(write, id, i % 2 ? "completed" : "failed", old + i, NULL, NULL);
    }
    s_add_cycle(write, "running", "running", old, "again", NULL);
    s_add_cycle(write, "queued", "queued", old, NULL, NULL);
    s_add_cycle(write, "again", "failed", old, NULL, NULL);
    s_add_cycle(write, "young", "completed", now, "old-1", NULL);
    s_commit(f, write);
    s_run_retention(f);
    s_expect(f, "cycle_by_id", "old-0", 0);
    s_expect(f, "cycle_stages_by_cycle", "old-0", 0);
    s_expect(f, "cycle_by_id", "old-49", 0);
    s_expect(f, "cycle_by_id", "running", 1);
    s_expect(f, "cycle_stages_by_cycle", "running", 1);
    s_expect(f, "cycle_by_id", "queued", 1);
    s_expect(f, "cycle_by_id", "again", 1); /* running takes over from it */
    s_expect(f, "cycle_by_id", "young", 1);
}

static void s_add_validation(store_write_t *write, const char *id, const char *cycle_id, const char *status,
                             int64_t timestamp) {
    store_write_unit(write);
    store_write_op(write, "validation_insert", "ssssdsddddsdddissd", id, cycle_id, "dual", status, 0.5, "a",
                   0.5, 0.5, 0.5, 0.5, NULL, 0.5, 0.5, 0.5, timestamp, NULL, NULL, 0.5);
}

STORE_TEST(validations_are_removed_unless_open_or_of_a_cycle_that_stays) {
    int64_t now = clock_wall_ms(), old = now - 2 * DAY;
    store_write_t *write = store_write_new();
    s_add_cycle(write, "gone", "completed", old, NULL, "of-gone");
    s_add_cycle(write, "kept", "completed", now, NULL, "taken-over");
    s_add_validation(write, "of-gone", "gone", "completed", old);
    s_add_validation(write, "of-kept", "kept", "completed", old);
    s_add_validation(write, "taken-over", "gone", "completed", old);
    s_add_validation(write, "open", NULL, "running", old);
    s_add_validation(write, "single", NULL, "failed", old);
    s_commit(f, write);
    s_run_retention(f);
    s_expect(f, "validation_by_id", "of-gone", 0);
    s_expect(f, "validation_by_id", "of-kept", 1);
    s_expect(f, "validation_by_id", "taken-over", 1);
    s_expect(f, "validation_by_id", "open", 1);
    s_expect(f, "validation_by_id", "single", 0);
}

static void s_add_sync(store_write_t *write, const char *id, const char *dataset, const char *status,
                       int64_t finished_at, const char *cycle_id) {
    store_write_unit(write);
    store_write_op(write, "dataset_sync_insert", "ssssdiiisss", id, dataset, NULL, status, 1.0, (int64_t)1,
                   clock_wall_ms() - 3 * DAY, finished_at, NULL, cycle_id, NULL);
}

STORE_TEST(syncs_are_removed_but_for_open_ones_and_the_last_success_of_each_dataset) {
    int64_t old = clock_wall_ms() - 2 * DAY;
    store_write_t *write = store_write_new();
    s_add_cycle(write, "kept", "completed", clock_wall_ms(), NULL, NULL);
    s_add_sync(write, "first", "daily", "completed", old, NULL);
    s_add_sync(write, "last", "daily", "completed", old + 1, NULL);
    s_add_sync(write, "failed", "daily", "failed", old + 2, NULL);
    s_add_sync(write, "of-kept", "daily", "failed", old, "kept");
    s_add_sync(write, "other", "minutes", "completed", old, NULL);
    store_write_op(write, "dataset_sync_insert", "ssssdiinsss", "open", "daily", NULL, "running", 0.5,
                   (int64_t)1, old, NULL, NULL, NULL);
    s_commit(f, write);
    s_run_retention(f);
    s_expect(f, "dataset_syncs_by_id", "first", 0);
    s_expect(f, "dataset_syncs_by_id", "last", 1);
    s_expect(f, "dataset_syncs_by_id", "failed", 0);
    s_expect(f, "dataset_syncs_by_id", "of-kept", 1);
    s_expect(f, "dataset_syncs_by_id", "other", 1);
    s_expect(f, "dataset_syncs_by_id", "open", 1);
}
