/* The coordinator actor: command and event tables, triggering; see coordinator.h. */
#include "coordinator/coordinator.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "coordinator/cycle.h"
#include "integration/v1/store.pb.h"
#include "message/message.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- TriggerAnalysis ---- */

typedef struct {
    cycle_t *cycle;
    call_t *call;
    int64_t wait_ms;
} trigger_t;

static void s_on_inserted(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    trigger_t *trigger = context;
    cycle_t *cycle = trigger->cycle;
    coordinator_t *self = cycle->owner;
    const StoreWritten *written = response;
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        err = err_from_name(written->units[0].code);
    if (err != OK) {
        call_fail_as(actor, &trigger->call, err, fault);
        cycle_destroy(&cycle);
        free(trigger);
        return;
    }
    cycle->stored = true;
    for (int i = 0; i < STAGE_COUNT; i++)
        cycle->stages[i].dirty = false;
    actor_count(actor, "cycles_total", "Analysis cycles that were triggered", 1);
    coordinator_start_queued(self);
    cycle_wait(cycle, trigger->call, trigger->wait_ms);
    free(trigger);
}

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

static cycle_t *s_new_cycle(coordinator_t *self, const call_t *call, const TriggerAnalysisRequest *request) {
    char cycle_id[UUID_SIZE];
    ids_uuid7(cycle_id);
    bool place_free =
        coordinator_count_open(self) < (size_t)actor_config(self->actor)->analysis_max_concurrent;
    cycle_t *cycle = cycle_new(self, cycle_id);
    const Envelope *envelope = call_envelope(call);
    cycle_set_status(cycle, "queued");
    snprintf(cycle->trigger, sizeof cycle->trigger, "%s", request->has_trigger ? request->trigger : "manual");
    cycle->request = s_request_json(request);
    cycle->force = request->has_force && request->force;
    cycle->created_at = clock_wall_ms();
    cycle->place_free = place_free;
    cycle->start_time = place_free ? cycle->created_at : 0;
    cycle->context.has_principal = envelope->has_principal;
    cycle->context.principal = envelope->principal;
    memcpy(cycle->context.request_id, envelope->request_id, sizeof cycle->context.request_id);
    memcpy(cycle->context.traceparent, envelope->traceparent, sizeof cycle->context.traceparent);
    if (!*cycle->context.request_id) /* not from outside: the cycle is what its calls have in common */
        memcpy(cycle->context.request_id, cycle->cycle_id, sizeof cycle->cycle_id);
    if (!*cycle->context.traceparent)
        ids_traceparent(cycle->context.traceparent);
    cycle_apply_request(cycle);
    return cycle;
}

static err_t s_admit(coordinator_t *self, call_t *call, const TriggerAnalysisRequest *request) {
    size_t places = (size_t)actor_config(self->actor)->analysis_max_concurrent;
    size_t open = coordinator_count_open(self);
    bool fail = request->has_on_limit && strcmp(request->on_limit, "fail") == 0;
    if (!self->recovered)
        return call_explain(call, ERR_STORE_UNAVAILABLE, "the cycles of the store have not been loaded yet");
    if (fail && open >= places)
        return call_explain(call, ERR_CYCLE_LIMIT,
                            "%zu cycles are running or queued, ANALYSIS_MAX_CONCURRENT is %zu", open, places);
    if (open >= places + CYCLES_QUEUED_MAX)
        return call_explain(call, ERR_OVERLOADED, "%d cycles are queued", CYCLES_QUEUED_MAX);
    return OK;
}

static err_t s_trigger(actor_t *actor, call_t *call, const void *input, void *response) {
    (void)response;
    coordinator_t *self = actor_state(actor);
    const TriggerAnalysisRequest *request = input;
    err_t err = s_admit(self, call, request);
    if (err != OK)
        return err;
    trigger_t *trigger = calloc(1, sizeof *trigger);
    assert_always(trigger);
    trigger->call = call;
    trigger->cycle = s_new_cycle(self, call, request);
    trigger->wait_ms = request->has_wait_seconds ? (int64_t)(request->wait_seconds * 1000) : 0;
    TriggerAnalysisReply answer = TriggerAnalysisReply_init_zero;
    cycle_fill_accepted(trigger->cycle, &answer);
    call_outcome(call, Outcome_OUTCOME_ACCEPTED);
    cycle_insert(trigger->cycle, call, &answer, s_on_inserted, trigger);
    message_release(TriggerAnalysisReply_message(), &answer);
    return ERR_PENDING;
}

/* ---- System state ---- */

/* Told at the start, so that whoever refuses work until it knows need not ask again. */
static void s_publish_system_state(actor_t *actor) {
    SystemState state = {.is_running = true};
    actor_publish(actor, "evt/coordinator/SystemState", SystemState_message(), &state);
}

static err_t s_get_system_state(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)actor;
    (void)call;
    (void)request;
    ((SystemState *)response)->is_running = true;
    return OK;
}

/* ---- Life ---- */

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    const StoreState *state = event;
    if (state->available)
        coordinator_recover(actor_state(actor));
}

/* A request that is inside when the process stops is answered: the cycle is accepted, and goes on at the next start. */
static void s_on_stopping(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    (void)event;
    const coordinator_t *self = actor_state(actor);
    for (cycle_t *cycle = self->cycles; cycle; cycle = cycle->next)
        cycle_dismiss_waiters(cycle);
}

static void s_try_recovery(actor_t *actor, void *context) {
    (void)context;
    coordinator_recover(actor_state(actor));
}

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    coordinator_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    actor_set_state(actor, self);
    s_publish_system_state(actor);
    coordinator_recover(self);
    /* the store's event may have come before we listened, or a read may have failed */
    actor_timer_every(actor, 1000, s_try_recovery, NULL);
    return OK;
}

static void s_free_waiters(cycle_t *cycle) {
    while (cycle->waiters) {
        waiter_t *waiter = cycle->waiters;
        cycle->waiters = waiter->next;
        free(waiter);
    }
}

static void s_stop(actor_t *actor) {
    coordinator_t *self = actor_state(actor);
    while (self->cycles) {
        cycle_t *cycle = self->cycles;
        s_free_waiters(cycle);
        cycle_destroy(&cycle);
    }
    free(self);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    coordinator_t *self = actor_state(actor);
    if (!self->recovered) {
        MESSAGE_PUT(status->status, "degraded");
        free(status->reason);
        status->reason = message_strdup("the cycles of the store have not been loaded yet");
    }
    actor_gauge(actor, "cycles_running", "Cycles that are running",
                (double)coordinator_count(self, "running"));
    actor_gauge(actor, "cycles_queued", "Cycles that wait for a place",
                (double)coordinator_count(self, "queued"));
}

static const actor_command_t s_commands[] = {
    {&rpc_SystemCoordinator_TriggerAnalysis, s_trigger},
    {&rpc_SystemCoordinator_ListCycles, coordinator_list_cycles},
    {&rpc_SystemCoordinator_GetCycle, coordinator_get_cycle},
    {&rpc_SystemCoordinator_GetSystemState, s_get_system_state},
    {NULL, NULL},
};

static const actor_event_t s_events[] = {
    {"evt/store/State", StoreState_message, s_on_store_state},
    {"evt/service/Stopping", Stopping_message, s_on_stopping},
    {NULL, NULL, NULL},
};

const actor_class_t coordinator_class = {
    .name = "coordinator",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .describe = s_describe,
};
