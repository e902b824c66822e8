/* Clients under load. */
#include "load_private.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE "/api/v1/signals/route"

enum { BATCH = 10, GROUP = 3, SYMBOLS = 20, CONTESTED = 4, MOVE = 16, AWAIT_MS = 60000 };

load_t *load_new(void) {
    load_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    for (unsigned i = 0; i < LOAD_CLIENTS; i++) {
        self->clients[i].owner = self;
        self->clients[i].number = i;
        self->clients[i].batches = i % 2 == 0;
    }
    return self;
}

void load_destroy(load_t **self_p) {
    load_t *self = *self_p;
    if (!self)
        return;
    for (int i = 0; i < LOAD_CLIENTS; i++) {
        free(self->clients[i].pending);
        free(self->clients[i].list);
        free(self->clients[i].last_keyed.body);
        free(self->clients[i].last_keyed.answer);
    }
    free(self);
    *self_p = NULL;
}

/* ---- a client ---- */

/* Agrees with all the others of its scope. */
static void s_agree(const load_client_t *self, unsigned item, json_t *signal) {
    char symbol[8];
    snprintf(symbol, sizeof symbol, "S%u", (self->next + item) % SYMBOLS);
    json_object_set_new(signal, "target", json_string(self->next % 4 ? "odd" : "even"));
    json_object_set_new(signal, "symbol", json_string(symbol));
    json_object_set_new(signal, "side", json_string("buy"));
    json_object_set_new(signal, "strength", json_real(0.5));
    json_object_set_new(signal, "confidence", json_real(0.5));
}

/* Contradicts others of its scope. Most are alike, so that the newest wins; after a while the scopes are others, as the
 * strongest signal ends the fight over one. Members of a group are of different scopes. */
static void s_fight(const load_client_t *self, unsigned item, json_t *signal) {
    char symbol[16], group_id[32];
    unsigned seed = (self->number * 65537 + self->next) * BATCH + item;
    snprintf(symbol, sizeof symbol, "F%u",
             (self->next / 2 + item) % CONTESTED + self->next / MOVE * CONTESTED);
    json_object_set_new(signal, "target", json_string("contested"));
    json_object_set_new(signal, "symbol", json_string(symbol));
    bool buys = rand_r(&seed) % 2;
    int kind = rand_r(&seed) % 8;
    json_object_set_new(signal, "side", json_string(buys ? "buy" : "sell"));
    json_object_set_new(signal, "strength", json_real(kind == 0 ? 0.9 : 0.5));
    json_object_set_new(signal, "confidence", json_real(0.5));
    json_object_set_new(signal, "priority", json_integer(kind == 1 ? 4 : kind == 2 ? 1 : 3));
    if (!self->batches || item >= GROUP)
        return;
    snprintf(group_id, sizeof group_id, "g%u-%u", self->number, self->next);
    json_object_set_new(signal, "group_id", json_string(group_id));
}

static json_t *s_signal(const load_client_t *self, unsigned item) {
    char signal_id[32], source[8];
    snprintf(signal_id, sizeof signal_id, "c%u-%u-%u", self->number, self->next, item);
    snprintf(source, sizeof source, "c%u", self->number);
    json_t *signal = json_pack("{s:s, s:s, s:s, s:s}", "signal_id", signal_id, "signal_type", "load",
                               "source", source, "expiry_time", "2199-01-01T00:00:00Z");
    if (self->next % 2)
        s_fight(self, item, signal);
    else
        s_agree(self, item, signal);
    return signal;
}

static void s_make_request(load_client_t *self) {
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
    if (self->next % 5 < 2)
        snprintf(self->key, sizeof self->key, "k%u-%u", self->number, self->next);
    self->next++;
}

static void s_note(load_client_t *self, json_t *result) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 1024;
        self->list = realloc(self->list, self->capacity * sizeof *self->list);
    }
    acknowledged_t *entry = &self->list[self->count++];
    snprintf(entry->signal_id, sizeof entry->signal_id, "%s", json_text_at(result, "signal_id"));
    snprintf(entry->status, sizeof entry->status, "%s", json_text_at(result, "status"));
    entry->seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    atomic_fetch_add(&self->owner->acknowledged, 1);
}

static void s_complain(load_client_t *self, const rest_reply_t *reply) {
    snprintf(self->problem, sizeof self->problem, "%d: %.480s", reply->status, buf_str(&reply->body));
    atomic_store(&self->owner->stopping, true);
}

/* Without the time at which it was sent. Owned by the caller. */
static char *s_data(const rest_reply_t *reply) {
    char *text = json_dumps(rest_at(reply, "data"), JSON_COMPACT | JSON_ENCODE_ANY);
    return text ? text : strdup("");
}

/* Takes the pending body. */
static void s_remember(keyed_t *keyed, load_client_t *client, const rest_reply_t *reply) {
    free(keyed->body);
    free(keyed->answer);
    snprintf(keyed->key, sizeof keyed->key, "%s", client->key);
    keyed->body = client->pending;
    keyed->answer = s_data(reply);
}

static void s_take_answer(load_client_t *self, const rest_reply_t *reply) {
    json_t *results = rest_at(reply, "data.results"), *result;
    size_t index;
    if (self->batches) {
        json_array_foreach (results, index, result)
            s_note(self, result);
        if (json_array_size(results) != BATCH)
            s_complain(self, reply);
    } else {
        s_note(self, rest_at(reply, "data"));
    }
    if (*self->key)
        s_remember(&self->last_keyed, self, reply);
    else
        free(self->pending);
    self->pending = NULL;
}

/* Dependencies that are down or start up: try again. */
static bool s_is_refusal(int status) {
    return status == 503 || status == 504 || status == 409;
}

void load_client_repeat(load_client_t *self, rest_t *rest) {
    if (!self->last_keyed.body)
        return;
    const rest_reply_t *reply = rest_post_key(rest, ROUTE, self->last_keyed.key, self->last_keyed.body);
    if (!reply->status || s_is_refusal(reply->status))
        return;
    char *answer = s_data(reply);
    if (!strstr(buf_str(&reply->head), "\nIdempotent-Replay: true") ||
        strcmp(answer, self->last_keyed.answer) != 0)
        s_complain(self, reply);
    free(answer);
}

bool load_client_send(load_client_t *self, rest_t *rest) {
    if (!self->pending)
        s_make_request(self);
    const rest_reply_t *reply = *self->key ? rest_post_key(rest, ROUTE, self->key, self->pending)
                                           : rest_post(rest, ROUTE, self->pending);
    if (reply->status == 200)
        s_take_answer(self, reply);
    else if (s_is_refusal(reply->status))
        atomic_fetch_add(&self->owner->refused, 1);
    else if (reply->status)
        s_complain(self, reply);
    if (reply->status != 200)
        program_look_again(0);
    return reply->status != 0 && !*self->problem;
}

static void *s_run(void *argument) {
    load_client_t *self = argument;
    rest_t rest;
    rest_open(&rest, self->owner->port);
    load_client_repeat(self, &rest);
    while (!atomic_load(&self->owner->stopping) && load_client_send(self, &rest))
        ;
    rest_close(&rest);
    return NULL;
}

/* ---- all ---- */

void load_start(load_t *self, int port) {
    self->port = port;
    atomic_store(&self->stopping, false);
    for (int i = 0; i < LOAD_CLIENTS; i++)
        cr_assert_eq(pthread_create(&self->clients[i].thread, NULL, s_run, &self->clients[i]), 0);
}

void load_stop(load_t *self) {
    atomic_store(&self->stopping, true);
    for (int i = 0; i < LOAD_CLIENTS; i++)
        pthread_join(self->clients[i].thread, NULL);
    for (int i = 0; i < LOAD_CLIENTS; i++)
        cr_assert(!*self->clients[i].problem, "an answer that must not be: %s", self->clients[i].problem);
}

static void s_await(load_t *self, atomic_size_t *counter, size_t more, const char *what) {
    long long deadline = program_now_ms() + AWAIT_MS;
    size_t until = atomic_load(counter) + more;
    while (atomic_load(counter) < until && !atomic_load(&self->stopping))
        cr_assert(program_look_again(deadline), "%zu requests fewer than expected were %s",
                  until - atomic_load(counter), what);
    if (atomic_load(&self->stopping))
        load_stop(self);
}

void load_await_acknowledged(load_t *self, size_t more) {
    s_await(self, &self->acknowledged, more, "acknowledged");
}

void load_await_refused(load_t *self, size_t more) {
    s_await(self, &self->refused, more, "refused");
}
