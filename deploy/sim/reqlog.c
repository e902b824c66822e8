/* The log of requests and side effects of one service. */
#include "reqlog.h"

#include "dates.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const s_effect_names[EFFECT_COUNT] = {
    "jobs_created",  "jobs_cancelled", "inline_results", "pools_created",   "tasks_created",
    "tasks_updated", "tasks_run",      "callbacks_sent", "callbacks_failed"};

typedef struct {
    int64_t seq; /* 0 = empty */
    char *method, *path, *query, *body;
    char *idempotency_key, *traceparent, *request_id, *deadline_ms;
    size_t body_kept, body_size;
    int64_t at_ms, answered_ms;
    int status, peer_port;
    bool replayed;
    const char *fault;
} entry_t;

struct reqlog {
    pthread_mutex_t lock; /* guards the ring */
    int64_t last, forgotten;
    entry_t ring[REQLOG_CAPACITY];
    atomic_long effects[EFFECT_COUNT];
};

reqlog_t *reqlog_new(void) {
    reqlog_t *self = calloc(1, sizeof *self);
    if (self)
        pthread_mutex_init(&self->lock, NULL);
    return self;
}

static void s_entry_clear(entry_t *entry) {
    char *owned[] = {entry->method,          entry->path,        entry->query,      entry->body,
                     entry->idempotency_key, entry->traceparent, entry->request_id, entry->deadline_ms};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    *entry = (entry_t){0};
}

void reqlog_destroy(reqlog_t **self_p) {
    reqlog_t *self = *self_p;
    if (!self)
        return;
    reqlog_clear(self);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static char *s_copy(const char *text) {
    return text ? strdup(text) : NULL;
}

int64_t reqlog_open(reqlog_t *self, const request_t *request) {
    size_t kept = request->body_size < REQLOG_BODY_MAX ? request->body_size : REQLOG_BODY_MAX;
    entry_t entry = {.method = s_copy(request->method),
                     .path = s_copy(request->path),
                     .query = s_copy(request->query),
                     .body = kept ? strndup(request->body, kept) : NULL,
                     .body_kept = kept,
                     .body_size = request->body_size,
                     .idempotency_key = s_copy(request->idempotency_key),
                     .traceparent = s_copy(request->traceparent),
                     .request_id = s_copy(request->request_id),
                     .deadline_ms = s_copy(request->deadline_ms),
                     .peer_port = request->peer_port,
                     .at_ms = clock_ms()};
    pthread_mutex_lock(&self->lock);
    entry.seq = ++self->last;
    entry_t *slot = &self->ring[entry.seq % REQLOG_CAPACITY];
    entry_t old = *slot;
    *slot = entry;
    pthread_mutex_unlock(&self->lock);
    s_entry_clear(&old);
    return entry.seq;
}

void reqlog_close(reqlog_t *self, int64_t seq, int status, bool replayed, const char *fault) {
    pthread_mutex_lock(&self->lock);
    entry_t *entry = &self->ring[seq % REQLOG_CAPACITY];
    if (entry->seq == seq) {
        entry->status = status;
        entry->replayed = replayed;
        entry->fault = fault;
        entry->answered_ms = clock_ms();
    }
    pthread_mutex_unlock(&self->lock);
}

void reqlog_effect(reqlog_t *self, effect_t effect) {
    atomic_fetch_add(&self->effects[effect], 1);
}

static void s_set_text(json_t *object, const char *key, const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    json_object_set_new(object, key, value ? value : json_null());
}

/* A body that is not UTF-8 is shown as null; its size is shown in any case. */
static json_t *s_entry_json(const entry_t *entry) {
    json_t *headers = json_object();
    s_set_text(headers, "Idempotency-Key", entry->idempotency_key);
    s_set_text(headers, "traceparent", entry->traceparent);
    s_set_text(headers, "X-Request-ID", entry->request_id);
    s_set_text(headers, "X-Deadline-Ms", entry->deadline_ms);
    json_t *item = json_pack(
        "{s:I, s:I, s:s, s:s, s:s, s:o, s:I, s:b, s:i, s:b}", "seq", (json_int_t)entry->seq, "at_ms",
        (json_int_t)entry->at_ms, "method", entry->method, "path", entry->path, "query", entry->query,
        "headers", headers, "body_size", (json_int_t)entry->body_size, "body_truncated",
        entry->body_kept < entry->body_size, "status", entry->status, "replayed", entry->replayed);
    s_set_text(item, "body", entry->body);
    s_set_text(item, "fault", entry->fault);
    json_object_set_new(item, "peer_port", json_integer(entry->peer_port));
    json_object_set_new(item, "duration_ms",
                        entry->answered_ms ? json_integer(entry->answered_ms - entry->at_ms) : json_null());
    return item;
}

json_t *reqlog_json(reqlog_t *self, int64_t since) {
    json_t *list = json_array(), *effects = json_object();
    for (int i = 0; i < EFFECT_COUNT; i++)
        json_object_set_new(effects, s_effect_names[i], json_integer(atomic_load(&self->effects[i])));
    pthread_mutex_lock(&self->lock);
    int64_t oldest = self->last >= REQLOG_CAPACITY ? self->last - REQLOG_CAPACITY + 1 : 1;
    int64_t from = since > self->forgotten ? since : self->forgotten;
    int64_t dropped = oldest > from + 1 ? oldest - from - 1 : 0;
    for (int64_t seq = from + 1 > oldest ? from + 1 : oldest; seq <= self->last; seq++)
        json_array_append_new(list, s_entry_json(&self->ring[seq % REQLOG_CAPACITY]));
    int64_t last = self->last;
    pthread_mutex_unlock(&self->lock);
    return json_pack("{s:o, s:I, s:I, s:o}", "requests", list, "last_seq", (json_int_t)last, "dropped",
                     (json_int_t)dropped, "side_effects", effects);
}

void reqlog_clear(reqlog_t *self) {
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < REQLOG_CAPACITY; i++)
        s_entry_clear(&self->ring[i]);
    self->forgotten = self->last;
    pthread_mutex_unlock(&self->lock);
    for (int i = 0; i < EFFECT_COUNT; i++)
        atomic_store(&self->effects[i], 0);
}
