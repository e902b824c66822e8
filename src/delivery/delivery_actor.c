/* The delivery component: see delivery.h. */
#include "delivery/delivery.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "delivery/delivery_state.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    TICK_MS = 2000, /* an event may be missed, the store may come back */
    DRAIN_US =
        1000000 /* for what is under way at the stop; what does not end is sent again at the next start */
};

static void s_tick(actor_t *actor, void *context) {
    (void)context;
    delivery_t *state = actor_state(actor);
    if (state->stopping)
        return;
    waiting_read(actor);
    waiting_count(actor);
    for (destination_t *at = state->destinations; at; at = at->next) {
        destination_watch_circuit(at);
        destination_pump(at);
    }
}

static void s_on_routed(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    (void)event;
    waiting_read(actor);
}

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    const StoreState *store = event;
    if (store->available)
        s_tick(actor, NULL);
}

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    delivery_t *state = calloc(1, sizeof *state);
    if (!state)
        return ERR_NO_MEMORY;
    actor_set_state(actor, state);
    state->changed = true;
    actor_timer_every(actor, TICK_MS, s_tick, NULL);
    waiting_read(actor);
    waiting_count(actor);
    return OK;
}

static uint32_t s_in_flight(const delivery_t *state) {
    uint32_t count = 0;
    for (const destination_t *at = state->destinations; at; at = at->next)
        count += at->busy;
    return count;
}

static bool s_drain(actor_t *actor) {
    delivery_t *state = actor_state(actor);
    int64_t now_us = clock_mono_us();
    if (!state->stopping)
        state->drained_by_us = now_us + DRAIN_US;
    state->stopping = true;
    return (s_in_flight(state) == 0 && state->calls == 0) || now_us >= state->drained_by_us;
}

static void s_stop(actor_t *actor) {
    delivery_t *state = actor_state(actor);
    state->stopping = true;
    destination_free_all(state);
    free(state->cursor_url);
    free(state);
    actor_set_state(actor, NULL);
}

static void s_add_outcome(ComponentStatus *status, const char *outcome, uint64_t value) {
    status_add_metric(status, "counter", "deliveries_total", "Attempts to deliver a signal, by outcome",
                      (double)value, "outcome", outcome);
}

static void s_add_gauge(ComponentStatus *status, const char *name, const char *help, double value) {
    status_add_metric(status, "gauge", name, help, value, NULL, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const delivery_t *state = actor_state(actor);
    unsigned open = 0;
    for (const destination_t *at = state->destinations; at; at = at->next) {
        char reason[256];
        if (destination_circuit(at) == BREAKER_CLOSED)
            continue;
        snprintf(reason, sizeof reason, "the circuit of %s is %s", at->shown,
                 breaker_state_name(destination_circuit(at)));
        status_set(status, "degraded", reason);
        open++;
    }
    s_add_outcome(status, "delivered", state->delivered);
    s_add_outcome(status, "retried", state->retried);
    s_add_outcome(status, "dead", state->dead);
    s_add_gauge(status, "deliveries_pending", "Deliveries that wait, also for another attempt",
                (double)state->pending_rows);
    s_add_gauge(status, "deliveries_dead", "Dead letters", (double)state->dead_rows);
    s_add_gauge(status, "deliveries_in_flight", "Deliveries under way", s_in_flight(state));
    s_add_gauge(status, "delivery_circuits_open", "Urls whose circuit is not closed", open);
}

static const actor_command_t s_commands[] = {
    {&rpc_SignalDelivery_ListDeliveries, delivery_list},
    {&rpc_SignalDelivery_RetryDelivery, delivery_retry},
    {NULL, NULL},
};

/* Dead letters may be among what was removed. */
static void s_on_removed(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    (void)event;
    delivery_t *state = actor_state(actor);
    state->changed = true;
}

static const actor_event_t s_events[] = {
    {OUTBOX_TOPIC_ROUTED, Empty_message, s_on_routed},
    {"evt/store/State", StoreState_message, s_on_store_state},
    {"evt/store/Removed", StoreRemoved_message, s_on_removed},
    {NULL, NULL, NULL},
};

const actor_class_t delivery_class = {
    .name = "delivery",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .drain = s_drain,
    .describe = s_describe,
};
