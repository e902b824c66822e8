/* One validation under way: see run.h. A restart of the cycle sends the same command again: the validation's id
 * and the idempotency keys derive from the cycle, so nothing is done twice. */
#include "validation/run_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "bus/fault.h"
#include "coordinator/stages.h"
#include "message/message.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "services/reply.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MARGIN_US   250000 /* left of the caller's deadline for storing and answering */
#define POOL_POLL_FIRST_MS 100
#define CANCEL_US          10000000

static run_t **s_list(actor_t *actor) {
    return actor_state(actor);
}

void run_free(run_t *self) {
    run_t **at = s_list(self->actor);
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    actor_timer_cancel(self->actor, &self->pool_timer);
    message_release(ValidateCycleRequest_message(), &self->request);
    message_release(Validation_message(), &self->result);
    free(self->performance);
    free(self);
}

actor_request_options_t run_options(const run_t *self) {
    return (actor_request_options_t){.component = adapter_names[SERVICE_EXECUTION],
                                     .deadline_us = self->deadline_us,
                                     .on_behalf = self->call};
}

void run_end_part(run_t *self, part_t *part, part_t how, const char *what, const char *why) {
    *part = how;
    if (how != PART_DONE && self->why[0] == '\0')
        snprintf(self->why, sizeof self->why, "%s: %s", what, why);
    reply_clean_text(self->why);
    if (self->historical != PART_OPEN && self->forward != PART_OPEN)
        run_finish(self);
}

part_t run_part_of(err_t err) {
    if (err == ERR_SHUTTING_DOWN)
        return PART_STOPPED;
    return err == ERR_DEADLINE_EXCEEDED ? PART_TIMEOUT : PART_FAILED;
}

/* ---- Cancelling ---- */

static void s_on_part_cancelled(actor_t *actor, void *context, err_t err, const void *response,
                                const Fault *fault) {
    (void)actor;
    (void)context;
    (void)response;
    if (err != OK && err != ERR_SHUTTING_DOWN)
        log_warning("a call of a cancelled validation was not cancelled", LOG_ERRT(err),
                    LOG_STR("error", fault->message));
}

/* The adapter ends the call, which then fails, and the job that it may have started. */
static void s_cancel_part(run_t *self, const char *call) {
    CancelJobRequest request = CancelJobRequest_init_zero;
    actor_request_options_t options = {.component = adapter_names[SERVICE_EXECUTION],
                                       .deadline_us = clock_mono_us() + CANCEL_US,
                                       .on_behalf = self->call};
    request.has_idempotency_key = true;
    snprintf(request.idempotency_key, sizeof request.idempotency_key, "%s/strategy_validation/%s",
             self->request.cycle_id, call);
    actor_request(self->actor, &rpc_Adapter_CancelJob, &request, &options, s_on_part_cancelled, NULL);
}

void validation_cancel_interrupted(actor_t *actor, call_t *call, const ValidateCycleRequest *request) {
    CancelJobRequest cancel = CancelJobRequest_init_zero;
    actor_request_options_t options = {.component = adapter_names[SERVICE_EXECUTION],
                                       .deadline_us = clock_mono_us() + CANCEL_US,
                                       .context = call_envelope(call)};
    cancel.has_idempotency_key = cancel.has_call = true;
    if (historical_call(request, &cancel.call) == OK) {
        MESSAGE_PUT(cancel.idempotency_key, cancel.call.idempotency_key);
        actor_request(actor, &rpc_Adapter_CancelJob, &cancel, &options, s_on_part_cancelled, NULL);
    }
    message_release(CancelJobRequest_message(), &cancel);
}

bool validation_cancel(actor_t *actor, const char *cycle_id) {
    bool found = false;
    for (run_t *self = *s_list(actor), *next; self; self = next) {
        next = self->next;
        if (strcmp(self->request.cycle_id, cycle_id) != 0 || self->storing)
            continue;
        found = self->cancelled = true;
        if (self->historical == PART_OPEN)
            s_cancel_part(self, "backtest");
        if (self->forward == PART_OPEN)
            s_cancel_part(self, "pool");
        forward_cancel(self);
    }
    return found;
}

/* ---- The gate ---- */

static void s_on_probed(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    run_t *self = context;
    const ServiceItem *item = response;
    if (self->cancelled) {
        self->historical = self->forward = PART_FAILED;
        run_finish(self);
        return;
    }
    if (err == OK && strcmp(item->status, "healthy") == 0) {
        forward_send(self);
        historical_send(self);
        return;
    }
    snprintf(self->why, sizeof self->why, "execution is not healthy: %s",
             err == OK ? (item->error ? item->error : item->status) : fault_reason(fault, err));
    reply_clean_text(self->why);
    self->historical = self->forward = err == OK ? PART_FAILED : run_part_of(err);
    run_finish(self);
}

static void s_probe(run_t *self) {
    ProbeRequest request = ProbeRequest_init_zero;
    actor_request_options_t options = run_options(self);
    actor_request(self->actor, &rpc_Adapter_Probe, &request, &options, s_on_probed, self);
}

/* ---- Start ---- */

static void s_on_inserted(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    run_t *self = context;
    err = run_written(err, response);
    if (err == OK && self->cancelled) {
        self->historical = self->forward = PART_FAILED;
        run_finish(self);
        return;
    }
    if (err == OK) {
        s_probe(self);
        return;
    }
    call_fail_as(actor, &self->call, err, fault);
    run_free(self);
}

static int64_t s_deadline_us(actor_t *actor, const call_t *call, int64_t now_us) {
    int64_t own = now_us + actor_config(actor)->validation_timeout_seconds * 1000000;
    int64_t callers = call_envelope(call)->deadline_us - ANSWER_MARGIN_US;
    return own < callers ? own : callers;
}

err_t validation_run(actor_t *actor, call_t *call, const ValidateCycleRequest *request) {
    if (request->symbols_count == 0 || request->confidences_count == 0)
        return call_explain(call, ERR_UNPROCESSABLE, "NO_SYMBOLS: there is nothing to validate");
    run_t *self = calloc(1, sizeof *self);
    assert_always(self);
    if (message_copy(ValidateCycleRequest_message(), &self->request, request) != OK) {
        free(self);
        return ERR_PROTOCOL;
    }
    self->next = *s_list(actor);
    *s_list(actor) = self;
    self->actor = actor;
    self->call = call;
    self->started_us = clock_mono_us();
    self->deadline_us = s_deadline_us(actor, call, self->started_us);
    self->pool_poll_ms = POOL_POLL_FIRST_MS;
    stage_validation_id(request->cycle_id, self->result.validation_id);
    MESSAGE_PUT(self->result.cycle_id, request->cycle_id);
    MESSAGE_PUT(self->result.validation_type, "dual");
    self->result.timestamp = clock_wall_ms();
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = call, .deadline_us = self->deadline_us};
    store_write_op(write, "validation_insert", "ssssnnnnnnnnnninnn", self->result.validation_id,
                   request->cycle_id, "dual", "running", self->result.timestamp);
    store_commit(actor, &write, &options, s_on_inserted, self);
    return ERR_PENDING;
}

err_t validation_start(actor_t *actor, const void *args) {
    (void)args;
    run_t **list = calloc(1, sizeof *list);
    assert_always(list);
    actor_set_state(actor, list);
    return OK;
}

/* What is left waits for a timer; its caller is told by the loop that we are shutting down. */
void validation_stop(actor_t *actor) {
    while (*s_list(actor))
        run_free(*s_list(actor));
    free(s_list(actor));
}
