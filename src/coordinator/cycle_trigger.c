/* Acceptance of cycles: TriggerAnalysis, and what a rerun shares with it. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/json_tree.h"
#include "coordinator/system_state.h"
#include "message/message.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

err_t coordinator_admit(const coordinator_t *self, call_t *call, bool fail_at_limit) {
    size_t places = (size_t)actor_config(self->actor)->analysis_max_concurrent;
    size_t open = coordinator_count_open(self);
    if (!self->recovered || !self->system->known)
        return call_explain(call, ERR_STORE_UNAVAILABLE,
                            "the cycles and the state of the system have not been loaded yet");
    if (!self->flow_running)
        return call_explain(call, ERR_SYSTEM_STOPPED, "the trading flow is stopped: no cycle starts");
    if (fail_at_limit && open >= places)
        return call_explain(call, ERR_CYCLE_LIMIT,
                            "%zu cycles are running or queued, ANALYSIS_MAX_CONCURRENT is %zu", open, places);
    if (open >= places + CYCLES_QUEUED_MAX)
        return call_explain(call, ERR_OVERLOADED, "%d cycles are queued", CYCLES_QUEUED_MAX);
    return OK;
}

static void s_take_context(cycle_t *self, const Envelope *envelope) {
    Envelope *context = &self->context;
    context->has_principal = envelope->has_principal;
    context->principal = envelope->principal;
    memcpy(context->request_id, envelope->request_id, sizeof context->request_id);
    memcpy(context->traceparent, envelope->traceparent, sizeof context->traceparent);
    if (!*context->request_id) /* not from outside: the cycle is what its calls have in common */
        memcpy(context->request_id, self->cycle_id, sizeof self->cycle_id);
    if (!*context->traceparent)
        ids_traceparent(context->traceparent);
}

cycle_t *coordinator_new_cycle(coordinator_t *self, const call_t *call) {
    char cycle_id[UUID_SIZE];
    ids_uuid7(cycle_id);
    bool place_free =
        coordinator_count_open(self) < (size_t)actor_config(self->actor)->analysis_max_concurrent;
    cycle_t *cycle = cycle_new(self, cycle_id);
    cycle_set_status(cycle, "queued");
    cycle->created_at = clock_wall_ms();
    cycle->place_free = place_free;
    cycle->start_time = place_free ? cycle->created_at : 0;
    s_take_context(cycle, call_envelope(call));
    return cycle;
}

/* ---- TriggerAnalysis ---- */

static char *s_request_json(const TriggerAnalysisRequest *request) {
    json_t *root = json_object(), *symbols = json_array();
    for (size_t i = 0; i < request->symbols_count; i++)
        json_array_append_new(symbols, json_string(request->symbols[i]));
    json_object_set_new(root, "portfolio_id",
                        json_string(request->has_portfolio_id ? request->portfolio_id : "default_portfolio"));
    json_object_set_new(root, "symbols", symbols);
    char *text = json_tree_text(root);
    json_decref(root);
    return text;
}

static void s_on_inserted(cycle_t *self, call_t *call, err_t err, const Fault *fault) {
    coordinator_t *owner = self->owner;
    if (err != OK) {
        call_fail_as(owner->actor, &call, err, fault);
        cycle_destroy(&self);
        return;
    }
    actor_count(owner->actor, "cycles_total", "Analysis cycles that were triggered", 1);
    coordinator_start_queued(owner);
    cycle_wait(self, call, self->wait_ms);
}

err_t coordinator_trigger(actor_t *actor, call_t *call, const void *input, void *response) {
    (void)response;
    coordinator_t *self = actor_state(actor);
    const TriggerAnalysisRequest *request = input;
    err_t err =
        coordinator_admit(self, call, request->has_on_limit && strcmp(request->on_limit, "fail") == 0);
    if (err != OK)
        return err;
    cycle_t *cycle = coordinator_new_cycle(self, call);
    snprintf(cycle->trigger, sizeof cycle->trigger, "%s", request->has_trigger ? request->trigger : "manual");
    cycle->request = s_request_json(request);
    cycle->force = request->has_force && request->force;
    cycle->wait_ms = request->has_wait_seconds ? (int64_t)(request->wait_seconds * 1000) : 0;
    cycle_apply_request(cycle);
    TriggerAnalysisReply answer = TriggerAnalysisReply_init_zero;
    cycle_fill_accepted(cycle, &answer);
    call_outcome(call, Outcome_OUTCOME_ACCEPTED);
    cycle_insert(cycle, call, &answer, s_on_inserted);
    message_release(TriggerAnalysisReply_message(), &answer);
    return ERR_PENDING;
}
