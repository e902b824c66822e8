/* The coordinator actor: command and event tables, start and stop; see coordinator.h. */
#include "coordinator/coordinator.h"

#include "bus/fault.h"
#include "coordinator/cycle.h"
#include "coordinator/system_state.h"
#include "integration/v1/store.pb.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>

/* ---- Life ---- */

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    const StoreState *state = event;
    if (!state->available)
        return;
    coordinator_recover(actor_state(actor));
    system_load(system_of(actor));
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
    self->system = system_new(self);
    coordinator_recover(self);
    /* the store's event may have come before we listened, or a read may have failed */
    actor_timer_every(actor, 1000, s_try_recovery, NULL);
    return OK;
}

/* The loop answers their calls. */
static void s_free_waiters(cycle_t *cycle) {
    while (cycle->waiters) {
        waiter_t *waiter = cycle->waiters;
        cycle->waiters = waiter->next;
        free(waiter);
    }
    while (cycle->cancellers) {
        canceller_t *canceller = cycle->cancellers;
        cycle->cancellers = canceller->next;
        free(canceller);
    }
}

static void s_stop(actor_t *actor) {
    coordinator_t *self = actor_state(actor);
    while (self->cycles) {
        cycle_t *cycle = self->cycles;
        s_free_waiters(cycle);
        cycle_destroy(&cycle);
    }
    system_destroy(&self->system);
    free(self);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    coordinator_t *self = actor_state(actor);
    if (!self->recovered)
        status_set(status, "degraded", "the cycles of the store have not been loaded yet");
    else if (!self->system->known)
        status_set(status, "degraded", SYSTEM_NOT_LOADED);
    actor_gauge(actor, "cycles_running", "Cycles that are running",
                (double)coordinator_count(self, "running"));
    actor_gauge(actor, "cycles_queued", "Cycles that wait for a place",
                (double)coordinator_count(self, "queued"));
}

static const actor_command_t s_commands[] = {
    {&rpc_SystemCoordinator_TriggerAnalysis, coordinator_trigger},
    {&rpc_SystemCoordinator_ListCycles, coordinator_list_cycles},
    {&rpc_SystemCoordinator_GetCycle, coordinator_get_cycle},
    {&rpc_SystemCoordinator_CancelCycle, coordinator_cancel_cycle},
    {&rpc_SystemCoordinator_RerunCycle, coordinator_rerun_cycle},
    {&rpc_SystemCoordinator_GetSystemState, system_get_state},
    {&rpc_SystemCoordinator_StartSystem, system_start_flow},
    {&rpc_SystemCoordinator_StopSystem, system_stop_flow},
    {&rpc_SystemCoordinator_GetSystemStatus, system_get_status},
    {&rpc_SystemCoordinator_SetMode, system_set_mode},
    {&rpc_SystemCoordinator_GetResources, system_get_resources},
    {&rpc_SystemCoordinator_SetResources, system_set_resources},
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
