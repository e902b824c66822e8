/* Helpers of tests that run over a real bus. */
#include "harness.h"

#include "bus/client.h"
#include "routes.gen.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A failed assertion leaves the test with its sockets open, which zsys would wait for at exit. */
static bool s_running;

static void s_leave(void) {
    if (s_running)
        _exit(EXIT_FAILURE);
}

void harness_start_sized(harness_t *self, int hwm) {
    *self = (harness_t){0};
    cr_assert(bus_start_sized(&self->bus, hwm) == OK, "the bus starts");
    atexit(s_leave);
    s_running = true;
    self->client = bus_client_new();
    cr_assert(self->client, "the bus takes a client");
}

void harness_start(harness_t *self) {
    harness_start_sized(self, BUS_HWM);
}

void harness_stop(harness_t *self) {
    while (self->actor_count > 0)
        actor_stop(&self->actors[--self->actor_count], harness_deadline(HARNESS_MS));
    bus_client_destroy(&self->client);
    bus_stop(&self->bus);
    s_running = false;
}

actor_handle_t *harness_actor_named(harness_t *self, const actor_class_t *klass, const char *name,
                                    const config_t *config, const void *args) {
    cr_assert(self->actor_count < HARNESS_ACTORS);
    actor_handle_t *actor = NULL;
    err_t err = actor_start(&actor, klass, name, config, args);
    cr_assert(err == OK, "%s starts: %s", name ? name : klass->name, err_name(err));
    self->actors[self->actor_count++] = actor;
    return actor;
}

actor_handle_t *harness_actor(harness_t *self, const actor_class_t *klass, const config_t *config,
                              const void *args) {
    return harness_actor_named(self, klass, NULL, config, args);
}

void harness_stop_actor(harness_t *self, actor_handle_t *actor, int64_t within_ms) {
    for (size_t i = 0; i < self->actor_count; i++) {
        if (self->actors[i] != actor)
            continue;
        actor_stop(&self->actors[i], harness_deadline(within_ms));
        for (size_t j = i + 1; j < self->actor_count; j++)
            self->actors[j - 1] = self->actors[j];
        self->actor_count--;
        return;
    }
    cr_assert_fail("the actor is not of this harness");
}

int64_t harness_deadline(int64_t within_ms) {
    return clock_mono_us() + within_ms * 1000;
}

Envelope harness_envelope(int64_t within_ms) {
    Envelope envelope = Envelope_init_zero;
    envelope.deadline_us = harness_deadline(within_ms);
    envelope.has_principal = true;
    snprintf(envelope.principal.name, sizeof envelope.principal.name, "test");
    snprintf(envelope.principal.scope, sizeof envelope.principal.scope, "admin");
    return envelope;
}

err_t harness_request_within(harness_t *self, int64_t within_ms, const rpc_t *rpc, const void *request,
                             void *response, Fault *fault) {
    Envelope envelope = harness_envelope(within_ms);
    Fault own = Fault_init_zero;
    err_t err = bus_client_request(self->client, rpc, &envelope, request, response, fault ? fault : &own);
    message_release(Fault_message(), &own);
    return err;
}

err_t harness_request(harness_t *self, const rpc_t *rpc, const void *request, void *response, Fault *fault) {
    return harness_request_within(self, HARNESS_MS, rpc, request, response, fault);
}

uint64_t harness_send(harness_t *self, const rpc_t *rpc, const void *request) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    cr_assert(MESSAGE_SET(envelope.reply_topic, bus_client_inbox(self->client)));
    err_t err = bus_client_send_message(self->client, rpc->topic, &envelope, rpc->request(), request);
    cr_assert(err == OK, "a command leaves: %s", err_name(err));
    return envelope.message_id;
}

void harness_recv(harness_t *self, bus_message_t *message) {
    err_t err = bus_client_recv(self->client, message, harness_deadline(HARNESS_MS));
    cr_assert(err == OK, "a message comes: %s", err_name(err));
}

err_t harness_reply(const bus_message_t *message, const message_t *type, void *response) {
    Fault fault = Fault_init_zero;
    err_t err = bus_message_decode(message, type, response, &fault);
    message_release(Fault_message(), &fault);
    return err;
}

static double s_metric(ComponentStatus *status, const char *name) {
    for (size_t i = 0; i < status->metrics_count; i++) {
        if (strcmp(status->metrics[i].name, name) == 0) {
            double value = status->metrics[i].value;
            message_release(ComponentStatus_message(), status);
            return value;
        }
    }
    cr_assert_fail("%s has no metric %s", status->name, name);
    return 0;
}

double harness_metric(harness_t *self, const char *component, const char *name) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    ComponentStatus status = ComponentStatus_init_zero;
    Fault fault = Fault_init_zero;
    err_t err = bus_client_request_to(self->client, component, &rpc_Actor_Describe, &envelope,
                                      &(DescribeRequest)DescribeRequest_init_zero, &status, &fault);
    cr_assert(err == OK, "%s describes itself: %s", component, err_name(err));
    return s_metric(&status, name);
}

double harness_bus_metric(const harness_t *self, const char *name) {
    ComponentStatus status = ComponentStatus_init_zero;
    bus_describe(self->bus, &status);
    return s_metric(&status, name);
}

void harness_until(bool (*condition)(void *context), void *context, const char *what) {
    int64_t deadline_us = harness_deadline(HARNESS_MS);
    while (!condition(context)) {
        cr_assert(clock_mono_us() < deadline_us, "%s", what);
        poll(NULL, 0, 1); /* the condition is another thread's; it is looked at again, not assumed */
    }
}
