/* The engine: how a cycle moves from stage to stage. Each step changes the state in memory, stores it, and only
 * then acts on it, so that a restart finds the open stage and repeats its call with the same key. */
#include "coordinator/cycle.h"

#include "base/clock.h"
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

/* ---- The end ---- */

static void s_on_end_stored(cycle_t *self) {
    coordinator_t *owner = self->owner;
    cycle_answer_waiters(self);
    cycle_destroy(&self);
    coordinator_start_queued(owner);
}

static void s_end(cycle_t *self, const char *status) {
    cycle_set_status(self, status);
    self->end_time = clock_wall_ms();
    actor_timer_cancel(self->owner->actor, &self->timer);
    log_info("cycle ended", LOG_STR("cycle_id", self->cycle_id), LOG_STR("status", status),
             LOG_INT("duration_ms", self->end_time - self->start_time),
             LOG_INT("signals", self->signals_produced), LOG_STR("error", self->error));
    actor_count(self->owner->actor,
                strcmp(status, "completed") == 0 ? "cycles_completed_total" : "cycles_failed_total",
                "Cycles that ended so", 1);
    cycle_persist(self, s_on_end_stored);
}

/* ---- Stage by stage ---- */

static void s_on_stage_stored(cycle_t *self) {
    cycle_send_stage(self, cycle_current_stage(self));
}

static void s_begin_stage(cycle_t *self, stage_t stage) {
    char why[STAGE_WHY_SIZE] = "";
    cycle_stage_t *row = &self->stages[stage];
    s_set_stage(self, stage, "running");
    row->start_time = clock_wall_ms();
    row->attempts++;
    err_t err = cycle_build_input(self, stage, why);
    if (err != OK)
        cycle_stage_failed(self, stage, err, why);
    else
        cycle_persist(self, s_on_stage_stored);
}

/* A failed validation dispatches nothing, and the cycle still completes, saying so. */
static bool s_validation_forbids_dispatch(const cycle_t *self) {
    json_t *validation = json_tree_parse(self->stages[STAGE_STRATEGY_VALIDATION].output);
    const char *tier = json_string_value(json_object_get(validation, "tier"));
    bool forbids = !tier || strcmp(tier, "fail") == 0;
    json_decref(validation);
    return forbids;
}

static void s_skip_dispatch(cycle_t *self) {
    cycle_stage_t *row = &self->stages[STAGE_SIGNAL_DISPATCH];
    row->error = strdup("the validation's tier is fail: nothing was dispatched");
    row->start_time = clock_wall_ms();
    s_end_stage(self, STAGE_SIGNAL_DISPATCH, "skipped");
    self->error = strdup(row->error);
    s_end(self, "completed");
}

static void s_advance(cycle_t *self) {
    stage_t next = cycle_current_stage(self);
    if (next == STAGE_COUNT)
        s_end(self, "completed");
    else if (next == STAGE_SIGNAL_DISPATCH && s_validation_forbids_dispatch(self))
        s_skip_dispatch(self);
    else
        s_begin_stage(self, next);
}

void cycle_stage_completed(cycle_t *self, stage_t stage, char *output, char *summary) {
    cycle_stage_t *row = &self->stages[stage];
    free(row->output);
    free(row->summary);
    row->output = output;
    row->summary = summary;
    s_end_stage(self, stage, "completed");
    s_advance(self);
}

void cycle_stage_failed(cycle_t *self, stage_t stage, err_t err, const char *why) {
    cycle_stage_t *row = &self->stages[stage];
    bool timeout = err == ERR_DEADLINE_EXCEEDED;
    buf_t error = BUF_INIT;
    free(row->error);
    row->error = strdup(why);
    reply_clean_text(row->error);
    s_end_stage(self, stage, timeout ? "timeout" : "failed");
    for (int i = stage + 1; i < STAGE_COUNT; i++)
        s_set_stage(self, (stage_t)i, "skipped");
    buf_printf(&error, "%s: %s", stage_name(stage), row->error);
    free(self->error);
    self->error = buf_steal(&error);
    self->error_code = err;
    s_end(self, timeout && stage != STAGE_STRATEGY_VALIDATION && cycle_time_is_over(self, stage) ? "timeout"
                                                                                                 : "failed");
}

/* ---- Start ---- */

static void s_skip_readiness(cycle_t *self) {
    cycle_stage_t *row = &self->stages[STAGE_DATA_READINESS];
    row->start_time = clock_wall_ms();
    row->summary = strdup("{\"force\":true}");
    s_end_stage(self, STAGE_DATA_READINESS, "skipped");
}

void cycle_start(cycle_t *self) {
    cycle_set_status(self, "running");
    if (!self->place_free)
        self->start_time = clock_wall_ms();
    log_info("cycle started", LOG_STR("cycle_id", self->cycle_id), LOG_STR("trigger", self->trigger),
             LOG_BOOL("force", self->force));
    if (self->force)
        s_skip_readiness(self);
    s_advance(self);
}

void cycle_resume(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    log_info("cycle resumed", LOG_STR("cycle_id", self->cycle_id),
             LOG_STR("stage", stage < STAGE_COUNT ? stage_name(stage) : "end"));
    if (stage < STAGE_COUNT && strcmp(self->stages[stage].status, "running") == 0)
        cycle_send_stage(self, stage);
    else
        s_advance(self);
}

void coordinator_start_queued(coordinator_t *self) {
    size_t places = (size_t)actor_config(self->actor)->analysis_max_concurrent;
    for (cycle_t *cycle = self->cycles, *next; cycle && coordinator_count(self, "running") < places;
         cycle = next) {
        next = cycle->next;
        if (cycle->stored && strcmp(cycle->status, "queued") == 0)
            cycle_start(cycle);
    }
}
