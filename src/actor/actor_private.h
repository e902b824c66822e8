/* The actor's inside, shared by the files of src/actor. All of it belongs to the actor's thread, but for the
 * atomics of the handle. */
#pragma once

#include "actor/actor.h"
#include "actor/metrics.h"
#include "actor/poll_set.h"
#include "actor/timers.h"
#include "base/ids.h"
#include "bus/client.h"
#include "bus/fault.h"
#include <czmq.h>
#include <pthread.h>
#include <stdatomic.h>

#define ACTOR_NAME_SIZE   64
#define ACTOR_REASON_SIZE 256

/* What parent and actor share. The parent frees it after the thread has ended. */
struct actor_handle_s {
    const actor_class_t *klass;
    const config_t *config;
    const void *args;
    char name[ACTOR_NAME_SIZE];
    zactor_t *zactor;
    void *pipe; /* the parent's end of its pipe, for control only */
    atomic_bool ended;
    atomic_int_fast64_t last_turn_us;
    char failure[ACTOR_REASON_SIZE]; /* written before `ended` is set; "" = ended on request */
};

/* On the control pipe. The parent sends STOP, the actor READY (with the error of its start) and ENDED. */
typedef enum { CONTROL_STOP, CONTROL_READY, CONTROL_ENDED } control_kind_t;
typedef struct {
    control_kind_t kind;
    err_t err;
    int64_t deadline_us;
} control_t;

/* A command with its handler, and room to decode and answer that is used again for each call. */
typedef struct {
    const rpc_t *rpc;
    actor_command_fn *handler;
    void *request, *response;
} command_t;

typedef struct {
    actor_event_t event;
    void *value;
} listener_t;

/* HANDLING: on the loop's stack, not kept yet. KEPT: on the list of open calls. ANSWERED: answered by its own
 * handler, which has not returned yet. FREE: on the list of spare calls. */
typedef enum { CALL_FREE, CALL_HANDLING, CALL_KEPT, CALL_ANSWERED } call_state_t;

struct call_s {
    call_state_t state;
    const rpc_t *rpc;
    Envelope envelope;
    Fault fault;
    Outcome outcome;
    bool answer_recorded;
    call_t *previous, *next;
};

typedef struct request_s request_t;
typedef struct {
    request_t **buckets;
    size_t count, bucket_count;
} requests_t;

typedef enum { PHASE_RUNNING, PHASE_DRAINING, PHASE_ENDING } phase_t;

typedef struct {
    uint64_t commands, command_errors, events, late_commands, late_replies, malformed, turns, answers_lost;
    uint64_t events_lost;
    double handler_seconds, handler_max_seconds;
} loop_counters_t;

struct actor_s {
    const actor_class_t *klass;
    actor_handle_t *handle;
    void *state;
    bus_client_t *client;
    void *pipe;
    poll_fixed_t fixed;

    phase_t phase;
    bool failed;
    int64_t stop_deadline_us;

    command_t *commands; /* sorted by rpc name */
    size_t command_count;
    listener_t *listeners;
    size_t listener_count;

    call_t open_calls; /* sentinel of a ring */
    call_t *spare_calls;
    size_t open_call_count;
    requests_t requests;
    timers_t timers;
    poll_set_t polls;
    metrics_t metrics;
    loop_counters_t counters;
    char traceparent[TRACEPARENT_SIZE]; /* of the work being done; "" = none */
};

/* loop.c */
void actor_run(actor_handle_t *handle, void *pipe);
void actor_set_work(actor_t *self, const char *request_id, const char *traceparent);

/* dispatch.c: what comes from the bus */
ERR_MUST_USE
err_t actor_tables_make(actor_t *self);
void actor_tables_free(actor_t *self);
err_t actor_tables_check(const actor_class_t *klass);
ERR_MUST_USE
err_t actor_subscribe_events(actor_t *self);
ERR_MUST_USE
err_t actor_subscribe_commands(actor_t *self);
void actor_unsubscribe_commands(actor_t *self);
void actor_dispatch(actor_t *self, bus_message_t *message);

/* call.c */
call_t *call_new(actor_t *self, const Envelope *envelope, const rpc_t *rpc);
void call_keep(actor_t *self, call_t *call);
void call_finish(actor_t *self, call_t **call_p, err_t err,
                 const void *response); /* at the handler's return */
void calls_fail_open(actor_t *self, err_t err);
void calls_free(actor_t *self);

/* request.c */
void request_answered(actor_t *self, const bus_message_t *message);
void requests_fail_all(actor_t *self, err_t err);
void requests_free(actor_t *self);

/* describe.c */
actor_command_fn actor_describe_command;
