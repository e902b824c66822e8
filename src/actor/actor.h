/* The actor: one thread, one state, one loop. Every component is one.
 *
 * A component describes itself by an actor_class_t: its command table, its event table, its start and stop.
 * The loop (same for all) decodes commands, runs handlers, encodes replies, keeps requests to others with their
 * deadlines, runs timers and polled descriptors, answers Describe, and stops on request. Handlers run on the
 * actor's thread only; they never block (the store actors, whose work is to block on a database, excepted).
 *
 * Loop order, every turn: control pipe, due timers, then up to ACTOR_BATCH bus messages, then `batch_end`, then
 * polled sockets: traffic starves neither stop nor timers. */
#pragma once

#include "base/config.h"
#include "bus/bus.h"

#define ACTOR_BATCH 1024

typedef struct actor_s actor_t;
typedef struct call_s call_t;

/* A command: decoded request in, zeroed response to fill. Return
 *   OK           the response is sent;
 *   ERR_PENDING  the handler keeps `call` and answers later, exactly once, by call_reply or call_fail;
 *   another code a Fault is sent, with what call_problem and call_explain said.
 * request and response belong to the loop, also after ERR_PENDING: copy what must live on. */
typedef err_t(actor_command_fn)(actor_t *self, call_t *call, const void *request, void *response);

typedef struct {
    const rpc_t *rpc;
    actor_command_fn *handler;
} actor_command_t;

/* An event, decoded by its schema. */
typedef void(actor_event_fn)(actor_t *self, const bus_message_t *message, const void *event);

typedef struct {
    const char *prefix; /* a subscription as in bus.h: "evt/store/State", or all below "evt/store/" */
    const message_t *(*message)(void);
    actor_event_fn *handler;
} actor_event_t;

typedef struct {
    const char *name;                /* component: "signals" */
    const actor_command_t *commands; /* ends with {NULL, NULL} */
    const actor_event_t *events;     /* may be NULL; ends with {NULL, NULL, NULL} */

    /* On the actor's thread, before READY. `args` is what actor_start got; makes the state (actor_set_state).
     * A failure fails actor_start; `stop` is not called then, and requests made here are forgotten. Events are
     * subscribed to before, commands after. May be NULL. */
    err_t (*start)(actor_t *self, const void *args);
    /* After the last message and the last reply; frees the state. Calls still kept may be answered here, else
     * the loop answers them SHUTTING_DOWN (INTERNAL when the actor failed). May be NULL. */
    void (*stop)(actor_t *self);
    /* Asked to stop: finish what was acknowledged. True when done; else called again every turn (within 5 ms)
     * until the stop deadline; commands are served meanwhile. NULL = nothing to finish. */
    bool (*drain)(actor_t *self);
    /* All messages at hand were handled: where a group is committed. Called every turn. May be NULL. */
    void (*batch_end)(actor_t *self);
    /* Adds status, reason and metrics; name and the loop's own counters are filled in. May be NULL. */
    void (*describe)(actor_t *self, ComponentStatus *status);
} actor_class_t;

/* ---- For main and tests: starting and stopping. One thread (the parent's). ---- */
typedef struct actor_handle_s actor_handle_t;

/* Starts the thread and waits for READY. `name` NULL = klass->name (adapter actors pass their own). `config` and
 * `args` must outlive the actor. ERR_* of start, or ERR_INTERNAL when a routed rpc of the component has neither
 * handler nor not_implemented. */
ERR_MUST_USE
err_t actor_start(actor_handle_t **self_p, const actor_class_t *klass, const char *name,
                  const config_t *config, const void *args);
/* Drains until `deadline_us`, stops, waits for the end of the thread. */
void actor_stop(actor_handle_t **self_p, int64_t deadline_us);
/* Readable when the actor ended by itself or failed; for main's poller. */
void *actor_handle_zmq_socket(const actor_handle_t *self);
/* False once the thread has ended; its calls were answered then. Any thread. */
bool actor_handle_alive(actor_handle_t *self);
/* Why it ended, as actor_fail said; "" while it runs or when it ended on request. */
const char *actor_handle_failure(const actor_handle_t *self);
/* Monotonic time at which the loop last turned, for the watchdog. */
int64_t actor_handle_last_turn_us(const actor_handle_t *self);

/* ---- For handlers ---- */
const char *actor_name(const actor_t *self);
const config_t *actor_config(const actor_t *self);
void *actor_state(const actor_t *self);
void actor_set_state(actor_t *self, void *state);
/* Ends this actor as failed (logged); main decides about a restart. */
void actor_fail(actor_t *self, const char *reason);

/* The envelope of the command: principal, deadline, trace, request id, idempotency. */
const Envelope *call_envelope(const call_t *call);
const rpc_t *call_rpc(const call_t *call);
/* Adds a detail to the refusal. */
void call_problem(call_t *call, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The refusal's sentence, in place of the code's default; returns `err`, so: return call_explain (call, ERR_X, ...) */
err_t call_explain(call_t *call, err_t err, const char *format, ...) __attribute__((format(printf, 3, 4)));
void call_retry_after(call_t *call, uint32_t seconds);
/* Attempts that were made of the logical call which the refusal gives up. */
void call_attempts(call_t *call, uint32_t attempts);
void call_outcome(call_t *call, Outcome outcome);
Outcome call_get_outcome(const call_t *call);
/* The answer was stored under the idempotency key, with its effect (store_write_answer says so). */
void call_answer_recorded(call_t *call);
/* It was not, after all: the unit that would have stored it failed. A refusal needs no such word. */
void call_answer_lost(call_t *call);
/* Answers a call and takes it. `response` is of the rpc's response type and stays the caller's. Also allowed inside
 * the call's own handler, which then returns ERR_PENDING. */
void call_reply(actor_t *self, call_t **call_p, const void *response);
void call_fail(actor_t *self, call_t **call_p, err_t err);
/* Passes another component's refusal on to the asker. */
void call_fail_as(actor_t *self, call_t **call_p, err_t err, const Fault *fault);

/* The answer to a request; `response` is NULL when err is not OK (`fault` then says more; never NULL). Called
 * exactly once for each request: reply, refusal, deadline, or stop (ERR_SHUTTING_DOWN). */
typedef void(actor_reply_fn)(actor_t *self, void *context, err_t err, const void *response,
                             const Fault *fault);

typedef struct {
    const char *component;   /* NULL = the rpc's */
    int64_t deadline_us;     /* 0: of `on_behalf`, else 5 s from now */
    const call_t *on_behalf; /* passes on principal, request id and trace; may be NULL */
    const Envelope *context; /* the same from a stored envelope; may be NULL */
} actor_request_options_t;

/* Sends a command; a failure to send is reported through `reply` too, on a later turn. */
void actor_request(actor_t *self, const rpc_t *rpc, const void *request,
                   const actor_request_options_t *options, actor_reply_fn *reply, void *context);
/* The same with a request that is encoded already. */
void actor_request_encoded(actor_t *self, const rpc_t *rpc, const void *bytes, size_t size,
                           const actor_request_options_t *options, actor_reply_fn *reply, void *context);

/* Publishes an event, with the trace of the work being done. */
void actor_publish(actor_t *self, const char *topic, const message_t *message, const void *event);

/* Timers: once after `delay_ms`, or every period until cancelled. */
typedef void(actor_timer_fn)(actor_t *self, void *context);
uint64_t actor_timer_once(actor_t *self, int64_t delay_ms, actor_timer_fn *fn, void *context);
uint64_t actor_timer_every(actor_t *self, int64_t period_ms, actor_timer_fn *fn, void *context);
void actor_timer_cancel(actor_t *self, uint64_t *timer_p); /* 0 is ignored; nulls it */

/* Polls a zmq socket or a descriptor (ZMQ_POLLIN | ZMQ_POLLOUT) every turn. Changing the events of one that is
 * polled already replaces them. */
typedef void(actor_poll_fn)(actor_t *self, void *context, short revents);
void actor_poll_socket(actor_t *self, void *zmq_socket, short events, actor_poll_fn *fn, void *context);
void actor_poll_fd(actor_t *self, int fd, short events, actor_poll_fn *fn, void *context);
void actor_unpoll_socket(actor_t *self, void *zmq_socket);
void actor_unpoll_fd(actor_t *self, int fd);

/* Counters and gauges by name, shown in /status and /metrics. Created at first use; name and help are static. */
void actor_count(actor_t *self, const char *name, const char *help, double add);
void actor_gauge(actor_t *self, const char *name, const char *help, double value);
