/* Rule version 2: a newcomer against the active signals of its scopes. */
#include "signals/rules/decision.h"

#include "message/message.h"
#include "signals/rules/decision_case.h"
#include "signals/rules/strategy_parts.h"
#include "tables.gen.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

policy_t policy_of(const char *default_strategy, const char *auto_resolve) {
    policy_t policy = {.auto_resolve = 0};
    err_t err = strategy_from_name(default_strategy, &policy.strategy);
    assert_always(err == OK);
    for (int type = 0; type < CONFLICT_TYPES; type++)
        if (strcmp(auto_resolve, "all") == 0 || strstr(auto_resolve, conflict_type_names[type]))
            policy.auto_resolve |= 1u << type;
    return policy;
}

/* ---- Sets ---- */

bool ranked_has(const ranked_t *self, strategy_t strategy, const candidate_t *member) {
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strategy_compare(strategy, member, self->items[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

void ranked_add(ranked_t *self, strategy_t strategy, const candidate_t *const *more, size_t count) {
    if (count == 0)
        return;
    size_t kept = 0;
    self->items = realloc(self->items, (self->count + count) * sizeof *self->items);
    assert_always(self->items);
    memcpy(self->items + self->count, more, count * sizeof *more);
    self->count += count;
    strategy_sort(strategy, self->items, self->count);
    for (size_t i = 0; i < self->count; i++)
        if (kept == 0 || strategy_compare(strategy, self->items[i], self->items[kept - 1]) != 0)
            self->items[kept++] = self->items[i];
    self->count = kept;
}

/* ---- The case ---- */

static size_t s_detect(const candidate_t *newcomer, const meeting_t *meetings, size_t count,
                       conflicts_t *found) {
    size_t clashes = 0;
    for (size_t i = 0; i < count; i++) {
        conflicts_detect(newcomer, meetings[i].active, meetings[i].count, &found[i]);
        for (int type = 0; type < CONFLICT_TYPES; type++)
            clashes += found[i].counts[type] > 0;
    }
    return clashes;
}

/* By type and then by scope. Takes the lists of rivals. */
static void s_take(case_t *self, const meeting_t *meetings, size_t count, conflicts_t *found) {
    for (int type = 0; type < CONFLICT_TYPES; type++)
        for (size_t i = 0; i < count; i++) {
            if (!found[i].counts[type])
                continue;
            clash_t *clash = &self->clashes[self->count++];
            *clash = (clash_t){.newcomer = self->newcomer,
                               .scope = &meetings[i].key,
                               .type = (conflict_type_t)type,
                               .rivals = found[i].rivals[type],
                               .count = found[i].counts[type],
                               .resource_sum = found[i].resource_sum};
            found[i].rivals[type] = NULL;
            strategy_sort(self->strategy, clash->rivals, clash->count);
        }
}

static void s_open(case_t *self, const meeting_t *meetings, size_t count) {
    conflicts_t *found = message_list(count, sizeof *found);
    size_t clashes = s_detect(self->newcomer, meetings, count, found);
    self->clashes = message_list(clashes, sizeof *self->clashes);
    s_take(self, meetings, count, found);
    for (size_t i = 0; i < count; i++)
        conflicts_free(&found[i]);
    free(found);
}

static void s_close(case_t *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->clashes[i].rivals);
    free(self->clashes);
    free(self->superseded.items);
    free(self->merged.items);
    free(self->adjustments);
}

bool case_ranks(const case_t *self, const clash_t *clash) {
    return !strategy_merges(self->strategy, clash->type) && !strategy_scales(self->strategy, clash->type);
}

bool case_rejects(const case_t *self) {
    return self->lost_to || (self->carrier && self->carrier != self->newcomer);
}

static bool s_holds(const case_t *self) {
    if (self->strategy == STRATEGY_MANUAL)
        return true;
    for (size_t i = 0; i < self->count; i++)
        if (!(self->policy->auto_resolve & (1u << self->clashes[i].type)))
            return true;
    return false;
}

static void s_rank(case_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        const clash_t *clash = &self->clashes[i];
        if (!case_ranks(self, clash))
            continue;
        if (!self->rival || strategy_compare(self->strategy, clash->rivals[0], self->rival) < 0)
            self->rival = clash->rivals[0];
        ranked_add(&self->superseded, self->strategy, clash->rivals, clash->count);
    }
    if (self->rival && strategy_compare(self->strategy, self->rival, self->newcomer) < 0)
        self->lost_to = self->rival;
}

/* ---- Merging and scaling ---- */

static adjustment_t *s_adjust(case_t *self, size_t more) {
    size_t count = self->adjustment_count;
    self->adjustments = realloc(self->adjustments, (count + more) * sizeof *self->adjustments);
    assert_always(self->adjustments);
    self->adjustment_count += more;
    return memset(&self->adjustments[count], 0, more * sizeof *self->adjustments);
}

/* Those of the clash that the newcomer has not won over already. */
static const candidate_t **s_remaining(const case_t *self, const clash_t *clash, size_t *count) {
    const candidate_t **remaining = message_list(clash->count + 1, sizeof *remaining);
    *count = 0;
    for (size_t i = 0; i < clash->count; i++)
        if (!ranked_has(&self->superseded, self->strategy, clash->rivals[i]))
            remaining[(*count)++] = clash->rivals[i];
    return remaining;
}

static void s_collect_merged(case_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (!strategy_merges(self->strategy, self->clashes[i].type))
            continue;
        size_t count;
        const candidate_t **remaining = s_remaining(self, &self->clashes[i], &count);
        ranked_add(&self->merged, self->strategy, remaining, count);
        free(remaining);
    }
}

static void s_merge(case_t *self) {
    s_collect_merged(self);
    if (self->merged.count == 0)
        return;
    ranked_t all = {.items = NULL};
    ranked_add(&all, self->strategy, self->merged.items, self->merged.count);
    ranked_add(&all, self->strategy, &self->newcomer, 1);
    self->carrier = all.items[0];
    self->merged_strength = strategy_merged_strength(all.items, all.count);
    free(all.items);
    adjustment_t *adjustment = s_adjust(self, 1);
    adjustment->of = self->carrier;
    adjustment->has_strength = true;
    adjustment->strength = self->merged_strength;
    if (self->carrier == self->newcomer)
        ranked_add(&self->superseded, self->strategy, self->merged.items, self->merged.count);
}

const candidate_t **case_holders(const case_t *self, const clash_t *clash, size_t *count) {
    const candidate_t **holders = s_remaining(self, clash, count);
    holders[(*count)++] = self->newcomer;
    strategy_sort(self->strategy, holders, *count);
    if (*count == 1 || !conflict_exceeds_resources(conflict_resource_sum(holders, *count)))
        *count = 0;
    return holders;
}

static int s_compare_adjusted(const void *a, const void *b) {
    return strcmp(((const adjustment_t *)a)->of->signal_id, ((const adjustment_t *)b)->of->signal_id);
}

/* One record a signal; of several shares, from several scopes, the smallest holds in each. */
static void s_fold_adjustments(case_t *self) {
    size_t kept = 0;
    if (self->adjustment_count > 1)
        qsort(self->adjustments, self->adjustment_count, sizeof *self->adjustments, s_compare_adjusted);
    for (size_t i = 0; i < self->adjustment_count; i++) {
        adjustment_t *last = kept ? &self->adjustments[kept - 1] : NULL, *next = &self->adjustments[i];
        if (!last || s_compare_adjusted(last, next) != 0) {
            self->adjustments[kept++] = *next;
            continue;
        }
        if (next->has_allocation)
            last->allocation =
                last->has_allocation ? fmin(last->allocation, next->allocation) : next->allocation;
        if (next->has_strength)
            last->strength = next->strength;
        last->has_allocation |= next->has_allocation;
        last->has_strength |= next->has_strength;
    }
    self->adjustment_count = kept;
}

static void s_scale(case_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (!strategy_scales(self->strategy, self->clashes[i].type))
            continue;
        size_t count;
        const candidate_t **holders = case_holders(self, &self->clashes[i], &count);
        if (count > 0)
            strategy_shares(holders, count, s_adjust(self, count));
        free(holders);
    }
    s_fold_adjustments(self);
}

static void s_settle(case_t *self) {
    s_rank(self);
    if (!self->lost_to)
        s_merge(self);
    if (case_rejects(self))
        self->superseded.count = 0;
    else
        s_scale(self);
}

/* ---- Verdicts ---- */

static void s_give(case_t *self, verdict_t *verdict) {
    verdict->status = self->held ? "held" : case_rejects(self) ? "rejected" : "routed";
    case_record(self, verdict);
    verdict->superseded = self->superseded.items;
    verdict->superseded_count = self->superseded.count;
    verdict->adjustments = self->adjustments;
    verdict->adjustment_count = self->adjustment_count;
    self->superseded.items = NULL;
    self->adjustments = NULL;
}

void decision_make(const candidate_t *newcomer, const meeting_t *meetings, size_t count,
                   const policy_t *policy, int64_t now_ms, verdict_t *verdict) {
    case_t self = {.newcomer = newcomer, .policy = policy, .strategy = policy->strategy, .now_ms = now_ms};
    s_open(&self, meetings, count);
    if (self.count == 0) {
        verdict->status = "routed";
        decision_unopposed(&verdict->decision);
    } else {
        self.held = s_holds(&self);
        if (!self.held)
            s_settle(&self);
        s_give(&self, verdict);
    }
    s_close(&self);
}

void verdict_free(verdict_t *verdict) {
    message_release(Decision_message(), &verdict->decision);
    for (size_t i = 0; i < verdict->conflict_count; i++)
        message_release(Conflict_message(), &verdict->conflicts[i]);
    free(verdict->conflicts);
    free(verdict->superseded);
    free(verdict->adjustments);
    *verdict = (verdict_t){.status = NULL};
}
