/* Candidates for the tests of the rules: a signal like any other, on which a test changes what it is about. */
#pragma once

#include "signals/rules/decision.h"
#include <criterion/criterion.h>
#include <string.h>

/* What a test says of a rival takes the place of what all have. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define RIVALS_NOW_MS INT64_C(1767576600000)

/* rival("a", .side = SIDE_BUY): of a source of its own, so that timing is no matter. */
#define rival(id, ...)                                  \
    ((candidate_t){.signal_id = (id),                   \
                   .source = (id),                      \
                   .timestamp = RIVALS_NOW_MS,          \
                   .expiry_time = RIVALS_NOW_MS + 1000, \
                   .strength = 0.5,                     \
                   .confidence = 0.5,                   \
                   .priority = 3,                       \
                   __VA_ARGS__})

static inline policy_t policy_with(strategy_t strategy) {
    return (policy_t){.strategy = strategy, .auto_resolve = (1u << CONFLICT_TYPES) - 1};
}

/* One scope, portfolio/AAPL. */
static inline verdict_t decide(const candidate_t *newcomer, const candidate_t *const *active, size_t count,
                               strategy_t strategy) {
    verdict_t verdict = {.status = NULL};
    meeting_t meeting = {.key = {"portfolio", "AAPL"}, .active = active, .count = count};
    policy_t policy = policy_with(strategy);
    decision_make(newcomer, &meeting, 1, &policy, RIVALS_NOW_MS, &verdict);
    return verdict;
}

#define LIST(...)     ((const candidate_t *[]){__VA_ARGS__})
#define LIST_COUNT(x) (sizeof(x) / sizeof *(x))
#define DECIDE(strategy, newcomer, ...) \
    decide(newcomer, LIST(__VA_ARGS__), LIST_COUNT(LIST(__VA_ARGS__)), strategy)

static inline bool has_reason(const Decision *decision, const char *part) {
    for (size_t i = 0; i < decision->reasons_count; i++)
        if (strstr(decision->reasons[i], part))
            return true;
    return false;
}

static inline const adjustment_t *adjustment_of(const adjustment_t *list, size_t count,
                                                const candidate_t *of) {
    for (size_t i = 0; i < count; i++)
        if (list[i].of == of)
            return &list[i];
    return NULL;
}
