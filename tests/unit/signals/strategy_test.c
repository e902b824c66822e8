/* How each strategy ranks, step by step, and how it settles one conflict. */
#include "signals/rules/strategy.h"

#include "rivals.h"

TestSuite(strategy, .timeout = 10);

static bool s_before(strategy_t strategy, candidate_t a, candidate_t b) {
    int order = strategy_compare(strategy, &a, &b);
    cr_assert(order != 0 && (strategy_compare(strategy, &b, &a) < 0) == (order > 0));
    return order < 0;
}

Test(strategy, every_name_is_found_and_others_are_not) {
    strategy_t strategy;
    for (int i = 0; i < STRATEGY_COUNT; i++) {
        cr_assert_eq(strategy_from_name(strategy_names[i], &strategy), OK);
        cr_assert_eq(strategy, i);
    }
    cr_assert_eq(strategy_from_name("none", &strategy), ERR_NOT_FOUND);
}

Test(strategy, the_higher_priority_ranks_first) {
    cr_assert(s_before(STRATEGY_PRIORITY_BASED, rival("b", .priority = 4, .confidence = 0),
                       rival("a", .confidence = 1)));
}

Test(strategy, equal_priorities_fall_to_confidence_times_strength) {
    cr_assert(s_before(STRATEGY_PRIORITY_BASED,
                       rival("b", .confidence = 0.7, .strength = 0.8, .timestamp = 1),
                       rival("a", .confidence = 0.5, .strength = 0.8, .timestamp = 2)));
}

Test(strategy, equal_products_fall_to_the_newer_timestamp_however_they_round) {
    cr_assert(s_before(STRATEGY_PRIORITY_BASED,
                       rival("b", .confidence = 0.3, .strength = 0.3, .timestamp = 2),
                       rival("a", .confidence = 0.1, .strength = 0.9, .timestamp = 1)));
    cr_assert(s_before(STRATEGY_PRIORITY_BASED,
                       rival("b", .confidence = 0.1, .strength = 0.9, .timestamp = 2),
                       rival("a", .confidence = 0.3, .strength = 0.3, .timestamp = 1)));
}

Test(strategy, equal_timestamps_fall_to_the_smaller_id) {
    for (int i = 0; i < STRATEGY_COUNT; i++)
        cr_assert(s_before((strategy_t)i, rival("a"), rival("b")));
}

Test(strategy, confidence_goes_first_under_confidence_based_and_then_priority) {
    cr_assert(s_before(STRATEGY_CONFIDENCE_BASED, rival("b", .confidence = 0.6, .priority = 1),
                       rival("a", .priority = 5)));
    cr_assert(s_before(STRATEGY_CONFIDENCE_BASED, rival("b", .priority = 4), rival("a")));
}

Test(strategy, hybrid_weighs_priority_confidence_and_strength) {
    candidate_t member = rival("a", .priority = 4, .confidence = 0.5, .strength = 0.25);
    cr_assert_float_eq(strategy_score(STRATEGY_HYBRID, &member), 0.4 + 0.15 + 0.05, 1e-12);
    cr_assert(s_before(STRATEGY_HYBRID, rival("b", .priority = 3, .confidence = 0.9),
                       rival("a", .priority = 4, .confidence = 0.5)));
}

Test(strategy, equal_hybrid_scores_fall_to_priority_however_they_round) {
    /* 0.3 + 0.18 + 0.1 and 0.4 + 0.06 + 0.12 */
    cr_assert(s_before(STRATEGY_HYBRID, rival("b", .priority = 4, .confidence = 0.2, .strength = 0.6),
                       rival("a", .priority = 3, .confidence = 0.6, .strength = 0.5)));
}

/* ---- Settling one conflict ---- */

static settlement_t s_settle(conflict_type_t type, strategy_t strategy, const candidate_t *const *members,
                             size_t count, const char *winner_id) {
    settlement_t settlement;
    strategy_settle("c-1", type, strategy, members, count, winner_id, RIVALS_NOW_MS, &settlement);
    cr_assert_str_eq(settlement.resolution.conflict_id, "c-1");
    cr_assert_str_eq(settlement.resolution.conflict_type, conflict_type_names[type]);
    cr_assert_str_eq(settlement.resolution.strategy, strategy_names[strategy]);
    cr_assert_eq(settlement.resolution.timestamp, RIVALS_NOW_MS);
    cr_assert_eq(settlement.resolution.loser_signal_ids_count, settlement.loser_count);
    cr_assert_eq(settlement.resolution.scores_count, count);
    cr_assert_gt(strlen(settlement.resolution.reason), 0);
    return settlement;
}

#define SETTLE(type, strategy, winner_id, ...) \
    s_settle(type, strategy, LIST(__VA_ARGS__), LIST_COUNT(LIST(__VA_ARGS__)), winner_id)

static void s_expect_reason(const settlement_t *settlement, const char *part) {
    cr_assert(strstr(settlement->resolution.reason, part), "%s", settlement->resolution.reason);
}

Test(strategy, a_newcomer_that_ranks_first_wins_over_all_others) {
    candidate_t n = rival("n", .seq = 9, .priority = 5), a = rival("a", .seq = 1), b = rival("b", .seq = 2);
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_PRIORITY_BASED, NULL, &a, &n, &b);
    cr_assert_eq(settlement.winner, &n);
    cr_assert_eq(settlement.loser_count, 2);
    cr_assert_str_eq(settlement.resolution.resolution_result, "success");
    cr_assert_str_eq(settlement.resolution.winner_signal_id, "n");
    cr_assert_str_eq(settlement.resolution.scores[0].signal_id, "n");
    s_expect_reason(&settlement, "n against a: priority 5 beats 3");
    settlement_free(&settlement);
}

Test(strategy, a_newcomer_that_does_not_is_the_only_loser) {
    candidate_t n = rival("n", .seq = 9, .side = SIDE_BUY),
                a = rival("a", .seq = 1, .side = SIDE_SELL, .priority = 5),
                b = rival("b", .seq = 2, .side = SIDE_SELL, .priority = 1);
    settlement_t settlement = SETTLE(CONFLICT_DIRECTION, STRATEGY_PRIORITY_BASED, NULL, &b, &a, &n);
    cr_assert_eq(settlement.winner, &a);
    cr_assert_eq(settlement.loser_count, 1);
    cr_assert_eq(settlement.losers[0], &n);
    settlement_free(&settlement);
}

Test(strategy, one_that_is_not_stored_yet_arrived_last) {
    candidate_t n = rival("n", .seq = 0), a = rival("a", .seq = 7, .priority = 5), b = rival("b", .seq = 8);
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_PRIORITY_BASED, NULL, &a, &b, &n);
    cr_assert_eq(settlement.loser_count, 1);
    cr_assert_eq(settlement.losers[0], &n);
    settlement_free(&settlement);
}

Test(strategy, confidence_based_and_hybrid_name_their_figures) {
    candidate_t n = rival("n", .seq = 9, .confidence = 0.9, .priority = 1),
                a = rival("a", .seq = 1, .priority = 3);
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_CONFIDENCE_BASED, NULL, &a, &n);
    cr_assert_eq(settlement.winner, &n);
    s_expect_reason(&settlement, "confidence 0.9 beats 0.5");
    settlement_free(&settlement);
    settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_HYBRID, NULL, &a, &n);
    cr_assert_eq(settlement.winner, &a);
    s_expect_reason(&settlement, "hybrid score 0.55 beats 0.47");
    settlement_free(&settlement);
}

Test(strategy, average_strength_merges_by_confidence_into_the_first_by_rank) {
    candidate_t n = rival("n", .seq = 9, .strength = 0.9, .confidence = 0.75),
                a = rival("a", .seq = 1, .strength = 0.5, .confidence = 0.25);
    settlement_t settlement = SETTLE(CONFLICT_STRENGTH, STRATEGY_AVERAGE_STRENGTH, NULL, &a, &n);
    cr_assert_eq(settlement.winner, &n);
    cr_assert_eq(settlement.losers[0], &a);
    cr_assert_eq(settlement.adjustment_count, 1);
    cr_assert_eq(settlement.adjustments[0].of, &n);
    cr_assert(settlement.adjustments[0].has_strength && !settlement.adjustments[0].has_allocation);
    cr_assert_float_eq(settlement.adjustments[0].strength, 0.8, 1e-12);
    settlement_free(&settlement);
}

Test(strategy, strengths_that_nobody_is_sure_of_merge_to_their_plain_mean) {
    candidate_t n = rival("n", .seq = 9, .strength = 0.9, .confidence = 0),
                a = rival("a", .seq = 1, .strength = 0.5, .confidence = 0);
    settlement_t settlement = SETTLE(CONFLICT_STRENGTH, STRATEGY_AVERAGE_STRENGTH, NULL, &a, &n);
    cr_assert_float_eq(settlement.adjustments[0].strength, 0.7, 1e-12);
    settlement_free(&settlement);
}

Test(strategy, proportional_allocation_shares_one_out_and_nobody_goes) {
    candidate_t n = rival("n", .seq = 9, .resources = 1.5), a = rival("a", .seq = 1, .resources = 0.5);
    settlement_t settlement = SETTLE(CONFLICT_RESOURCE, STRATEGY_PROPORTIONAL_ALLOCATION, NULL, &a, &n);
    cr_assert_null(settlement.winner);
    cr_assert_eq(settlement.loser_count, 0);
    cr_assert_not(settlement.resolution.has_winner_signal_id);
    cr_assert_float_eq(adjustment_of(settlement.adjustments, 2, &n)->allocation, 0.75, 1e-12);
    cr_assert_float_eq(adjustment_of(settlement.adjustments, 2, &a)->allocation, 0.25, 1e-12);
    settlement_free(&settlement);
}

Test(strategy, the_special_ones_leave_other_types_to_priority_based_and_say_so) {
    strategy_t special[] = {STRATEGY_AVERAGE_STRENGTH, STRATEGY_HIGH_PRIORITY,
                            STRATEGY_PROPORTIONAL_ALLOCATION, STRATEGY_REMOVE_EXPIRED};
    candidate_t n = rival("n", .seq = 9, .side = SIDE_BUY),
                a = rival("a", .seq = 1, .side = SIDE_SELL, .priority = 4);
    for (size_t i = 0; i < LIST_COUNT(special); i++) {
        settlement_t settlement = SETTLE(CONFLICT_DIRECTION, special[i], NULL, &n, &a);
        cr_assert_eq(settlement.winner, &a);
        cr_assert_eq(settlement.losers[0], &n);
        cr_assert_eq(settlement.adjustment_count, 0);
        s_expect_reason(&settlement, "to priority_based; a against n: priority 4 beats 3");
        settlement_free(&settlement);
    }
}

Test(strategy, high_priority_keeps_the_higher_class) {
    candidate_t n = rival("n", .seq = 9, .priority = 5), a = rival("a", .seq = 1),
                b = rival("b", .seq = 2, .priority = 2);
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_HIGH_PRIORITY, NULL, &n, &a, &b);
    cr_assert_eq(settlement.winner, &n);
    cr_assert_eq(settlement.loser_count, 2);
    cr_assert_null(strstr(settlement.resolution.reason, "priority_based"));
    settlement_free(&settlement);
}

/* ---- Expired members ---- */

Test(strategy, what_has_expired_loses_under_every_strategy) {
    candidate_t n = rival("n", .seq = 9, .priority = 1),
                a = rival("a", .seq = 1, .priority = 5, .expiry_time = RIVALS_NOW_MS);
    for (int i = 0; i < STRATEGY_MANUAL; i++) {
        settlement_t settlement = SETTLE(CONFLICT_PRIORITY, (strategy_t)i, NULL, &a, &n);
        cr_assert_eq(settlement.winner, &n);
        cr_assert_eq(settlement.loser_count, 1);
        cr_assert_eq(settlement.losers[0], &a);
        cr_assert_eq(settlement.adjustment_count, 0);
        s_expect_reason(&settlement, "a has expired");
        settlement_free(&settlement);
    }
}

Test(strategy, what_ended_in_another_way_loses_too_and_is_not_said_to_have_expired) {
    candidate_t n = rival("n", .seq = 9, .priority = 1),
                a = rival("a", .seq = 1, .priority = 5, .expiry_time = 1);
    a.expiry_time = 0;
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_PRIORITY_BASED, NULL, &a, &n);
    cr_assert_eq(settlement.winner, &n);
    cr_assert_eq(settlement.losers[0], &a);
    s_expect_reason(&settlement, "a has ended before");
    cr_assert_null(strstr(settlement.resolution.reason, "expired"));
    settlement_free(&settlement);
}

Test(strategy, when_the_newcomer_has_expired_nobody_else_goes) {
    candidate_t n = rival("n", .seq = 9, .side = SIDE_BUY, .priority = 5, .expiry_time = 1),
                a = rival("a", .seq = 1, .side = SIDE_SELL), b = rival("b", .seq = 2, .side = SIDE_SELL);
    settlement_t settlement = SETTLE(CONFLICT_DIRECTION, STRATEGY_REMOVE_EXPIRED, NULL, &a, &n, &b);
    cr_assert_eq(settlement.winner, &a);
    cr_assert_eq(settlement.loser_count, 1);
    cr_assert_eq(settlement.losers[0], &n);
    settlement_free(&settlement);
}

Test(strategy, when_all_have_expired_nobody_is_left) {
    candidate_t n = rival("n", .seq = 9, .expiry_time = 1), a = rival("a", .seq = 1, .expiry_time = 2);
    settlement_t settlement = SETTLE(CONFLICT_STRENGTH, STRATEGY_AVERAGE_STRENGTH, NULL, &a, &n);
    cr_assert_null(settlement.winner);
    cr_assert_eq(settlement.loser_count, 2);
    cr_assert_str_eq(settlement.resolution.resolution_result, "success");
    settlement_free(&settlement);
}

Test(strategy, resources_that_expired_members_give_back_may_be_enough) {
    candidate_t n = rival("n", .seq = 9, .resources = 0.5), a = rival("a", .seq = 1, .resources = 0.5),
                b = rival("b", .seq = 2, .resources = 0.5, .expiry_time = 1);
    settlement_t settlement = SETTLE(CONFLICT_RESOURCE, STRATEGY_PRIORITY_BASED, NULL, &a, &n, &b);
    cr_assert_eq(settlement.loser_count, 1);
    cr_assert_eq(settlement.losers[0], &b);
    cr_assert_null(settlement.winner);
    settlement_free(&settlement);
}

/* ---- By hand ---- */

Test(strategy, manual_takes_the_named_winner_against_all_rank) {
    candidate_t n = rival("n", .seq = 9, .priority = 1), a = rival("a", .seq = 1, .priority = 5),
                b = rival("b", .seq = 2, .priority = 4);
    settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_MANUAL, "n", &a, &n, &b);
    cr_assert_eq(settlement.winner, &n);
    cr_assert_eq(settlement.loser_count, 2);
    settlement_free(&settlement);
    settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_MANUAL, "b", &a, &n, &b);
    cr_assert_eq(settlement.winner, &b);
    cr_assert_eq(settlement.loser_count, 1);
    cr_assert_eq(settlement.losers[0], &n);
    settlement_free(&settlement);
}

Test(strategy, manual_without_a_live_winner_fails_and_changes_nothing) {
    candidate_t n = rival("n", .seq = 9, .priority = 1),
                a = rival("a", .seq = 1, .priority = 5, .expiry_time = 1);
    const char *winners[] = {NULL, "x", "a"};
    for (size_t i = 0; i < LIST_COUNT(winners); i++) {
        settlement_t settlement = SETTLE(CONFLICT_PRIORITY, STRATEGY_MANUAL, winners[i], &a, &n);
        cr_assert_str_eq(settlement.resolution.resolution_result, "failed");
        cr_assert_null(settlement.winner);
        cr_assert_eq(settlement.loser_count, 0);
        cr_assert_eq(settlement.adjustment_count, 0);
        settlement_free(&settlement);
    }
}

Test(strategy, the_resolution_id_follows_from_conflict_strategy_and_time) {
    candidate_t n = rival("n", .seq = 9, .priority = 1), a = rival("a", .seq = 1, .priority = 5);
    settlement_t first = SETTLE(CONFLICT_PRIORITY, STRATEGY_HYBRID, NULL, &a, &n);
    settlement_t again = SETTLE(CONFLICT_PRIORITY, STRATEGY_HYBRID, NULL, &n, &a);
    settlement_t other = SETTLE(CONFLICT_PRIORITY, STRATEGY_PRIORITY_BASED, NULL, &n, &a);
    cr_assert_str_eq(first.resolution.resolution_id, again.resolution.resolution_id);
    cr_assert_str_neq(first.resolution.resolution_id, other.resolution.resolution_id);
    cr_assert_eq(strlen(first.resolution.resolution_id), 36);
    cr_assert_eq(first.resolution.resolution_id[14], '8');
    settlement_free(&first);
    settlement_free(&again);
    settlement_free(&other);
}
