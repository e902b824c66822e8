/* The settlement is tried out in a journal of its own, which is undone. */
#include "signals/resolve/entry.h"

#include "signals/journal.h"
#include "signals/rules/strategy_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the settlement ---- */

static void s_try(journal_t *trial, const scope_key_t *scope, const settlement_t *settlement) {
    for (size_t i = 0; i < settlement->loser_count; i++) {
        active_t *active = scope_index_find(trial->index, scope, settlement->losers[i]->signal_id);
        if (active)
            journal_hide(trial, 0, active);
    }
    for (size_t i = 0; i < settlement->adjustment_count; i++) {
        adjustment_t to = settlement->adjustments[i];
        active_t *active = scope_index_find(trial->index, scope, to.of->signal_id);
        if (!active)
            continue;
        to.of = active_candidate(active);
        journal_adjust(trial, 0, &to);
    }
}

static void s_adjust(candidate_t *candidate, const settlement_t *settlement) {
    for (size_t i = 0; i < settlement->adjustment_count; i++) {
        const adjustment_t *to = &settlement->adjustments[i];
        if (strcmp(to->of->signal_id, candidate->signal_id) != 0)
            continue;
        if (to->has_strength)
            candidate->strength = to->strength;
        if (to->has_allocation) {
            candidate->resources = to->allocation;
            candidate->has_allocation = true;
        }
    }
}

/* ---- the entrants ---- */

static int s_compare(const void *a, const void *b) {
    return strcmp(((const entrant_t *)a)->member->signal.signal_id,
                  ((const entrant_t *)b)->member->signal.signal_id);
}

/* In an order that does not depend on how they were read. */
static void s_gather(entry_t *self, const docket_t *docket, const member_t *newcomer) {
    size_t count = 0;
    for (member_t *member = docket_next(docket, NULL); member; member = docket_next(docket, member))
        count += docket_waits_with(member, newcomer);
    self->entrants = calloc(count + 1, sizeof *self->entrants);
    assert_always(self->entrants);
    for (member_t *member = docket_next(docket, NULL); member; member = docket_next(docket, member))
        if (docket_waits_with(member, newcomer))
            self->entrants[self->count++].member = member;
    qsort(self->entrants, self->count, sizeof *self->entrants, s_compare);
}

/* ---- the outcome ---- */

static const candidate_t *s_winner(const entrant_t *lost) {
    const char *id = lost->verdict->decision.winner_signal_id;
    for (size_t i = 0; i < lost->newcomer.meeting_count; i++)
        for (size_t k = 0; k < lost->newcomer.meetings[i].count; k++)
            if (strcmp(lost->newcomer.meetings[i].active[k]->signal_id, id) == 0)
                return lost->newcomer.meetings[i].active[k];
    return NULL;
}

static void s_derive(char *id) {
    char text[DERIVED_ID_SIZE + sizeof "entered "];
    snprintf(text, sizeof text, "entered %.*s", DERIVED_ID_SIZE - 1, id);
    derived_id(text, id);
}

/* An id is made of newcomer, scope and type: it may have been in such a conflict when it came. */
static void s_name_anew(verdict_t *verdict) {
    for (size_t i = 0; i < verdict->conflict_count; i++) {
        Conflict *conflict = &verdict->conflicts[i];
        s_derive(conflict->conflict_id);
        MESSAGE_PUT(conflict->resolution->conflict_id, conflict->conflict_id);
        s_derive(conflict->resolution->resolution_id);
    }
}

static void s_conclude(entry_t *self) {
    for (size_t i = 0; i < self->count && !self->lost; i++) {
        const verdict_t *verdict = self->entrants[i].verdict;
        if (verdict && strcmp(verdict->status, "routed") != 0)
            self->lost = &self->entrants[i];
    }
    if (!self->lost)
        return;
    self->winner = s_winner(self->lost);
    assert_always(self->winner);
    for (size_t i = 0; i < self->count; i++)
        if (&self->entrants[i] != self->lost && self->entrants[i].verdict)
            decision_follow_group(self->entrants[i].verdict, "rejected",
                                  self->lost->member->signal.signal_id);
}

static void s_name_conflicts(entry_t *self) {
    for (size_t i = 0; i < self->count; i++)
        if (self->entrants[i].verdict)
            s_name_anew(self->entrants[i].verdict);
}

void entry_judge(entry_t *self, const docket_t *docket, const member_t *newcomer, const scope_key_t *scope,
                 const settlement_t *settlement, strategy_t strategy, scope_index_t *index, int64_t now_ms) {
    policy_t policy = {.strategy = strategy == STRATEGY_MANUAL ? STRATEGY_PRIORITY_BASED : strategy,
                       .auto_resolve = (1u << CONFLICT_TYPES) - 1};
    journal_t trial = {.index = index};
    s_gather(self, docket, newcomer);
    s_try(&trial, scope, settlement);
    for (size_t i = 0; i < self->count; i++) {
        entrant_t *entrant = &self->entrants[i];
        newcomer_begin(&entrant->newcomer, &entrant->member->signal);
        s_adjust(&entrant->newcomer.candidate, settlement);
        entrant->verdict = newcomer_judge(&entrant->newcomer, index, &policy, now_ms);
    }
    journal_settle(&trial, NULL);
    s_conclude(self);
    s_name_conflicts(self);
}

void entry_free(entry_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->entrants[i].verdict)
            verdict_free(self->entrants[i].verdict);
        free(self->entrants[i].verdict);
        newcomer_end(&self->entrants[i].newcomer);
    }
    free(self->entrants);
    *self = (entry_t){.count = 0};
}
