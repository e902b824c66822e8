/* Clients that send signals as fast as they are answered, through kills and outages, and what must hold afterwards.
 *
 * Each client is a thread that repeats what was not acknowledged until it is, as a careful client does: when all have
 * finished, every signal was acknowledged. They send single signals and batches, some with an Idempotency-Key, some in
 * groups; half of the requests fight over a few scopes, so that signals are rejected and superseded all the time.
 * Nothing expires. Checks itself with criterion; all functions on the test's thread. */
#pragma once

#include "instance.h"
#include <stdint.h>

typedef struct load_s load_t;

load_t *load_new(void);
void load_destroy(load_t **self_p);

/* The clients begin, or go on after load_stop, at this port: each first repeats its last request with a key. */
void load_start(load_t *self, int port);
/* The clients end after the answer they wait for. */
void load_stop(load_t *self);

/* Waits until so many more signals were acknowledged, or requests answered 503. */
void load_await_acknowledged(load_t *self, size_t more);
void load_await_refused(load_t *self, size_t more);

typedef struct {
    uint64_t last_seq;
    size_t routed, rejected, superseded; /* signals that are so at the end */
} load_account_t;

/* After load_stop: sends again what was not acknowledged, then demands that
 * - the history holds every acknowledged signal once, with the seq and the status it was acknowledged with, or
 *   superseded since, and nothing else; a group was accepted or rejected as one;
 * - the stream holds the same: seq rises by one over all, topic_seq within a topic, one epoch; each signal is
 *   published once under its own seq, and again only when it is superseded;
 * - what is superseded names its winner, of the same scope, which was routed;
 * - no two active signals of a scope contradict each other. */
load_account_t load_verify(load_t *self, instance_t *instance);
