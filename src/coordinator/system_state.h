/* The state of the system, which the coordinator keeps: whether the trading flow runs, the modes in force, and the
 * resource strategy. All of it is rows of the table system_state ("system/running", "system/mode/<scope>",
 * "system/resources").
 *
 * Nothing is told before it was loaded: until then GetSystemState fails, and whoever asks takes the flow for stopped.
 * A store without these rows is a fresh one: running, no mode, balanced. Changes are made one after the other: stored,
 * then true in memory and published (evt/coordinator/SystemState), then taken by the signal router, then answered. So
 * what is posted after the answer meets the new state. A change whose outcome the store did not tell is failed, and the
 * state is loaded again. The coordinator's thread. */
#pragma once

#include "base/host.h"
#include "base/ids.h"
#include "coordinator/cycle.h"
#include "coordinator/resources.h"
#include "coordinator/system_status.h"
#include "store/store.h"

#define SYSTEM_NOT_LOADED  "the state of the system has not been loaded from the store yet"
#define SYSTEM_CHANGES_MAX 64 /* waiting at once; more are refused with OVERLOADED */

typedef struct system_s system_t;
typedef struct change_s change_t;

/* What there is to a change of one kind. */
typedef struct {
    bool (*write)(change_t *self, store_write_t *write); /* adds its rows; false = things are so already */
    void (*apply)(change_t *self);                       /* it is stored: the state in memory follows */
    void (*finish)(change_t *self);                      /* answers, now or later, and takes it */
} change_kind_t;

/* The resource allocation in force. */
typedef struct {
    char allocation_id[UUID_SIZE];
    int64_t created_time;
    const resource_strategy_t *strategy; /* NULL = not loaded yet */
    bool stored;
} allocation_t;

/* In the queue of its system until it is stored or has failed; then owned by what its kind does to finish it. */
struct change_s {
    change_t *next;
    system_t *system;
    const change_kind_t *kind;
    call_t *call;     /* NULL = our own, at start */
    bool changed;     /* it made a difference */
    uint64_t version; /* of the state with it */

    bool running;            /* StartSystem, StopSystem */
    Mode mode;               /* SetMode */
    allocation_t allocation; /* SetResources */
};

struct system_s {
    actor_t *actor;
    coordinator_t *owner;

    SystemState state;
    bool known;             /* it was loaded */
    bool certain;           /* it is what the store holds */
    bool loading;           /* the query is out */
    bool load_failed;       /* the last one; said once */
    int64_t load_again_us;  /* monotonic; 0 = no need */
    bool router_behind;     /* the router has not confirmed the present state */
    change_t *first, *last; /* waiting; the first is under way once `storing` */
    size_t waiting;
    bool storing;

    allocation_t allocation;
    bool limited[TIER_COUNT]; /* the adapter has confirmed its limit */

    health_t seen[SYSTEM_PART_COUNT]; /* as logged last */
    bool judged, judging;

    host_cpu_t cpu;
    bool has_cpu_usage;
    double cpu_usage;
};

/* Begins to load. */
system_t *system_new(coordinator_t *owner);
void system_destroy(system_t **self_p);
/* Loads what is not certain; nothing when that is under way. */
void system_load(system_t *self);
/* The coordinator's, from the actor; NULL before it is made. */
system_t *system_of(actor_t *actor);

/* ---- Changes (system_change.c) ---- */

/* A change for `call`, to be filled and given to change_start. NULL when it is refused: *err says how. */
change_t *change_new(system_t *system, call_t *call, const change_kind_t *kind, err_t *err);
change_t *change_new_own(system_t *system, const change_kind_t *kind);
void change_start(change_t *self);
/* For finish: answers when the router has taken the present state, and takes the change. */
void change_finish_confirmed(change_t *self);
void change_destroy(change_t **self_p);
/* Goes on with the queue. */
void changes_advance(system_t *self);
/* The state could not be loaded: those who wait are refused. */
void changes_fail(system_t *self, err_t err, const Fault *fault);
/* Tells everybody, and the router until it has confirmed. */
void system_publish(system_t *self);
/* OK, or a refusal that says that the state has not been loaded yet. */
ERR_MUST_USE
err_t system_check_known(const system_t *self, call_t *call);
void system_tell_router(system_t *self);

extern actor_command_fn system_start_flow, system_stop_flow, system_get_state;
/* modes_command.c */
extern actor_command_fn system_set_mode;

/* ---- Resources (resources_control.c) ---- */

extern actor_command_fn system_get_resources, system_set_resources;
/* Makes and stores the first allocation when the store has none. */
void resources_loaded(system_t *self);
/* Sets the limits again on the adapters: they forget them when they restart. */
void resources_apply(system_t *self);
char *allocation_to_text(const allocation_t *allocation);
ERR_MUST_USE
err_t allocation_from_text(const char *text, allocation_t *allocation);

/* ---- Status (system_status_gather.c) ---- */

extern actor_command_fn system_get_status;
/* Gathers and judges without an asker, so that changes are in the log. */
void system_watch(system_t *self);
