/* Cycles out of the store: the rows into memory, and the recovery of the open ones at the start. */
#include "coordinator/cycle.h"

#include "base/log.h"
#include "coordinator/cycle_columns.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_set_text(char *field, size_t size, const char *text) {
    snprintf(field, size, "%s", text ? text : "");
}

void cycle_load_stage(cycle_t *self, const store_row_t *row) {
    int64_t position = store_row_int(row, STAGE_COLUMN_POSITION);
    if (position < 0 || position >= STAGE_COUNT)
        return;
    cycle_stage_t *stage = &self->stages[position];
    s_set_text(stage->status, sizeof stage->status, store_row_text(row, STAGE_COLUMN_STATUS));
    stage->attempts = (uint32_t)store_row_int(row, STAGE_COLUMN_ATTEMPTS);
    stage->attempts_before = stage->attempts;
    stage->start_time = store_row_int(row, STAGE_COLUMN_START_TIME);
    stage->end_time = store_row_int(row, STAGE_COLUMN_END_TIME);
    cycle_set_text(&stage->error, store_row_text(row, STAGE_COLUMN_ERROR));
    cycle_set_text(&stage->input, store_row_text(row, STAGE_COLUMN_INPUT));
    cycle_set_text(&stage->output, store_row_text(row, STAGE_COLUMN_OUTPUT));
    cycle_set_text(&stage->summary, store_row_text(row, STAGE_COLUMN_SUMMARY));
    stage->downstream_ms = store_row_double(row, STAGE_COLUMN_DOWNSTREAM_MS);
    s_set_text(stage->job_id, sizeof stage->job_id, store_row_text(row, STAGE_COLUMN_JOB_ID));
    stage->dirty = false;
}

static cycle_t *s_load_cycle(coordinator_t *owner, const store_row_t *row) {
    cycle_t *self = cycle_new(owner, store_row_text(row, CYCLE_COLUMN_CYCLE_ID));
    s_set_text(self->status, sizeof self->status, store_row_text(row, CYCLE_COLUMN_STATUS));
    s_set_text(self->trigger, sizeof self->trigger, store_row_text(row, CYCLE_COLUMN_TRIGGER));
    cycle_set_text(&self->request, store_row_text(row, CYCLE_COLUMN_REQUEST));
    self->created_at = store_row_int(row, CYCLE_COLUMN_CREATED_AT);
    self->start_time = store_row_int(row, CYCLE_COLUMN_START_TIME);
    self->degraded = store_row_int(row, CYCLE_COLUMN_DEGRADED) != 0;
    self->force = store_row_int(row, CYCLE_COLUMN_FORCE) != 0;
    s_set_text(self->validation_id, sizeof self->validation_id,
               store_row_text(row, CYCLE_COLUMN_VALIDATION_ID));
    s_set_text(self->context.request_id, sizeof self->context.request_id,
               store_row_text(row, CYCLE_COLUMN_REQUEST_ID));
    s_set_text(self->context.traceparent, sizeof self->context.traceparent,
               store_row_text(row, CYCLE_COLUMN_TRACEPARENT));
    self->context.has_principal = true;
    s_set_text(self->context.principal.name, sizeof self->context.principal.name,
               store_row_text(row, CYCLE_COLUMN_PRINCIPAL));
    s_set_text(self->rerun_of, sizeof self->rerun_of, store_row_text(row, CYCLE_COLUMN_RERUN_OF));
    s_set_text(self->from_stage, sizeof self->from_stage, store_row_text(row, CYCLE_COLUMN_FROM_STAGE));
    self->paused_ms = store_row_int(row, CYCLE_COLUMN_PAUSED_MS);
    self->paused_at = store_row_int(row, CYCLE_COLUMN_PAUSED_AT);
    self->stored = true;
    cycle_apply_request(self);
    return self;
}

/* Ending a stage and beginning the next is one write: without an open stage it was held between two. */
static void s_resume(cycle_t *self) {
    stage_t stage = cycle_current_stage(self);
    bool open = stage < STAGE_COUNT && strcmp(self->stages[stage].status, "running") == 0;
    if (strcmp(self->status, "queued") == 0)
        self->state = CYCLE_QUEUED;
    else
        self->state = open ? CYCLE_OPENING : CYCLE_HELD;
    self->interrupted = self->state == CYCLE_OPENING;
    log_info("cycle resumed", LOG_STR("cycle_id", self->cycle_id),
             LOG_STR("state", cycle_state_name(self->state)),
             LOG_STR("stage", stage < STAGE_COUNT ? stage_name(stage) : "end"));
    cycle_event(self, EVENT_RESTART);
}

static void s_all_loaded(coordinator_t *self) {
    self->recovering = false;
    self->recovered = true;
    for (cycle_t *cycle = self->cycles, *next; cycle; cycle = next) {
        next = cycle->next;
        s_resume(cycle);
    }
    coordinator_start_queued(self);
}

/* The store went away in between: begin anew when it is back. */
static void s_forget_all(coordinator_t *self) {
    while (self->cycles) {
        cycle_t *cycle = self->cycles;
        cycle_destroy(&cycle);
    }
    self->recovering = false;
}

static void s_on_stages(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    cycle_t *self = context;
    coordinator_t *owner = actor_state(actor);
    const StoreRows *rows = response;
    owner->loading--;
    owner->recovery_failed = owner->recovery_failed || err != OK;
    for (size_t i = 0; err == OK && i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row)
            cycle_load_stage(self, row);
        store_row_destroy(&row);
    }
    if (owner->loading > 0)
        return;
    if (owner->recovery_failed)
        s_forget_all(owner);
    else
        s_all_loaded(owner);
}

static void s_on_open_cycles(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    (void)context;
    coordinator_t *self = actor_state(actor);
    const StoreRows *rows = response;
    if (err != OK) {
        self->recovering = false;
        if (err != ERR_SHUTTING_DOWN && !self->recovery_told)
            log_warning("the open cycles were not read", LOG_ERRT(err), LOG_STR("error", fault->message));
        self->recovery_told = true;
        return;
    }
    self->recovery_told = false;
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (!row)
            continue;
        cycle_t *cycle = s_load_cycle(self, row);
        store_row_destroy(&row);
        self->loading++;
        store_query(actor, "cycle_stages_by_cycle", STAGE_COUNT, NULL, s_on_stages, cycle, "s",
                    cycle->cycle_id);
    }
    if (self->loading == 0)
        s_all_loaded(self);
    else
        log_info("open cycles found", LOG_INT("cycles", self->loading));
}

void coordinator_recover(coordinator_t *self) {
    if (self->recovered || self->recovering)
        return;
    self->recovering = true;
    self->recovery_failed = false;
    store_query(self->actor, "cycles_open", 2000, NULL, s_on_open_cycles, NULL, "i", (int64_t)2000);
}
