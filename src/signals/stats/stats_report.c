/* GetSignalStats: the tables and what is not in them yet, asked side by side with the stream. */
#include "base/clock.h"
#include "message/message.h"
#include "routes.gen.h"
#include "signals/stats/stats_private.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 10000, STREAM_MS = 1000, RETRY_SECONDS = 1, EXPIRE_MOST = 100000 };
#define MINUTES_ALONE_MS (2 * INT64_C(3600000))  /* a window up to this is read from minutes, */
#define MINUTES_SURE_MS  (24 * INT64_C(3600000)) /* and the beginning of one up to this */

typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    int64_t now_ms, from_ms;
    tally_t *tally, *flushing;
    int64_t flush_number; /* of `flushing` */
    bool stream_known;
    SignalStreamStats stream;
} report_t;

/* --- the answer ------------------------------------------------------------------------------ */

static uint64_t s_total(const tally_t *tally) {
    return tally_count(tally, TALLY_ROUTED) + tally_count(tally, TALLY_REJECTED) +
           tally_count(tally, TALLY_HELD);
}

static void s_fill_counts(const tally_t *tally, SignalStats *stats) {
    stats->total_signals = s_total(tally);
    stats->routed = tally_count(tally, TALLY_ROUTED);
    stats->rejected = tally_count(tally, TALLY_REJECTED);
    stats->held = tally_count(tally, TALLY_HELD);
    stats->duplicates = tally_count(tally, TALLY_DUPLICATES);
    stats->expired = tally_count(tally, TALLY_EXPIRED);
    stats->superseded = tally_count(tally, TALLY_SUPERSEDED);
    stats->conflicts_detected = tally_count(tally, TALLY_CONFLICTS_DETECTED);
    stats->conflicts_resolved = tally_count(tally, TALLY_CONFLICTS_RESOLVED);
}

static void s_fill_rates(const report_t *self, SignalStats *stats) {
    const tally_t *tally = self->tally;
    stats->window_seconds = (double)(self->now_ms - self->from_ms) / 1000;
    stats->throughput_per_second = (double)stats->total_signals / stats->window_seconds;
    stats->has_success_rate = stats->total_signals > 0;
    if (stats->has_success_rate)
        stats->success_rate = 1 - (double)stats->rejected / (double)stats->total_signals;
    bool timed = tally_latencies(tally) > 0;
    stats->has_avg_routing_time_ms = stats->has_p50_ms = stats->has_p99_ms = timed;
    if (!timed)
        return;
    stats->avg_routing_time_ms = tally_mean_ms(tally);
    stats->p50_ms = tally_quantile_ms(tally, 0.5);
    stats->p99_ms = tally_quantile_ms(tally, 0.99);
}

static size_t s_count_names(const tally_t *tally, tally_kind_t kind) {
    const char *name;
    uint64_t count;
    size_t names = 0;
    for (size_t at = 0; tally_next_name(tally, kind, &at, &name, &count);)
        names++;
    return names;
}

/* The four maps have entries of types that are alike, but not one. */
#define FILL_NAMES(tally, kind, map)                                             \
    do {                                                                         \
        const char *name;                                                        \
        uint64_t count;                                                          \
        (map) = message_list(s_count_names(tally, kind), sizeof *(map));         \
        for (size_t at = 0; tally_next_name(tally, kind, &at, &name, &count);) { \
            MESSAGE_PUT((map)[map##_count].key, name);                           \
            (map)[map##_count++].value = count;                                  \
        }                                                                        \
    } while (0)

static void s_fill_names(const tally_t *tally, SignalStats *stats) {
    FILL_NAMES(tally, TALLY_SOURCE, stats->by_source);
    FILL_NAMES(tally, TALLY_TARGET, stats->by_target);
    FILL_NAMES(tally, TALLY_TYPE, stats->by_type);
    FILL_NAMES(tally, TALLY_SIDE, stats->by_side);
}

static void s_reply(actor_t *actor, report_t *self) {
    const signals_t *state = actor_state(actor);
    SignalStats stats = SignalStats_init_zero;
    s_fill_counts(self->tally, &stats);
    s_fill_rates(self, &stats);
    s_fill_names(self->tally, &stats);
    scope_index_expire(state->index, self->now_ms, EXPIRE_MOST);
    stats.active_signals = scope_index_count(state->index);
    stats.has_stream = self->stream_known;
    stats.stream = self->stream;
    call_reply(actor, &self->call, &stats);
    message_release(SignalStats_message(), &stats);
}

static void s_done(actor_t *actor, report_t *self, err_t err) {
    signals_t *state = actor_state(actor);
    if (self->err == OK)
        self->err = err;
    if (--self->waiting > 0)
        return;
    state->reads--;
    if (self->err == OK)
        s_reply(actor, self);
    else
        call_fail(actor, &self->call, self->err);
    tally_destroy(&self->tally);
    tally_destroy(&self->flushing);
    free(self);
}

/* --- the questions --------------------------------------------------------------------------- */

/* Columns of signal_stats. */
enum { COLUMN_DIMENSION, COLUMN_NAME, COLUMN_COUNT, COLUMN_NUMBER };

static err_t s_take_counts(report_t *self, const StoreRows *rows) {
    bool flushed = false;
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        bool good =
            row && tally_put(self->tally, store_row_text(row, COLUMN_DIMENSION),
                             store_row_text(row, COLUMN_NAME), (uint64_t)store_row_int(row, COLUMN_COUNT));
        flushed = good && store_row_int(row, COLUMN_NUMBER) >= self->flush_number;
        store_row_destroy(&row);
        if (!good)
            return ERR_INTERNAL;
    }
    if (!flushed)
        tally_merge(self->tally, self->flushing);
    return OK;
}

static void s_on_counts(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    s_done(actor, context, err == OK ? s_take_counts(context, response) : err);
}

/* A stream that does not answer leaves its part out. */
static void s_on_stream(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    report_t *self = context;
    const StreamStats *stream = response;
    if (err == OK) {
        self->stream_known = true;
        self->stream.published = stream->published;
        self->stream.subscribers = stream->subscribers;
        self->stream.last_seq = stream->last_seq;
    }
    s_done(actor, self, err == ERR_SHUTTING_DOWN ? err : OK);
}

static void s_ask(actor_t *actor, report_t *self, int64_t window_ms) {
    int64_t from_ms = self->now_ms - window_ms, hours_from_ms = INT64_MAX;
    from_ms -= from_ms % (window_ms > MINUTES_SURE_MS ? STATS_HOUR_MS : STATS_MINUTE_MS);
    if (window_ms > MINUTES_ALONE_MS)
        hours_from_ms = (from_ms + STATS_HOUR_MS - 1) / STATS_HOUR_MS * STATS_HOUR_MS;
    self->from_ms = from_ms;
    const signals_t *state = actor_state(actor);
    self->flush_number = signal_stats_collect(state->stats, from_ms, self->tally, self->flushing);
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, "signal_stats", ROWS_MOST, &options, s_on_counts, self, "iii", from_ms, hours_from_ms,
                (int64_t)ROWS_MOST);
    options.deadline_us = clock_mono_us() + STREAM_MS * 1000;
    GetStreamStatsRequest request = GetStreamStatsRequest_init_zero;
    actor_request(actor, &rpc_Stream_GetStreamStats, &request, &options, s_on_stream, self);
}

err_t signal_stats_get(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    signals_t *state = actor_state(actor);
    const GetSignalStatsRequest *input = request;
    int64_t window_ms = STATS_HOUR_MS;
    if (input->has_window && signal_stats_window(input->window, &window_ms) != OK) {
        call_problem(call, "window", "must be a number with s, m, h or d, from 1s to 366d");
        return ERR_VALIDATION_FAILED;
    }
    if (!state->loaded) {
        call_retry_after(call, RETRY_SECONDS);
        return call_explain(call, ERR_STORE_UNAVAILABLE, "%s", state->load_reason);
    }
    report_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    self->waiting = 2;
    self->now_ms = clock_wall_ms();
    self->tally = tally_new();
    self->flushing = tally_new();
    state->reads++;
    s_ask(actor, self, window_ms);
    return ERR_PENDING;
}
