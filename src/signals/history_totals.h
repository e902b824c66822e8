/* How many signals match filters, kept for those that were asked for lately: what a signal says and when it came never
 * changes, so a count up to a seq stays true, and the next one begins there. Not for filters by status, which changes.
 * Bounded; pure; one thread. */
#pragma once

#include "signals/history_query.h"

typedef struct history_totals_s history_totals_t;
history_totals_t *history_totals_new(void);
void history_totals_destroy(history_totals_t **self_p);

/* The count up to that seq; both 0 when nothing is known. */
void history_totals_get(history_totals_t *self, const history_query_t *query, int64_t *up_to_seq,
                        int64_t *count);
/* Kept unless more is known, or the filters name a status. */
void history_totals_put(history_totals_t *self, const history_query_t *query, int64_t up_to_seq,
                        int64_t count);
