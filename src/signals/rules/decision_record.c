/* What was decided, written down: the reasons in order, the scores, and each conflict with its resolution. */
#include "message/message.h"
#include "signals/rules/decision_case.h"
#include "signals/rules/strategy_parts.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

void decision_add_reason(Decision *decision, buf_t *text) {
    decision->reasons = realloc(decision->reasons, (decision->reasons_count + 1) * sizeof *decision->reasons);
    assert_always(decision->reasons);
    decision->reasons[decision->reasons_count++] = buf_steal(text);
}

/* ---- Reasons ---- */

static void s_conflicts(const case_t *self, Decision *decision) {
    buf_t text = BUF_INIT;
    for (size_t i = 0; i < self->count; i++) {
        buf_printf(&text, "%s in ", conflict_type_names[self->clashes[i].type]);
        scope_describe(self->clashes[i].scope, &text);
        buf_append_str(&text, ": ");
        clash_describe(&self->clashes[i], &text);
        decision_add_reason(decision, &text);
    }
}

static void s_explain_rank(const case_t *self, const candidate_t *rival, buf_t *out) {
    bool lost = strategy_compare(self->strategy, rival, self->newcomer) < 0;
    strategy_explain(self->strategy, lost ? rival : self->newcomer, lost ? self->newcomer : rival, out);
}

static void s_explain_merge(const case_t *self, buf_t *out) {
    buf_printf(out, "the strengths of %zu signals merge to %.12g, carried by %s", self->merged.count + 1,
               self->merged_strength, self->carrier->signal_id);
}

/* False when nothing had to be scaled. */
static bool s_explain_shares(const case_t *self, const clash_t *clash, buf_t *out) {
    size_t count;
    const candidate_t **holders = case_holders(self, clash, &count);
    for (size_t i = 0; i < count; i++)
        if (holders[i] == self->newcomer) {
            adjustment_t *shares = message_list(count, sizeof *shares);
            strategy_shares(holders, count, shares);
            buf_printf(out, "the resource requirements of %zu signals in ", count);
            scope_describe(clash->scope, out);
            buf_printf(out, " are scaled to add up to 1, which leaves %.12g to %s", shares[i].allocation,
                       self->newcomer->signal_id);
            free(shares);
        }
    free(holders);
    return count > 0;
}

static void s_steps(const case_t *self, Decision *decision) {
    buf_t text = BUF_INIT;
    if (self->rival) {
        s_explain_rank(self, self->rival, &text);
        decision_add_reason(decision, &text);
    }
    if (self->carrier) {
        s_explain_merge(self, &text);
        decision_add_reason(decision, &text);
    }
    for (size_t i = 0; i < self->count && !case_rejects(self); i++)
        if (strategy_scales(self->strategy, self->clashes[i].type) &&
            s_explain_shares(self, &self->clashes[i], &text))
            decision_add_reason(decision, &text);
}

static void s_fallbacks(const case_t *self, Decision *decision) {
    buf_t text = BUF_INIT;
    for (size_t i = 0; i < self->count; i++) {
        bool again = i > 0 && self->clashes[i - 1].type == self->clashes[i].type;
        if (!again && strategy_explain_fallback(self->strategy, self->clashes[i].type, &text))
            decision_add_reason(decision, &text);
    }
}

static void s_outcome(const case_t *self, Decision *decision) {
    buf_t text = BUF_INIT;
    if (self->lost_to)
        buf_printf(&text, "rejected: it loses to %s, and its rivals stay", self->lost_to->signal_id);
    else if (case_rejects(self))
        buf_printf(&text, "rejected: merged into %s, and its rivals stay", self->carrier->signal_id);
    else if (self->superseded.count > 0)
        buf_printf(&text, "routed: it supersedes %zu", self->superseded.count);
    else
        buf_append_str(&text, "routed: nobody has to go");
    decision_add_reason(decision, &text);
}

static void s_why_held(const case_t *self, Decision *decision) {
    buf_t text = BUF_INIT;
    if (self->strategy == STRATEGY_MANUAL)
        buf_append_str(&text, "held: the strategy manual waits for a named winner");
    for (size_t i = 0; i < self->count && self->strategy != STRATEGY_MANUAL; i++) {
        bool again = i > 0 && self->clashes[i - 1].type == self->clashes[i].type;
        if (!again && !(self->policy->auto_resolve & (1u << self->clashes[i].type)))
            buf_printf(&text, "%s%s", text.size ? ", " : "held: not resolved automatically: ",
                       conflict_type_names[self->clashes[i].type]);
    }
    decision_add_reason(decision, &text);
}

/* ---- The decision ---- */

static void s_scores(const case_t *self, Decision *decision) {
    ranked_t all = {.items = NULL};
    ranked_add(&all, self->strategy, &self->newcomer, 1);
    for (size_t i = 0; i < self->count; i++)
        ranked_add(&all, self->strategy, self->clashes[i].rivals, self->clashes[i].count);
    decision->scores_count =
        (pb_size_t)strategy_scores(self->strategy, all.items, all.count, self->newcomer, &decision->scores);
    free(all.items);
}

static void s_set_losers(Decision *decision, const candidate_t *const *losers, size_t count) {
    decision->loser_signal_ids = message_list(count, sizeof *decision->loser_signal_ids);
    decision->loser_signal_ids_count = (pb_size_t)count;
    for (size_t i = 0; i < count; i++)
        decision->loser_signal_ids[i] = message_strdup(losers[i]->signal_id);
}

static void s_parties(const case_t *self, Decision *decision) {
    const candidate_t *winner = NULL;
    if (case_rejects(self)) {
        winner = self->lost_to ? self->lost_to : self->carrier;
        s_set_losers(decision, &self->newcomer, 1);
    } else if (self->superseded.count > 0) {
        winner = self->newcomer;
        s_set_losers(decision, self->superseded.items, self->superseded.count);
    }
    decision->has_winner_signal_id = winner != NULL;
    MESSAGE_PUT(decision->winner_signal_id, winner ? winner->signal_id : "");
}

static void s_decision(const case_t *self, Decision *decision) {
    MESSAGE_PUT(decision->strategy, strategy_names[self->strategy]);
    MESSAGE_PUT(decision->rule_version, DECISION_RULE_VERSION);
    s_scores(self, decision);
    s_conflicts(self, decision);
    if (self->held) {
        s_why_held(self, decision);
        return;
    }
    s_parties(self, decision);
    s_steps(self, decision);
    s_fallbacks(self, decision);
    s_outcome(self, decision);
}

/* ---- Resolutions ---- */

/* The newcomer is rejected: in each of its conflicts it is the one to go. */
static const candidate_t *s_resolve_lost(const case_t *self, const clash_t *clash, buf_t *reason) {
    const candidate_t *best = clash->rivals[0];
    bool merges = self->carrier && !case_ranks(self, clash);
    if (case_ranks(self, clash) && strategy_compare(self->strategy, best, self->newcomer) < 0)
        s_explain_rank(self, best, reason);
    else if (merges && strategy_merges(self->strategy, clash->type))
        s_explain_merge(self, reason);
    else
        buf_printf(reason, "%s loses another conflict to %s and is rejected", self->newcomer->signal_id,
                   self->lost_to ? self->lost_to->signal_id : self->carrier->signal_id);
    for (size_t i = 0; merges && i < clash->count; i++)
        if (clash->rivals[i] == self->carrier)
            return self->carrier;
    return best;
}

/* NULL when nobody has to go. */
static const candidate_t *s_resolve_won(const case_t *self, const clash_t *clash, buf_t *reason) {
    if (case_ranks(self, clash)) {
        s_explain_rank(self, clash->rivals[0], reason);
        return self->newcomer;
    }
    if (strategy_scales(self->strategy, clash->type)) {
        if (s_explain_shares(self, clash, reason))
            return NULL;
        buf_append_str(reason, "what superseded signals leave is enough for those that stay");
        return self->newcomer;
    }
    if (self->carrier)
        s_explain_merge(self, reason);
    else
        buf_printf(reason, "%s wins other conflicts with all of them", self->newcomer->signal_id);
    return self->newcomer;
}

/* The rivals of the clash that are superseded. */
static void s_set_resolved(const case_t *self, const clash_t *clash, const candidate_t *winner,
                           Resolution *resolution) {
    ranked_t losers = {.items = NULL};
    if (case_rejects(self))
        ranked_add(&losers, self->strategy, &self->newcomer, 1);
    for (size_t i = 0; winner == self->newcomer && i < clash->count; i++)
        if (ranked_has(&self->superseded, self->strategy, clash->rivals[i])) {
            losers.items = realloc(losers.items, clash->count * sizeof *losers.items);
            assert_always(losers.items);
            losers.items[losers.count++] = clash->rivals[i];
        }
    resolution_set_outcome(resolution, winner, losers.items, losers.count);
    free(losers.items);
}

static Resolution *s_resolution(const case_t *self, const clash_t *clash, const char *conflict_id) {
    Resolution *resolution = message_new(Resolution_message());
    buf_t reason = BUF_INIT;
    resolution_open(resolution, conflict_id, clash->type, self->strategy, self->now_ms);
    if (strategy_explain_fallback(self->strategy, clash->type, &reason))
        buf_append_str(&reason, "; ");
    const candidate_t *winner =
        case_rejects(self) ? s_resolve_lost(self, clash, &reason) : s_resolve_won(self, clash, &reason);
    s_set_resolved(self, clash, winner, resolution);
    resolution->reason = buf_steal(&reason);
    ranked_t members = {.items = NULL};
    ranked_add(&members, self->strategy, clash->rivals, clash->count);
    ranked_add(&members, self->strategy, &self->newcomer, 1);
    resolution->scores_count = (pb_size_t)strategy_scores(self->strategy, members.items, members.count,
                                                          self->newcomer, &resolution->scores);
    free(members.items);
    return resolution;
}

void case_record(const case_t *self, verdict_t *verdict) {
    s_decision(self, &verdict->decision);
    verdict->conflicts = message_list(self->count, sizeof *verdict->conflicts);
    verdict->conflict_count = self->count;
    for (size_t i = 0; i < self->count; i++) {
        Conflict *conflict = &verdict->conflicts[i];
        clash_report(&self->clashes[i], self->now_ms, conflict);
        if (self->held)
            continue;
        MESSAGE_PUT(conflict->status, "resolved");
        conflict->resolution = s_resolution(self, &self->clashes[i], conflict->conflict_id);
    }
}
