/* Judging datasets: see readiness.h. */
#include "dataflow/readiness.h"

#include <string.h>

readiness_t readiness_judge(const dataset_t *dataset, int64_t last_ms, int64_t now_ms) {
    int64_t age_ms = now_ms - last_ms;
    if (last_ms <= 0 || age_ms > dataset->error_after_s * 1000)
        return READINESS_MISSING;
    return age_ms > dataset->warn_after_s * 1000 ? READINESS_STALE : READINESS_READY;
}

const char *readiness_name(readiness_t readiness) {
    static const char *const names[] = {"ready", "stale", "missing"};
    return names[readiness];
}

double readiness_age_s(int64_t last_ms, int64_t now_ms) {
    return now_ms > last_ms ? (double)(now_ms - last_ms) / 1000.0 : 0;
}

bool readiness_policy(const char *word, policy_t *policy) {
    static const char *const words[] = {"sync", "wait", "degrade", "abort"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], word) == 0) {
            *policy = (policy_t)i;
            return true;
        }
    }
    return false;
}
