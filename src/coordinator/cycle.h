/* A cycle that has not ended, in memory, and the coordinator's collection of them.
 *
 * Every cycle_t is in coordinator_t.cycles from creation until it has ended and its end is stored; its status
 * says whether it waits for a place (queued) or has one (running). */
#pragma once

#include "actor/actor.h"
#include "coordinator/stages.h"
#include "integration/v1/system.pb.h"

#define CYCLES_QUEUED_MAX    1000
#define CYCLE_RETRY_STORE_MS 500
#define CYCLE_JOB_GIVE_UP_MS 1800000 /* of a stage's job, when the cycle may take longer than that */
#define CYCLE_REPEAT_MS      500     /* until a call that found a part of ours away is sent again */
#define CYCLE_TIME_MARGIN_US 500000  /* whoever is called gives up a little before the deadline */

typedef struct coordinator_s coordinator_t;
typedef struct cycle_s cycle_t;

typedef struct {
    char status[16]; /* pending, running, completed, failed, skipped, cancelled, timeout */
    uint32_t attempts;
    int64_t start_time, end_time;           /* wall-clock milliseconds; 0 = not yet */
    char *error, *input, *output, *summary; /* JSON text but error; NULL = none */
    double downstream_ms;
    char job_id[129];
    bool dirty; /* differs from the store */
} cycle_stage_t;

/* A TriggerAnalysis that waits for the end of its cycle. */
typedef struct waiter_s {
    struct waiter_s *next;
    call_t *call;
    uint64_t timer;
    cycle_t *cycle;
    bool late; /* its time is over, the end is being stored */
} waiter_t;

struct cycle_s {
    cycle_t *next; /* in coordinator_t.cycles, oldest first */
    coordinator_t *owner;
    char cycle_id[37];
    char status[16]; /* queued, running, completed, failed, cancelled, timeout */
    char trigger[33];
    char *request; /* JSON: portfolio_id, symbols */
    char portfolio_id[65];
    char **symbols;
    size_t symbol_count;
    bool force, degraded;
    int64_t created_at, start_time, end_time;
    char *error;
    err_t error_code;
    char validation_id[65];
    uint32_t signals_produced;
    cycle_stage_t stages[STAGE_COUNT];
    Envelope context; /* principal, request id and trace of whoever started it */
    waiter_t *waiters;
    bool stored;     /* its row exists */
    bool place_free; /* when it was accepted: its answer says running, as it is once it is stored */
    uint64_t timer;  /* the next try of the store, or of the stage's call; 0 = none */
    void (*persisted)(cycle_t *self); /* what follows when the present state is stored */
};

struct coordinator_s {
    actor_t *actor;
    cycle_t *cycles;
    bool recovered; /* the open cycles of the store were loaded */
    bool recovering, recovery_failed;
    size_t loading; /* stage queries of recovery under way */
};

cycle_t *cycle_new(coordinator_t *owner, const char *cycle_id);
/* Takes it out of the collection and frees it; waiters must be gone. */
void cycle_destroy(cycle_t **self_p);

size_t coordinator_count(const coordinator_t *self, const char *status);
/* Cycles that are not over, with those whose row is still being written. */
size_t coordinator_count_open(const coordinator_t *self);
bool cycle_is_over(const cycle_t *self);
/* The first stage that has not ended; STAGE_COUNT when all have. */
stage_t cycle_current_stage(const cycle_t *self);
void cycle_set_status(cycle_t *self, const char *status);

/* Reads `request` into portfolio_id and symbols. */
void cycle_apply_request(cycle_t *self);

/* ---- Engine (cycle_engine.c) ---- */

/* Gives a queued cycle its place: running, first stage. */
void cycle_start(cycle_t *self);
/* Goes on with a running cycle at its open stage: after recovery. */
void cycle_resume(cycle_t *self);
/* Starts queued cycles while places are free. */
void coordinator_start_queued(coordinator_t *self);

/* The stage has its result. Takes output and summary. */
void cycle_stage_completed(cycle_t *self, stage_t stage, char *output, char *summary);
/* The stage, and with it the cycle, has failed. ERR_DEADLINE_EXCEEDED makes the stage a timeout, and the cycle too when
 * its own time is over. */
void cycle_stage_failed(cycle_t *self, stage_t stage, err_t err, const char *why);

/* ---- Calls (cycle_calls.c) ---- */

/* Builds the input of a stage, when it has none yet. */
ERR_MUST_USE
err_t cycle_build_input(cycle_t *self, stage_t stage, char why[STAGE_WHY_SIZE]);
/* Sends what the stage's input says. */
void cycle_send_stage(cycle_t *self, stage_t stage);
/* Monotonic deadline of the stage's call. */
int64_t cycle_deadline_us(const cycle_t *self, stage_t stage);
/* True when the time of the whole cycle is over (data readiness has its own, which does not count). */
bool cycle_time_is_over(const cycle_t *self, stage_t stage);

/* ---- Store (cycle_store.c) ---- */

/* Stores what has changed and publishes it, then calls `then`; tries again until the store takes it. */
void cycle_persist(cycle_t *self, void (*then)(cycle_t *self));
/* The first write of a cycle; `answer` is recorded under the call's idempotency key. */
void cycle_insert(cycle_t *self, call_t *call, const TriggerAnalysisReply *answer, actor_reply_fn *reply,
                  void *context);
/* Loads the open cycles and resumes them. */
void coordinator_recover(coordinator_t *self);

/* ---- Waiting callers (cycle_wait.c) ---- */

void cycle_fill_reply(const cycle_t *self, TriggerAnalysisReply *reply);
/* The answer as it is when the cycle is accepted. */
void cycle_fill_accepted(const cycle_t *self, TriggerAnalysisReply *reply);
/* Answers when the cycle's end is stored, or after `wait_ms` as it stands then. */
void cycle_wait(cycle_t *self, call_t *call, int64_t wait_ms);
/* The end is stored. */
void cycle_answer_waiters(cycle_t *self);
/* Answers them before the end: the process stops. */
void cycle_dismiss_waiters(cycle_t *self);

/* ---- Queries (cycle_queries.c) ---- */
err_t coordinator_list_cycles(actor_t *actor, call_t *call, const void *request, void *response);
err_t coordinator_get_cycle(actor_t *actor, call_t *call, const void *request, void *response);
