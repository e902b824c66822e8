/* What one service was asked, in a bounded ring, and counters of what that caused, so that a test can tell one side
 * effect from two. Thread safe. */
#pragma once

#include "http.h"

#include <stdint.h>

enum { REQLOG_CAPACITY = 10000, REQLOG_BODY_MAX = 16384 };

typedef enum {
    EFFECT_JOBS_CREATED,
    EFFECT_JOBS_CANCELLED,
    EFFECT_INLINE_RESULTS, /* POSTs answered with a result instead of a job */
    EFFECT_POOLS_CREATED,
    EFFECT_TASKS_CREATED,
    EFFECT_TASKS_UPDATED,
    EFFECT_TASKS_RUN,
    EFFECT_CALLBACKS_SENT,
    EFFECT_CALLBACKS_FAILED, /* not delivered, or dropped because too many waited */
    EFFECT_COUNT
} effect_t;

typedef struct reqlog reqlog_t;

reqlog_t *reqlog_new(void);
void reqlog_destroy(reqlog_t **self_p);

/* Notes a request that has arrived; returns its number, counted from 1. */
int64_t reqlog_open(reqlog_t *self, const request_t *request);

/* Notes its answer: status 0 = none was sent; fault names what was done to it, or NULL. */
void reqlog_close(reqlog_t *self, int64_t seq, int status, bool replayed, const char *fault);

void reqlog_effect(reqlog_t *self, effect_t effect);

/* {"requests":[…oldest first…],"last_seq","dropped","side_effects":{…}} with the requests numbered above `since`;
 * dropped = how many of those are no longer in the ring. */
json_t *reqlog_json(reqlog_t *self, int64_t since);

/* Forgets the requests and zeroes the counters; the numbers go on. */
void reqlog_clear(reqlog_t *self);
