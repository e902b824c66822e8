/* A cycle that has not ended, in memory, and the coordinator's collection of them.
 *
 * Every cycle_t is in coordinator_t.cycles from creation until its end is stored and nothing that it asked for is
 * unanswered; `state` says what it is about, `status` what the outside sees. */
#pragma once

#include "actor/actor.h"
#include "coordinator/cycle_machine.h"
#include "coordinator/stages.h"
#include "integration/v1/system.pb.h"
#include "store/store.h"

#define CYCLES_QUEUED_MAX    1000
#define CYCLE_RETRY_STORE_MS 500
#define CYCLE_JOB_GIVE_UP_MS 1800000  /* of a stage's job, when the cycle may take longer than that */
#define CYCLE_REPEAT_MS      500      /* until a call that found a part of ours away is sent again */
#define CYCLE_TIME_MARGIN_US 500000   /* whoever is called gives up a little before the deadline */
#define CYCLE_CANCEL_US      15000000 /* for whoever is told to cancel what it does for a cycle */

typedef struct coordinator_s coordinator_t;
typedef struct cycle_s cycle_t;

typedef struct {
    char status[16];              /* pending, running, completed, failed, skipped, cancelled, timeout */
    uint32_t attempts;            /* of the stage's logical call, with the one that is under way */
    uint32_t attempts_before;     /* the same without it */
    int64_t start_time, end_time; /* wall-clock milliseconds; 0 = not yet */
    char *error, *input, *output, *summary; /* JSON text but error; NULL = none */
    double downstream_ms;
    char job_id[129];
    bool dirty;   /* differs from the store */
    bool writing; /* is part of the write under way */
} cycle_stage_t;

/* A TriggerAnalysis that waits for the end of its cycle. */
typedef struct waiter_s {
    struct waiter_s *next;
    call_t *call;
    uint64_t timer;
    cycle_t *cycle;
} waiter_t;

/* A CancelCycle that waits for the end of its cycle. */
typedef struct canceller_s {
    struct canceller_s *next;
    call_t *call;
} canceller_t;

struct cycle_s {
    cycle_t *next; /* in coordinator_t.cycles, oldest first */
    coordinator_t *owner;
    cycle_state_t state;
    char cycle_id[37];
    char status[16]; /* queued, running, completed, failed, cancelled, timeout */
    char trigger[33];
    char *request; /* JSON: portfolio_id, symbols */
    char portfolio_id[65];
    char **symbols;
    size_t symbol_count;
    bool force, degraded;
    int64_t created_at, start_time, end_time;
    int64_t paused_at, paused_ms; /* held since, 0 = is not; held so long before */
    char *error;
    err_t error_code;
    char rerun_of[65], from_stage[33]; /* empty = no rerun */
    char validation_id[65];
    uint32_t signals_produced;
    cycle_stage_t stages[STAGE_COUNT];
    Envelope context; /* principal, request id and trace of whoever started it */
    waiter_t *waiters;
    canceller_t *cancellers;
    char *cancel_why; /* why it is cancelled, or to be cancelled; NULL = it is not */
    int64_t wait_ms;  /* that whoever triggered it waits for its end */
    bool stored;      /* its row exists */
    bool place_free;  /* when it was accepted: its answer says running, as it is once it is stored */

    /* The call of the open stage. */
    bool interrupted; /* by the end of an earlier process; what it set going is not known to anybody here */
    bool calling;     /* it is out: its answer will come, and find the cycle */
    uint64_t timer;   /* until it is repeated; 0 = none */
    uint32_t repeats; /* of the stage, since its row was stored or read */
    err_t failure;    /* the last one, with its reason in the stage's row */
    bool may_repeat;
    int64_t delay_ms; /* until then, when it may */

    /* The write of its state. */
    bool writing, write_again; /* one is under way; what it writes has changed meanwhile */
    uint64_t store_timer;      /* until it is tried again; 0 = none */
};

struct coordinator_s {
    actor_t *actor;
    cycle_t *cycles;
    struct system_s *system; /* system_state.h */
    bool flow_running;       /* the trading flow: startup and shutdown */
    bool recovered;          /* the open cycles of the store were loaded */
    bool recovering, recovery_failed;
    bool recovery_told; /* that it fails; once */
    size_t loading;     /* stage queries of recovery under way */
};

cycle_t *cycle_new(coordinator_t *owner, const char *cycle_id);
/* Takes it out of the collection and frees it; those who wait for it must be gone. */
void cycle_destroy(cycle_t **self_p);

cycle_t *coordinator_find(const coordinator_t *self, const char *cycle_id);
size_t coordinator_count(const coordinator_t *self, const char *status);
/* Cycles that are not over, with those whose row is still being written. */
size_t coordinator_count_open(const coordinator_t *self);
bool cycle_is_over(const cycle_t *self);
/* The first stage that has not ended; STAGE_COUNT when all have. */
stage_t cycle_current_stage(const cycle_t *self);
void cycle_set_status(cycle_t *self, const char *status);
/* Replaces the text. */
void cycle_set_text(char **field, const char *text);

/* Reads `request` into portfolio_id and symbols. */
void cycle_apply_request(cycle_t *self);

/* ---- Engine (cycle_engine.c) ---- */

/* Moves it on as the state machine says. It may be gone afterwards. */
void cycle_event(cycle_t *self, cycle_event_t event);
/* Starts queued cycles while places are free and the trading flow runs. */
void coordinator_start_queued(coordinator_t *self);
/* The trading flow was started or stopped (flow_running): held cycles go on, queued ones start. */
void coordinator_flow_changed(coordinator_t *self);
/* True when the validation's tier forbids the dispatch: then the cycle ends without it. */
bool cycle_dispatch_is_forbidden(const cycle_t *self);

/* The open stage's call has brought its result. Takes output and summary. */
void cycle_answered(cycle_t *self, char *output, char *summary);
/* The open stage's call has failed: what may succeed later is repeated. `retry_after_ms` 0 = not named. */
void cycle_failed(cycle_t *self, err_t err, const char *why, int64_t retry_after_ms);
/* The open stage cannot succeed, whatever its call brought. */
void cycle_failed_for_good(cycle_t *self, err_t err, const char *why);

/* ---- Calls (cycle_calls.c) ---- */

/* Builds the input of a stage, when it has none yet. */
ERR_MUST_USE
err_t cycle_build_input(cycle_t *self, stage_t stage, char why[STAGE_WHY_SIZE]);
/* Sends what the stage's input says; ends in cycle_answered or cycle_failed. */
void cycle_send_stage(cycle_t *self, stage_t stage);
/* Whoever works for the stage is told to stop, and to cancel the job that it may have started. */
void cycle_cancel_stage(cycle_t *self, stage_t stage);
/* Monotonic deadline of the stage's call. The time for which the cycle was held does not count. */
int64_t cycle_deadline_us(const cycle_t *self, stage_t stage);
/* True when the time of the whole cycle is over (data readiness has its own, which does not count). */
bool cycle_time_is_over(const cycle_t *self, stage_t stage);

/* ---- Store (cycle_store.c) ---- */

/* Stores what has changed and publishes it, then EVENT_STORED; tries again until the store takes it. */
void cycle_persist(cycle_t *self);
/* The first write of a cycle; `answer`, of the call's rpc, is recorded under its idempotency key. `done` gets the call
 * back and answers it. */
typedef void(cycle_inserted_fn)(cycle_t *self, call_t *call, err_t err, const Fault *fault);
void cycle_insert(cycle_t *self, call_t *call, const void *answer, cycle_inserted_fn *done);

/* ---- Loading (cycle_load.c) ---- */

/* Fills the stage that the row (CYCLE_STAGE_COLUMNS) names. */
void cycle_load_stage(cycle_t *self, const store_row_t *row);
/* Loads the open cycles and goes on with them. */
void coordinator_recover(coordinator_t *self);

/* ---- Acceptance (cycle_trigger.c) ---- */

/* Whether another cycle may be accepted now. */
ERR_MUST_USE
err_t coordinator_admit(const coordinator_t *self, call_t *call, bool fail_at_limit);
/* A new cycle, queued, for whoever calls. */
cycle_t *coordinator_new_cycle(coordinator_t *self, const call_t *call);
err_t coordinator_trigger(actor_t *actor, call_t *call, const void *request, void *response);

/* ---- Cancelling and running again (cycle_cancel.c, cycle_rerun.c) ---- */
err_t coordinator_cancel_cycle(actor_t *actor, call_t *call, const void *request, void *response);
/* Its end is stored: they get it, or hear that they came too late. */
void cycle_answer_cancellers(cycle_t *self);
/* Its end was stored before they came. */
void cycle_refuse_cancellers(cycle_t *self);
err_t coordinator_rerun_cycle(actor_t *actor, call_t *call, const void *request, void *response);

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

/* ---- Queries (cycle_queries.c, cycle_detail.c) ---- */
err_t coordinator_list_cycles(actor_t *actor, call_t *call, const void *request, void *response);
err_t coordinator_get_cycle(actor_t *actor, call_t *call, const void *request, void *response);
/* The refusal of a call whose cycle_id nothing has: ERR_NOT_FOUND, explained. */
err_t coordinator_no_such_cycle(call_t *call);
/* Answers the call with the CycleDetail from the store. */
void coordinator_answer_detail(actor_t *actor, call_t *call, const char *cycle_id);
