/* Retry decisions: see retry.h. */
#include "services/retry.h"

#include <stddef.h>

bool retry_status_is_retryable(int status) {
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return false;
    }
}

int64_t retry_delay_ms(int attempt, uint64_t random, int64_t retry_after_ms) {
    int64_t ceiling = RETRY_DELAY_FIRST_MS;
    for (int i = 2; i < attempt && ceiling < RETRY_DELAY_MAX_MS; i++)
        ceiling *= 2;
    if (ceiling > RETRY_DELAY_MAX_MS)
        ceiling = RETRY_DELAY_MAX_MS;
    int64_t delay = (int64_t)(random % (uint64_t)(ceiling + 1));
    return delay > retry_after_ms ? delay : retry_after_ms;
}

static size_t s_slot(retry_budget_t *self, int64_t now_us) {
    int64_t second = now_us / 1000000;
    size_t slot = (size_t)(second % RETRY_BUDGET_SECONDS);
    if (self->window[slot].second != second) {
        self->window[slot].second = second;
        self->window[slot].requests = 0;
        self->window[slot].retries = 0;
    }
    return slot;
}

void retry_budget_request(retry_budget_t *self, int64_t now_us) {
    self->window[s_slot(self, now_us)].requests++;
}

bool retry_budget_take(retry_budget_t *self, int64_t now_us) {
    size_t slot = s_slot(self, now_us);
    int64_t oldest = now_us / 1000000 - RETRY_BUDGET_SECONDS;
    int requests = 0, retries = 0;
    for (int i = 0; i < RETRY_BUDGET_SECONDS; i++) {
        if (self->window[i].second <= oldest)
            continue;
        requests += self->window[i].requests;
        retries += self->window[i].retries;
    }
    if (retries >= RETRY_BUDGET_FLOOR && retries + 1 > RETRY_BUDGET_RATIO * requests)
        return false;
    self->window[slot].retries++;
    return true;
}
