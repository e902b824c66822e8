/* The scopes of one url that have deliveries waiting, and whose turn it is. Pure; time is microseconds of a monotonic
 * clock.
 *
 *   ready    may be taken, first come first served
 *   busy     taken: one delivery of it is under way, by whoever took it
 *   waiting  until its time comes
 *
 * A lane only says that there may be something; what it is, the outbox knows. */
#pragma once

#include "delivery/outbox.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES_MOST    8192
#define LANES_BUCKETS 1024

typedef enum { LANE_READY, LANE_BUSY, LANE_WAITING } lane_state_t;

typedef struct lane_s {
    struct lane_s *chain;           /* of its bucket */
    struct lane_s *next, *previous; /* of the list of its state; none when busy */
    lane_state_t state;
    bool more;      /* something came while it was busy */
    int64_t due_us; /* when waiting */
    char scope[OUTBOX_SCOPE_SIZE];
} lane_t;

typedef struct {
    lane_t *first, *last;
} lane_list_t;

typedef struct {
    lane_t *buckets[LANES_BUCKETS];
    lane_list_t ready, waiting;
    size_t count; /* in all */
} lanes_t;        /* zeroed = empty */

void lanes_clear(lanes_t *self);

/* There is something for the scope. False when there is no room for another lane. */
bool lanes_offer(lanes_t *self, const char *scope);
/* The same, for something that does not wait until its time comes. */
bool lanes_hurry(lanes_t *self, const char *scope);

/* The next ready lane, busy from now on; NULL = none. Given back by one of the four below. */
lane_t *lanes_take(lanes_t *self);
void lanes_put_back(lanes_t *self, lane_t *lane); /* nothing came of it: it is next again */
void lanes_again(lanes_t *self, lane_t *lane);    /* there may be more: behind the others */
void lanes_wait(lanes_t *self, lane_t *lane, int64_t due_us);
/* Nothing was left: it is dropped, unless something came meanwhile. */
void lanes_finish(lanes_t *self, lane_t *lane);

/* Those whose time has come are ready. Returns when the next one comes; 0 = none waits. */
int64_t lanes_wake(lanes_t *self, int64_t now_us);
