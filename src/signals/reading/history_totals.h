/* How many signals match filters, kept for those that were asked for lately: what a signal says and when it came never
 * changes, so a count up to a seq stays true until old ones are removed, and the next one begins there. Not for filters
 * by status, which changes.
 * Bounded; pure; one thread. */
#pragma once

#include "signals/reading/history_query.h"

typedef struct history_totals_s history_totals_t;
history_totals_t *history_totals_new(void);
void history_totals_destroy(history_totals_t **self_p);

/* Signals were removed: nothing is known any more. */
void history_totals_clear(history_totals_t *self);

/* The count up to that seq; both 0 when nothing is known. */
void history_totals_get(history_totals_t *self, const history_query_t *query, int64_t *up_to_seq,
                        int64_t *count);
/* When the count was begun, for its put: of signals that are removed meanwhile it may hold some. */
uint64_t history_totals_age(const history_totals_t *self);
/* Kept unless more is known, or it was begun before the last clear, or the filters name a status. */
void history_totals_put(history_totals_t *self, uint64_t age, const history_query_t *query, int64_t up_to_seq,
                        int64_t count);
