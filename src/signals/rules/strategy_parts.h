/* What the settling of a conflict by hand and on arrival have in common. Pure. */
#pragma once

#include "base/buf.h"
#include "signals/rules/strategy.h"

/* Best first. */
void strategy_sort(strategy_t strategy, const candidate_t **members, size_t count);
/* Appends the step that put `better` before `worse`, and what was equal until then: "a against b: priority equal at
 * 3; confidence x strength 0.56 beats 0.4". */
void strategy_explain(strategy_t strategy, const candidate_t *better, const candidate_t *worse, buf_t *out);
/* Appends what the strategy leaves to priority_based; false (and nothing) when it settles the type by itself. */
bool strategy_explain_fallback(strategy_t strategy, conflict_type_t type, buf_t *out);

bool strategy_merges(strategy_t strategy, conflict_type_t type);
bool strategy_scales(strategy_t strategy, conflict_type_t type);

/* Mean of the strengths, weighted by confidence; the plain mean when nobody has any. Lies within their range. */
double strategy_merged_strength(const candidate_t *const *members, size_t count);
/* The share of each in their sum, which is above 0; they add up to 1. */
void strategy_shares(const candidate_t *const *members, size_t count, adjustment_t *shares);

/* `ranked` is in order; those past STRATEGY_SCORES_MOST are left out, but `kept` (may be NULL) never is. Returns how many
 * there are in `scores`, which is malloc'ed. */
size_t strategy_scores(strategy_t strategy, const candidate_t *const *ranked, size_t count,
                       const candidate_t *kept, SignalScore **scores);

/* Fills a zeroed resolution: ids, words, timestamp, result success. */
void resolution_open(Resolution *self, const char *conflict_id, conflict_type_t type, strategy_t strategy,
                     int64_t now_ms);
/* `winner` may be NULL. */
void resolution_set_outcome(Resolution *self, const candidate_t *winner, const candidate_t *const *losers,
                            size_t count);

#define DERIVED_ID_SIZE 37 /* 36 characters and a NUL */
/* A UUID of version 8 (RFC 9562) out of a hash of the text: the same for the same text. */
void derived_id(const char *text, char out[DERIVED_ID_SIZE]);
