/* What an attempt at a delivery means, and when the next one is due. Pure. */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define ATTEMPT_DELAY_FIRST_MS 200
#define ATTEMPT_DELAY_MAX_MS   60000

typedef enum { ATTEMPT_DELIVERED, ATTEMPT_RETRY, ATTEMPT_REFUSED, ATTEMPT_EXHAUSTED } attempt_outcome_t;

/* Of attempt number `attempts` (from 1) of `max_attempts`. `err` not OK: there was no answer; else `status` is its HTTP
 * status. REFUSED and EXHAUSTED are dead letters. */
attempt_outcome_t attempt_judge(err_t err, int status, uint32_t attempts, uint32_t max_attempts);

/* True when it tells that the target is in order, as its circuit sees it; a refusal does. */
bool attempt_reached(err_t err, int status);

/* Milliseconds after failed attempt number `attempts`: uniform in [0, min (200 * 2^(attempts-1), 60000)], from 64 random
 * bits; at least `retry_after_ms`. */
int64_t attempt_delay_ms(uint32_t attempts, uint64_t random, int64_t retry_after_ms);
