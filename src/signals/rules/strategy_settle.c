/* One conflict, settled after the fact. */
#include "message/message.h"
#include "signals/rules/strategy_parts.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    conflict_type_t type;
    strategy_t strategy;
    const candidate_t **live; /* best first, then the expired ones in `live + live_count`; owned */
    size_t live_count, count;
    const candidate_t *newcomer; /* NULL: not to be told */
    settlement_t *settlement;
    buf_t reason;
} s_case_t;

/* 0, not stored yet, becomes the greatest. */
static uint64_t s_arrival(const candidate_t *member) {
    return member->seq - 1;
}

static const candidate_t *s_newcomer(const candidate_t *const *members, size_t count) {
    const candidate_t *last = NULL;
    bool alone = false;
    for (size_t i = 0; i < count; i++) {
        if (last && s_arrival(members[i]) == s_arrival(last))
            alone = false;
        if (!last || s_arrival(members[i]) > s_arrival(last)) {
            last = members[i];
            alone = true;
        }
    }
    return alone ? last : NULL;
}

static void s_open(s_case_t *self, const candidate_t *const *members, size_t count, int64_t now_ms) {
    settlement_t *settlement = self->settlement;
    size_t end = count;
    self->live = message_list(count + 1, sizeof *self->live);
    self->count = count;
    for (size_t i = 0; i < count; i++)
        self->live[members[i]->expiry_time > now_ms ? self->live_count++ : --end] = members[i];
    strategy_sort(self->strategy, self->live, self->live_count);
    strategy_sort(self->strategy, self->live + self->live_count, count - self->live_count);
    self->newcomer = s_newcomer(members, count);
    settlement->losers = message_list(count + 1, sizeof *settlement->losers);
    settlement->adjustments = message_list(count + 1, sizeof *settlement->adjustments);
}

static void s_lose(s_case_t *self, const candidate_t *member) {
    self->settlement->losers[self->settlement->loser_count++] = member;
}

/* expiry_time 0: it ended in another way. */
static void s_tell_ended(s_case_t *self, bool expired, const char *how) {
    const candidate_t *last = NULL;
    size_t count = 0;
    for (size_t i = self->live_count; i < self->count; i++)
        if ((self->live[i]->expiry_time != 0) == expired) {
            last = self->live[i];
            count++;
        }
    if (count == 1)
        buf_printf(&self->reason, "%s has %s; ", last->signal_id, how);
    else if (count > 1)
        buf_printf(&self->reason, "%zu members have %s; ", count, how);
}

static void s_drop_expired(s_case_t *self) {
    for (size_t i = self->live_count; i < self->count; i++)
        s_lose(self, self->live[i]);
    s_tell_ended(self, true, "expired");
    s_tell_ended(self, false, "ended before");
}

static bool s_is_live(const s_case_t *self, const candidate_t *member) {
    for (size_t i = 0; i < self->live_count; i++)
        if (self->live[i] == member)
            return true;
    return false;
}

/* True when those that are live contradict each other no more. */
static bool s_over(s_case_t *self) {
    double sum = conflict_resource_sum(self->live, self->live_count);
    if (self->live_count == 0) {
        buf_append_str(&self->reason, "nobody is left");
        return true;
    }
    if (self->live_count > 1 && self->type == CONFLICT_RESOURCE && !conflict_exceeds_resources(sum)) {
        buf_printf(&self->reason,
                   "the resource requirements that are left add up to %.12g: nobody else has to go", sum);
        return true;
    }
    if (self->live_count > 1 && (!self->newcomer || s_is_live(self, self->newcomer)))
        return false;
    self->settlement->winner = self->live[0];
    buf_printf(&self->reason, "%s stays, as nothing live contradicts it", self->live[0]->signal_id);
    return true;
}

/* The winner over the others; a newcomer that does not win is the only one to go. */
static void s_win(s_case_t *self, const candidate_t *winner) {
    bool clears = !self->newcomer || winner == self->newcomer;
    self->settlement->winner = winner;
    for (size_t i = 0; i < self->live_count; i++)
        if (clears ? self->live[i] != winner : self->live[i] == self->newcomer)
            s_lose(self, self->live[i]);
}

static adjustment_t *s_adjust(s_case_t *self, const candidate_t *member) {
    adjustment_t *adjustment = &self->settlement->adjustments[self->settlement->adjustment_count++];
    adjustment->of = member;
    return adjustment;
}

static void s_merge(s_case_t *self) {
    adjustment_t *merged = s_adjust(self, self->live[0]);
    merged->has_strength = true;
    merged->strength = strategy_merged_strength(self->live, self->live_count);
    s_win(self, self->live[0]);
    buf_printf(&self->reason, "the strengths of %zu members merge to %.12g, carried by %s", self->live_count,
               merged->strength, self->live[0]->signal_id);
}

static void s_scale(s_case_t *self) {
    strategy_shares(self->live, self->live_count, self->settlement->adjustments);
    self->settlement->adjustment_count = self->live_count;
    buf_printf(&self->reason, "the resource requirements of %zu members, %.12g, are scaled to add up to 1",
               self->live_count, conflict_resource_sum(self->live, self->live_count));
}

static void s_rank(s_case_t *self) {
    const candidate_t *winner = self->live[0];
    if (strategy_explain_fallback(self->strategy, self->type, &self->reason))
        buf_append_str(&self->reason, "; ");
    s_win(self, winner);
    bool won = !self->newcomer || winner == self->newcomer;
    strategy_explain(self->strategy, winner, won ? self->live[1] : self->newcomer, &self->reason);
}

static void s_settle(s_case_t *self) {
    s_drop_expired(self);
    if (s_over(self))
        return;
    if (strategy_merges(self->strategy, self->type))
        s_merge(self);
    else if (strategy_scales(self->strategy, self->type))
        s_scale(self);
    else
        s_rank(self);
}

static void s_settle_by_hand(s_case_t *self, const char *winner_id) {
    for (size_t i = 0; winner_id && i < self->live_count; i++)
        if (strcmp(self->live[i]->signal_id, winner_id) == 0) {
            s_drop_expired(self);
            s_win(self, self->live[i]);
            buf_printf(&self->reason, "%s was named the winner", winner_id);
            return;
        }
    MESSAGE_PUT(self->settlement->resolution.resolution_result, "failed");
    if (winner_id)
        buf_printf(&self->reason, "%s is no live member of the conflict", winner_id);
    else
        buf_append_str(&self->reason, "the strategy manual needs a winner_signal_id");
}

void strategy_settle(const char *conflict_id, conflict_type_t type, strategy_t strategy,
                     const candidate_t *const *members, size_t count, const char *winner_id, int64_t now_ms,
                     settlement_t *settlement) {
    *settlement = (settlement_t){.winner = NULL};
    s_case_t self = {.type = type, .strategy = strategy, .settlement = settlement};
    Resolution *resolution = &settlement->resolution;
    s_open(&self, members, count, now_ms);
    resolution_open(resolution, conflict_id, type, strategy, now_ms);
    if (strategy == STRATEGY_MANUAL)
        s_settle_by_hand(&self, winner_id);
    else
        s_settle(&self);
    strategy_sort(strategy, settlement->losers, settlement->loser_count);
    resolution_set_outcome(resolution, settlement->winner, settlement->losers, settlement->loser_count);
    resolution->reason = buf_steal(&self.reason);
    strategy_sort(strategy, self.live, count);
    resolution->scores_count =
        (pb_size_t)strategy_scores(strategy, self.live, count, settlement->winner, &resolution->scores);
    free(self.live);
}

void settlement_free(settlement_t *settlement) {
    free(settlement->losers);
    free(settlement->adjustments);
    message_release(Resolution_message(), &settlement->resolution);
    *settlement = (settlement_t){.winner = NULL};
}
