/* integration-sim as a test runs it: the four downstream services on free ports, their faults and request logs.
 *
 * Checks itself with criterion. One thread. */
#pragma once

#include "instance.h"

enum { SIM_MACRO, SIM_PORTFOLIO, SIM_EXECUTION, SIM_FLOWHUB, SIM_COUNT };

typedef struct {
    program_t *program;
    rest_t services[SIM_COUNT];
} simulator_t;

/* `arguments` beside --base-port 0; they end with NULL, or are NULL. */
void simulator_start(simulator_t *self, const char *const *arguments);
void simulator_stop(simulator_t *self);

/* Points the settings of the service at the simulator. */
void simulator_serve(const simulator_t *self, instance_t *instance);

/* Switches on a fault, given as JSON; without any, all are cleared. */
void simulator_fault(simulator_t *self, int service, const char *fault);
void simulator_clear_faults(simulator_t *self, int service);

/* The requests that a service got and whose path begins so; an array of {method, path, headers, body, status,
 * replayed}. Owned by the caller. */
json_t *simulator_requests(simulator_t *self, int service, const char *method, const char *path_prefix);
size_t simulator_count(simulator_t *self, int service, const char *method, const char *path_prefix);
/* How often something was really done: jobs_created, tasks_run, ... */
long simulator_effects(simulator_t *self, int service, const char *effect);
/* Waits until the service got a request whose path begins so. */
void simulator_await(simulator_t *self, int service, const char *method, const char *path_prefix);
