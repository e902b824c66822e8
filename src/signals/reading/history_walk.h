/* Going through the history range by range of seqs, from either end, each as large as the store looks at in a short time.
 * Pure; one thread. */
#pragma once

#include "signals/reading/history_totals.h"

typedef struct {
    int64_t low, high; /* ahead, both included */
    int64_t range;     /* seqs of the next one */
    int64_t from, to;  /* the present range, both included */
    int64_t asked_us;
} history_walk_t;

/* Nothing matches up to known->up_to_seq but from first_seq to last_seq: what lies outside is not gone through. */
void history_walk_skip(history_walk_t *self, const history_total_t *known);
/* The next range from the one end or the other; false when nothing is ahead. */
bool history_walk_next(history_walk_t *self, bool ascending, int64_t now_us);
/* The present one was looked at; the time that it took tells how large the next one may be. */
void history_walk_pass(history_walk_t *self, bool ascending, int64_t now_us);
