/* The system monitor: the state of every component, as they tell it themselves.
 *
 * It asks all of them at once and waits 500 ms; one that does not answer, or is not there, is stopped. Nothing is
 * read from the store, so it answers while that is down, and with MONITORING_ENABLED=false, which is about sampling
 * and alerts.
 *
 * Takes     GetStatus, GetReadiness, CollectMetrics; the other routes are declared and not built
 * Asks      Describe of every component
 * Owns      nothing */
#pragma once

#include "actor/actor.h"
#include "actor/supervisor.h"
#include <stdatomic.h>

/* What main knows and no component can be asked for. The pointers may be NULL (the part then counts as stopped,
 * but for the supervisor, which is left out); they must stay until the actor has stopped. */
typedef struct {
    const bus_t *bus;
    const supervisor_t *supervisor;
    int64_t started_us;   /* of the process, monotonic; 0 = when the actor started */
    atomic_int rest_port; /* as bound; 0 = INTEGRATION_PORT, until the listener stands */
} monitoring_args_t;

extern const actor_class_t monitoring_class;
