/* The circuit breaker of a downstream service, as a pure state machine: time is passed in, microseconds of a
 * monotonic clock.
 *
 *   closed     calls pass; opens at >= 50 % failures of >= 10 calls in 30 s, or at 5 failures in a row
 *   open       calls are refused for 5 s, doubling up to 60 s each time it opens again from half-open
 *   half_open  two calls may probe; both must succeed to close, one failure opens
 *
 * Each change of the state begins an era. The outcome of a call counts in the era in which it was allowed, and
 * nowhere else: an answer that took long says nothing about the service as it is now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WINDOW_SECONDS 30
#define BREAKER_MIN_CALLS      10
#define BREAKER_FAILURE_RATIO  0.5
#define BREAKER_CONSECUTIVE    5
#define BREAKER_OPEN_MIN_US    INT64_C(5000000)
#define BREAKER_OPEN_MAX_US    INT64_C(60000000)
#define BREAKER_PROBES         2

typedef enum { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN } breaker_state_t;

typedef struct {
    breaker_state_t state;
    uint32_t era;
    int64_t opened_at_us; /* 0 = never */
    int64_t open_for_us;
    int consecutive_failures;
    int probes_in_flight, probes_succeeded;
    struct {
        int64_t second;
        int calls, failures;
    } window[BREAKER_WINDOW_SECONDS];
} breaker_t;

void breaker_init(breaker_t *self);

/* True when a call may go out now, and self->era is its era; in half-open it takes one of the probe places, which
 * breaker_record or breaker_forget gives back. */
bool breaker_allow(breaker_t *self, int64_t now_us);

/* The outcome of a call that was allowed in that era. A refusal by the service (4xx) is a success of the wire. */
void breaker_record(breaker_t *self, int64_t now_us, uint32_t era, bool success);

/* An allowed call that was abandoned and says nothing of the service. */
void breaker_forget(breaker_t *self, uint32_t era);

/* When an open circuit lets the next probe through; 0 when it is not open. */
int64_t breaker_retry_at_us(const breaker_t *self);

/* The state as of now: an open circuit whose time is over is half_open. */
breaker_state_t breaker_state(const breaker_t *self, int64_t now_us);
const char *breaker_state_name(breaker_state_t state);
