/* What the clients under load remember, for the account that is made of it. */
#pragma once

#include "load.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LOAD_CLIENTS = 4 };

typedef struct {
    char signal_id[32], status[16];
    uint64_t seq;
} acknowledged_t;

/* A request with an Idempotency-Key that was answered. */
typedef struct {
    char key[32];
    char *body, *answer; /* NULL = none yet */
} keyed_t;

typedef struct {
    load_t *owner;
    pthread_t thread;
    unsigned number, next; /* of the client, and of its next request */
    bool batches;
    char *pending; /* the request that was not acknowledged yet; NULL = none */
    char key[32];  /* its Idempotency-Key; empty = none */
    keyed_t last_keyed;
    acknowledged_t *list;
    size_t count, capacity;
    char problem[512]; /* what must not happen, and did */
} load_client_t;

struct load_s {
    load_client_t clients[LOAD_CLIENTS];
    int port;
    atomic_bool stopping;
    atomic_size_t acknowledged, refused;
};

/* Once more, under the port's client: what was not acknowledged. False when nobody answers, or `problem` is set. */
bool load_client_send(load_client_t *self, rest_t *rest);
/* Repeats the last request with a key: the same answer must come, marked as a repetition, or a refusal. */
void load_client_repeat(load_client_t *self, rest_t *rest);
