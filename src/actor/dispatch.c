/* What comes from the bus to its handler: commands by the rpc's name, events by topic, replies to requests. */
#include "actor/actor_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "routes.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int s_compare(const void *a, const void *b) {
    return strcmp(((const command_t *)a)->rpc->name, ((const command_t *)b)->rpc->name);
}

static void s_add_command(actor_t *self, const rpc_t *rpc, actor_command_fn *handler) {
    command_t *command = &self->commands[self->command_count++];
    *command = (command_t){.rpc = rpc,
                           .handler = handler,
                           .request = message_new(rpc->request()),
                           .response = message_new(rpc->response())};
}

static err_t s_make_commands(actor_t *self) {
    size_t count = 1; /* Describe */
    for (const actor_command_t *c = self->klass->commands; c && c->rpc; c++)
        count++;
    self->commands = calloc(count, sizeof *self->commands);
    assert_always(self->commands);
    for (const actor_command_t *c = self->klass->commands; c && c->rpc; c++)
        s_add_command(self, c->rpc, c->handler);
    s_add_command(self, &rpc_Actor_Describe, actor_describe_command);
    qsort(self->commands, count, sizeof *self->commands, s_compare);
    for (size_t i = 1; i < count; i++) {
        if (s_compare(&self->commands[i - 1], &self->commands[i]) == 0) {
            log_error("two handlers for one rpc", LOG_STR("rpc", self->commands[i].rpc->name));
            return ERR_INTERNAL;
        }
    }
    return OK;
}

static void s_make_listeners(actor_t *self) {
    size_t count = 0;
    for (const actor_event_t *e = self->klass->events; e && e->prefix; e++)
        count++;
    self->listeners = calloc(count + 1, sizeof *self->listeners);
    assert_always(self->listeners);
    for (; self->listener_count < count; self->listener_count++) {
        const actor_event_t *event = &self->klass->events[self->listener_count];
        self->listeners[self->listener_count] =
            (listener_t){.event = *event, .value = message_new(event->message())};
    }
}

err_t actor_tables_make(actor_t *self) {
    s_make_listeners(self);
    return s_make_commands(self);
}

void actor_tables_free(actor_t *self) {
    for (size_t i = 0; i < self->command_count; i++) {
        message_free(self->commands[i].rpc->request(), &self->commands[i].request);
        message_free(self->commands[i].rpc->response(), &self->commands[i].response);
    }
    for (size_t i = 0; i < self->listener_count; i++)
        message_free(self->listeners[i].event.message(), &self->listeners[i].value);
    free(self->commands);
    free(self->listeners);
}

static bool s_has_handler(const actor_class_t *klass, const rpc_t *rpc) {
    for (const actor_command_t *c = klass->commands; c && c->rpc; c++) {
        if (strcmp(c->rpc->name, rpc->name) == 0)
            return c->handler != NULL;
    }
    return false;
}

err_t actor_tables_check(const actor_class_t *klass) {
    err_t err = OK;
    for (const rpc_t *const *rpc = rpcs_all; *rpc; rpc++) {
        const rpc_t *r = *rpc;
        if (!r->http || r->not_implemented || strcmp(r->component, klass->name) != 0 ||
            s_has_handler(klass, r))
            continue;
        log_error("a route has no handler", LOG_STR("component", klass->name), LOG_STR("rpc", r->name));
        err = ERR_INTERNAL;
    }
    return err;
}

err_t actor_subscribe_events(actor_t *self) {
    for (size_t i = 0; i < self->listener_count; i++) {
        err_t err = bus_client_subscribe(self->client, self->listeners[i].event.prefix);
        if (err != OK)
            return err;
    }
    return OK;
}

static void s_command_prefix(const actor_t *self, char out[BUS_TOPIC_SIZE]) {
    snprintf(out, BUS_TOPIC_SIZE, "cmd/%s/", actor_name(self));
}

err_t actor_subscribe_commands(actor_t *self) {
    char prefix[BUS_TOPIC_SIZE];
    s_command_prefix(self, prefix);
    return bus_client_subscribe(self->client, prefix);
}

void actor_unsubscribe_commands(actor_t *self) {
    char prefix[BUS_TOPIC_SIZE];
    s_command_prefix(self, prefix);
    bus_client_unsubscribe(self->client, prefix);
}

/* The topic is cmd/<this actor>/<Rpc>: its last part names the rpc. */
static command_t *s_find_command(const actor_t *self, const char *topic) {
    const char *slash = strrchr(topic, '/');
    const rpc_t wanted = {.name = slash ? slash + 1 : topic};
    const command_t key = {.rpc = &wanted};
    return bsearch(&key, self->commands, self->command_count, sizeof *self->commands, s_compare);
}

static err_t s_refusal(actor_t *self, const command_t *command, const Envelope *envelope) {
    if (self->phase == PHASE_ENDING)
        return self->failed ? ERR_NO_SUBSCRIBER : ERR_SHUTTING_DOWN;
    if (envelope->deadline_us && envelope->deadline_us <= clock_mono_us()) {
        self->counters.late_commands++;
        return ERR_DEADLINE_EXCEEDED;
    }
    if (strcmp(envelope->schema, command->rpc->request()->schema) != 0)
        return ERR_PROTOCOL;
    return OK;
}

static err_t s_run_handler(actor_t *self, const command_t *command, call_t *call) {
    int64_t begin_us = clock_mono_us();
    err_t err = command->handler(self, call, command->request, command->response);
    double seconds = (double)(clock_mono_us() - begin_us) * 1e-6;
    self->counters.handler_seconds += seconds;
    if (seconds > self->counters.handler_max_seconds)
        self->counters.handler_max_seconds = seconds;
    return err;
}

static void s_run_command(actor_t *self, const command_t *command, const bus_message_t *message) {
    const rpc_t *rpc = command->rpc;
    call_t *call = call_new(self, &message->envelope, rpc);
    err_t err = s_refusal(self, command, &message->envelope);
    if (err == OK)
        err = message_decode(rpc->request(), message->payload, message->payload_size, command->request);
    if (err == OK) {
        err = s_run_handler(self, command, call);
        call_finish(self, &call, err, command->response);
        message_release(rpc->request(), command->request);
        message_release(rpc->response(), command->response);
    } else {
        if (err == ERR_PROTOCOL)
            self->counters.malformed++;
        call_finish(self, &call, err, NULL);
    }
}

static void s_on_command(actor_t *self, const bus_message_t *message) {
    const command_t *command = s_find_command(self, message->topic);
    self->counters.commands++;
    if (command) {
        s_run_command(self, command, message);
        return;
    }
    log_error("a command without handler", LOG_STR("topic", message->topic));
    call_t *call = call_new(self, &message->envelope, &rpc_Actor_Describe);
    call_finish(self, &call, call_explain(call, ERR_NOT_FOUND, "no handler for %s", message->topic), NULL);
}

static bool s_listens(const listener_t *listener, const char *topic) {
    const char *prefix = listener->event.prefix;
    size_t length = strlen(prefix);
    if (length == 0 || prefix[length - 1] == '/')
        return strncmp(topic, prefix, length) == 0;
    return strcmp(topic, prefix) == 0;
}

static void s_on_event(actor_t *self, const bus_message_t *message) {
    self->counters.events++;
    if (self->phase == PHASE_ENDING)
        return;
    for (size_t i = 0; i < self->listener_count; i++) {
        listener_t *listener = &self->listeners[i];
        const message_t *type = listener->event.message();
        if (!s_listens(listener, message->topic))
            continue;
        if (strcmp(message->envelope.schema, type->schema) != 0 ||
            message_decode(type, message->payload, message->payload_size, listener->value) != OK) {
            self->counters.malformed++;
            log_error("an event could not be read", LOG_STR("topic", message->topic));
            continue;
        }
        listener->event.handler(self, message, listener->value);
        message_release(type, listener->value);
    }
}

void actor_dispatch(actor_t *self, bus_message_t *message) {
    const Envelope *envelope = &message->envelope;
    if (strcmp(message->topic, bus_client_inbox(self->client)) == 0) {
        request_answered(self, message);
        return;
    }
    actor_set_work(self, envelope->request_id, envelope->traceparent);
    if (strncmp(message->topic, "cmd/", 4) == 0)
        s_on_command(self, message);
    else
        s_on_event(self, message);
    actor_set_work(self, NULL, NULL);
}
