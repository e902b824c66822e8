/* Bounds of a scope: see scope_bounds.h. */
#include "signals/index/scope_bounds.h"

#include "base/err.h"
#include "signals/rules/conflict.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

void scope_bounds_clear(scope_bounds_t *self) {
    *self = (scope_bounds_t){.newest = INT64_MIN, .newest_seq = INT64_MIN, .soonest = INT64_MAX};
}

/* Every addition is off by half an ulp of its result at most; a whole one of the larger operand covers it. */
static void s_add_resources(scope_bounds_t *self, double resources) {
    if (resources == 0)
        return;
    double sum = self->resources + resources;
    double most = fmax(fmax(fabs(sum), fabs(self->resources)), fabs(resources));
    self->resources_error += most * DBL_EPSILON;
    self->resources = sum;
}

static void s_add_strength(scope_bounds_t *self, uint8_t side, double strength) {
    assert_always(strength >= 0 && strength <= 1);
    uint32_t low = (uint32_t)floor(strength * UINT32_MAX), high = (uint32_t)ceil(strength * UINT32_MAX);
    bool is_first = self->by_side[side]++ == 0;
    if (is_first || low < self->low[side])
        self->low[side] = low;
    if (is_first || high > self->high[side])
        self->high[side] = high;
}

void scope_bounds_add(scope_bounds_t *self, const candidate_t *candidate) {
    uint8_t side = candidate->side;
    assert_always(side < SIDE_COUNT && candidate->priority >= 1 && candidate->priority <= SCOPE_PRIORITIES);
    s_add_strength(self, side, candidate->strength);
    self->by_priority[candidate->priority - 1]++;
    if (candidate->timestamp > self->newest)
        self->newest = candidate->timestamp;
    if (candidate->has_source_seq && candidate->source_seq > self->newest_seq)
        self->newest_seq = candidate->source_seq;
    if (candidate->expiry_time < self->soonest)
        self->soonest = candidate->expiry_time;
    s_add_resources(self, candidate->resources);
}

void scope_bounds_remove(scope_bounds_t *self, const candidate_t *candidate) {
    self->by_side[candidate->side]--;
    self->by_priority[candidate->priority - 1]--;
    s_add_resources(self, -candidate->resources);
    self->loose = true;
}

static bool s_suspect_direction(const scope_bounds_t *self, const candidate_t *candidate) {
    return (candidate->side == SIDE_BUY && self->by_side[SIDE_SELL]) ||
           (candidate->side == SIDE_SELL && self->by_side[SIDE_BUY]);
}

static bool s_suspect_priority(const scope_bounds_t *self, const candidate_t *candidate) {
    for (int i = 0; i < SCOPE_PRIORITIES; i++)
        if (self->by_priority[i] && abs(i + 1 - candidate->priority) >= CONFLICT_PRIORITY_GAP)
            return true;
    return false;
}

static bool s_suspect_strength(const scope_bounds_t *self, const candidate_t *candidate) {
    uint8_t side = candidate->side;
    const double gap = CONFLICT_STRENGTH_GAP + CONFLICT_ROUNDING;
    double low = (double)self->low[side] / UINT32_MAX, high = (double)self->high[side] / UINT32_MAX;
    return self->by_side[side] && (candidate->strength - low > gap || high - candidate->strength > gap);
}

/* The rule adds up in an order of its own, whose error grows with the count. */
static bool s_suspect_resources(const scope_bounds_t *self, const candidate_t *candidate, size_t count) {
    if (candidate->resources == 0)
        return false;
    double margin = (double)(count + 2) * DBL_EPSILON * CONFLICT_RESOURCE_MOST + self->resources_error;
    double most = self->resources + candidate->resources + margin;
    return !(most <= CONFLICT_RESOURCE_MOST + CONFLICT_ROUNDING); /* also when it is no number */
}

bool scope_bounds_suspect(const scope_bounds_t *self, const candidate_t *candidate, size_t count) {
    return s_suspect_direction(self, candidate) || s_suspect_priority(self, candidate) ||
           s_suspect_strength(self, candidate) || s_suspect_resources(self, candidate, count);
}
