/* What the files of a validation under way share: historical.c and forward.c are its halves, verdict.c its end. */
#pragma once

#include "validation/run.h"

#include "integration/v1/services.pb.h"
#include "integration/v1/store.pb.h"
#include "validation/formulas.h"

/* PART_STOPPED: the adapter was stopped or restarted; nothing is known, the whole is to be asked for again. */
typedef enum { PART_OPEN, PART_DONE, PART_FAILED, PART_TIMEOUT, PART_STOPPED } part_t;

typedef struct run_s {
    struct run_s *next; /* in the actor's list, from start until it has answered */
    actor_t *actor;
    call_t *call;
    ValidateCycleRequest request;
    Validation result;
    validation_parts_t parts;
    part_t historical, forward;
    bool storing;        /* it is over, its end is being stored */
    bool cancelled;      /* what still comes changes nothing */
    uint64_t pool_timer; /* until the pool is looked at again; 0 = none */
    char *performance;
    char why[256]; /* of the first part that did not finish well */
    int64_t started_us, deadline_us, pool_poll_ms;
    double historical_ms, forward_ms;
} run_t;

/* ---- run.c: start, gate, cancelling ---- */

actor_request_options_t run_options(const run_t *self);
part_t run_part_of(err_t err);
/* One half has ended; with the other, the run has. `what` and `why` are of one that did not finish well. */
void run_end_part(run_t *self, part_t *part, part_t how, const char *what, const char *why);
void run_free(run_t *self);

/* ---- historical.c: the backtest ---- */

void historical_send(run_t *self);
/* The call of the backtest, released with message_release in any case; ERR_PROTOCOL when as_of is no date. */
ERR_MUST_USE
err_t historical_call(const ValidateCycleRequest *request, AdapterCall *call);

/* ---- forward.c: the sandbox pool ---- */

void forward_send(run_t *self);
/* Ends the wait between two looks at the pool. */
void forward_cancel(run_t *self);

/* ---- verdict.c: the end ---- */

/* Both halves have ended: judges, stores, answers, frees. */
void run_finish(run_t *self);
/* OK, or why the only unit of a write was not stored. */
err_t run_written(err_t err, const StoreWritten *written);
