/* Clients that send signals as fast as they are answered, through kills and outages, and what must hold afterwards.
 *
 * Each client is a thread that repeats what was not acknowledged until it is, as a careful client does: when all have
 * finished, every signal was acknowledged. Checks itself with criterion; all functions on the test's thread. */
#pragma once

#include "instance.h"

typedef struct load_s load_t;

load_t *load_new(void);
void load_destroy(load_t **self_p);

/* The clients begin, or go on after load_stop, at this port. */
void load_start(load_t *self, int port);
/* The clients end after the answer they wait for. */
void load_stop(load_t *self);

/* Waits until so many more signals were acknowledged, or requests answered 503. */
void load_await_acknowledged(load_t *self, size_t more);
void load_await_refused(load_t *self, size_t more);

/* After load_stop: sends again what was not acknowledged, then demands that the history holds every acknowledged
 * signal once with the seq it was acknowledged with, and nothing else; and that the stream holds the same, its seqs
 * rising by one from the first to the last. Returns the last seq. */
uint64_t load_verify(load_t *self, instance_t *instance);
