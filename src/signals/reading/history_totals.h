/* How many signals match filters, and where they lie, kept for those that were asked for lately: what a signal says and
 * when it came never changes, so a count up to a seq stays true until old ones are removed, and the next one begins
 * there. Not for filters by status, which changes.
 * Bounded; pure; one thread. */
#pragma once

#include "signals/reading/history_query.h"

typedef struct history_totals_s history_totals_t;
history_totals_t *history_totals_new(void);
void history_totals_destroy(history_totals_t **self_p);

/* Signals were removed: nothing is known any more. */
void history_totals_clear(history_totals_t *self);

/* Of those that match up to a seq: how many there are, and that all lie from first_seq to last_seq, both included. */
typedef struct {
    int64_t up_to_seq, count, first_seq, last_seq;
} history_total_t;

#define HISTORY_TOTAL_NONE \
    { .first_seq = INT64_MAX, .last_seq = -1 }

/* HISTORY_TOTAL_NONE when nothing is known. */
history_total_t history_totals_get(history_totals_t *self, const history_query_t *query);
/* When the count was begun, for its put: of signals that are removed meanwhile it may hold some. */
uint64_t history_totals_age(const history_totals_t *self);
/* Kept unless more is known, or it was begun before the last clear, or the filters name a status. */
void history_totals_put(history_totals_t *self, uint64_t age, const history_query_t *query,
                        const history_total_t *known);
