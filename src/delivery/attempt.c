/* Outcomes and delays: see attempt.h. */
#include "delivery/attempt.h"

#include "services/retry.h"

static bool s_is_final(err_t err, int status) {
    return err == OK && status < 500 && !retry_status_is_retryable(status);
}

attempt_outcome_t attempt_judge(err_t err, int status, uint32_t attempts, uint32_t max_attempts) {
    if (err == OK && status >= 200 && status < 300)
        return ATTEMPT_DELIVERED;
    if (s_is_final(err, status))
        return ATTEMPT_REFUSED;
    return attempts >= max_attempts ? ATTEMPT_EXHAUSTED : ATTEMPT_RETRY;
}

bool attempt_reached(err_t err, int status) {
    return err == OK && status < 500;
}

int64_t attempt_delay_ms(uint32_t attempts, uint64_t random, int64_t retry_after_ms) {
    int64_t ceiling = ATTEMPT_DELAY_FIRST_MS;
    for (uint32_t i = 1; i < attempts && ceiling < ATTEMPT_DELAY_MAX_MS; i++)
        ceiling *= 2;
    if (ceiling > ATTEMPT_DELAY_MAX_MS)
        ceiling = ATTEMPT_DELAY_MAX_MS;
    int64_t delay = (int64_t)(random % (uint64_t)(ceiling + 1));
    return delay > retry_after_ms ? delay : retry_after_ms;
}
