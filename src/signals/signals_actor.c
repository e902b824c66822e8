/* The signals component: see signals.h. */
#include "signals/signals.h"

#include "bus/fault.h"
#include "routes.gen.h"
#include "signals/commit.h"
#include "signals/lookup.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>

enum { ASK_AGAIN_MS = 100 };

/* --- the state of the trading flow ----------------------------------------------------------- */

static void s_ask_system_state(actor_t *actor, void *context);

/* An event that came meanwhile is newer than this answer. */
static void s_on_state_answer(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    (void)context;
    (void)fault;
    signals_t *state = actor_state(actor);
    if (err == ERR_SHUTTING_DOWN || state->modes.known)
        return;
    if (err == OK)
        modes_apply(&state->modes, response);
    else
        actor_timer_once(actor, ASK_AGAIN_MS, s_ask_system_state, NULL);
}

static void s_ask_system_state(actor_t *actor, void *context) {
    (void)context;
    const signals_t *state = actor_state(actor);
    GetSystemStateRequest request = GetSystemStateRequest_init_zero;
    if (!state->modes.known)
        actor_request(actor, &rpc_SystemCoordinator_GetSystemState, &request, NULL, s_on_state_answer, NULL);
}

static void s_on_system_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    signals_t *state = actor_state(actor);
    modes_apply(&state->modes, event);
}

/* --- the store ------------------------------------------------------------------------------- */

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    signals_t *state = actor_state(actor);
    const StoreState *store = event;
    state->store_down = !store->available;
    snprintf(state->store_reason, sizeof state->store_reason, "the store is not reachable: %s",
             store->reason ? store->reason : "");
}

/* --- life ------------------------------------------------------------------------------------ */

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    signals_t *state = calloc(1, sizeof *state);
    if (!state)
        return ERR_NO_MEMORY;
    actor_set_state(actor, state);
    routing_start_counters(actor);
    s_ask_system_state(actor, NULL);
    return OK;
}

static bool s_drain(actor_t *actor) {
    const signals_t *state = actor_state(actor);
    return state->waiting == 0 && state->reads == 0;
}

static void s_stop(actor_t *actor) {
    signals_t *state = actor_state(actor);
    commit_stop(state);
    modes_free(&state->modes);
    free(state);
    actor_set_state(actor, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const signals_t *state = actor_state(actor);
    const char *reason = NULL;
    if (state->store_down)
        reason = state->store_reason;
    else if (!state->modes.known)
        reason = "the state of the trading flow is not known yet";
    if (reason)
        status_set(status, "degraded", reason);
    status_add_metric(status, "gauge", "signals_waiting", "Signals admitted and not answered yet",
                      (double)state->waiting, NULL, NULL);
    status_add_metric(status, "gauge", "signal_lookups", "Lookups of earlier signals under way",
                      state->lookups_under_way, NULL, NULL);
}

static const actor_command_t s_commands[] = {
    {&rpc_SignalRouter_RouteSignal, routing_route_signal},
    {&rpc_SignalRouter_RouteSignals, routing_route_signals},
    {&rpc_SignalRouter_ListSignals, reading_list_signals},
    {&rpc_SignalRouter_GetSignal, reading_get_signal},
    {NULL, NULL},
};

static const actor_event_t s_events[] = {
    {"evt/coordinator/SystemState", SystemState_message, s_on_system_state},
    {"evt/store/State", StoreState_message, s_on_store_state},
    {NULL, NULL, NULL},
};

const actor_class_t signals_class = {
    .name = "signals",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .drain = s_drain,
    .batch_end = commit_flush,
    .describe = s_describe,
};
