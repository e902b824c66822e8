/* The supervisor: starts the actors of a table in order, watches them, restarts what died, stops them in reverse.
 *
 * Main's thread, but for supervisor_describe. An actor that ended by itself is restarted when its row allows it,
 * at most SUPERVISOR_RESTARTS times within SUPERVISOR_WINDOW_S; beyond that, and for an actor whose loop does not
 * turn any more, supervisor_check fails: a thread cannot be ended from outside, so the process must be. */
#pragma once

#include "actor/actor.h"

#define SUPERVISOR_RESTARTS    3
#define SUPERVISOR_WINDOW_S    60
#define SUPERVISOR_WATCHDOG_MS 30000

typedef struct {
    const actor_class_t *klass;
    const char *name; /* NULL = klass->name */
    const void *args; /* must outlive the supervisor */
    bool restartable;
    int64_t watchdog_ms; /* longest turn of the loop; 0 = SUPERVISOR_WATCHDOG_MS */
} supervisor_entry_t;

typedef struct supervisor_s supervisor_t;

/* `table` ends with a row without klass; it and `config` must outlive the supervisor. */
supervisor_t *supervisor_new(const supervisor_entry_t *table, const config_t *config);
/* Every actor must be stopped. */
void supervisor_destroy(supervisor_t **self_p);

/* Starts them in order, each READY before the next. When one fails, those before it are stopped again and its
 * error is returned. */
ERR_MUST_USE
err_t supervisor_start(supervisor_t *self);
/* Stops them in reverse order; they share the deadline (monotonic microseconds). */
void supervisor_stop(supervisor_t *self, int64_t deadline_us);

/* Looks after the actors once. ERR_SERVICE_UNAVAILABLE when one died and may not (or not again) be restarted, or
 * its restart failed; ERR_DEADLINE_EXCEEDED when one is stuck; logged in each case. */
ERR_MUST_USE
err_t supervisor_check(supervisor_t *self);

/* Waits until `fd` is readable (*readable) or `deadline_us`, and checks whenever an actor ended, and once a
 * second. Returns what a check returned, else OK. `fd` may be -1. */
ERR_MUST_USE
err_t supervisor_wait(supervisor_t *self, int fd, int64_t deadline_us, bool *readable);

/* Restarts and liveness, by actor, into a zeroed struct. Any thread. */
void supervisor_describe(const supervisor_t *self, ComponentStatus *out);
