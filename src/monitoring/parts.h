/* The parts that are asked for their state: which there are, and how they are shown. Constant and pure. */
#pragma once

#include "integration/v1/bus.pb.h"
#include "integration/v1/monitoring.pb.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PART_COORDINATOR,
    PART_SIGNALS,
    PART_DELIVERY,
    PART_DATAFLOW,
    PART_SCHEDULER,
    PART_MONITORING,
    PART_VALIDATION,
    PART_SERVICES,
    PART_STORE,
    PART_STORE_READER,
    PART_CACHE,
    PART_STREAM,
    PART_ADAPTER_MACRO, /* the adapters follow each other in the order of SERVICE_ */
    PART_ADAPTER_PORTFOLIO,
    PART_ADAPTER_EXECUTION,
    PART_ADAPTER_FLOWHUB,
    PART_ASKED,            /* so many are asked over the bus */
    PART_BUS = PART_ASKED, /* main's; asked directly */
    PART_COUNT
} part_t;

/* Name of the component: "signals", "adapter.macro". */
const char *part_component(part_t part);

/* The component did not answer: why, as the status shows it. */
void part_stopped(ComponentStatus *status, part_t part, const char *reason);

/* `states` (PART_COUNT of them) as GET /status shows them. Counters go by the metric's name, with the value of its
 * label behind it; those of store-reader go with the store's, prefixed with reader_, and the worse of their states
 * counts. */
void parts_fill(const ComponentStatus *states, ComponentStates *out);

/* True when the part works as readiness needs it: running or degraded. *why names the reason otherwise. */
bool part_is_up(const ComponentStatus *status, const char **why);
