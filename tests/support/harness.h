/* Helpers of tests that run over a real bus: one bus, some actors, one client of the test's own thread.
 *
 * Everything checks itself with criterion: a helper that fails ends the test. Main thread of the test. */
#pragma once

#include "actor/actor.h"
#include "base/clock.h"
#include "bus/fault.h"
#include "tables.gen.h"

#define HARNESS_ACTORS 16
#define HARNESS_MS     20000 /* what must happen, happens within this, on a machine that does other things too */

typedef struct {
    bus_t *bus;
    bus_client_t *client;
    actor_handle_t *actors[HARNESS_ACTORS];
    size_t actor_count;
} harness_t;

/* Starts the bus and makes the client. */
void harness_start(harness_t *self);
void harness_start_sized(harness_t *self, int hwm);
/* Stops the actors in reverse, the client, the bus. */
void harness_stop(harness_t *self);

/* Starts an actor and waits for READY; stopped by harness_stop, or before by harness_stop_actor. */
actor_handle_t *harness_actor(harness_t *self, const actor_class_t *klass, const config_t *config,
                              const void *args);
actor_handle_t *harness_actor_named(harness_t *self, const actor_class_t *klass, const char *name,
                                    const config_t *config, const void *args);
void harness_stop_actor(harness_t *self, actor_handle_t *actor, int64_t within_ms);

/* An envelope of an administrator's request with a deadline from now. */
Envelope harness_envelope(int64_t within_ms);
int64_t harness_deadline(int64_t within_ms);

/* A request and its reply, HARNESS_MS at most. `response` (zeroed) is filled when OK; it and `fault` (zeroed, may
 * be NULL) are released by the caller. */
err_t harness_request(harness_t *self, const rpc_t *rpc, const void *request, void *response, Fault *fault);
err_t harness_request_within(harness_t *self, int64_t within_ms, const rpc_t *rpc, const void *request,
                             void *response, Fault *fault);

/* Sends a command whose answer the test receives itself; returns its message id. */
uint64_t harness_send(harness_t *self, const rpc_t *rpc, const void *request);
/* The next message for the client, HARNESS_MS at most. Closed by the caller. */
void harness_recv(harness_t *self, bus_message_t *message);
/* Decodes a reply: OK, or the code of the refusal. */
err_t harness_reply(const bus_message_t *message, const message_t *type, void *response);

/* A metric of a component by its Describe. Fails the test when there is no such metric. */
double harness_metric(harness_t *self, const char *component, const char *name);
double harness_bus_metric(const harness_t *self, const char *name);

/* Waits until the condition holds; fails the test when it does not within HARNESS_MS. */
void harness_until(bool (*condition)(void *context), void *context, const char *what);
