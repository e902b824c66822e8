/* What handlers use of their actor. */
#include "actor/actor_private.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>

const char *actor_name(const actor_t *self) {
    return self->handle->name;
}

const config_t *actor_config(const actor_t *self) {
    return self->handle->config;
}

void *actor_state(const actor_t *self) {
    return self->state;
}

void actor_set_state(actor_t *self, void *state) {
    self->state = state;
}

void actor_fail(actor_t *self, const char *reason) {
    if (self->failed)
        return;
    self->failed = true;
    snprintf(self->handle->failure, sizeof self->handle->failure, "%s", reason);
    log_error("the component failed", LOG_STR("reason", reason));
}

void actor_publish(actor_t *self, const char *topic, const message_t *message, const void *event) {
    Envelope envelope = Envelope_init_zero;
    memcpy(envelope.traceparent, self->traceparent, sizeof self->traceparent);
    err_t err = bus_client_send_message(self->client, topic, &envelope, message, event);
    if (err == OK)
        return;
    self->counters.events_lost++;
    log_error("an event could not be published", LOG_STR("topic", topic), LOG_ERRT(err));
}

uint64_t actor_timer_once(actor_t *self, int64_t delay_ms, actor_timer_fn *fn, void *context) {
    return timers_add(&self->timers, clock_mono_us() + delay_ms * 1000, 0, fn, context);
}

uint64_t actor_timer_every(actor_t *self, int64_t period_ms, actor_timer_fn *fn, void *context) {
    assert_always(period_ms > 0);
    return timers_add(&self->timers, clock_mono_us() + period_ms * 1000, period_ms * 1000, fn, context);
}

void actor_timer_cancel(actor_t *self, uint64_t *timer_p) {
    if (*timer_p)
        timers_cancel(&self->timers, *timer_p);
    *timer_p = 0;
}

void actor_poll_socket(actor_t *self, void *zmq_socket, short events, actor_poll_fn *fn, void *context) {
    poll_set_add(&self->polls, zmq_socket, -1, events, fn, context);
}

void actor_poll_fd(actor_t *self, int fd, short events, actor_poll_fn *fn, void *context) {
    poll_set_add(&self->polls, NULL, fd, events, fn, context);
}

void actor_unpoll_socket(actor_t *self, void *zmq_socket) {
    poll_set_remove(&self->polls, zmq_socket, -1);
}

void actor_unpoll_fd(actor_t *self, int fd) {
    poll_set_remove(&self->polls, NULL, fd);
}

void actor_count(actor_t *self, const char *name, const char *help, double add) {
    *metrics_at(&self->metrics, name, help, true) += add;
}

void actor_gauge(actor_t *self, const char *name, const char *help, double value) {
    *metrics_at(&self->metrics, name, help, false) = value;
}
