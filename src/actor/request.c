/* Requests to other components: each is completed once, by its reply, its deadline or the stop. */
#include "actor/actor_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DEADLINE_US 5000000
enum { FIRST_BUCKETS = 64, STOP_COMPLETIONS_MAX = 100000 };

struct request_s {
    uint64_t message_id, timer;
    const rpc_t *rpc;
    actor_reply_fn *reply;
    void *context;
    err_t failure; /* what the timer reports */
    char request_id[sizeof((Envelope *)0)->request_id];
    char traceparent[TRACEPARENT_SIZE];
    request_t *next; /* in its bucket */
};

static request_t **s_bucket(const requests_t *self, uint64_t message_id) {
    return &self->buckets[message_id & (self->bucket_count - 1)];
}

static void s_grow(requests_t *self) {
    requests_t grown = {.count = self->count,
                        .bucket_count = self->bucket_count ? self->bucket_count * 2 : FIRST_BUCKETS};
    grown.buckets = calloc(grown.bucket_count, sizeof(request_t *));
    assert_always(grown.buckets);
    for (size_t i = 0; i < self->bucket_count; i++) {
        while (self->buckets[i]) {
            request_t *request = self->buckets[i];
            self->buckets[i] = request->next;
            request_t **bucket = s_bucket(&grown, request->message_id);
            request->next = *bucket;
            *bucket = request;
        }
    }
    free(self->buckets);
    *self = grown;
}

static void s_insert(requests_t *self, request_t *request) {
    if (self->count >= self->bucket_count)
        s_grow(self);
    request_t **bucket = s_bucket(self, request->message_id);
    request->next = *bucket;
    *bucket = request;
    self->count++;
}

static request_t *s_take(requests_t *self, uint64_t message_id) {
    if (self->count == 0)
        return NULL;
    for (request_t **link = s_bucket(self, message_id); *link; link = &(*link)->next) {
        request_t *request = *link;
        if (request->message_id != message_id)
            continue;
        *link = request->next;
        self->count--;
        return request;
    }
    return NULL;
}

/* Tells the asker and frees the request, which is in no list any more. */
static void s_complete(actor_t *self, request_t *request, err_t err, const void *response, Fault *fault) {
    timers_cancel(&self->timers, request->timer);
    if (err != OK)
        fault_fill(fault, err);
    actor_set_work(self, request->request_id, request->traceparent);
    request->reply(self, request->context, err, err == OK ? response : NULL, fault);
    actor_set_work(self, NULL, NULL);
    free(request);
}

static void s_fail(actor_t *self, request_t *request, err_t err) {
    Fault fault = Fault_init_zero;
    s_complete(self, request, err, NULL, &fault);
    message_release(Fault_message(), &fault);
}

static void s_expired(actor_t *self, void *context) {
    request_t *request = context;
    s_take(&self->requests, request->message_id);
    s_fail(self, request, request->failure);
}

void request_answered(actor_t *self, const bus_message_t *message) {
    request_t *request = s_take(&self->requests, message->envelope.correlation_id);
    if (!request) {
        self->counters.late_replies++;
        return;
    }
    const message_t *type = request->rpc->response();
    void *response = message_new(type);
    Fault fault = Fault_init_zero;
    err_t err = bus_message_decode(message, type, response, &fault);
    s_complete(self, request, err, response, &fault);
    message_release(Fault_message(), &fault);
    message_free(type, &response);
}

static const Envelope *s_source(const actor_request_options_t *options) {
    if (options && options->on_behalf)
        return call_envelope(options->on_behalf);
    return options ? options->context : NULL;
}

/* Principal, request id and trace of the source; without one the actor asks for itself. */
static void s_fill_envelope(actor_t *self, const actor_request_options_t *options, Envelope *out) {
    const Envelope *source = s_source(options);
    if (source) {
        out->has_principal = source->has_principal;
        out->principal = source->principal;
        memcpy(out->request_id, source->request_id, sizeof out->request_id);
        memcpy(out->traceparent, source->traceparent, sizeof out->traceparent);
    } else {
        out->has_principal = true;
        snprintf(out->principal.name, sizeof out->principal.name, "%s", actor_name(self));
        snprintf(out->principal.scope, sizeof out->principal.scope, "admin");
        memcpy(out->traceparent, self->traceparent, sizeof self->traceparent);
    }
    if (!out->traceparent[0])
        ids_traceparent(out->traceparent);
    if (options && options->deadline_us)
        out->deadline_us = options->deadline_us;
    else if (options && options->on_behalf)
        out->deadline_us = call_envelope(options->on_behalf)->deadline_us;
    if (!out->deadline_us)
        out->deadline_us = clock_mono_us() + DEFAULT_DEADLINE_US;
}

/* What is asked: a message, or one that is encoded already. */
typedef struct {
    const void *value;
    const void *bytes;
    size_t size;
} content_t;

static err_t s_send(actor_t *self, const rpc_t *rpc, const content_t *content, const char *component,
                    Envelope *envelope) {
    if (self->phase == PHASE_ENDING)
        return ERR_SHUTTING_DOWN;
    char topic[BUS_TOPIC_SIZE];
    int length = snprintf(topic, sizeof topic, "cmd/%s/%s", component, rpc->name);
    if (length >= (int)sizeof topic || !MESSAGE_SET(envelope->reply_topic, bus_client_inbox(self->client)))
        return ERR_INTERNAL;
    if (content->value)
        return bus_client_send_message(self->client, topic, envelope, rpc->request(), content->value);
    if (!MESSAGE_SET(envelope->schema, rpc->request()->schema))
        return ERR_INTERNAL;
    return bus_client_send(self->client, topic, envelope, content->bytes, content->size);
}

static void s_request(actor_t *self, const rpc_t *rpc, const content_t *content,
                      const actor_request_options_t *options, actor_reply_fn *reply, void *context) {
    Envelope envelope = Envelope_init_zero;
    s_fill_envelope(self, options, &envelope);
    envelope.message_id = ids_next();
    request_t *request = calloc(1, sizeof *request);
    assert_always(request);
    request->message_id = envelope.message_id;
    request->rpc = rpc;
    request->reply = reply;
    request->context = context;
    memcpy(request->request_id, envelope.request_id, sizeof request->request_id);
    memcpy(request->traceparent, envelope.traceparent, sizeof request->traceparent);
    const char *component = options && options->component ? options->component : rpc->component;
    err_t err = s_send(self, rpc, content, component, &envelope);
    /* A request that did not leave is reported by its timer, that is, on a later turn. */
    request->failure = err == OK ? ERR_DEADLINE_EXCEEDED : err;
    int64_t due_us = err == OK ? envelope.deadline_us : 0;
    request->timer = timers_add(&self->timers, due_us, 0, s_expired, request);
    s_insert(&self->requests, request);
}

void actor_request(actor_t *self, const rpc_t *rpc, const void *value, const actor_request_options_t *options,
                   actor_reply_fn *reply, void *context) {
    s_request(self, rpc, &(content_t){.value = value}, options, reply, context);
}

void actor_request_encoded(actor_t *self, const rpc_t *rpc, const void *bytes, size_t size,
                           const actor_request_options_t *options, actor_reply_fn *reply, void *context) {
    s_request(self, rpc, &(content_t){.bytes = bytes, .size = size}, options, reply, context);
}

/* Callbacks may ask again; such requests fail the same way. One that never gives up is a defect. */
void requests_fail_all(actor_t *self, err_t err) {
    size_t bucket = 0, completions = 0;
    while (self->requests.count > 0) {
        request_t *request = self->requests.buckets[bucket & (self->requests.bucket_count - 1)];
        if (!request) {
            bucket++;
            continue;
        }
        assert_always(++completions < STOP_COMPLETIONS_MAX);
        s_take(&self->requests, request->message_id);
        s_fail(self, request, err);
    }
}

/* Without telling anybody: only for a start that failed, whose state is gone. */
void requests_free(actor_t *self) {
    for (size_t i = 0; i < self->requests.bucket_count; i++) {
        while (self->requests.buckets[i]) {
            request_t *request = self->requests.buckets[i];
            self->requests.buckets[i] = request->next;
            free(request);
        }
    }
    free(self->requests.buckets);
    self->requests = (requests_t){0};
}
