/* The engine: carries out what the state machine says. Each step changes the state in memory, stores it, and only
 * then acts on it, so that a restart finds the open stage and repeats its call with the same key. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "services/reply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_set_stage(cycle_t *self, stage_t stage, const char *status) {
    cycle_stage_t *row = &self->stages[stage];
    snprintf(row->status, sizeof row->status, "%s", status);
    row->dirty = true;
}

static void s_end_stage(cycle_t *self, stage_t stage, const char *status) {
    s_set_stage(self, stage, status);
    self->stages[stage].end_time = clock_wall_ms();
    log_info("stage ended", LOG_STR("cycle_id", self->cycle_id), LOG_STR("stage", stage_name(stage)),
             LOG_STR("status", status), LOG_STR("error", self->stages[stage].error));
}

/* The time for which the cycle is held is booked when that ends. */
static void s_end_pause(cycle_t *self) {
    if (self->paused_at)
        self->paused_ms += clock_wall_ms() - self->paused_at;
    self->paused_at = 0;
}

/* ---- Ends ---- */

static void s_count_end(const cycle_t *self) {
    static const struct {
        const char *status, *counter;
    } counters[] = {{"completed", "cycles_completed_total"}, {"cancelled", "cycles_cancelled_total"}};
    const char *counter = "cycles_failed_total"; /* with those whose time was over */
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (strcmp(self->status, counters[i].status) == 0)
            counter = counters[i].counter;
    actor_count(self->owner->actor, counter, "Cycles that ended so", 1);
}

static void s_end(cycle_t *self, const char *status) {
    cycle_set_status(self, status);
    s_end_pause(self);
    self->end_time = clock_wall_ms();
    actor_timer_cancel(self->owner->actor, &self->timer);
    log_info("cycle ended", LOG_STR("cycle_id", self->cycle_id), LOG_STR("status", status),
             LOG_INT("duration_ms", self->start_time ? self->end_time - self->start_time : 0),
             LOG_INT("signals", self->signals_produced), LOG_STR("error", self->error));
    s_count_end(self);
    cycle_persist(self);
}

static void s_skip_rest(cycle_t *self) {
    for (int i = 0; i < STAGE_COUNT; i++)
        if (strcmp(self->stages[i].status, "pending") == 0)
            s_set_stage(self, (stage_t)i, "skipped");
}

static void s_skip_dispatch(cycle_t *self) {
    cycle_stage_t *row = &self->stages[STAGE_SIGNAL_DISPATCH];
    cycle_set_text(&row->error, "the validation's tier is fail: nothing was dispatched");
    row->start_time = clock_wall_ms();
    s_end_stage(self, STAGE_SIGNAL_DISPATCH, "skipped");
    cycle_set_text(&self->error, row->error);
}

static void s_end_cancelled(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    self->error_code = ERR_CANCELLED;
    cycle_set_text(&self->error, self->cancel_why);
    if (stage < STAGE_COUNT && strcmp(self->stages[stage].status, "running") == 0) {
        cycle_set_text(&self->stages[stage].error, self->cancel_why);
        s_end_stage(self, stage, "cancelled");
    }
    s_skip_rest(self);
    s_end(self, "cancelled");
}

/* ---- Actions ---- */

static void s_none(cycle_t *self) {
    (void)self;
}

static void s_skip_readiness(cycle_t *self) {
    cycle_stage_t *row = &self->stages[STAGE_DATA_READINESS];
    row->start_time = clock_wall_ms();
    cycle_set_text(&row->summary, "{\"force\":true}");
    s_end_stage(self, STAGE_DATA_READINESS, "skipped");
}

static void s_start(cycle_t *self) {
    cycle_set_status(self, "running");
    if (!self->place_free)
        self->start_time = clock_wall_ms();
    log_info("cycle started", LOG_STR("cycle_id", self->cycle_id), LOG_STR("trigger", self->trigger),
             LOG_BOOL("force", self->force));
    if (self->force && cycle_current_stage(self) == STAGE_DATA_READINESS)
        s_skip_readiness(self);
}

static void s_open(cycle_t *self) {
    char why[STAGE_WHY_SIZE] = "";
    if (strcmp(self->status, "queued") == 0)
        s_start(self);
    s_end_pause(self);
    stage_t stage = cycle_current_stage(self);
    cycle_stage_t *row = &self->stages[stage];
    s_set_stage(self, stage, "running");
    row->start_time = clock_wall_ms();
    row->attempts_before = row->attempts;
    self->repeats = 0;
    err_t err = cycle_build_input(self, stage, why);
    if (err != OK) {
        cycle_failed_for_good(self, err, why);
        return;
    }
    row->attempts++; /* as the call will find it: the row is stored before */
    cycle_persist(self);
}

static void s_call(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    cycle_stage_t *row = &self->stages[stage];
    row->attempts = row->attempts_before;
    if (cycle_deadline_us(self, stage) <= clock_mono_us()) {
        if (self->interrupted)
            cycle_cancel_stage(self, stage);
        cycle_failed_for_good(self, ERR_DEADLINE_EXCEEDED, "the time of the cycle is over");
        return;
    }
    self->interrupted = false;
    row->attempts++;
    self->calling = true;
    cycle_send_stage(self, stage);
}

static void s_complete_stage(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    if (stage == STAGE_COUNT || strcmp(self->stages[stage].status, "running") != 0)
        return;
    cycle_set_text(&self->stages[stage].error, NULL);
    s_end_stage(self, stage, "completed");
}

static void s_advance(cycle_t *self) {
    s_complete_stage(self);
    s_open(self);
}

static void s_complete(cycle_t *self) {
    s_complete_stage(self);
    if (cycle_current_stage(self) == STAGE_SIGNAL_DISPATCH)
        s_skip_dispatch(self);
    s_end(self, "completed");
}

static void s_wait_for_flow(cycle_t *self) {
    self->paused_at = clock_wall_ms();
    log_info("cycle waits for the trading flow", LOG_STR("cycle_id", self->cycle_id),
             LOG_STR("before", stage_name(cycle_current_stage(self))));
    cycle_persist(self);
}

static void s_hold(cycle_t *self) {
    s_complete_stage(self);
    s_wait_for_flow(self);
}

static void s_set_back(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    self->stages[stage].start_time = 0;
    self->stages[stage].attempts = self->stages[stage].attempts_before;
    s_set_stage(self, stage, "pending");
    s_wait_for_flow(self);
}

static void s_on_due(actor_t *actor, void *context) {
    (void)actor;
    cycle_t *self = context;
    self->timer = 0;
    cycle_event(self, EVENT_DUE);
}

static void s_repeat(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    self->repeats++;
    actor_count(self->owner->actor, "stage_repeats_total", "Calls of stages that were repeated", 1);
    log_warning("a stage's call will be repeated", LOG_STR("cycle_id", self->cycle_id),
                LOG_STR("stage", stage_name(stage)), LOG_INT("delay_ms", self->delay_ms),
                LOG_INT("attempts", self->stages[stage].attempts_before),
                LOG_STR("error", self->stages[stage].error));
    self->timer = actor_timer_once(self->owner->actor, self->delay_ms, s_on_due, self);
    s_set_stage(self, stage, "running"); /* its attempts and its last failure are shown */
    cycle_persist(self);
}

static void s_repeat_soon(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    if (self->failure != ERR_SHUTTING_DOWN) /* our own stop, or the part's restart */
        log_warning("a stage's call is sent again", LOG_STR("cycle_id", self->cycle_id),
                    LOG_STR("stage", stage_name(stage)), LOG_ERRT(self->failure),
                    LOG_STR("error", self->stages[stage].error));
    self->timer = actor_timer_once(self->owner->actor, CYCLE_REPEAT_MS, s_on_due, self);
}

static void s_fail(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    bool timeout = self->failure == ERR_DEADLINE_EXCEEDED;
    buf_t error = BUF_INIT;
    s_end_stage(self, stage, timeout ? "timeout" : "failed");
    s_skip_rest(self);
    buf_printf(&error, "%s: %s", stage_name(stage), self->stages[stage].error);
    free(self->error);
    self->error = buf_steal(&error);
    self->error_code = self->failure;
    s_end(self, timeout && stage != STAGE_STRATEGY_VALIDATION && cycle_time_is_over(self, stage) ? "timeout"
                                                                                                 : "failed");
}

static void s_cancel_call(cycle_t *self) {
    cycle_cancel_stage(self, cycle_current_stage(self));
    s_end_cancelled(self);
}

static void s_finish(cycle_t *self) {
    coordinator_t *owner = self->owner;
    cycle_answer_waiters(self);
    cycle_answer_cancellers(self);
    if (!self->calling)
        cycle_destroy(&self);
    coordinator_start_queued(owner);
}

static void (*const s_actions[CYCLE_ACTION_COUNT])(cycle_t *self) = {
    [ACTION_NONE] = s_none,
    [ACTION_OPEN] = s_open,
    [ACTION_CALL] = s_call,
    [ACTION_ADVANCE] = s_advance,
    [ACTION_HOLD] = s_hold,
    [ACTION_SET_BACK] = s_set_back,
    [ACTION_COMPLETE] = s_complete,
    [ACTION_REPEAT] = s_repeat,
    [ACTION_REPEAT_SOON] = s_repeat_soon,
    [ACTION_FAIL] = s_fail,
    [ACTION_CANCEL] = s_end_cancelled,
    [ACTION_CANCEL_CALL] = s_cancel_call,
    [ACTION_NOTE_CANCEL] = s_none, /* whoever wants it waits already */
    [ACTION_FINISH] = s_finish,
    [ACTION_TOO_LATE] = cycle_refuse_cancellers,
};

/* ---- Events ---- */

bool cycle_dispatch_is_forbidden(const cycle_t *self) {
    json_t *validation = json_tree_parse(self->stages[STAGE_STRATEGY_VALIDATION].output);
    const char *tier = json_string_value(json_object_get(validation, "tier"));
    bool forbids = !tier || strcmp(tier, "fail") == 0;
    json_decref(validation);
    return forbids;
}

/* A failed validation dispatches nothing, and the cycle still completes, saying so. */
static bool s_is_last(const cycle_t *self) {
    stage_t next = cycle_current_stage(self);
    if (next < STAGE_COUNT && strcmp(self->stages[next].status, "running") == 0)
        next++;
    return next == STAGE_COUNT || (next == STAGE_SIGNAL_DISPATCH && cycle_dispatch_is_forbidden(self));
}

static unsigned s_facts(const cycle_t *self) {
    return (self->owner->flow_running ? 0u : FACT_STOPPED) | (self->may_repeat ? FACT_MAY_REPEAT : 0u) |
           (s_is_last(self) ? FACT_LAST : 0u) |
           (cycle_current_stage(self) == STAGE_SIGNAL_DISPATCH ? FACT_IRREVOCABLE : 0u) |
           (self->cancel_why ? FACT_TO_BE_CANCELLED : 0u);
}

void cycle_event(cycle_t *self, cycle_event_t event) {
    cycle_step_t step = cycle_machine_next(self->state, event, s_facts(self));
    log_debug("cycle", LOG_STR("cycle_id", self->cycle_id), LOG_STR("state", cycle_state_name(self->state)),
              LOG_STR("event", cycle_event_name(event)), LOG_STR("next", cycle_state_name(step.next)));
    self->state = step.next;
    s_actions[step.action](self);
}

/* False: the answer comes after the end of the cycle, and is nobody's concern any more. */
static bool s_call_is_over(cycle_t *self) {
    self->calling = false;
    if (self->state == CYCLE_CLOSED) {
        cycle_destroy(&self);
        return false;
    }
    return self->state != CYCLE_CLOSING;
}

void cycle_answered(cycle_t *self, char *output, char *summary) {
    if (!s_call_is_over(self)) {
        free(output);
        free(summary);
        return;
    }
    cycle_stage_t *row = &self->stages[cycle_current_stage(self)];
    free(row->output);
    free(row->summary);
    row->output = output;
    row->summary = summary;
    cycle_event(self, EVENT_ANSWERED);
}

static void s_judge_repeat(cycle_t *self, stage_t stage, int64_t retry_after_ms) {
    cycle_stage_t *row = &self->stages[stage];
    repeat_t repeat = {.repeats = self->repeats,
                       .repeats_most = (uint32_t)actor_config(self->owner->actor)->analysis_stage_retries,
                       .attempts = row->attempts,
                       .retry_after_ms = retry_after_ms,
                       .left_ms =
                           (cycle_deadline_us(self, stage) - CYCLE_TIME_MARGIN_US - clock_mono_us()) / 1000,
                       .random = ids_random64()};
    /* a job that was given up on would be found again by its key, and waited for as long again */
    bool given_up = clock_wall_ms() - row->start_time >= CYCLE_JOB_GIVE_UP_MS;
    self->may_repeat = cycle_machine_may_repeat(&repeat, &self->delay_ms) && !given_up;
    row->attempts_before = row->attempts;
}

/* False: as s_call_is_over. */
static bool s_take_failure(cycle_t *self, err_t err, const char *why) {
    if (self->state != CYCLE_OPENING && !s_call_is_over(self))
        return false;
    cycle_stage_t *row = &self->stages[cycle_current_stage(self)];
    cycle_set_text(&row->error, why);
    reply_clean_text(row->error);
    self->failure = err;
    self->may_repeat = false;
    return true;
}

void cycle_failed(cycle_t *self, err_t err, const char *why, int64_t retry_after_ms) {
    if (!s_take_failure(self, err, why))
        return;
    s_judge_repeat(self, cycle_current_stage(self), retry_after_ms);
    bool in_time = err != ERR_DEADLINE_EXCEEDED || self->may_repeat;
    cycle_event(self, in_time ? cycle_machine_event_of(err) : EVENT_DEADLINE);
}

void cycle_failed_for_good(cycle_t *self, err_t err, const char *why) {
    if (s_take_failure(self, err, why))
        cycle_event(self, err == ERR_DEADLINE_EXCEEDED ? EVENT_DEADLINE : EVENT_REFUSED);
}

/* ---- Of all cycles ---- */

void coordinator_start_queued(coordinator_t *self) {
    size_t places = (size_t)actor_config(self->actor)->analysis_max_concurrent;
    for (cycle_t *cycle = self->cycles, *next; cycle && coordinator_count(self, "running") < places;
         cycle = next) {
        next = cycle->next;
        if (cycle->stored && cycle->state == CYCLE_QUEUED)
            cycle_event(cycle, EVENT_PLACE);
    }
}

void coordinator_flow_changed(coordinator_t *self) {
    if (!self->flow_running || !self->recovered)
        return;
    for (cycle_t *cycle = self->cycles, *next; cycle; cycle = next) {
        next = cycle->next;
        cycle_event(cycle, EVENT_RESUME);
    }
    coordinator_start_queued(self);
}
