/* Clients under load and the account that is made afterwards. */
#include "load.h"

#include "stream_client.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE "/api/v1/signals/route"

enum { CLIENTS = 4, BATCH = 10, SYMBOLS = 20, AWAIT_MS = 60000 };

typedef struct {
    char signal_id[32];
    uint64_t seq;
} acknowledged_t;

typedef struct {
    load_t *owner;
    pthread_t thread;
    unsigned number, next; /* of the client, and of its next request */
    bool batches;
    char *pending; /* the request that was not acknowledged yet; NULL = none */
    char key[32];  /* its Idempotency-Key; empty = none */
    acknowledged_t *list;
    size_t count, capacity;
    char problem[512]; /* what must not happen, and did */
} client_t;

struct load_s {
    client_t clients[CLIENTS];
    int port;
    atomic_bool stopping;
    atomic_size_t acknowledged, refused;
};

load_t *load_new(void) {
    load_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    for (unsigned i = 0; i < CLIENTS; i++) {
        self->clients[i].owner = self;
        self->clients[i].number = i;
        self->clients[i].batches = i == 0;
    }
    return self;
}

void load_destroy(load_t **self_p) {
    load_t *self = *self_p;
    if (!self)
        return;
    for (int i = 0; i < CLIENTS; i++) {
        free(self->clients[i].pending);
        free(self->clients[i].list);
    }
    free(self);
    *self_p = NULL;
}

/* ---- a client ---- */

static json_t *s_signal(const client_t *self, unsigned item) {
    char signal_id[32], symbol[8];
    snprintf(signal_id, sizeof signal_id, "c%u-%u-%u", self->number, self->next, item);
    snprintf(symbol, sizeof symbol, "S%u", (self->next + item) % SYMBOLS);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "signal_id", signal_id, "signal_type",
                     "load", "source", "load", "target", self->next % 2 ? "odd" : "even", "symbol", symbol,
                     "side", "buy", "strength", 0.5, "confidence", 0.5);
}

static void s_make_request(client_t *self) {
    json_t *body;
    if (self->batches) {
        json_t *signals = json_array();
        for (unsigned i = 0; i < BATCH; i++)
            json_array_append_new(signals, s_signal(self, i));
        body = json_pack("{s:o}", "signals", signals);
    } else {
        body = s_signal(self, 0);
    }
    self->pending = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    *self->key = '\0';
    if (self->next % 3 == 0)
        snprintf(self->key, sizeof self->key, "k%u-%u", self->number, self->next);
    self->next++;
}

static void s_note(client_t *self, json_t *result) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 1024;
        self->list = realloc(self->list, self->capacity * sizeof *self->list);
    }
    acknowledged_t *entry = &self->list[self->count++];
    snprintf(entry->signal_id, sizeof entry->signal_id, "%s", json_text_at(result, "signal_id"));
    entry->seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    atomic_fetch_add(&self->owner->acknowledged, 1);
}

static void s_take_answer(client_t *self, const rest_reply_t *reply) {
    json_t *results = rest_at(reply, "data.results"), *result;
    size_t index;
    if (self->batches) {
        json_array_foreach (results, index, result)
            s_note(self, result);
        if (json_array_size(results) != BATCH)
            snprintf(self->problem, sizeof self->problem, "%.500s", buf_str(&reply->body));
    } else {
        s_note(self, rest_at(reply, "data"));
    }
    free(self->pending);
    self->pending = NULL;
}

/* One request, a new one or the one that was not acknowledged. False when nobody answers. */
static bool s_send(client_t *self, rest_t *rest) {
    if (!self->pending)
        s_make_request(self);
    const rest_reply_t *reply = *self->key ? rest_post_key(rest, ROUTE, self->key, self->pending)
                                           : rest_post(rest, ROUTE, self->pending);
    if (reply->status == 200)
        s_take_answer(self, reply);
    else if (reply->status == 503 || reply->status == 504 || reply->status == 409)
        atomic_fetch_add(&self->owner->refused, 1);
    else if (reply->status)
        snprintf(self->problem, sizeof self->problem, "%d: %.480s", reply->status, buf_str(&reply->body));
    if (reply->status != 200)
        program_look_again(0);
    return reply->status != 0 && !*self->problem;
}

static void *s_run(void *argument) {
    client_t *self = argument;
    rest_t rest;
    rest_open(&rest, self->owner->port);
    while (!atomic_load(&self->owner->stopping) && s_send(self, &rest))
        ;
    rest_close(&rest);
    return NULL;
}

/* ---- all ---- */

void load_start(load_t *self, int port) {
    self->port = port;
    atomic_store(&self->stopping, false);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert_eq(pthread_create(&self->clients[i].thread, NULL, s_run, &self->clients[i]), 0);
}

void load_stop(load_t *self) {
    atomic_store(&self->stopping, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(self->clients[i].thread, NULL);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert(!*self->clients[i].problem, "an answer that must not be: %s", self->clients[i].problem);
}

static void s_await(atomic_size_t *counter, size_t more, const char *what) {
    long long deadline = program_now_ms() + AWAIT_MS;
    size_t until = atomic_load(counter) + more;
    while (atomic_load(counter) < until)
        cr_assert(program_look_again(deadline), "%zu requests fewer than expected were %s",
                  until - atomic_load(counter), what);
}

void load_await_acknowledged(load_t *self, size_t more) {
    s_await(&self->acknowledged, more, "acknowledged");
}

void load_await_refused(load_t *self, size_t more) {
    s_await(&self->refused, more, "refused");
}

/* ---- the account ---- */

static void s_send_rest(load_t *self, instance_t *instance) {
    long long deadline = program_now_ms() + AWAIT_MS;
    for (int i = 0; i < CLIENTS; i++)
        while (self->clients[i].pending && program_look_again(deadline))
            s_send(&self->clients[i], &instance->rest);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert(!self->clients[i].pending, "not acknowledged: %s; %s", self->clients[i].pending,
                  self->clients[i].problem);
}

static void s_add(json_t *signals, const char *signal_id, uint64_t seq, const char *where) {
    cr_assert(!json_object_get(signals, signal_id), "%s is in the %s twice", signal_id, where);
    json_object_set_new(signals, signal_id, json_integer((json_int_t)seq));
}

/* Of the history: an object of signal_id and seq. */
static json_t *s_history(instance_t *instance) {
    json_t *signals = json_object();
    char path[256] = "/api/v1/signals/history?limit=200&order=asc";
    while (*path) {
        const rest_reply_t *reply = rest_get_ok(&instance->rest, path);
        json_t *signal;
        size_t index;
        json_array_foreach (rest_at(reply, "data.history"), index, signal)
            s_add(signals, json_text_at(signal, "signal_id"), (uint64_t)json_number_at(signal, "seq"),
                  "history");
        const char *cursor = rest_text(reply, "data.next_cursor");
        snprintf(path, sizeof path, *cursor ? "/api/v1/signals/history?limit=200&order=asc&cursor=%s" : "%s",
                 cursor);
    }
    return signals;
}

/* Of the stream, whose seqs must be dense. */
static json_t *s_stream(instance_t *instance, uint64_t *seq) {
    json_t *signals = json_object();
    stream_replay_t replay;
    bool more = true;
    for (*seq = 0; more;) {
        stream_replay(&replay, instance->replay_url, "", *seq, 0, NULL);
        cr_assert_str_eq(replay.error, "");
        more = replay.end.more;
        for (size_t i = 0; i < replay.count; i++) {
            const StreamHeader *header = &replay.messages[i].header;
            cr_assert_eq(header->seq, *seq + 1, "%" PRIu64 " follows %" PRIu64, header->seq, *seq);
            *seq = header->seq;
            if (strcmp(header->schema, "integration.v1.Signal") != 0)
                continue;
            Signal *signal = stream_signal(&replay.messages[i]);
            s_add(signals, signal->signal_id, header->seq, "stream");
            stream_signal_free(&signal);
        }
        stream_replay_free(&replay);
    }
    return signals;
}

static void s_expect_acknowledged(const load_t *self, json_t *signals) {
    size_t count = 0;
    for (int i = 0; i < CLIENTS; i++) {
        const client_t *client = &self->clients[i];
        for (size_t k = 0; k < client->count; k++, count++) {
            json_t *seq = json_object_get(signals, client->list[k].signal_id);
            cr_assert(seq, "%s was acknowledged and is lost", client->list[k].signal_id);
            cr_assert_eq((uint64_t)json_integer_value(seq), client->list[k].seq,
                         "%s was acknowledged with another seq", client->list[k].signal_id);
        }
    }
    cr_assert_eq(json_object_size(signals), count, "%zu signals are there, %zu were sent",
                 json_object_size(signals), count);
}

uint64_t load_verify(load_t *self, instance_t *instance) {
    uint64_t last;
    s_send_rest(self, instance);
    json_t *history = s_history(instance), *stream = s_stream(instance, &last);
    s_expect_acknowledged(self, history);
    cr_assert(json_equal(history, stream), "the history and the stream differ");
    json_decref(history);
    json_decref(stream);
    return last;
}
