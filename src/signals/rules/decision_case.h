/* A newcomer's case while it is decided: decision.c settles it, decision_record.c writes down what came out. */
#pragma once

#include "signals/rules/conflict_report.h"
#include "signals/rules/decision.h"

/* Signals, best first, each once. */
typedef struct {
    const candidate_t **items; /* owned */
    size_t count;
} ranked_t;

typedef struct {
    const candidate_t *newcomer;
    const policy_t *policy;
    strategy_t strategy;
    int64_t now_ms;
    clash_t *clashes; /* owned; in the order in which conflicts are reported */
    size_t count;

    bool held;
    const candidate_t *rival;   /* best of those that rank decides against; NULL: of none */
    const candidate_t *lost_to; /* NULL: it was not rejected by rank */
    ranked_t superseded;
    ranked_t merged;            /* rivals whose strength is merged with the newcomer's */
    const candidate_t *carrier; /* of the merged strength; NULL: nothing was merged */
    double merged_strength;
    adjustment_t *adjustments; /* owned */
    size_t adjustment_count;
} case_t;

/* True when rank decides it, rather than merging or scaling. */
bool case_ranks(const case_t *self, const clash_t *clash);
bool case_rejects(const case_t *self);
bool ranked_has(const ranked_t *self, strategy_t strategy, const candidate_t *member);
/* Adds the members of `more` and sorts. */
void ranked_add(ranked_t *self, strategy_t strategy, const candidate_t *const *more, size_t count);
/* The newcomer and the rivals of a resource conflict that are still there; the caller frees them. */
const candidate_t **case_holders(const case_t *self, const clash_t *clash, size_t *count);

/* Fills the verdict's decision and conflicts. */
void case_record(const case_t *self, verdict_t *verdict);
void decision_add_reason(Decision *decision, buf_t *text); /* takes the text */
