/* Cycles in the store: the first write, every step after, and recovery at start. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/log.h"
#include "routes.gen.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        event.has_duration = true;
        event.duration = (double)(self->end_time - self->start_time) / 1000.0;
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
        store_write_op(write, "cycle_update", "ssttississ", self->cycle_id, self->status, self->start_time,
                       self->end_time, (int64_t)(strcmp(self->status, "completed") == 0), self->error,
                       error_code, (int64_t)self->degraded, s_null_if_empty(self->validation_id), result);
    else
        store_write_op(write, "cycle_update", "ssttnssiss", self->cycle_id, self->status, self->start_time,
                       self->end_time, self->error, error_code, (int64_t)self->degraded,
                       s_null_if_empty(self->validation_id), result);
    if (cycle_is_over(self))
        s_event(self, write, STAGE_COUNT);
}

/* Whoever waits with an idempotency key gets the final state again when he repeats the request. */
static void s_write_answers(const cycle_t *self, store_write_t *write) {
    for (waiter_t *waiter = self->waiters; waiter; waiter = waiter->next) {
        TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
        cycle_fill_reply(self, &reply);
        call_outcome(waiter->call, Outcome_OUTCOME_DONE);
        store_write_answer_again(write, waiter->call, &reply);
        message_release(TriggerAnalysisReply_message(), &reply);
    }
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
    store_write_op(write, "validation_close", "sss", self->cycle_id,
                   strcmp(self->status, "timeout") == 0 ? "timeout" : "failed", self->error);
    s_write_answers(self, write);
}

static void s_persist_again(actor_t *actor, void *context) {
    (void)actor;
    cycle_t *self = context;
    self->timer = 0;
    cycle_persist(self, self->persisted);
}

static void s_on_persisted(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    cycle_t *self = context;
    const StoreWritten *written = response;
    const char *code = err == OK && written->units_count > 0 ? written->units[0].code : err_name(err);
    if (strcmp(code, "OK") != 0) {
        if (err != ERR_SHUTTING_DOWN) /* our own stop, or the store's restart: then the timer counts */
            log_warning("a cycle's step was not stored, trying again", LOG_STR("cycle_id", self->cycle_id),
                        LOG_STR("error_code", code), LOG_STR("error", fault ? fault->message : NULL));
        self->timer = actor_timer_once(actor, CYCLE_RETRY_STORE_MS, s_persist_again, self);
        return;
    }
    for (int i = 0; i < STAGE_COUNT; i++)
        self->stages[i].dirty = false;
    self->persisted(self);
}

void cycle_persist(cycle_t *self, void (*then)(cycle_t *self)) {
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.context = &self->context, .deadline_us = clock_mono_us() + 10000000};
    self->persisted = then;
    s_write_changes(self, write);
    store_commit(self->owner->actor, &write, &options, s_on_persisted, self);
}

void cycle_insert(cycle_t *self, call_t *call, const TriggerAnalysisReply *answer, actor_reply_fn *reply,
                  void *context) {
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = call};
    store_write_op(write, "cycle_insert", "ssssittnssiisssssss", self->cycle_id, self->status, self->trigger,
                   self->request, self->created_at, self->start_time, self->end_time, NULL, NULL,
                   (int64_t)self->degraded, (int64_t)self->force, NULL, NULL, NULL, NULL,
                   self->context.request_id, self->context.traceparent, self->context.principal.name);
    s_event(self, write, STAGE_COUNT);
    for (int i = 0; i < STAGE_COUNT; i++)
        s_write_stage(self, write, (stage_t)i);
    store_write_answer(write, call, answer);
    store_commit(self->owner->actor, &write, &options, reply, context);
}

/* ---- Recovery ---- */

static void s_set_text(char *field, size_t size, const char *text) {
    snprintf(field, size, "%s", text ? text : "");
}

static char *s_copy(const char *text) {
    return text ? strdup(text) : NULL;
}

static void s_load_stage(cycle_t *self, const store_row_t *row) {
    int64_t position = store_row_int(row, 2);
    if (position < 0 || position >= STAGE_COUNT)
        return;
    cycle_stage_t *stage = &self->stages[position];
    s_set_text(stage->status, sizeof stage->status, store_row_text(row, 3));
    stage->attempts = (uint32_t)store_row_int(row, 4);
    stage->start_time = store_row_int(row, 5);
    stage->end_time = store_row_int(row, 6);
    stage->error = s_copy(store_row_text(row, 7));
    stage->input = s_copy(store_row_text(row, 10));
    stage->output = s_copy(store_row_text(row, 11));
    stage->summary = s_copy(store_row_text(row, 12));
    stage->downstream_ms = store_row_double(row, 13);
    s_set_text(stage->job_id, sizeof stage->job_id, store_row_text(row, 14));
    stage->dirty = false;
}

static cycle_t *s_load_cycle(coordinator_t *owner, const store_row_t *row) {
    cycle_t *self = cycle_new(owner, store_row_text(row, 0));
    s_set_text(self->status, sizeof self->status, store_row_text(row, 1));
    s_set_text(self->trigger, sizeof self->trigger, store_row_text(row, 2));
    self->request = s_copy(store_row_text(row, 3));
    self->created_at = store_row_int(row, 4);
    self->start_time = store_row_int(row, 5);
    self->degraded = store_row_int(row, 10) != 0;
    self->force = store_row_int(row, 11) != 0;
    s_set_text(self->validation_id, sizeof self->validation_id, store_row_text(row, 14));
    s_set_text(self->context.request_id, sizeof self->context.request_id, store_row_text(row, 16));
    s_set_text(self->context.traceparent, sizeof self->context.traceparent, store_row_text(row, 17));
    self->context.has_principal = true;
    s_set_text(self->context.principal.name, sizeof self->context.principal.name, store_row_text(row, 18));
    self->stored = true;
    cycle_apply_request(self);
    return self;
}

static void s_all_loaded(coordinator_t *self) {
    self->recovering = false;
    self->recovered = true;
    for (cycle_t *cycle = self->cycles, *next; cycle; cycle = next) {
        next = cycle->next;
        if (strcmp(cycle->status, "running") == 0)
            cycle_resume(cycle);
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
            s_load_stage(self, row);
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
        if (err != ERR_SHUTTING_DOWN)
            log_warning("the open cycles were not read", LOG_ERRT(err), LOG_STR("error", fault->message));
        return;
    }
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
