/* The signals component: see signals.h. */
#include "signals/signals.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "routes.gen.h"
#include "signals/commit.h"
#include "signals/index/active_load.h"
#include "signals/lookup.h"
#include "signals/reading/history_totals.h"
#include "signals/resolve/jobs.h"
#include "signals/stats/stats.h"
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

static err_t s_apply_system_state(actor_t *actor, call_t *call, const void *request, void *response) {
    signals_t *state = actor_state(actor);
    modes_apply(&state->modes, request);
    return commit_confirm(actor, call, response);
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

static void s_on_removed(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    signals_t *state = actor_state(actor);
    const StoreRemoved *removed = event;
    signal_stats_set_removed(state->stats, (int64_t)removed->signals);
    history_totals_clear(state->totals);
}

/* --- the active signals ---------------------------------------------------------------------- */

static void s_load(actor_t *actor, void *context);

static void s_on_loaded(actor_t *actor, void *context, err_t err, const char *reason) {
    signals_t *state = actor_state(actor);
    scope_index_t *index = context;
    if (err != OK) {
        scope_index_destroy(&index);
        snprintf(state->load_reason, sizeof state->load_reason, SIGNALS_NOT_LOADED ": %s",
                 reason ? reason : err_text(err));
        if (err != ERR_SHUTTING_DOWN)
            actor_timer_once(actor, ASK_AGAIN_MS, s_load, NULL);
        return;
    }
    scope_index_destroy(&state->index);
    state->index = index;
    state->loaded = true;
    state->loading = false;
}

static void s_on_restored(actor_t *actor, err_t err, const char *reason) {
    scope_index_t *index = scope_index_new();
    if (err == OK)
        active_load_begin(actor, index, clock_wall_ms(), s_on_loaded, index);
    else
        s_on_loaded(actor, index, err, reason);
}

/* First what is counted from the history, for which nothing must be routed meanwhile. */
static void s_load(actor_t *actor, void *context) {
    (void)context;
    signal_stats_restore(actor, s_on_restored);
}

void signals_load(actor_t *actor) {
    signals_t *state = actor_state(actor);
    state->loaded = false;
    snprintf(state->load_reason, sizeof state->load_reason, SIGNALS_NOT_LOADED);
    if (!state->loading)
        s_load(actor, NULL);
    state->loading = true;
}

/* --- life ------------------------------------------------------------------------------------ */

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    signals_t *state = calloc(1, sizeof *state);
    if (!state)
        return ERR_NO_MEMORY;
    actor_set_state(actor, state);
    const config_t *config = actor_config(actor);
    state->config = config;
    state->index = scope_index_new();
    state->policy = policy_of(config->signals_default_strategy, config->signals_auto_resolve);
    state->stats = signal_stats_new();
    state->totals = history_totals_new();
    state->unopposed = message_new(Decision_message());
    decision_unopposed(state->unopposed);
    signal_stats_start(actor);
    routing_start_counters(actor);
    signals_load(actor);
    s_ask_system_state(actor, NULL);
    return OK;
}

static bool s_drain(actor_t *actor) {
    const signals_t *state = actor_state(actor);
    return state->waiting == 0 && state->reads == 0 && state->jobs == 0 && signal_stats_drain(actor);
}

static void s_stop(actor_t *actor) {
    signals_t *state = actor_state(actor);
    commit_stop(state);
    jobs_stop(state);
    scope_index_destroy(&state->index);
    signal_stats_destroy(&state->stats);
    history_totals_destroy(&state->totals);
    message_free(Decision_message(), (void **)&state->unopposed);
    modes_free(&state->modes);
    free(state);
    actor_set_state(actor, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const signals_t *state = actor_state(actor);
    const char *reason = NULL;
    if (state->store_down)
        reason = state->store_reason;
    else if (!state->loaded)
        reason = state->load_reason;
    else if (!state->modes.known)
        reason = "the state of the trading flow is not known yet";
    if (reason)
        status_set(status, "degraded", reason);
    status_add_metric(status, "gauge", "signals_waiting", "Signals admitted and not answered yet",
                      (double)state->waiting, NULL, NULL);
    status_add_metric(status, "gauge", "signal_lookups", "Lookups of earlier signals under way",
                      state->lookups_under_way, NULL, NULL);
    status_add_metric(status, "gauge", "signals_active", "Active signals, routed and not expired",
                      (double)scope_index_count(state->index), NULL, NULL);
    status_add_metric(status, "gauge", "signal_scopes", "Conflict scopes that hold active signals",
                      (double)scope_index_scopes(state->index), NULL, NULL);
    status_add_metric(status, "gauge", "signal_index_bytes", "Memory of the index of active signals",
                      (double)scope_index_bytes(state->index), NULL, NULL);
}

static const actor_command_t s_commands[] = {
    {&rpc_SignalRouter_RouteSignal, routing_route_signal},
    {&rpc_SignalRouter_RouteSignals, routing_route_signals},
    {&rpc_SignalRouter_ListSignals, history_list},
    {&rpc_SignalRouter_GetSignal, trail_get},
    {&rpc_SignalRouter_GetSignalStats, signal_stats_get},
    {&rpc_SignalRouter_SimulateSignal, routing_simulate_signal},
    {&rpc_SignalRouter_ListConflicts, conflict_list},
    {&rpc_SignalRouter_ResolveConflicts, resolve_conflicts},
    {&rpc_SignalRouter_CleanUpSignals, cleanup_signals},
    {&rpc_SignalGate_ApplySystemState, s_apply_system_state},
    {NULL, NULL},
};

static const actor_event_t s_events[] = {
    {"evt/coordinator/SystemState", SystemState_message, s_on_system_state},
    {"evt/store/State", StoreState_message, s_on_store_state},
    {"evt/store/Removed", StoreRemoved_message, s_on_removed},
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
