/* The parent's side of an actor: start with READY, stop, and what main watches. */
#include "actor/actor_private.h"

#include "base/clock.h"
#include "base/log.h"
#include <czmq.h>

enum {
    START_TIMEOUT_MS = 60000, /* a start may migrate a database */
    END_GRACE_MS = 5000       /* past the deadline of a stop, for the last answers */
};

/* On the actor's thread. zactor_new waits for the signal; whether the start succeeds is told by READY. */
static void s_main(zsock_t *pipe, void *argument) {
    zsock_signal(pipe, 0);
    actor_run(argument, zsock_resolve(pipe));
}

static void s_free(actor_handle_t **self_p) {
    assert_always(atomic_load(&(*self_p)->ended)); /* the actor is through with what is freed here */
    zactor_destroy(&(*self_p)->zactor);
    free(*self_p);
    *self_p = NULL;
}

/* ERR_DEADLINE_EXCEEDED when nothing came in time. */
static err_t s_await(actor_handle_t *self, int timeout_ms, control_t *control) {
    zmq_setsockopt(self->pipe, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    int size;
    do {
        size = zmq_recv(self->pipe, control, sizeof *control, 0);
    } while (size < 0 && zmq_errno() == EINTR);
    return size == (int)sizeof *control ? OK : ERR_DEADLINE_EXCEEDED;
}

/* A thread cannot be ended from outside; what it still uses stays allocated. The caller ends the process. */
static void s_abandon(actor_handle_t **self_p, const char *what) {
    log_critical(what, LOG_STR("actor", (*self_p)->name));
    *self_p = NULL;
}

err_t actor_start(actor_handle_t **self_p, const actor_class_t *klass, const char *name,
                  const config_t *config, const void *args) {
    *self_p = NULL;
    actor_handle_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->klass = klass;
    self->config = config;
    self->args = args;
    snprintf(self->name, sizeof self->name, "%s", name ? name : klass->name);
    self->zactor = zactor_new(s_main, self);
    if (!self->zactor) {
        log_error("an actor's thread could not start", LOG_STR("actor", self->name));
        free(self);
        return ERR_INTERNAL;
    }
    self->pipe = zsock_resolve(zactor_sock(self->zactor));
    control_t control;
    err_t err = s_await(self, START_TIMEOUT_MS, &control);
    if (err != OK) {
        s_abandon(&self, "an actor did not become ready");
        return err;
    }
    assert_always(atomic_load(&self->last_turn_us) >
                  0); /* set before READY: what start wrote is seen from here on */
    if (control.err != OK) {
        log_error("an actor failed to start", LOG_STR("actor", self->name), LOG_ERRT(control.err));
        s_free(&self);
        return control.err;
    }
    *self_p = self;
    return OK;
}

void actor_stop(actor_handle_t **self_p, int64_t deadline_us) {
    actor_handle_t *self = *self_p;
    if (!self)
        return;
    control_t control = {.kind = CONTROL_STOP, .deadline_us = deadline_us};
    /* Refused only when the actor has ended and closed its end. */
    (void)zmq_send(self->pipe, &control, sizeof control, ZMQ_DONTWAIT);
    int64_t left_us = deadline_us - clock_mono_us();
    int timeout_ms = END_GRACE_MS + (left_us > 0 ? (int)(left_us / 1000) : 0);
    if (s_await(self, timeout_ms, &control) == OK)
        s_free(self_p);
    else
        s_abandon(self_p, "an actor did not stop");
}

void *actor_handle_zmq_socket(const actor_handle_t *self) {
    return self->pipe;
}

bool actor_handle_alive(actor_handle_t *self) {
    return !atomic_load(&self->ended);
}

int64_t actor_handle_last_turn_us(const actor_handle_t *self) {
    return atomic_load_explicit((atomic_int_fast64_t *)&self->last_turn_us, memory_order_relaxed);
}

const char *actor_handle_failure(const actor_handle_t *self) {
    return atomic_load((atomic_bool *)&self->ended) ? self->failure : "";
}
