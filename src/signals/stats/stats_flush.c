/* From memory to the tables. Each flush moves the counter signal_minutes from one number to the next, so one whose
 * outcome was not known is sent again as it was, and adds nothing twice. */
#include "signals/stats/stats_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "tables.gen.h"
#include <string.h>

enum { FLUSH_MS = 10000 };
#define MINUTES_KEPT_MS (INT64_C(48) * STATS_HOUR_MS)
#define HOURS_KEPT_MS   (INT64_C(367) * 24 * STATS_HOUR_MS)

static signal_stats_t *s_stats(actor_t *actor) {
    return ((signals_t *)actor_state(actor))->stats;
}

/* CONFLICT: the number was moved before, by the same flush. */
static void s_on_flushed(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)context;
    signal_stats_t *self = s_stats(actor);
    const StoreWritten *written = response;
    self->in_flight = false;
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        err = err_from_name(written->units[0].code);
    self->failed = err != OK && err != ERR_CONFLICT;
    if (self->failed) {
        log_debug("the statistics of signals were not stored", LOG_ERRT(err),
                  LOG_STR("reason", fault->message));
        return;
    }
    self->number++;
    signal_stats_drop(&self->flushing);
}

typedef struct {
    store_write_t *write;
    int64_t begins_at;
} adding_t;

static void s_add(void *context, const char *dimension, const char *name, uint64_t count) {
    const adding_t *to = context;
    store_write_op(to->write, "signal_minute_add", "issi", to->begins_at, dimension, name, (int64_t)count);
    store_write_op(to->write, "signal_hour_add", "issi", to->begins_at - to->begins_at % STATS_HOUR_MS,
                   dimension, name, (int64_t)count);
}

/* Once an hour. */
static void s_prune(signal_stats_t *self, store_write_t *write) {
    int64_t now_ms = clock_wall_ms(), hour = now_ms / STATS_HOUR_MS;
    if (hour == self->pruned_hour)
        return;
    self->pruned_hour = hour;
    store_write_op(write, "signal_minutes_prune", "i", now_ms - MINUTES_KEPT_MS);
    store_write_op(write, "signal_hours_prune", "i", now_ms - HOURS_KEPT_MS);
}

static void s_send(actor_t *actor, signal_stats_t *self) {
    store_write_t *write = store_write_new();
    store_write_op(write, "counter_move", "sii", "signal_minutes", self->number, self->number + 1);
    store_write_expect(write, 1);
    store_write_op(write, "counter_set", "si", "signal_minutes_seq", self->flushing_seq);
    store_write_op(write, "counter_set", "si", "signals_total", self->flushing_total);
    for (size_t i = 0; i < self->flushing.count; i++) {
        adding_t adding = {.write = write, .begins_at = self->flushing.minutes[i].begins_at};
        tally_each(self->flushing.minutes[i].tally, s_add, &adding);
    }
    s_prune(self, write);
    self->in_flight = true;
    store_commit(actor, &write, NULL, s_on_flushed, NULL);
}

static void s_flush(actor_t *actor, void *context) {
    (void)context;
    signal_stats_t *self = s_stats(actor);
    if (!self->known || self->in_flight)
        return;
    if (!self->flushing.count) {
        if (!self->pending.count)
            return;
        self->flushing = self->pending;
        self->pending.count = 0;
        self->flushing_seq = self->noted_seq;
        self->flushing_total = self->total;
    }
    s_send(actor, self);
}

void signal_stats_start(actor_t *actor) {
    actor_timer_every(actor, FLUSH_MS, s_flush, NULL);
}

bool signal_stats_drain(actor_t *actor) {
    signal_stats_t *self = s_stats(actor);
    const signals_t *state = actor_state(actor);
    if (self->in_flight)
        return false;
    if (!self->known || state->store_down || self->failed || (!self->pending.count && !self->flushing.count))
        return true;
    s_flush(actor, NULL);
    return false;
}
