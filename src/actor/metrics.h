/* A component's counters and gauges by name. Private to src/actor; belongs to the actor's thread. */
#pragma once

#include "integration/v1/bus.pb.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name, *help; /* static */
    bool counter;
    double value;
} metric_t;

typedef struct {
    metric_t *items;
    size_t count, capacity;
} metrics_t;

void metrics_free(metrics_t *self);
/* The value of the name, made at first use. */
double *metrics_at(metrics_t *self, const char *name, const char *help, bool counter);
void metrics_describe(const metrics_t *self, ComponentStatus *out);
