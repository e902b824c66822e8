/* How a conflict is settled: each strategy names a winner, scores every member and says why. Pure: the outcome does
 * not depend on the order of the members. */
#pragma once

#include "base/err.h"
#include "signals/rules/candidate.h"
#include "signals/rules/conflict.h"

typedef enum {
    STRATEGY_PRIORITY_BASED,
    STRATEGY_CONFIDENCE_BASED,
    STRATEGY_HYBRID,
    STRATEGY_AVERAGE_STRENGTH,
    STRATEGY_REMOVE_EXPIRED,
    STRATEGY_HIGH_PRIORITY,
    STRATEGY_PROPORTIONAL_ALLOCATION,
    STRATEGY_MANUAL,
    STRATEGY_COUNT
} strategy_t;

extern const char *const strategy_names[STRATEGY_COUNT];
ERR_MUST_USE
err_t strategy_from_name(const char *name, strategy_t *strategy); /* ERR_NOT_FOUND */

/* What a member keeps, changed: average_strength sets the strength of the winner, proportional_allocation the share
 * of each. */
typedef struct {
    const candidate_t *of;
    bool has_strength, has_allocation;
    double strength;
    double allocation; /* fraction of the scope's resources that it may use */
} adjustment_t;

typedef struct {
    const candidate_t *winner;  /* NULL: nobody had to go, or nobody is left */
    const candidate_t **losers; /* owned list */
    size_t loser_count;
    adjustment_t *adjustments; /* owned */
    size_t adjustment_count;
    Resolution resolution; /* owned; ids and timestamp filled in, resolution_time 0 */
} settlement_t;

/* `members` are those of the conflict that still count, and those that have expired (expiry_time <= now_ms; 0 = ended otherwise), which lose
 * in any case. The newcomer among them is the one that arrived last: of the greatest seq, where 0 is the latest. As on
 * arrival, a newcomer that wins has all others for losers, and one that loses is the only loser; when it has expired,
 * nobody else has to go. `winner_id` is for STRATEGY_MANUAL. A resolution_result of failed (manual, and no live member
 * is named winner_id) changes nothing. The resolution lists all losers, and at most STRATEGY_SCORES_MOST scores. */
void strategy_settle(const char *conflict_id, conflict_type_t type, strategy_t strategy,
                     const candidate_t *const *members, size_t count, const char *winner_id, int64_t now_ms,
                     settlement_t *settlement);
void settlement_free(settlement_t *settlement);

#define STRATEGY_SCORES_MOST 100

/* The score of a member under the strategy: its confidence for confidence_based, its priority for all others but
 * hybrid. hybrid: 0.5 priority / 5 + 0.3 confidence + 0.2 strength. */
double strategy_score(strategy_t strategy, const candidate_t *member);
/* < 0 when `a` ranks before `b`: score, then priority, confidence x strength, newer timestamp, smaller signal_id.
 * Never 0 for two ids. Differences below 1e-12 are rounding and count as equal. */
int strategy_compare(strategy_t strategy, const candidate_t *a, const candidate_t *b);
