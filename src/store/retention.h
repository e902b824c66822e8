/* The removal of old history: signals, deliveries, conflicts, cycles with their stages, validations and dataset syncs.
 * What is still at work stays however old it is; retention.def says of each table what that is. */
#pragma once

#include "store/engine.h"

/* One run through all tables. */
typedef struct {
    int64_t before_ms; /* what is older goes */
    int64_t now_ms;    /* signals that expire later are active */
    int64_t after_seq; /* of the present table, where the next step begins */
    int64_t removed;   /* rows, so far */
    unsigned table;    /* the present one */
} retention_t;

void retention_begin(retention_t *self, int64_t before_ms, int64_t now_ms);
bool retention_is_over(const retention_t *self);

/* The next step: one transaction of some hundred rows, together with the counter 'signals_removed'. Not for a run that
 * is over. Errors of the engine; the run may go on after one. */
ERR_MUST_USE
err_t retention_step(retention_t *self, engine_t *engine);
