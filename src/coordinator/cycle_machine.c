/* The state machine of a cycle: see cycle_machine.h. */
#include "coordinator/cycle_machine.h"

#include "services/retry.h"

/* The first row counts whose state and event fit: `facts` all hold, of `absent` none does. What has no row is of no
 * concern to that state: nothing is done, the state stays. */
static const struct {
    cycle_state_t state;
    cycle_event_t event;
    unsigned facts, absent;
    cycle_action_t action;
    cycle_state_t next;
} s_table[] = {
    {CYCLE_QUEUED, EVENT_PLACE, 0, FACT_STOPPED, ACTION_OPEN, CYCLE_OPENING},
    {CYCLE_QUEUED, EVENT_CANCEL, 0, 0, ACTION_CANCEL, CYCLE_CLOSING},

    {CYCLE_OPENING, EVENT_STORED, 0, 0, ACTION_CALL, CYCLE_CALLING},
    {CYCLE_OPENING, EVENT_RESTART, 0, 0, ACTION_CALL, CYCLE_CALLING},
    {CYCLE_OPENING, EVENT_REFUSED, 0, 0, ACTION_FAIL, CYCLE_CLOSING}, /* its input cannot be built */
    {CYCLE_OPENING, EVENT_DEADLINE, 0, 0, ACTION_FAIL, CYCLE_CLOSING},
    {CYCLE_OPENING, EVENT_CANCEL, 0, 0, ACTION_CANCEL, CYCLE_CLOSING},

    {CYCLE_CALLING, EVENT_ANSWERED, FACT_LAST, 0, ACTION_COMPLETE, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_ANSWERED, FACT_STOPPED, 0, ACTION_HOLD, CYCLE_HELD},
    {CYCLE_CALLING, EVENT_ANSWERED, 0, 0, ACTION_ADVANCE, CYCLE_OPENING},
    {CYCLE_CALLING, EVENT_REFUSED, FACT_TO_BE_CANCELLED, 0, ACTION_CANCEL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_REFUSED, 0, 0, ACTION_FAIL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_FAILED, FACT_TO_BE_CANCELLED, 0, ACTION_CANCEL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_FAILED, FACT_MAY_REPEAT, 0, ACTION_REPEAT, CYCLE_BACKING_OFF},
    {CYCLE_CALLING, EVENT_FAILED, 0, 0, ACTION_FAIL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_AWAY, FACT_TO_BE_CANCELLED, 0, ACTION_CANCEL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_AWAY, 0, 0, ACTION_REPEAT_SOON, CYCLE_BACKING_OFF},
    {CYCLE_CALLING, EVENT_DEADLINE, FACT_TO_BE_CANCELLED, 0, ACTION_CANCEL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_DEADLINE, 0, 0, ACTION_FAIL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_STOP, FACT_TO_BE_CANCELLED, 0, ACTION_CANCEL, CYCLE_CLOSING},
    {CYCLE_CALLING, EVENT_STOP, FACT_STOPPED, 0, ACTION_SET_BACK, CYCLE_HELD},
    {CYCLE_CALLING, EVENT_STOP, 0, 0, ACTION_REPEAT_SOON, CYCLE_BACKING_OFF},
    {CYCLE_CALLING, EVENT_CANCEL, FACT_IRREVOCABLE, 0, ACTION_NOTE_CANCEL, CYCLE_CALLING},
    {CYCLE_CALLING, EVENT_CANCEL, 0, 0, ACTION_CANCEL_CALL, CYCLE_CLOSING},

    {CYCLE_BACKING_OFF, EVENT_DUE, 0, 0, ACTION_CALL, CYCLE_CALLING},
    {CYCLE_BACKING_OFF, EVENT_DEADLINE, 0, 0, ACTION_FAIL, CYCLE_CLOSING},
    {CYCLE_BACKING_OFF, EVENT_CANCEL, 0, 0, ACTION_CANCEL_CALL, CYCLE_CLOSING},

    {CYCLE_HELD, EVENT_RESUME, FACT_LAST, 0, ACTION_COMPLETE, CYCLE_CLOSING},
    {CYCLE_HELD, EVENT_RESUME, 0, 0, ACTION_OPEN, CYCLE_OPENING},
    {CYCLE_HELD, EVENT_RESTART, FACT_LAST, 0, ACTION_COMPLETE, CYCLE_CLOSING},
    {CYCLE_HELD, EVENT_RESTART, 0, FACT_STOPPED, ACTION_OPEN, CYCLE_OPENING},
    {CYCLE_HELD, EVENT_CANCEL, 0, 0, ACTION_CANCEL, CYCLE_CLOSING},

    {CYCLE_CLOSING, EVENT_STORED, 0, 0, ACTION_FINISH, CYCLE_CLOSED},
    {CYCLE_CLOSING, EVENT_CANCEL, 0, 0, ACTION_NOTE_CANCEL, CYCLE_CLOSING},

    {CYCLE_CLOSED, EVENT_CANCEL, 0, 0, ACTION_TOO_LATE, CYCLE_CLOSED},
};

cycle_step_t cycle_machine_next(cycle_state_t state, cycle_event_t event, unsigned facts) {
    for (size_t i = 0; i < sizeof s_table / sizeof *s_table; i++)
        if (s_table[i].state == state && s_table[i].event == event &&
            (s_table[i].facts & facts) == s_table[i].facts && (s_table[i].absent & facts) == 0)
            return (cycle_step_t){s_table[i].action, s_table[i].next};
    return (cycle_step_t){ACTION_NONE, state};
}

const char *cycle_state_name(cycle_state_t state) {
    static const char *const names[CYCLE_STATE_COUNT] = {"queued", "opening", "calling", "backing_off",
                                                         "held",   "closing", "closed"};
    return names[state];
}

const char *cycle_event_name(cycle_event_t event) {
    static const char *const names[CYCLE_EVENT_COUNT] = {"place",  "stored", "answered", "refused",
                                                         "failed", "away",   "due",      "deadline",
                                                         "cancel", "stop",   "resume",   "restart"};
    return names[event];
}

/* Nothing went out to a service when a part of ours was stopped, restarting or full: that is no failed attempt. */
static bool s_part_is_away(err_t err) {
    return err == ERR_SHUTTING_DOWN || err == ERR_STORE_UNAVAILABLE || err == ERR_NO_SUBSCRIBER ||
           err == ERR_OVERLOADED;
}

cycle_event_t cycle_machine_event_of(err_t err) {
    if (err == ERR_SYSTEM_STOPPED)
        return EVENT_STOP;
    if (s_part_is_away(err))
        return EVENT_AWAY;
    return err_is_retryable(err) ? EVENT_FAILED : EVENT_REFUSED;
}

bool cycle_machine_may_repeat(const repeat_t *repeat, int64_t *delay_ms) {
    *delay_ms = retry_delay_ms((int)repeat->repeats + 2, repeat->random, repeat->retry_after_ms);
    return repeat->repeats < repeat->repeats_most && repeat->attempts < STAGE_ATTEMPTS_MOST &&
           *delay_ms < repeat->left_ms;
}
