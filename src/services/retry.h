/* When a call to a downstream is tried again: which outcomes, how soon, and how many in all. Pure.
 *
 * One retry layer, at most 4 attempts of a logical call, exponential delay with full jitter, and a budget over
 * all calls of the service, so that an outage is not answered with a flood. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RETRY_MAX_ATTEMPTS   4
#define RETRY_DELAY_FIRST_MS 200
#define RETRY_DELAY_MAX_MS   10000

/* True for the statuses that say "later": 408, 425, 429, 500, 502, 503, 504. */
bool retry_status_is_retryable(int status);

/* Milliseconds to wait before attempt `attempt` (2 = the first retry): uniform in [0, min (200 * 2^(attempt-2),
 * 10000)], from 64 random bits; at least `retry_after_ms` when the service named one. */
int64_t retry_delay_ms(int attempt, uint64_t random, int64_t retry_after_ms);

/* The budget: retries in a sliding 10 s window may be at most 20 % of the first attempts in it, floor 3. */
#define RETRY_BUDGET_SECONDS 10
#define RETRY_BUDGET_RATIO   0.2
#define RETRY_BUDGET_FLOOR   3

typedef struct {
    struct {
        int64_t second;
        int requests, retries;
    } window[RETRY_BUDGET_SECONDS];
} retry_budget_t;

void retry_budget_request(retry_budget_t *self, int64_t now_us); /* a first attempt */
bool retry_budget_take(retry_budget_t *self, int64_t now_us); /* true: one retry may go out, and is counted */
