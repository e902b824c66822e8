/* The actor's thread: start, turns, end. */
#include "actor/actor_private.h"

#include "base/clock.h"
#include "base/log.h"
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_WAIT_MS = 1000, /* longest wait, so that last_turn_us tells a stuck actor from an idle one */
    DRAIN_WAIT_MS = 5
};

void actor_set_work(actor_t *self, const char *request_id, const char *traceparent) {
    snprintf(self->traceparent, sizeof self->traceparent, "%s", traceparent ? traceparent : "");
    log_set_request(request_id, traceparent);
}

static void s_send_control(actor_t *self, control_kind_t kind, err_t err) {
    control_t control = {.kind = kind, .err = err};
    /* The parent's end holds a thousand messages and gets two. */
    assert_always(zmq_send(self->pipe, &control, sizeof control, ZMQ_DONTWAIT) == (int)sizeof control);
}

static void s_read_control(actor_t *self) {
    control_t control;
    while (zmq_recv(self->pipe, &control, sizeof control, ZMQ_DONTWAIT) == (int)sizeof control) {
        if (control.kind != CONTROL_STOP || self->phase != PHASE_RUNNING)
            continue;
        self->phase = PHASE_DRAINING;
        self->stop_deadline_us = control.deadline_us;
    }
}

/* A timer that sets another one due at once must not hold the turn: at most as many run as there were. */
static void s_run_timers(actor_t *self) {
    if (timers_next_us(&self->timers) == INT64_MAX)
        return;
    int64_t now_us = clock_mono_us();
    actor_timer_fn *fn;
    void *context;
    for (size_t i = timers_count(&self->timers); i > 0 && !self->failed; i--) {
        if (!timers_pop(&self->timers, now_us, &fn, &context))
            break;
        fn(self, context);
    }
}

/* True when there may be more. */
static bool s_read_bus(actor_t *self) {
    bus_message_t message;
    for (int i = 0; i < ACTOR_BATCH && !self->failed; i++) {
        err_t err = bus_client_next(self->client, &message);
        if (err == ERR_AGAIN)
            return false;
        if (err == OK) {
            actor_dispatch(self, &message);
            bus_message_close(&message);
        } else if (err == ERR_PROTOCOL) {
            self->counters.malformed++;
        } else {
            actor_fail(self, "the bus is gone");
        }
    }
    return true;
}

static int s_wait_ms(const actor_t *self) {
    int64_t limit_ms = self->phase == PHASE_RUNNING ? IDLE_WAIT_MS : DRAIN_WAIT_MS;
    int64_t next_us = timers_next_us(&self->timers);
    if (next_us == INT64_MAX)
        return (int)limit_ms;
    int64_t left_us = next_us - clock_mono_us();
    if (left_us <= 0)
        return 0;
    int64_t left_ms = (left_us + 999) / 1000;
    return (int)(left_ms < limit_ms ? left_ms : limit_ms);
}

static bool s_drained(actor_t *self) {
    if (self->phase != PHASE_DRAINING)
        return false;
    if (!self->klass->drain || self->klass->drain(self))
        return true;
    if (clock_mono_us() < self->stop_deadline_us)
        return false;
    log_warning("stopped before all was done");
    return true;
}

static void s_loop(actor_t *self) {
    int ready = POLL_PIPE | POLL_SOCKET | POLL_INBOX;
    for (;;) {
        atomic_store_explicit(&self->handle->last_turn_us, clock_mono_us(), memory_order_relaxed);
        self->counters.turns++;
        if (ready & POLL_PIPE)
            s_read_control(self);
        s_run_timers(self);
        if (ready & POLL_SOCKET)
            bus_client_socket_ready(self->client);
        bool again = ready & (POLL_SOCKET | POLL_INBOX) && s_read_bus(self);
        if (self->klass->batch_end && !self->failed)
            self->klass->batch_end(self);
        if (poll_set_dispatch(&self->polls, self))
            again = true;
        if (self->failed || s_drained(self))
            break;
        int more = again ? POLL_INBOX : 0;
        ready = more | poll_set_wait(&self->polls, &self->fixed, again ? 0 : s_wait_ms(self));
    }
}

/* What was sent to this actor before lies at hand: it is refused here, and what comes later finds no taker. */
static void s_refuse_last_commands(actor_t *self) {
    actor_unsubscribe_commands(self);
    bus_message_t message;
    err_t err;
    while ((err = bus_client_recv(self->client, &message, 0)) == OK || err == ERR_PROTOCOL) {
        if (err == ERR_PROTOCOL)
            continue;
        actor_dispatch(self, &message);
        bus_message_close(&message);
    }
}

/* In this order each call is answered once: by the component while it can, else here. */
static void s_end(actor_t *self) {
    self->phase = PHASE_ENDING;
    s_refuse_last_commands(self);
    requests_fail_all(self, ERR_SHUTTING_DOWN);
    if (self->klass->stop)
        self->klass->stop(self);
    requests_fail_all(self, ERR_SHUTTING_DOWN);
    calls_fail_open(self, self->failed ? ERR_INTERNAL : ERR_SHUTTING_DOWN);
}

static err_t s_open(actor_t *self) {
    self->open_calls.next = self->open_calls.previous = &self->open_calls;
    self->timers = (timers_t)TIMERS_INIT;
    self->client = bus_client_new();
    if (!self->client)
        return ERR_NO_SUBSCRIBER;
    self->fixed = (poll_fixed_t){.pipe = poll_set_zmq_fd(self->pipe),
                                 .socket = bus_client_socket_fd(self->client),
                                 .inbox = bus_client_inbox_fd(self->client)};
    return OK;
}

/* Events are subscribed to before the component reads its state, so that none falls between; commands once it
 * can answer them. */
static err_t s_start(actor_t *self) {
    err_t err = s_open(self);
    if (err == OK)
        err = actor_tables_check(self->klass);
    if (err == OK)
        err = actor_tables_make(self);
    if (err == OK)
        err = actor_subscribe_events(self);
    if (err == OK && self->klass->start)
        err = self->klass->start(self, self->handle->args);
    if (err == OK)
        err = actor_subscribe_commands(self);
    return err;
}

static void s_close(actor_t *self) {
    requests_free(self);
    calls_free(self);
    timers_free(&self->timers);
    poll_set_free(&self->polls);
    metrics_free(&self->metrics);
    actor_tables_free(self);
    bus_client_destroy(&self->client);
}

static void s_name_thread(const char *name) {
    char short_name[16]; /* the kernel's limit */
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(pthread_self(), short_name);
    log_set_component(name);
}

void actor_run(actor_handle_t *handle, void *pipe) {
    actor_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->handle = handle;
    self->klass = handle->klass;
    self->pipe = pipe;
    s_name_thread(handle->name);
    err_t err = s_start(self);
    atomic_store(&handle->last_turn_us, clock_mono_us());
    if (err == OK) {
        s_send_control(self, CONTROL_READY, OK);
        s_loop(self);
        s_end(self);
    }
    s_close(self);
    atomic_store(&handle->ended, true);
    s_send_control(self, err == OK ? CONTROL_ENDED : CONTROL_READY, err);
    free(self);
}
