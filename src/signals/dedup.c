/* Equal bodies within the window are duplicates; all else is a reuse of the id. */
#include "signals/dedup.h"

#include <stddef.h>

dedup_t dedup_judge(uint64_t first_hash, int64_t first_received_ms, uint64_t hash, int64_t now_ms,
                    int64_t window_ms) {
    if (first_hash != hash)
        return DEDUP_OTHER_BODY;
    return now_ms - first_received_ms > window_ms ? DEDUP_OUTSIDE_WINDOW : DEDUP_DUPLICATE;
}

const char *dedup_reason(dedup_t verdict) {
    switch (verdict) {
    case DEDUP_OTHER_BODY: return "the signal_id, or the source and dedup_key, were used with another body";
    case DEDUP_OUTSIDE_WINDOW:
        return "the signal_id, or the source and dedup_key, were used before the dedup window";
    default: return NULL;
    }
}
