/* What is known of all signals of a scope without looking at them. Counts are exact; the rest errs on the wide side
 * once a signal has gone (`loose`), until it is made anew. Pure. */
#pragma once

#include "signals/rules/candidate.h"
#include <stddef.h>

#define SCOPE_PRIORITIES 5

/* Small, for each scope has one: strengths, which are 0 to 1, are kept to within 2.4e-10, which is well below
 * CONFLICT_ROUNDING. */
typedef struct {
    uint32_t by_side[SIDE_COUNT], by_priority[SCOPE_PRIORITIES]; /* [priority - 1] */
    bool loose;
    uint32_t low[SIDE_COUNT], high[SIDE_COUNT]; /* strength * UINT32_MAX; of sides that are there */
    int64_t newest, newest_seq;                 /* timestamp and source_seq of any source; INT64_MIN = none */
    int64_t soonest;                            /* expiry_time */
    double resources, resources_error;          /* sum, and by how much it may be off */
} scope_bounds_t;

void scope_bounds_clear(scope_bounds_t *self);
void scope_bounds_add(scope_bounds_t *self, const candidate_t *candidate);
void scope_bounds_remove(scope_bounds_t *self, const candidate_t *candidate);

/* False only when no signal of the scope can contradict the candidate in direction, priority, strength, or, all
 * together, in resources. `count` is how many there are. */
bool scope_bounds_suspect(const scope_bounds_t *self, const candidate_t *candidate, size_t count);

/* Whether the candidate comes after one that is newer, given the newest of those it is compared with. */
static inline bool scope_bounds_is_late(const candidate_t *candidate, int64_t newest, int64_t newest_seq) {
    return candidate->timestamp < newest || (candidate->has_source_seq && candidate->source_seq < newest_seq);
}
