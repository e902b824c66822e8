/* Cycles into the store: the first write, and every step after it, one write at a time. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/log.h"
#include "routes.gen.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cycle_t *cycle;
    call_t *call;
    cycle_inserted_fn *done;
} insert_t;

static const char *s_null_if_empty(const char *text) {
    return text && *text ? text : NULL;
}

/* ---- Writing ---- */

static void s_event(const cycle_t *self, store_write_t *write, stage_t stage) {
    CycleEvent event = CycleEvent_init_zero;
    char topic[BUS_TOPIC_SIZE];
    MESSAGE_PUT(event.cycle_id, self->cycle_id);
    MESSAGE_PUT(event.status, self->status);
    event.timestamp = clock_wall_ms();
    event.degraded = self->degraded;
    event.signals_produced = self->signals_produced;
    event.error = message_strdup(self->error);
    event.has_success = cycle_is_over(self);
    event.success = strcmp(self->status, "completed") == 0;
    if (stage < STAGE_COUNT) {
        const cycle_stage_t *row = &self->stages[stage];
        event.has_stage = MESSAGE_SET(event.stage, stage_name(stage));
        event.has_stage_status = MESSAGE_SET(event.stage_status, row->status);
        event.attempts = row->attempts;
        event.has_duration = row->end_time > 0;
        event.duration = (double)(row->end_time - row->start_time) / 1000.0;
        event.summary = message_strdup(row->summary);
    } else if (cycle_is_over(self)) {
        event.has_duration = self->start_time > 0; /* it may end while it is queued */
        event.duration = event.has_duration ? (double)(self->end_time - self->start_time) / 1000.0 : 0;
    }
    snprintf(topic, sizeof topic, "cycle/%s/%s", self->status, self->cycle_id);
    store_write_event(write, topic, CycleEvent_message(), &event, self->context.traceparent);
    message_release(CycleEvent_message(), &event);
}

static void s_write_stage(const cycle_t *self, store_write_t *write, stage_t stage) {
    const cycle_stage_t *row = &self->stages[stage];
    char input_digest[65] = "", output_digest[65] = "";
    if (row->input)
        stage_digest(row->input, input_digest);
    if (row->output)
        stage_digest(row->output, output_digest);
    store_write_op(write, "cycle_stage_upsert", "ssisittssssssds", self->cycle_id, stage_name(stage),
                   (int64_t)stage, row->status, (int64_t)row->attempts, row->start_time, row->end_time,
                   row->error, s_null_if_empty(input_digest), s_null_if_empty(output_digest), row->input,
                   row->output, row->summary, row->downstream_ms, s_null_if_empty(row->job_id));
}

static void s_write_cycle(const cycle_t *self, store_write_t *write) {
    const char *error_code = self->error_code == OK ? NULL : err_name(self->error_code);
    char result[48];
    snprintf(result, sizeof result, "{\"signals_produced\":%u}", self->signals_produced);
    if (cycle_is_over(self))
        store_write_op(write, "cycle_update", "ssttississit", self->cycle_id, self->status, self->start_time,
                       self->end_time, (int64_t)(strcmp(self->status, "completed") == 0), self->error,
                       error_code, (int64_t)self->degraded, s_null_if_empty(self->validation_id), result,
                       self->paused_ms, self->paused_at);
    else
        store_write_op(write, "cycle_update", "ssttnssissit", self->cycle_id, self->status, self->start_time,
                       self->end_time, self->error, error_code, (int64_t)self->degraded,
                       s_null_if_empty(self->validation_id), result, self->paused_ms, self->paused_at);
    if (cycle_is_over(self))
        s_event(self, write, STAGE_COUNT);
}

/* Every changed stage with an event for each, and the cycle's row, with its own event when it is over. */
static void s_write_changes(cycle_t *self, store_write_t *write) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        if (!self->stages[i].dirty)
            continue;
        s_write_stage(self, write, (stage_t)i);
        if (strcmp(self->stages[i].status, "pending") == 0)
            continue;
        s_event(self, write, (stage_t)i);
    }
    s_write_cycle(self, write);
    if (!cycle_is_over(self))
        return;
    /* a validation that was interrupted, and is not asked for again, must not stay open */
    bool timeout = strcmp(self->stages[STAGE_STRATEGY_VALIDATION].status, "timeout") == 0;
    store_write_op(write, "validation_close", "sss", self->cycle_id, timeout ? "timeout" : "failed",
                   self->error);
}

/* Marks what the write holds, so that what changes while it is under way is written by the next one. */
static void s_mark(cycle_t *self) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        self->stages[i].writing = self->stages[i].dirty;
        self->stages[i].dirty = false;
    }
}

static void s_unmark(cycle_t *self, bool stored) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        cycle_stage_t *row = &self->stages[i];
        row->dirty = row->dirty || (row->writing && !stored);
        row->writing = false;
    }
}

static void s_persist_again(actor_t *actor, void *context) {
    (void)actor;
    cycle_t *self = context;
    self->store_timer = 0;
    cycle_persist(self);
}

static void s_on_persisted(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    cycle_t *self = context;
    const StoreWritten *written = response;
    const char *code = err == OK && written->units_count > 0 ? written->units[0].code : err_name(err);
    bool stored = strcmp(code, "OK") == 0;
    self->writing = false;
    s_unmark(self, stored);
    if (!stored) {
        if (err != ERR_SHUTTING_DOWN) /* our own stop, or the store's restart: then the timer counts */
            log_warning("a cycle's step was not stored, trying again", LOG_STR("cycle_id", self->cycle_id),
                        LOG_STR("error_code", code), LOG_STR("error", fault ? fault->message : NULL));
        self->store_timer = actor_timer_once(actor, CYCLE_RETRY_STORE_MS, s_persist_again, self);
    } else if (self->write_again) {
        cycle_persist(self);
    } else {
        cycle_event(self, EVENT_STORED);
    }
}

void cycle_persist(cycle_t *self) {
    self->write_again = self->writing;
    if (self->writing || self->store_timer)
        return;
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.context = &self->context, .deadline_us = clock_mono_us() + 10000000};
    self->writing = true;
    s_write_changes(self, write);
    s_mark(self);
    store_commit(self->owner->actor, &write, &options, s_on_persisted, self);
}

static void s_on_first_write(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    insert_t insert = *(insert_t *)context;
    cycle_t *self = insert.cycle;
    const StoreWritten *written = response;
    free(context);
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        err = err_from_name(written->units[0].code);
    self->stored = err == OK;
    s_unmark(self, self->stored);
    insert.done(self, insert.call, err, fault);
    (void)actor;
}

void cycle_insert(cycle_t *self, call_t *call, const void *answer, cycle_inserted_fn *done) {
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = call};
    insert_t *insert = calloc(1, sizeof *insert);
    assert_always(insert);
    *insert = (insert_t){self, call, done};
    store_write_op(write, "cycle_insert", "ssssittnssiisssssssit", self->cycle_id, self->status,
                   self->trigger, self->request, self->created_at, self->start_time, self->end_time, NULL,
                   NULL, (int64_t)self->degraded, (int64_t)self->force, s_null_if_empty(self->rerun_of),
                   s_null_if_empty(self->from_stage), s_null_if_empty(self->validation_id), NULL,
                   self->context.request_id, self->context.traceparent, self->context.principal.name,
                   self->paused_ms, self->paused_at);
    s_event(self, write, STAGE_COUNT);
    for (int i = 0; i < STAGE_COUNT; i++)
        s_write_stage(self, write, (stage_t)i);
    s_mark(self);
    if (self->wait_ms > 0)
        store_write_answer_early(write, call, answer);
    else
        store_write_answer(write, call, answer);
    store_commit(self->owner->actor, &write, &options, s_on_first_write, insert);
}
