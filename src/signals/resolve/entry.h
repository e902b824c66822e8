/* A held newcomer, with its group, that is about to become active: judged like one that arrives now. For while it waited
 * others may have become active that contradict it and are no members of its conflicts. */
#pragma once

#include "signals/newcomer.h"
#include "signals/resolve/docket.h"

typedef struct {
    member_t *member;
    newcomer_t newcomer;
    verdict_t *verdict; /* owned; NULL: it meets no rival */
} entrant_t;

typedef struct {         /* begins zeroed */
    entrant_t *entrants; /* owned; they are no rivals of each other */
    size_t count;
    const entrant_t *lost; /* to the winner; NULL: all of them pass */
    const candidate_t *winner;
} entry_t;

/* Judges all held members of the group of `newcomer`, as if the settlement, of a conflict in that scope, were carried
 * out. The index is as before afterwards, and must not change while the verdicts are used, but as they say. */
void entry_judge(entry_t *self, const docket_t *docket, const member_t *newcomer, const scope_key_t *scope,
                 const settlement_t *settlement, strategy_t strategy, scope_index_t *index, int64_t now_ms);
void entry_free(entry_t *self);
