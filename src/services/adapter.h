/* An adapter: the actor that calls one downstream service. Four of them run, adapter.macro, adapter.portfolio,
 * adapter.execution and adapter.flowhub, each with its own connections, circuit and retry budget, so that one
 * service that hangs leaves the other three alone.
 *
 * A logical call takes one place in flight from its first attempt to its answer, or until it begins to wait for a job:
 * polling a long job does not hold up quick calls. Beyond the limit calls wait, oldest first, until their deadline.
 *
 * Takes    Call, RunJob, CancelJob, Probe, Reconnect, GetItem, GetConfig, SetLimit, ReportJob
 * Publishes evt/service/Changed (ServiceEvent) when the status of its service changes
 * Owns     the HTTP connections to the service, its breaker, retry budget and statistics */
#pragma once

#include "actor/actor.h"

typedef struct {
    int service; /* SERVICE_MACRO ... */
} adapter_args_t;

extern const actor_class_t adapter_class;

/* "adapter.macro" and so on, by SERVICE_. */
extern const char *const adapter_names[SERVICE_COUNT];
