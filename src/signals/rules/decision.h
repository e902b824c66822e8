/* What becomes of an admitted signal. Pure: the same newcomer among the same active signals at the same time gets the
 * same decision, in whatever order they are given. */
#pragma once

#include "signals/rules/strategy.h"

#define DECISION_RULE_VERSION "2"

/* SIGNALS_DEFAULT_STRATEGY and SIGNALS_AUTO_RESOLVE. */
typedef struct {
    strategy_t strategy;
    unsigned auto_resolve; /* bit 1 << conflict_type_t */
} policy_t;
/* Of settings that were checked. */
policy_t policy_of(const char *default_strategy, const char *auto_resolve);

/* One scope of the newcomer, with its active signals that have not expired. */
typedef struct {
    scope_key_t key;
    const candidate_t *const *active;
    size_t count;
} meeting_t;

typedef struct {
    const char *status;  /* routed, rejected, held */
    Decision decision;   /* owned */
    Conflict *conflicts; /* owned; open when held, else with their resolution */
    size_t conflict_count;
    const candidate_t **superseded; /* owned list, each once: they lose to the newcomer */
    size_t superseded_count;
    adjustment_t *adjustments; /* owned; of the newcomer or of active signals */
    size_t adjustment_count;
} verdict_t;

/* Fills the zeroed verdict. Rule: a newcomer that wins supersedes every rival that it conflicts with; one that loses
 * to any is rejected and the rivals stay; one with a conflict of a type outside auto_resolve, or under the strategy
 * manual, is held, and all its conflicts stay open. */
void decision_make(const candidate_t *newcomer, const meeting_t *meetings, size_t count,
                   const policy_t *policy, int64_t now_ms, verdict_t *verdict);
/* The decision of a newcomer that meets no rival: routed. The store keeps none for it: what this says, it says of all that
 * are stored. */
void decision_unopposed(Decision *decision);
/* A member of its group_id did not pass, so it does not either: `status` (rejected or held) takes the place of what
 * was decided, nothing is superseded, and the reasons say so. */
void decision_follow_group(verdict_t *verdict, const char *status, const char *member_id);
void verdict_free(verdict_t *verdict);
