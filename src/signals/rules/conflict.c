/* The five ways in which signals contradict each other. */
#include "signals/rules/conflict.h"

#include "base/err.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const conflict_type_names[CONFLICT_TYPES] = {
    [CONFLICT_PRIORITY] = "priority_conflict", [CONFLICT_DIRECTION] = "direction_conflict",
    [CONFLICT_TIMING] = "timing_conflict",     [CONFLICT_STRENGTH] = "strength_conflict",
    [CONFLICT_RESOURCE] = "resource_conflict",
};

const char *conflict_severity(conflict_type_t type) {
    static const char *const severities[CONFLICT_TYPES] = {
        [CONFLICT_PRIORITY] = "low",    [CONFLICT_DIRECTION] = "high", [CONFLICT_TIMING] = "medium",
        [CONFLICT_STRENGTH] = "medium", [CONFLICT_RESOURCE] = "high",
    };
    return severities[type];
}

static bool s_opposed(const candidate_t *a, const candidate_t *b) {
    return (a->side == SIDE_BUY && b->side == SIDE_SELL) || (a->side == SIDE_SELL && b->side == SIDE_BUY);
}

static bool s_late(const candidate_t *newcomer, const candidate_t *active) {
    if (strcmp(newcomer->source, active->source) != 0)
        return false;
    if (newcomer->seq && newcomer->seq < active->seq) /* a held one, which was there first */
        return false;
    if (newcomer->has_source_seq && active->has_source_seq)
        return newcomer->source_seq < active->source_seq;
    return newcomer->timestamp < active->timestamp;
}

bool conflict_between(conflict_type_t type, const candidate_t *newcomer, const candidate_t *active) {
    switch (type) {
    case CONFLICT_PRIORITY: return abs(newcomer->priority - active->priority) >= CONFLICT_PRIORITY_GAP;
    case CONFLICT_DIRECTION: return s_opposed(newcomer, active);
    case CONFLICT_TIMING: return s_late(newcomer, active);
    case CONFLICT_STRENGTH:
        return newcomer->side == active->side &&
               fabs(newcomer->strength - active->strength) > CONFLICT_STRENGTH_GAP + CONFLICT_ROUNDING;
    default: return false;
    }
}

static int s_by_id(const void *a, const void *b) {
    return strcmp((*(const candidate_t *const *)a)->signal_id, (*(const candidate_t *const *)b)->signal_id);
}

static bool s_is_rival(conflict_type_t type, const candidate_t *newcomer, const candidate_t *active) {
    if (type == CONFLICT_RESOURCE)
        return newcomer->resources > 0 && active->resources > 0;
    return conflict_between(type, newcomer, active);
}

static void s_collect(conflict_type_t type, const candidate_t *newcomer, const candidate_t *const *active,
                      size_t count, conflicts_t *found) {
    const candidate_t **rivals = NULL;
    size_t size = 0, room = 0;
    for (size_t i = 0; i < count; i++) {
        if (!s_is_rival(type, newcomer, active[i]))
            continue;
        if (size == room) {
            room = room ? 2 * room : 8;
            rivals = realloc(rivals, room * sizeof *rivals);
            assert_always(rivals);
        }
        rivals[size++] = active[i];
    }
    if (size > 1)
        qsort(rivals, size, sizeof *rivals, s_by_id);
    found->rivals[type] = rivals;
    found->counts[type] = size;
}

double conflict_resource_sum(const candidate_t *const *members, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += members[i]->resources;
    return sum;
}

bool conflict_exceeds_resources(double sum) {
    return sum > CONFLICT_RESOURCE_MOST + CONFLICT_ROUNDING;
}

void conflicts_detect(const candidate_t *newcomer, const candidate_t *const *active, size_t count,
                      conflicts_t *found) {
    *found = (conflicts_t){.resource_sum = newcomer->resources};
    for (int type = 0; type < CONFLICT_TYPES; type++)
        s_collect((conflict_type_t)type, newcomer, active, count, found);
    /* In the order of the ids, so that rounding does not depend on that of `active`. */
    found->resource_sum +=
        conflict_resource_sum(found->rivals[CONFLICT_RESOURCE], found->counts[CONFLICT_RESOURCE]);
    if (conflict_exceeds_resources(found->resource_sum))
        return;
    free(found->rivals[CONFLICT_RESOURCE]);
    found->rivals[CONFLICT_RESOURCE] = NULL;
    found->counts[CONFLICT_RESOURCE] = 0;
}

void conflicts_free(conflicts_t *found) {
    for (int type = 0; type < CONFLICT_TYPES; type++)
        free(found->rivals[type]);
    *found = (conflicts_t){.resource_sum = 0};
}
