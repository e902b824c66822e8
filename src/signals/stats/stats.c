/* Noting and collecting. */
#include "signals/stats/stats_private.h"

#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

signal_stats_t *signal_stats_new(void) {
    signal_stats_t *self = calloc(1, sizeof *self);
    assert_always(self);
    return self;
}

void signal_stats_drop(stats_minutes_t *minutes) {
    for (size_t i = 0; i < minutes->count; i++)
        tally_destroy(&minutes->minutes[i].tally);
    minutes->count = 0;
}

void signal_stats_destroy(signal_stats_t **self_p) {
    signal_stats_t *self = *self_p;
    if (!self)
        return;
    signal_stats_drop(&self->pending);
    signal_stats_drop(&self->flushing);
    free(self);
    *self_p = NULL;
}

tally_t *signal_stats_at(signal_stats_t *self, int64_t now_ms) {
    stats_minutes_t *pending = &self->pending;
    int64_t begins_at = now_ms - now_ms % STATS_MINUTE_MS;
    for (size_t i = pending->count; i-- > 0;)
        if (pending->minutes[i].begins_at == begins_at)
            return pending->minutes[i].tally;
    if (pending->count == STATS_MINUTES_MOST)
        return pending->minutes[STATS_MINUTES_MOST - 1].tally;
    pending->minutes[pending->count] = (stats_minute_t){.begins_at = begins_at, .tally = tally_new()};
    return pending->minutes[pending->count++].tally;
}

tally_event_t signal_stats_decided(const char *status) {
    return strcmp(status, "rejected") == 0 ? TALLY_REJECTED
           : strcmp(status, "held") == 0   ? TALLY_HELD
                                           : TALLY_ROUTED;
}

void signal_stats_note_signal(signal_stats_t *self, const Signal *signal, int64_t microseconds) {
    tally_t *tally = signal_stats_at(self, signal->received_at);
    tally_add(tally, signal_stats_decided(signal->status), 1);
    tally_add_name(tally, TALLY_SOURCE, signal->source, 1);
    tally_add_name(tally, TALLY_TARGET, signal->target, 1);
    tally_add_name(tally, TALLY_TYPE, signal->signal_type, 1);
    if (signal->has_side)
        tally_add_name(tally, TALLY_SIDE, signal->side, 1);
    tally_add_latency(tally, microseconds);
    self->total++;
    if ((int64_t)signal->seq > self->noted_seq)
        self->noted_seq = (int64_t)signal->seq;
}

void signal_stats_note(signal_stats_t *self, tally_event_t event, uint64_t count) {
    if (count)
        tally_add(signal_stats_at(self, clock_wall_ms()), event, count);
}

int64_t signal_stats_total(const signal_stats_t *self) {
    return self->known ? self->total - self->removed : -1;
}

void signal_stats_set_removed(signal_stats_t *self, int64_t removed) {
    if (removed > self->removed)
        self->removed = removed;
}

static void s_collect(const stats_minutes_t *minutes, int64_t from_ms, tally_t *into) {
    for (size_t i = 0; i < minutes->count; i++)
        if (minutes->minutes[i].begins_at >= from_ms)
            tally_merge(into, minutes->minutes[i].tally);
}

int64_t signal_stats_collect(const signal_stats_t *self, int64_t from_ms, tally_t *pending,
                             tally_t *flushing) {
    s_collect(&self->pending, from_ms, pending);
    s_collect(&self->flushing, from_ms, flushing);
    return self->number + 1;
}

err_t signal_stats_window(const char *text, int64_t *window_ms) {
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', STATS_MINUTE_MS}, {'h', STATS_HOUR_MS}, {'d', 24 * STATS_HOUR_MS}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] == '\0' || text[digits + 1] != '\0')
        return ERR_VALIDATION_FAILED;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].letter == text[digits]) {
            *window_ms = strtoll(text, NULL, 10) * units[i].ms;
            return *window_ms > 0 && *window_ms <= INT64_C(366) * 24 * STATS_HOUR_MS ? OK
                                                                                     : ERR_VALIDATION_FAILED;
        }
    return ERR_VALIDATION_FAILED;
}
