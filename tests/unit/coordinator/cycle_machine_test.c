/* The state machine of a cycle: every state with every event, and when a call is repeated. */
#include "coordinator/cycle_machine.h"

#include <criterion/criterion.h>

/* ---- the whole table ---- */

/* What happens with no fact given, by state (row) and event (column: PLACE STORED ANSWERED REFUSED FAILED AWAY DUE
 * DEADLINE CANCEL STOP RESUME RESTART). N = nothing, and the state stays. */
#define N \
    { ACTION_NONE, CYCLE_STATE_COUNT }
#define GO(a, s) \
    { ACTION_##a, CYCLE_##s }
#define CLOSE(a) GO(a, CLOSING)
static const cycle_step_t s_expected[CYCLE_STATE_COUNT][CYCLE_EVENT_COUNT] = {
    [CYCLE_QUEUED] = {GO(OPEN, OPENING), N, N, N, N, N, N, N, CLOSE(CANCEL), N, N, N},
    [CYCLE_OPENING] = {N, GO(CALL, CALLING), N, CLOSE(FAIL), N, N, N, CLOSE(FAIL), CLOSE(CANCEL), N, N,
                       GO(CALL, CALLING)},
    [CYCLE_CALLING] = {N, N, GO(ADVANCE, OPENING), CLOSE(FAIL), CLOSE(FAIL), GO(REPEAT_SOON, BACKING_OFF), N,
                       CLOSE(FAIL), CLOSE(CANCEL_CALL), GO(REPEAT_SOON, BACKING_OFF), N, N},
    [CYCLE_BACKING_OFF] = {N, N, N, N, N, N, GO(CALL, CALLING), CLOSE(FAIL), CLOSE(CANCEL_CALL), N, N, N},
    [CYCLE_HELD] = {N, N, N, N, N, N, N, N, CLOSE(CANCEL), N, GO(OPEN, OPENING), GO(OPEN, OPENING)},
    [CYCLE_CLOSING] = {N, GO(FINISH, CLOSED), N, N, N, N, N, N, GO(NOTE_CANCEL, CLOSING), N, N, N},
    [CYCLE_CLOSED] = {N, N, N, N, N, N, N, N, GO(TOO_LATE, CLOSED), N, N, N},
};

static void s_expect(cycle_state_t state, cycle_event_t event, unsigned facts, cycle_action_t action,
                     cycle_state_t next) {
    cycle_step_t step = cycle_machine_next(state, event, facts);
    cr_expect_eq(step.action, action, "%s, %s, facts %u: action %d", cycle_state_name(state),
                 cycle_event_name(event), facts, step.action);
    cr_expect_eq(step.next, next, "%s, %s, facts %u: %s", cycle_state_name(state), cycle_event_name(event),
                 facts, cycle_state_name(step.next));
}

Test(cycle_machine, every_state_has_an_answer_to_every_event, .timeout = 10) {
    for (int state = 0; state < CYCLE_STATE_COUNT; state++)
        for (int event = 0; event < CYCLE_EVENT_COUNT; event++) {
            cycle_step_t step = s_expected[state][event];
            s_expect((cycle_state_t)state, (cycle_event_t)event, 0, step.action,
                     step.next == CYCLE_STATE_COUNT ? (cycle_state_t)state : step.next);
        }
}

typedef struct {
    cycle_state_t state;
    cycle_event_t event;
    unsigned facts;
    cycle_step_t step;
} exception_t;

static const exception_t s_exceptions[] = {
    {CYCLE_QUEUED, EVENT_PLACE, FACT_STOPPED, GO(NONE, QUEUED)},
    {CYCLE_CALLING, EVENT_ANSWERED, FACT_LAST, CLOSE(COMPLETE)},
    {CYCLE_CALLING, EVENT_ANSWERED, FACT_STOPPED, GO(HOLD, HELD)},
    {CYCLE_CALLING, EVENT_ANSWERED, FACT_STOPPED | FACT_LAST, CLOSE(COMPLETE)},
    {CYCLE_CALLING, EVENT_FAILED, FACT_MAY_REPEAT, GO(REPEAT, BACKING_OFF)},
    {CYCLE_CALLING, EVENT_REFUSED, FACT_MAY_REPEAT, CLOSE(FAIL)},
    {CYCLE_CALLING, EVENT_DEADLINE, FACT_MAY_REPEAT, CLOSE(FAIL)},
    {CYCLE_CALLING, EVENT_STOP, FACT_STOPPED, GO(SET_BACK, HELD)},
    {CYCLE_CALLING, EVENT_CANCEL, FACT_IRREVOCABLE, GO(NOTE_CANCEL, CALLING)},
    {CYCLE_CALLING, EVENT_ANSWERED, FACT_LAST | FACT_TO_BE_CANCELLED, CLOSE(COMPLETE)},
    {CYCLE_CALLING, EVENT_REFUSED, FACT_TO_BE_CANCELLED, CLOSE(CANCEL)},
    {CYCLE_CALLING, EVENT_FAILED, FACT_TO_BE_CANCELLED | FACT_MAY_REPEAT, CLOSE(CANCEL)},
    {CYCLE_CALLING, EVENT_AWAY, FACT_TO_BE_CANCELLED, CLOSE(CANCEL)},
    {CYCLE_CALLING, EVENT_STOP, FACT_TO_BE_CANCELLED | FACT_STOPPED, CLOSE(CANCEL)},
    {CYCLE_CALLING, EVENT_DEADLINE, FACT_TO_BE_CANCELLED, CLOSE(CANCEL)},
    {CYCLE_HELD, EVENT_RESTART, FACT_STOPPED, GO(NONE, HELD)},
    {CYCLE_HELD, EVENT_RESTART, FACT_LAST, CLOSE(COMPLETE)},
    {CYCLE_HELD, EVENT_RESUME, FACT_LAST, CLOSE(COMPLETE)},
};

Test(cycle_machine, facts_change_what_they_should, .timeout = 10) {
    for (size_t i = 0; i < sizeof s_exceptions / sizeof *s_exceptions; i++)
        s_expect(s_exceptions[i].state, s_exceptions[i].event, s_exceptions[i].facts,
                 s_exceptions[i].step.action, s_exceptions[i].step.next);
}

/* ---- what holds whatever the facts ---- */

#define FOR_ALL(state, event, facts)                            \
    for (int state = 0; state < CYCLE_STATE_COUNT; state++)     \
        for (int event = 0; event < CYCLE_EVENT_COUNT; event++) \
            for (unsigned facts = 0; facts <= CYCLE_FACTS_ALL; facts++)

static cycle_step_t s_next(int state, int event, unsigned facts) {
    return cycle_machine_next((cycle_state_t)state, (cycle_event_t)event, facts);
}

Test(cycle_machine, a_closed_cycle_stays_closed_and_a_closing_one_only_closes, .timeout = 10) {
    FOR_ALL(state, event, facts) {
        cycle_state_t next = s_next(state, event, facts).next;
        if (state == CYCLE_CLOSED)
            cr_expect_eq(next, CYCLE_CLOSED);
        if (state == CYCLE_CLOSING)
            cr_expect(next == CYCLE_CLOSING || (next == CYCLE_CLOSED && event == EVENT_STORED));
        else if (state != CYCLE_CLOSED)
            cr_expect_neq(next, CYCLE_CLOSED, "its end is stored first");
    }
}

Test(cycle_machine, a_call_goes_out_only_when_its_row_is_stored, .timeout = 10) {
    FOR_ALL(state, event, facts) {
        cycle_step_t step = s_next(state, event, facts);
        if (step.next != CYCLE_CALLING || state == CYCLE_CALLING)
            continue;
        cr_expect_eq(step.action, ACTION_CALL);
        cr_expect((state == CYCLE_OPENING && (event == EVENT_STORED || event == EVENT_RESTART)) ||
                  (state == CYCLE_BACKING_OFF && event == EVENT_DUE));
    }
}

Test(cycle_machine, a_call_is_repeated_only_when_it_may_be, .timeout = 10) {
    FOR_ALL(state, event, facts) {
        if (s_next(state, event, facts).action == ACTION_REPEAT)
            cr_expect((facts & FACT_MAY_REPEAT) && event == EVENT_FAILED);
    }
}

Test(cycle_machine, nothing_begins_while_the_flow_is_stopped_but_what_is_begun_ends, .timeout = 10) {
    FOR_ALL(state, event, facts) {
        cycle_action_t action = s_next(state, event, facts).action;
        if ((facts & FACT_STOPPED) && event != EVENT_RESUME)
            cr_expect(action != ACTION_OPEN && action != ACTION_ADVANCE);
    }
}

Test(cycle_machine, a_cancel_is_never_lost, .timeout = 10) {
    for (int state = 0; state < CYCLE_STATE_COUNT; state++)
        for (unsigned facts = 0; facts <= CYCLE_FACTS_ALL; facts++) {
            cycle_step_t step = s_next(state, EVENT_CANCEL, facts);
            cr_expect_neq(step.action, ACTION_NONE);
            cr_expect(step.next == CYCLE_CLOSING || step.action == ACTION_NOTE_CANCEL ||
                      step.action == ACTION_TOO_LATE);
        }
}

Test(cycle_machine, every_state_can_be_left_for_the_end, .timeout = 10) {
    for (int state = 0; state < CYCLE_CLOSED; state++) {
        bool leaves = false;
        for (int event = 0; event < CYCLE_EVENT_COUNT; event++)
            leaves = leaves || (int)s_next(state, event, 0).next != state;
        cr_expect(leaves, "%s", cycle_state_name((cycle_state_t)state));
    }
}

/* ---- permanent or not ---- */

Test(cycle_machine, the_error_table_tells_what_may_be_repeated, .timeout = 10) {
    cr_expect_eq(cycle_machine_event_of(ERR_SERVICE_UNAVAILABLE), EVENT_FAILED);
    cr_expect_eq(cycle_machine_event_of(ERR_CIRCUIT_OPEN), EVENT_FAILED);
    cr_expect_eq(cycle_machine_event_of(ERR_DEADLINE_EXCEEDED), EVENT_FAILED);
    cr_expect_eq(cycle_machine_event_of(ERR_DOWNSTREAM_REFUSED), EVENT_REFUSED);
    cr_expect_eq(cycle_machine_event_of(ERR_PROTOCOL), EVENT_REFUSED);
    cr_expect_eq(cycle_machine_event_of(ERR_UNPROCESSABLE), EVENT_REFUSED);
    cr_expect_eq(cycle_machine_event_of(ERR_INTERNAL), EVENT_REFUSED);
    cr_expect_eq(cycle_machine_event_of(ERR_CANCELLED), EVENT_REFUSED);
    cr_expect_eq(cycle_machine_event_of(ERR_NO_SUBSCRIBER), EVENT_AWAY);
    cr_expect_eq(cycle_machine_event_of(ERR_SHUTTING_DOWN), EVENT_AWAY);
    cr_expect_eq(cycle_machine_event_of(ERR_STORE_UNAVAILABLE), EVENT_AWAY);
    cr_expect_eq(cycle_machine_event_of(ERR_OVERLOADED), EVENT_AWAY);
    cr_expect_eq(cycle_machine_event_of(ERR_SYSTEM_STOPPED), EVENT_STOP);
}

/* ---- how soon, and how often ---- */

static repeat_t s_first_repeat(void) {
    return (repeat_t){.repeats = 0, .repeats_most = 3, .attempts = 1, .left_ms = 60000, .random = 0};
}

Test(repeat, is_within_the_retries_of_the_stage, .timeout = 10) {
    int64_t delay_ms;
    repeat_t repeat = s_first_repeat();
    cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat.repeats = 2;
    cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat.repeats = 3;
    cr_expect_not(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat = s_first_repeat();
    repeat.repeats_most = 0;
    cr_expect_not(cycle_machine_may_repeat(&repeat, &delay_ms));
}

Test(repeat, never_makes_more_than_four_attempts_in_all, .timeout = 10) {
    int64_t delay_ms;
    repeat_t repeat = s_first_repeat();
    repeat.attempts = 3;
    cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat.attempts = 4;
    cr_expect_not(cycle_machine_may_repeat(&repeat, &delay_ms));
}

Test(repeat, waits_up_to_twice_as_long_each_time_with_full_jitter, .timeout = 10) {
    static const int64_t most[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    repeat_t repeat = s_first_repeat();
    repeat.repeats_most = 10;
    for (uint32_t i = 0; i < sizeof most / sizeof *most; i++) {
        int64_t delay_ms;
        repeat.repeats = i;
        repeat.random = 0;
        cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
        cr_expect_eq(delay_ms, 0);
        repeat.random = (uint64_t)most[i];
        cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
        cr_expect_eq(delay_ms, most[i]);
        repeat.random = (uint64_t)most[i] + 1; /* uniform in [0, most] */
        cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
        cr_expect_eq(delay_ms, 0);
    }
}

Test(repeat, waits_as_long_as_the_other_side_asks, .timeout = 10) {
    int64_t delay_ms;
    repeat_t repeat = s_first_repeat();
    repeat.retry_after_ms = 5000;
    cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
    cr_expect_eq(delay_ms, 5000);
}

Test(repeat, is_not_promised_for_when_the_time_is_over, .timeout = 10) {
    int64_t delay_ms;
    repeat_t repeat = s_first_repeat();
    repeat.retry_after_ms = 5000;
    repeat.left_ms = 5000;
    cr_expect_not(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat.left_ms = 5001;
    cr_expect(cycle_machine_may_repeat(&repeat, &delay_ms));
    repeat.retry_after_ms = 0;
    repeat.left_ms = -10;
    cr_expect_not(cycle_machine_may_repeat(&repeat, &delay_ms));
}
