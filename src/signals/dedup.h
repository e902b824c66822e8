/* Whether a signal whose id is taken is the same signal again. Pure. */
#pragma once

#include <stdint.h>

typedef enum { DEDUP_DUPLICATE, DEDUP_OTHER_BODY, DEDUP_OUTSIDE_WINDOW } dedup_t;

/* `window_ms` counts from when the first one was received. */
dedup_t dedup_judge(uint64_t first_hash, int64_t first_received_ms, uint64_t hash, int64_t now_ms,
                    int64_t window_ms);

/* Why it is refused; for a duplicate NULL. Static text. */
const char *dedup_reason(dedup_t verdict);
