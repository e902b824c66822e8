/* What makes two signals of one scope contradict each other. Pure. */
#pragma once

#include "signals/rules/candidate.h"

/* In the order in which they are reported. */
typedef enum {
    CONFLICT_PRIORITY,
    CONFLICT_DIRECTION,
    CONFLICT_TIMING,
    CONFLICT_STRENGTH,
    CONFLICT_RESOURCE,
    CONFLICT_TYPES
} conflict_type_t;

extern const char *const conflict_type_names[CONFLICT_TYPES]; /* "priority_conflict", ... */
const char *conflict_severity(conflict_type_t type);          /* high, medium, low */

#define CONFLICT_STRENGTH_GAP  0.3 /* |difference| above it */
#define CONFLICT_PRIORITY_GAP  2   /* |difference| from it on */
#define CONFLICT_RESOURCE_MOST 1.0 /* sum above it */
#define CONFLICT_ROUNDING \
    1e-9 /* what a difference or a sum must exceed its limit by: 0.8 - 0.5 is not above 0.3 */

/* True when the pair contradicts in this way; not of CONFLICT_RESOURCE, which is of a whole scope. `newcomer` is the
 * one that arrived later, unless its seq is set and says otherwise. */
bool conflict_between(conflict_type_t type, const candidate_t *newcomer, const candidate_t *active);

/* The rivals of the newcomer by type, out of `active` (any order). Each list is malloc'ed, ordered by signal_id, and
 * NULL when empty. */
typedef struct {
    const candidate_t **rivals[CONFLICT_TYPES];
    size_t counts[CONFLICT_TYPES];
    double resource_sum; /* of the scope with the newcomer; 0 when that needs none */
} conflicts_t;
void conflicts_detect(const candidate_t *newcomer, const candidate_t *const *active, size_t count,
                      conflicts_t *found);
void conflicts_free(conflicts_t *found);

double conflict_resource_sum(const candidate_t *const *members, size_t count);
bool conflict_exceeds_resources(double sum);
