/* Counts of what happens to signals, by the minute: kept in memory, added to the tables signal_minutes and signal_hours
 * every ten seconds and at the stop, and so kept over restarts. After a crash the signals that were stored since are
 * counted again from the history; of what else happened (duplicates, conflicts, endings, latencies) at most those ten
 * seconds are missing. The actor's thread. */
#pragma once

#include "signals/signals_state.h"
#include "signals/stats/tally.h"

signal_stats_t *signal_stats_new(void);
void signal_stats_destroy(signal_stats_t **self_p);
/* Flushes from time to time. Once, at the start of the actor. */
void signal_stats_start(actor_t *actor);
/* True when nothing is left to be flushed, or cannot be. Again and again while the actor drains. */
bool signal_stats_drain(actor_t *actor);

/* Signals that are stored and not counted: at the start, and when it was not known whether they were. No signal is routed
 * before `done` is called with OK; `reason` says more of an error, and may be NULL. */
typedef void(signal_stats_done_fn)(actor_t *actor, err_t err, const char *reason);
void signal_stats_restore(actor_t *actor, signal_stats_done_fn *done);

/* A signal that is stored, in the order of seq, as it was decided; `microseconds` since it arrived. */
void signal_stats_note_signal(signal_stats_t *self, const Signal *signal, int64_t microseconds);
void signal_stats_note(signal_stats_t *self, tally_event_t event, uint64_t count);

/* How many signals the history holds; -1 when it is not known yet. */
int64_t signal_stats_total(const signal_stats_t *self);
/* That many were ever removed from it. */
void signal_stats_set_removed(signal_stats_t *self, int64_t removed);

/* Adds what the tables do not hold of the minutes from `from_ms` on. What is being flushed goes to `flushing` when it is
 * there, for the tables may hold it already: they do when their number (counter signal_minutes) is at least the one
 * returned. */
int64_t signal_stats_collect(const signal_stats_t *self, int64_t from_ms, tally_t *pending,
                             tally_t *flushing);

/* "90s", "15m", "1h", "7d" in milliseconds; ERR_VALIDATION_FAILED for another form, nothing, or more than 366 days. */
ERR_MUST_USE
err_t signal_stats_window(const char *text, int64_t *window_ms);
