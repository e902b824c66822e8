/* What is to be published next: seq order, without gaps, from two sources, the bus and the store.
 *
 * Events come by the bus; one that does not follow the last published one is held (within bounds) until the store
 * was read up to it. Pure: it decides, the actor reads and publishes. Owned by one thread.
 *
 *   offer         next -> publish it; seen -> nothing; else it is held or let go, and a read is due
 *   feed_behind   a read from `last` is due
 *   row           an event that the store yielded: to be published unless seen; the store decides what exists
 *   feed_take     after a read: the held event that follows, if any */
#pragma once

#include "integration/v1/store.pb.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_HELD_EVENTS 4096
#define FEED_HELD_BYTES  (16u << 20)

typedef enum { FEED_PUBLISH, FEED_SEEN, FEED_WAIT } feed_verdict_t;

typedef struct {
    uint64_t last;  /* published */
    uint64_t known; /* the highest that was heard of */
    bool reading;   /* a read of the store is under way: what comes by the bus is held */
    CommittedEvent *held;
    size_t held_first, held_count, held_bytes;
} feed_t;

/* Starts behind `last`, the last one published. Zero the struct before the first time. */
void feed_reset(feed_t *self, uint64_t last);
void feed_free(feed_t *self);

/* An event from the bus. FEED_PUBLISH: the caller publishes it, it counts as published. */
feed_verdict_t feed_offer(feed_t *self, const CommittedEvent *event);

/* A row of the store with this seq. FEED_PUBLISH or FEED_SEEN. */
feed_verdict_t feed_row(feed_t *self, uint64_t seq);

/* The next held event that follows the last published one; it counts as published. False when there is none. The
 * caller releases it. */
bool feed_take(feed_t *self, CommittedEvent *event);

/* The store says that this seq is committed. */
void feed_hear(feed_t *self, uint64_t seq);

/* Something is committed that cannot be published from what is at hand. */
bool feed_behind(const feed_t *self);
