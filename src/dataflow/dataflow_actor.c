/* The data flow manager's tables, start and stop; see dataflow.h. */
#include "dataflow/dataflow.h"

#include "base/log.h"
#include "bus/fault.h"
#include "dataflow/dataflow_state.h"
#include "integration/v1/store.pb.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

#define RECOVERY_MS 1000

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    const StoreState *state = event;
    if (state->available)
        dataflow_recover(actor_state(actor));
}

static void s_try_recovery(actor_t *actor, void *context) {
    (void)context;
    dataflow_recover(actor_state(actor));
}

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    dataflow_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    actor_set_state(actor, self);
    dataflow_recover(self);
    /* the store's event may have come before we listened, or a read may have failed */
    actor_timer_every(actor, RECOVERY_MS, s_try_recovery, NULL);
    return OK;
}

/* Nothing is finished first: a fetch goes on at flowhub, and here after the next start. */
static bool s_drain(actor_t *actor) {
    dataflow_t *self = actor_state(actor);
    self->stopping = true;
    return true;
}

static void s_stop(actor_t *actor) {
    dataflow_t *self = actor_state(actor);
    ensure_destroy_all(self);
    while (self->syncs) {
        sync_t *sync = self->syncs;
        sync_destroy(&sync);
    }
    free(self);
    actor_set_state(actor, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const dataflow_t *self = actor_state(actor);
    size_t syncs = 0;
    for (const sync_t *sync = self->syncs; sync; sync = sync->next)
        syncs++;
    if (!self->recovered)
        status_set(status, "degraded", "the open fetches of the store have not been loaded yet");
    status_add_metric(status, "gauge", "syncs_running", "Fetches of datasets under way.", (double)syncs, NULL,
                      NULL);
    status_add_metric(status, "gauge", "readiness_waiting", "Cycles that wait for their datasets.",
                      (double)ensure_count(self), NULL, NULL);
}

static const actor_command_t s_commands[] = {
    {&rpc_DataFlowManager_EnsureReady, ensure_command},
    {NULL, NULL},
};

static const actor_event_t s_events[] = {
    {"evt/store/State", StoreState_message, s_on_store_state},
    {NULL, NULL, NULL},
};

const actor_class_t dataflow_class = {
    .name = "dataflow",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .drain = s_drain,
    .describe = s_describe,
};
