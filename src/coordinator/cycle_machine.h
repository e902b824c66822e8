/* The state machine of a cycle: state × event → action and next state, as a table. Pure; any thread.
 *
 *   QUEUED ──PLACE──► OPENING ──STORED──► CALLING ──ANSWERED──► OPENING (the next stage) ... CLOSING ──► CLOSED
 *                        ▲                 │   ▲
 *                        │ RESUME          ▼   │ DUE
 *                       HELD            BACKING_OFF
 *
 * A cycle goes through its stages one after the other. A stage's row is stored before its call goes out (OPENING),
 * and the end of one stage is stored together with the beginning of the next. */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CYCLE_QUEUED,      /* waits for a place */
    CYCLE_OPENING,     /* the open stage's row is being stored; its call follows */
    CYCLE_CALLING,     /* the open stage's call is out */
    CYCLE_BACKING_OFF, /* the open stage's call is repeated after a while */
    CYCLE_HELD,        /* between two stages, while the trading flow is stopped */
    CYCLE_CLOSING,     /* its end is being stored */
    CYCLE_CLOSED,      /* its end is stored */
    CYCLE_STATE_COUNT
} cycle_state_t;

typedef enum {
    EVENT_PLACE,    /* there is a place for it among the running ones */
    EVENT_STORED,   /* its present state is stored */
    EVENT_ANSWERED, /* the call brought what the stage needs */
    EVENT_REFUSED,  /* the stage cannot succeed, however often it is tried */
    EVENT_FAILED,   /* the call failed, and the same call may succeed later */
    EVENT_AWAY,     /* a part of ours was not there to take the call: nothing was tried */
    EVENT_DUE,      /* it has backed off long enough */
    EVENT_DEADLINE, /* the time of the stage or the cycle is over */
    EVENT_CANCEL,   /* somebody wants it cancelled */
    EVENT_STOP,     /* the call was refused because the trading flow is stopped */
    EVENT_RESUME,   /* the trading flow goes on */
    EVENT_RESTART,  /* it was read from the store after a start: OPENING or HELD, by its rows, or QUEUED */
    CYCLE_EVENT_COUNT
} cycle_event_t;

/* What an outcome depends on, besides state and event. */
typedef enum {
    FACT_STOPPED = 1,         /* the trading flow is stopped */
    FACT_MAY_REPEAT = 2,      /* repeats, attempts and time are left for the stage's call */
    FACT_LAST = 4,            /* nothing is to be done after the open stage; HELD: nothing at all */
    FACT_IRREVOCABLE = 8,     /* what the call does cannot be taken back, and may have been done already */
    FACT_TO_BE_CANCELLED = 16 /* somebody wanted it cancelled while that could not be done */
} cycle_fact_t;
#define CYCLE_FACTS_ALL 31u

typedef enum {
    ACTION_NONE,
    ACTION_OPEN,        /* begin the next stage: its input, its row */
    ACTION_CALL,        /* send the open stage's call */
    ACTION_ADVANCE,     /* the stage is completed; begin the next one */
    ACTION_HOLD,        /* the stage is completed; the next one waits for the trading flow */
    ACTION_SET_BACK,    /* the stage is begun anew when the trading flow goes on */
    ACTION_COMPLETE,    /* the stage, if one is open, is completed, and so is the cycle */
    ACTION_REPEAT,      /* the call is repeated, later and later */
    ACTION_REPEAT_SOON, /* the call is repeated as soon as the part of ours may be back */
    ACTION_FAIL,        /* the stage has failed, and so has the cycle */
    ACTION_CANCEL,      /* the cycle is cancelled; nothing of it is under way elsewhere */
    ACTION_CANCEL_CALL, /* the same, and what the open stage's call set going is cancelled too */
    ACTION_NOTE_CANCEL, /* it is cancelled if the call that is out turns out to have done nothing */
    ACTION_FINISH,      /* the end is stored: whoever waits for it is told */
    ACTION_TOO_LATE,    /* whoever wants it cancelled is told that it has ended */
    CYCLE_ACTION_COUNT
} cycle_action_t;

typedef struct {
    cycle_action_t action;
    cycle_state_t next;
} cycle_step_t;

/* Defined for every state, event and set of facts (cycle_fact_t, or'ed). */
cycle_step_t cycle_machine_next(cycle_state_t state, cycle_event_t event, unsigned facts);

const char *cycle_state_name(cycle_state_t state);
const char *cycle_event_name(cycle_event_t event);

/* What a failed call is to the machine. The error table tells what may be repeated from what may not. */
cycle_event_t cycle_machine_event_of(err_t err);

/* ---- Repeating a stage's call ---- */

#define STAGE_ATTEMPTS_MOST 4 /* of one logical call, the adapter's own included */

typedef struct {
    uint32_t repeats, repeats_most; /* repeats of the stage's call so far; ANALYSIS_STAGE_RETRIES */
    uint32_t attempts;              /* of the logical call, by whomever, so far */
    int64_t retry_after_ms;         /* that the other side named; 0 = none */
    int64_t left_ms;                /* until the stage's time is over */
    uint64_t random;
} repeat_t;

/* True when the call may be repeated; *delay_ms: exponential from 0.2 s, at most 10 s, full jitter, and no sooner
 * than the other side asked for. Never so late that the stage's time would be over. */
bool cycle_machine_may_repeat(const repeat_t *repeat, int64_t *delay_ms);
