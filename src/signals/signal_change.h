/* Ops that change a signal that is stored, each with the Signal event that tells of it. */
#pragma once

#include "signals/rules/candidate.h"
#include "signals/rules/strategy.h"
#include "store/store.h"

typedef struct {
    const candidate_t *of;
    uint64_t seq;                /* of its first event, or the mark of the op that makes it in this write */
    const char *target, *symbol; /* symbol NULL: it has none of its own */
    const char *status;          /* as it is */
    const Signal *whole; /* of a signal of the same write, whose first event is not there yet; else NULL */
} stored_signal_t;

/* From self->status to `status`; exactly one row must come of it. `superseded_by` NULL = nobody. Returns the index of the
 * op in its unit. */
size_t signal_change_status(store_write_t *write, const stored_signal_t *self, const char *status,
                            const char *superseded_by, int64_t now_ms, const char *traceparent);
/* Strength and allocation; exactly one row must come of it. */
void signal_change_figures(store_write_t *write, const stored_signal_t *self, const adjustment_t *to,
                           int64_t now_ms, const char *traceparent);
