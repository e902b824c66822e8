/* What holds for every set of signals: thousands of random ones. A failure names its seed. */
#include "message/message.h"
#include "rivals.h"
#include "tables.gen.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(decision_property, .timeout = 120);

enum { CASES = 4000, MOST = 12 };

static const strategy_t s_ranking[] = {STRATEGY_PRIORITY_BASED, STRATEGY_CONFIDENCE_BASED, STRATEGY_HYBRID};

/* splitmix64 */
typedef struct {
    uint64_t state;
} random_t;

static uint64_t s_random(random_t *self) {
    uint64_t z = self->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t s_below(random_t *self, size_t limit) {
    return (size_t)(s_random(self) % limit);
}

/* Coarse figures make ties and borders frequent. */
static double s_tenth(random_t *self) {
    return (double)s_below(self, 11) / 10;
}

static const char *s_ids[MOST] = {"k", "c", "h", "a", "l", "e", "b", "j", "f", "d", "i", "g"};
static const char *s_sources[] = {"macro", "technical", "news"};

static candidate_t s_candidate(random_t *random, size_t index) {
    candidate_t candidate = rival(s_ids[index], .seq = index + 1);
    candidate.source = s_sources[s_below(random, 3)];
    candidate.timestamp += (int64_t)s_below(random, 4);
    candidate.has_source_seq = s_below(random, 2);
    candidate.source_seq = (int64_t)s_below(random, 4);
    candidate.strength = s_tenth(random);
    candidate.confidence = s_tenth(random);
    candidate.priority = (uint8_t)(1 + s_below(random, 5));
    candidate.side = (uint8_t)s_below(random, SIDE_COUNT);
    candidate.resources = s_below(random, 2) ? s_tenth(random) * 0.7 : 0;
    return candidate;
}

typedef struct {
    candidate_t members[MOST];
    const candidate_t *order[MOST];
    size_t count;
} set_t;

static void s_set(random_t *random, set_t *set) {
    set->count = 2 + s_below(random, MOST - 1);
    for (size_t i = 0; i < set->count; i++) {
        set->members[i] = s_candidate(random, i);
        set->order[i] = &set->members[i];
    }
}

static void s_shuffle(random_t *random, const candidate_t **list, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = s_below(random, i);
        const candidate_t *swapped = list[i - 1];
        list[i - 1] = list[j];
        list[j] = swapped;
    }
}

/* ---- The order of the active signals ---- */

/* All that a verdict says, as bytes. */
static void s_encode(const verdict_t *verdict, buf_t *out) {
    buf_append_str(out, verdict->status);
    cr_assert_eq(message_encode(Decision_message(), &verdict->decision, out), OK);
    for (size_t i = 0; i < verdict->conflict_count; i++)
        cr_assert_eq(message_encode(Conflict_message(), &verdict->conflicts[i], out), OK);
    for (size_t i = 0; i < verdict->superseded_count; i++)
        buf_append_str(out, verdict->superseded[i]->signal_id);
    for (size_t i = 0; i < verdict->adjustment_count; i++) {
        const adjustment_t *adjustment = &verdict->adjustments[i];
        buf_printf(out, "%s%d%d%a%a", adjustment->of->signal_id, adjustment->has_strength,
                   adjustment->has_allocation, adjustment->strength, adjustment->allocation);
    }
}

Test(decision_property, the_order_of_the_active_signals_changes_no_byte) {
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        buf_t bytes[2] = {BUF_INIT, BUF_INIT};
        s_set(&random, &set);
        strategy_t strategy = (strategy_t)s_below(&random, STRATEGY_COUNT);
        for (int i = 0; i < 2; i++) {
            verdict_t verdict = decide(&set.members[0], set.order + 1, set.count - 1, strategy);
            s_encode(&verdict, &bytes[i]);
            verdict_free(&verdict);
            s_shuffle(&random, set.order + 1, set.count - 1);
        }
        cr_assert(bytes[0].size == bytes[1].size && memcmp(bytes[0].data, bytes[1].data, bytes[0].size) == 0,
                  "seed %llu", (unsigned long long)seed);
        buf_free(&bytes[0]);
        buf_free(&bytes[1]);
    }
}

Test(decision_property, the_order_of_the_members_changes_no_settlement) {
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        buf_t bytes[2] = {BUF_INIT, BUF_INIT};
        s_set(&random, &set);
        set.members[s_below(&random, set.count)].expiry_time = RIVALS_NOW_MS;
        strategy_t strategy = (strategy_t)s_below(&random, STRATEGY_COUNT);
        conflict_type_t type = (conflict_type_t)s_below(&random, CONFLICT_TYPES);
        for (int i = 0; i < 2; i++) {
            settlement_t settlement;
            strategy_settle("c-1", type, strategy, set.order, set.count, "c", RIVALS_NOW_MS, &settlement);
            cr_assert_eq(message_encode(Resolution_message(), &settlement.resolution, &bytes[i]), OK);
            settlement_free(&settlement);
            s_shuffle(&random, set.order, set.count);
        }
        cr_assert(bytes[0].size == bytes[1].size && memcmp(bytes[0].data, bytes[1].data, bytes[0].size) == 0,
                  "seed %llu", (unsigned long long)seed);
        buf_free(&bytes[0]);
        buf_free(&bytes[1]);
    }
}

/* ---- The order of arrival ---- */

/* Routes all in the order of the set; leaves those that are still active in `active`. */
static size_t s_arrive(const set_t *set, strategy_t strategy, const candidate_t *active[MOST]) {
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        verdict_t verdict = decide(set->order[i], active, count, strategy);
        for (size_t s = 0; s < verdict.superseded_count; s++)
            for (size_t a = 0; a < count; a++)
                if (active[a] == verdict.superseded[s]) {
                    active[a] = active[--count];
                    break;
                }
        if (strcmp(verdict.status, "routed") == 0)
            active[count++] = set->order[i];
        verdict_free(&verdict);
    }
    return count;
}

static const candidate_t *s_top(const set_t *set, strategy_t strategy) {
    const candidate_t *top = set->order[0];
    for (size_t i = 1; i < set->count; i++)
        if (strategy_compare(strategy, set->order[i], top) < 0)
            top = set->order[i];
    return top;
}

/* Whichever of the two comes second. Late arrival depends on the order, so it is left out. */
static bool s_contradict(const candidate_t *a, const candidate_t *b) {
    return conflict_between(CONFLICT_PRIORITY, a, b) || conflict_between(CONFLICT_DIRECTION, a, b) ||
           conflict_between(CONFLICT_STRENGTH, a, b);
}

static void s_keep_contradicting(set_t *set) {
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        bool all = true;
        for (size_t j = 0; j < kept; j++)
            all = all && s_contradict(set->order[i], set->order[j]);
        if (all)
            set->order[kept++] = set->order[i];
    }
    set->count = kept;
}

Test(decision_property,
     of_signals_that_all_contradict_each_other_the_same_one_survives_any_order_of_arrival) {
    size_t larger = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        const candidate_t *active[MOST];
        s_set(&random, &set);
        s_keep_contradicting(&set);
        larger += set.count > 2;
        strategy_t strategy = s_ranking[s_below(&random, 3)];
        const candidate_t *top = s_top(&set, strategy);
        for (int i = 0; i < 6; i++) {
            cr_assert_eq(s_arrive(&set, strategy, active), 1, "seed %llu", (unsigned long long)seed);
            cr_assert_eq(active[0], top, "seed %llu", (unsigned long long)seed);
            s_shuffle(&random, set.order, set.count);
        }
    }
    cr_assert_gt(larger, CASES / 4);
}

Test(decision_property, the_first_by_rank_survives_any_order_of_arrival) {
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        const candidate_t *active[MOST];
        s_set(&random, &set);
        strategy_t strategy = s_ranking[s_below(&random, 3)];
        const candidate_t *top = s_top(&set, strategy);
        for (int i = 0; i < 4; i++) {
            size_t count = s_arrive(&set, strategy, active);
            bool survives = false;
            for (size_t a = 0; a < count; a++)
                survives = survives || active[a] == top;
            cr_assert(survives, "seed %llu", (unsigned long long)seed);
            s_shuffle(&random, set.order, set.count);
        }
    }
}

/* ---- Who goes, and what remains ---- */

static bool s_rivals(const candidate_t *newcomer, const candidate_t *active, const set_t *set) {
    conflicts_t found;
    bool rivals = false;
    conflicts_detect(newcomer, set->order + 1, set->count - 1, &found);
    for (int type = 0; type < CONFLICT_TYPES; type++)
        for (size_t i = 0; i < found.counts[type]; i++)
            rivals = rivals || found.rivals[type][i] == active;
    conflicts_free(&found);
    return rivals;
}

Test(decision_property, nobody_is_superseded_but_rivals_that_rank_below_the_newcomer) {
    size_t superseded = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        s_set(&random, &set);
        strategy_t strategy = (strategy_t)s_below(&random, STRATEGY_MANUAL);
        verdict_t verdict = decide(&set.members[0], set.order + 1, set.count - 1, strategy);
        cr_assert(verdict.superseded_count == 0 || strcmp(verdict.status, "routed") == 0);
        for (size_t i = 0; i < verdict.superseded_count; i++) {
            cr_assert(s_rivals(&set.members[0], verdict.superseded[i], &set), "seed %llu",
                      (unsigned long long)seed);
            cr_assert_gt(strategy_compare(strategy, verdict.superseded[i], &set.members[0]), 0, "seed %llu",
                         (unsigned long long)seed);
        }
        superseded += verdict.superseded_count;
        verdict_free(&verdict);
    }
    cr_assert_gt(superseded, CASES / 2);
}

Test(decision_property, under_a_ranking_strategy_a_routed_newcomer_leaves_no_rival) {
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        s_set(&random, &set);
        verdict_t verdict = decide(&set.members[0], set.order + 1, set.count - 1, s_ranking[seed % 3]);
        size_t rivals = 0;
        for (size_t i = 1; i < set.count; i++)
            rivals += s_rivals(&set.members[0], set.order[i], &set);
        if (strcmp(verdict.status, "routed") == 0)
            cr_assert_eq(verdict.superseded_count, rivals, "seed %llu", (unsigned long long)seed);
        else
            cr_assert_gt(rivals, 0, "seed %llu", (unsigned long long)seed);
        verdict_free(&verdict);
    }
}

Test(decision_property, shares_add_up_to_one_and_merged_strengths_stay_in_range) {
    size_t shared = 0, merged = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        random_t random = {seed};
        set_t set;
        s_set(&random, &set);
        strategy_t strategy = seed % 2 ? STRATEGY_PROPORTIONAL_ALLOCATION : STRATEGY_AVERAGE_STRENGTH;
        verdict_t verdict = decide(&set.members[0], set.order + 1, set.count - 1, strategy);
        double sum = 0, least = 1, most = 0;
        for (size_t i = 0; i < set.count; i++) {
            least = fmin(least, set.members[i].strength);
            most = fmax(most, set.members[i].strength);
        }
        for (size_t i = 0; i < verdict.adjustment_count; i++) {
            const adjustment_t *adjustment = &verdict.adjustments[i];
            sum += adjustment->allocation;
            if (adjustment->has_allocation)
                cr_assert_leq(adjustment->allocation, adjustment->of->resources + 1e-9);
            if (adjustment->has_strength)
                cr_assert(adjustment->strength >= least && adjustment->strength <= most, "seed %llu",
                          (unsigned long long)seed);
        }
        if (seed % 2 && verdict.adjustment_count > 0)
            cr_assert_float_eq(sum, 1, 1e-9, "seed %llu", (unsigned long long)seed);
        shared += seed % 2 ? verdict.adjustment_count : 0;
        merged += seed % 2 ? 0 : verdict.adjustment_count;
        verdict_free(&verdict);
    }
    cr_assert(shared > 100 && merged > 100, "%zu %zu", shared, merged);
}
