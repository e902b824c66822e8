/* Strategies by name, and how each ranks signals. */
#include "signals/rules/strategy.h"

#include "base/clock.h"
#include "signals/rules/strategy_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY_MOST 5.0

const char *const strategy_names[STRATEGY_COUNT] = {
    [STRATEGY_PRIORITY_BASED] = "priority_based",
    [STRATEGY_CONFIDENCE_BASED] = "confidence_based",
    [STRATEGY_HYBRID] = "hybrid",
    [STRATEGY_AVERAGE_STRENGTH] = "average_strength",
    [STRATEGY_REMOVE_EXPIRED] = "remove_expired",
    [STRATEGY_HIGH_PRIORITY] = "high_priority",
    [STRATEGY_PROPORTIONAL_ALLOCATION] = "proportional_allocation",
    [STRATEGY_MANUAL] = "manual",
};

err_t strategy_from_name(const char *name, strategy_t *strategy) {
    for (int i = 0; i < STRATEGY_COUNT; i++)
        if (strcmp(strategy_names[i], name) == 0) {
            *strategy = (strategy_t)i;
            return OK;
        }
    return ERR_NOT_FOUND;
}

/* ---- Rank ---- */

static double s_conviction(const candidate_t *member) {
    return member->confidence * member->strength;
}

double strategy_score(strategy_t strategy, const candidate_t *member) {
    switch (strategy) {
    case STRATEGY_CONFIDENCE_BASED: return member->confidence;
    case STRATEGY_HYBRID:
        return 0.5 * member->priority / PRIORITY_MOST + 0.3 * member->confidence + 0.2 * member->strength;
    default: return member->priority;
    }
}

/* One figure of two signals; the higher one is better. */
typedef struct {
    const char *name;
    double a, b;
} s_step_t;

enum { STEPS = 3 };

static void s_steps(strategy_t strategy, const candidate_t *a, const candidate_t *b, s_step_t steps[STEPS]) {
    const char *name = strategy == STRATEGY_HYBRID             ? "hybrid score"
                       : strategy == STRATEGY_CONFIDENCE_BASED ? "confidence"
                                                               : NULL;
    steps[0] = (s_step_t){name, strategy_score(strategy, a), strategy_score(strategy, b)};
    steps[1] = (s_step_t){"priority", a->priority, b->priority};
    steps[2] = (s_step_t){"confidence x strength", s_conviction(a), s_conviction(b)};
}

/* In whole units of 1e-12, because a tolerance between pairs would not be transitive. */
static int s_compare_figures(double a, double b) {
    long long left = llround(a * 1e12), right = llround(b * 1e12);
    return (left < right) - (left > right);
}

int strategy_compare(strategy_t strategy, const candidate_t *a, const candidate_t *b) {
    s_step_t steps[STEPS];
    s_steps(strategy, a, b, steps);
    for (int i = 0; i < STEPS; i++) {
        int order = s_compare_figures(steps[i].a, steps[i].b);
        if (order)
            return order;
    }
    if (a->timestamp != b->timestamp)
        return a->timestamp > b->timestamp ? -1 : 1;
    return strcmp(a->signal_id, b->signal_id);
}

static int s_compare_pointers(const void *a, const void *b, void *strategy) {
    return strategy_compare(*(const strategy_t *)strategy, *(const candidate_t *const *)a,
                            *(const candidate_t *const *)b);
}

void strategy_sort(strategy_t strategy, const candidate_t **members, size_t count) {
    if (count > 1)
        qsort_r(members, count, sizeof *members, s_compare_pointers, &strategy);
}

/* ---- In words ---- */

static void s_explain_last(const candidate_t *better, const candidate_t *worse, buf_t *out) {
    char newer[CLOCK_RFC3339_SIZE], older[CLOCK_RFC3339_SIZE];
    clock_format_ms(better->timestamp, newer);
    clock_format_ms(worse->timestamp, older);
    if (better->timestamp != worse->timestamp)
        buf_printf(out, "newer timestamp %s beats %s", newer, older);
    else
        buf_printf(out, "timestamp equal at %s; smaller signal_id wins", newer);
}

void strategy_explain(strategy_t strategy, const candidate_t *better, const candidate_t *worse, buf_t *out) {
    s_step_t steps[STEPS];
    s_steps(strategy, better, worse, steps);
    buf_printf(out, "%s against %s: ", better->signal_id, worse->signal_id);
    for (int i = 0; i < STEPS; i++) {
        if (!steps[i].name)
            continue;
        if (s_compare_figures(steps[i].a, steps[i].b)) {
            buf_printf(out, "%s %.12g beats %.12g", steps[i].name, steps[i].a, steps[i].b);
            return;
        }
        buf_printf(out, "%s equal at %.12g; ", steps[i].name, steps[i].a);
    }
    s_explain_last(better, worse, out);
}

bool strategy_explain_fallback(strategy_t strategy, conflict_type_t type, buf_t *out) {
    static const conflict_type_t settled[STRATEGY_COUNT] = {
        [STRATEGY_AVERAGE_STRENGTH] = CONFLICT_STRENGTH,
        [STRATEGY_HIGH_PRIORITY] = CONFLICT_PRIORITY,
        [STRATEGY_PROPORTIONAL_ALLOCATION] = CONFLICT_RESOURCE,
    };
    switch (strategy) {
    case STRATEGY_REMOVE_EXPIRED:
        buf_printf(out, "remove_expired leaves live members of a %s to priority_based",
                   conflict_type_names[type]);
        return true;
    case STRATEGY_AVERAGE_STRENGTH:
    case STRATEGY_HIGH_PRIORITY:
    case STRATEGY_PROPORTIONAL_ALLOCATION:
        if (settled[strategy] == type)
            return false;
        buf_printf(out, "%s leaves a %s to priority_based", strategy_names[strategy],
                   conflict_type_names[type]);
        return true;
    default: return false;
    }
}
