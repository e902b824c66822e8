/* RerunCycle: a new cycle that takes over the outputs of an ended one up to a stage, and goes on from there. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "coordinator/cycle_columns.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    call_t *call;
    RerunCycleRequest request;
    stage_t from;
    cycle_t *cycle; /* the new one, from when the first one's row is read; not stored yet */
} rerun_t;

static void s_free(rerun_t *self) {
    message_release(RerunCycleRequest_message(), &self->request);
    free(self);
}

/* Refuses, with what call_explain said. */
static void s_refuse(actor_t *actor, rerun_t *self, err_t err) {
    if (self->cycle)
        cycle_destroy(&self->cycle);
    call_fail(actor, &self->call, err);
    s_free(self);
}

/* ---- The answer ---- */

static void s_fill_reply(const cycle_t *cycle, RerunCycleReply *reply) {
    MESSAGE_PUT(reply->cycle_id, cycle->cycle_id);
    MESSAGE_PUT(reply->status, cycle->place_free ? "running" : "queued");
    MESSAGE_PUT(reply->rerun_of, cycle->rerun_of);
    MESSAGE_PUT(reply->from_stage, cycle->from_stage);
    reply->has_start_time = cycle->place_free;
    reply->start_time = cycle->start_time;
}

static void s_on_inserted(cycle_t *self, call_t *call, err_t err, const Fault *fault) {
    coordinator_t *owner = self->owner;
    if (err != OK) {
        call_fail_as(owner->actor, &call, err, fault);
        cycle_destroy(&self);
        return;
    }
    RerunCycleReply reply = RerunCycleReply_init_zero;
    s_fill_reply(self, &reply);
    call_reply(owner->actor, &call, &reply);
    actor_count(owner->actor, "cycles_total", "Analysis cycles that were triggered", 1);
    log_info("cycle is run again", LOG_STR("cycle_id", self->cycle_id), LOG_STR("rerun_of", self->rerun_of),
             LOG_STR("from_stage", self->from_stage));
    coordinator_start_queued(owner);
}

/* ---- What is taken over ---- */

/* The summary says whose it is; what the service took is the first cycle's time. */
static void s_mark_taken_over(cycle_stage_t *row, const char *first_id) {
    json_t *summary = json_tree_parse(row->summary);
    if (!json_is_object(summary)) {
        json_decref(summary);
        summary = json_object();
    }
    json_object_set_new(summary, "taken_over_from", json_string(first_id));
    free(row->summary);
    row->summary = json_tree_text(summary);
    row->downstream_ms = 0;
    json_decref(summary);
}

static void s_clear(cycle_stage_t *row) {
    free(row->error);
    free(row->input);
    free(row->output);
    free(row->summary);
    *row = (cycle_stage_t){.status = "pending", .dirty = true};
}

/* Readiness that was skipped with `force` is as good as done. */
static bool s_is_usable(stage_t stage, const cycle_stage_t *row) {
    bool skipped = stage == STAGE_DATA_READINESS && strcmp(row->status, "skipped") == 0;
    return skipped || (strcmp(row->status, "completed") == 0 && row->output);
}

static err_t s_take_over(rerun_t *self) {
    cycle_t *cycle = self->cycle;
    for (int i = 0; i < STAGE_COUNT; i++) {
        cycle_stage_t *row = &cycle->stages[i];
        if (i >= (int)self->from) {
            s_clear(row);
            continue;
        }
        if (!s_is_usable((stage_t)i, row))
            return call_explain(self->call, ERR_UNPROCESSABLE,
                                "cycle %s cannot be run again from %s: its stage %s is %s", cycle->rerun_of,
                                stage_name(self->from), stage_name((stage_t)i), row->status);
        s_mark_taken_over(row, cycle->rerun_of);
        row->dirty = true;
    }
    if (self->from == STAGE_SIGNAL_DISPATCH && cycle_dispatch_is_forbidden(cycle))
        return call_explain(self->call, ERR_UNPROCESSABLE,
                            "cycle %s cannot be run again from %s: its validation's tier is fail",
                            cycle->rerun_of, stage_name(self->from));
    return OK;
}

static void s_insert(actor_t *actor, rerun_t *self) {
    RerunCycleReply answer = RerunCycleReply_init_zero;
    err_t err = s_take_over(self);
    if (err == OK) /* it may have been stopped while the rows were read */
        err = coordinator_admit(actor_state(actor), self->call, false);
    if (err != OK) {
        s_refuse(actor, self, err);
        return;
    }
    s_fill_reply(self->cycle, &answer);
    cycle_insert(self->cycle, self->call, &answer, s_on_inserted);
    message_release(RerunCycleReply_message(), &answer);
    s_free(self);
}

/* ---- The first cycle ---- */

static void s_on_stages(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    rerun_t *self = context;
    const StoreRows *rows = response;
    if (err != OK) {
        call_explain(self->call, err, "%s", fault->message);
        s_refuse(actor, self, err);
        return;
    }
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row)
            cycle_load_stage(self->cycle, row);
        store_row_destroy(&row);
    }
    s_insert(actor, self);
}

/* The same request, but readiness that is asked for by name is not skipped. */
static void s_copy_first(rerun_t *self, const store_row_t *row) {
    cycle_t *cycle = self->cycle;
    bool asked = self->request.has_from_stage && self->from == STAGE_DATA_READINESS;
    const char *validation_id = store_row_text(row, CYCLE_COLUMN_VALIDATION_ID);
    snprintf(cycle->trigger, sizeof cycle->trigger, "rerun");
    snprintf(cycle->rerun_of, sizeof cycle->rerun_of, "%s", store_row_text(row, CYCLE_COLUMN_CYCLE_ID));
    snprintf(cycle->from_stage, sizeof cycle->from_stage, "%s", stage_name(self->from));
    cycle_set_text(&cycle->request, store_row_text(row, CYCLE_COLUMN_REQUEST));
    cycle->force = !asked && store_row_int(row, CYCLE_COLUMN_FORCE) != 0;
    cycle->degraded = self->from > STAGE_DATA_READINESS && store_row_int(row, CYCLE_COLUMN_DEGRADED) != 0;
    if (self->from > STAGE_STRATEGY_VALIDATION && validation_id)
        snprintf(cycle->validation_id, sizeof cycle->validation_id, "%s", validation_id);
    cycle_apply_request(cycle);
}

static err_t s_judge_first(rerun_t *self, const store_row_t *row) {
    const char *status = store_row_text(row, CYCLE_COLUMN_STATUS);
    if (strcmp(status, "queued") == 0 || strcmp(status, "running") == 0)
        return call_explain(self->call, ERR_CYCLE_RUNNING, "cycle %s has not ended: it is %s",
                            self->request.cycle_id, status);
    return OK;
}

static void s_on_first(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    rerun_t *self = context;
    const StoreRows *rows = response;
    store_row_t *row = err == OK && rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (err != OK)
        call_explain(self->call, err, "%s", fault->message);
    else
        err = row ? s_judge_first(self, row) : coordinator_no_such_cycle(self->call);
    if (err != OK) {
        store_row_destroy(&row);
        s_refuse(actor, self, err);
        return;
    }
    self->cycle = coordinator_new_cycle(actor_state(actor), self->call);
    s_copy_first(self, row);
    store_row_destroy(&row);
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, "cycle_stages_by_cycle", STAGE_COUNT, &options, s_on_stages, self, "s",
                self->cycle->rerun_of);
}

/* ---- The command ---- */

static stage_t s_stage_of(const RerunCycleRequest *request) {
    int stage = STAGE_DATA_READINESS;
    while (request->has_from_stage && stage < STAGE_COUNT &&
           strcmp(stage_name((stage_t)stage), request->from_stage) != 0)
        stage++;
    return (stage_t)stage;
}

err_t coordinator_rerun_cycle(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    err_t err = coordinator_admit(actor_state(actor), call, false);
    if (err != OK)
        return err;
    if (s_stage_of(request) == STAGE_COUNT)
        return call_explain(call, ERR_VALIDATION_FAILED, "from_stage names no stage");
    rerun_t *self = calloc(1, sizeof *self);
    assert_always(self);
    if (message_copy(RerunCycleRequest_message(), &self->request, request) != OK) {
        free(self);
        return ERR_PROTOCOL;
    }
    self->call = call;
    self->from = s_stage_of(&self->request);
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, "cycle_by_id", 1, &options, s_on_first, self, "s", self->request.cycle_id);
    return ERR_PENDING;
}
