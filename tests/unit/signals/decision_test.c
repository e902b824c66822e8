/* What becomes of a newcomer: against rivals, in several scopes, held, and with its group. */
#include "signals/rules/decision.h"

#include "message/message.h"
#include "rivals.h"
#include "tables.gen.h"
#include <stdio.h>

TestSuite(decision, .timeout = 10);

static void s_expect_superseded(const verdict_t *verdict, size_t count, const candidate_t *const *expected) {
    cr_assert_eq(verdict->superseded_count, count);
    cr_assert_eq(verdict->decision.loser_signal_ids_count, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(verdict->superseded[i], expected[i]);
        cr_assert_str_eq(verdict->decision.loser_signal_ids[i], expected[i]->signal_id);
    }
}

static void s_expect_rejected(const verdict_t *verdict, const char *newcomer, const char *winner) {
    cr_assert_str_eq(verdict->status, "rejected");
    cr_assert_eq(verdict->superseded_count, 0);
    cr_assert_eq(verdict->decision.loser_signal_ids_count, 1);
    cr_assert_str_eq(verdict->decision.loser_signal_ids[0], newcomer);
    cr_assert_str_eq(verdict->decision.winner_signal_id, winner);
}

static void s_expect_reason(const verdict_t *verdict, const char *part) {
    cr_assert(has_reason(&verdict->decision, part), "%s", part);
}

/* ---- Without a rival ---- */

Test(decision, a_newcomer_that_contradicts_nobody_is_routed) {
    candidate_t n = rival("n"), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a);
    cr_assert_str_eq(verdict.status, "routed");
    cr_assert_str_eq(verdict.decision.strategy, "none");
    cr_assert_str_eq(verdict.decision.rule_version, "2");
    cr_assert_not(verdict.decision.has_winner_signal_id);
    cr_assert_eq(verdict.decision.reasons_count, 1);
    cr_assert_eq(verdict.decision.scores_count, 0);
    cr_assert_eq(verdict.conflict_count, 0);
    verdict_free(&verdict);
}

Test(decision, one_that_meets_nobody_gets_the_same_as_unopposed) {
    candidate_t n = rival("n");
    verdict_t verdict = decide(&n, NULL, 0, STRATEGY_HYBRID);
    Decision unopposed = Decision_init_zero;
    decision_unopposed(&unopposed);
    cr_assert_str_eq(verdict.decision.reasons[0], unopposed.reasons[0]);
    cr_assert_str_eq(verdict.decision.strategy, unopposed.strategy);
    message_release(Decision_message(), &unopposed);
    verdict_free(&verdict);
}

/* ---- By rank ---- */

Test(decision, a_newcomer_that_wins_supersedes_every_rival_and_nobody_else) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 4), a = rival("a", .side = SIDE_SELL),
                b = rival("b", .side = SIDE_BUY),
                c = rival("c", .side = SIDE_SELL, .priority = 4, .confidence = 0.1);
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a, &b, &c);
    cr_assert_str_eq(verdict.status, "routed");
    s_expect_superseded(&verdict, 2, LIST(&c, &a));
    cr_assert_str_eq(verdict.decision.strategy, "priority_based");
    cr_assert_str_eq(verdict.decision.winner_signal_id, "n");
    cr_assert_eq(verdict.decision.scores_count, 3);
    cr_assert_str_eq(verdict.decision.scores[0].signal_id, "n");
    cr_assert_str_eq(verdict.decision.scores[2].signal_id, "a");
    cr_assert_eq(verdict.decision.scores[0].score, 4);
    verdict_free(&verdict);
}

Test(decision, a_newcomer_that_loses_to_any_is_rejected_and_the_rivals_stay) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 3),
                a = rival("a", .side = SIDE_SELL, .priority = 4),
                b = rival("b", .side = SIDE_SELL, .priority = 1);
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &b, &a);
    s_expect_rejected(&verdict, "n", "a");
    cr_assert_eq(verdict.conflict_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const Resolution *resolution = verdict.conflicts[i].resolution;
        cr_assert_str_eq(resolution->loser_signal_ids[0], "n");
        cr_assert_eq(resolution->loser_signal_ids_count, 1);
        cr_assert_str_eq(resolution->resolution_result, "success");
    }
    cr_assert_str_eq(verdict.conflicts[0].resolution->winner_signal_id, "b"); /* priority: against b alone */
    cr_assert(strstr(verdict.conflicts[0].resolution->reason, "loses another conflict to a"));
    cr_assert_str_eq(verdict.conflicts[1].resolution->winner_signal_id, "a");
    verdict_free(&verdict);
}

Test(decision, reasons_give_the_figures_then_the_step_then_the_outcome) {
    candidate_t n = rival("n", .side = SIDE_BUY, .confidence = 0.7, .strength = 0.8),
                a = rival("a", .side = SIDE_SELL, .confidence = 0.8, .strength = 0.5);
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a);
    cr_assert_eq(verdict.decision.reasons_count, 3);
    cr_assert_str_eq(verdict.decision.reasons[0],
                     "direction_conflict in portfolio/AAPL: side buy is against side sell of a");
    cr_assert_str_eq(verdict.decision.reasons[1],
                     "n against a: priority equal at 3; confidence x strength 0.56 beats 0.4");
    cr_assert_str_eq(verdict.decision.reasons[2], "routed: it supersedes 1");
    verdict_free(&verdict);
}

Test(decision, every_tie_step_is_named) {
    candidate_t n = rival("n", .side = SIDE_BUY),
                older = rival("a", .side = SIDE_SELL, .timestamp = RIVALS_NOW_MS - 1),
                same = rival("a", .side = SIDE_SELL);
    verdict_t verdict = DECIDE(STRATEGY_CONFIDENCE_BASED, &n, &older);
    s_expect_reason(
        &verdict,
        "confidence equal at 0.5; priority equal at 3; confidence x strength equal at 0.25; newer timestamp");
    verdict_free(&verdict);
    verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &same);
    s_expect_reason(&verdict, "a against n: priority equal at 3");
    s_expect_reason(&verdict, "smaller signal_id wins");
    s_expect_rejected(&verdict, "n", "a");
    verdict_free(&verdict);
}

Test(decision, conflicts_are_reported_from_priority_to_resource_with_their_figures) {
    candidate_t n = rival("n", .source = "m", .side = SIDE_BUY, .priority = 5, .strength = 0.9,
                          .resources = 0.7, .timestamp = 0);
    candidate_t a = rival("a", .source = "m", .side = SIDE_SELL, .priority = 3, .resources = 0.5,
                          .timestamp = 1000),
                b = rival("b", .side = SIDE_BUY, .priority = 4, .strength = 0.2);
    const char *types[] = {"priority_conflict", "direction_conflict", "timing_conflict", "strength_conflict",
                           "resource_conflict"};
    const char *texts[] = {
        "priority 5 is 2 or more away from that of a (3)", "side buy is against side sell of a",
        "source m sent it after a newer one: a (timestamp 1970-01-01T00:00:00.000Z after 1970-01-01T00:00:01.000Z)",
        "strength 0.9 is more than 0.3 away from that of b (0.2)",
        "resource requirements add up to 1.2, more than 1: 0.7 and those of a (0.5)"};
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &b, &a);
    cr_assert_eq(verdict.conflict_count, CONFLICT_TYPES);
    for (int i = 0; i < CONFLICT_TYPES; i++) {
        cr_assert_str_eq(verdict.conflicts[i].conflict_type, types[i]);
        cr_assert_str_eq(verdict.conflicts[i].severity, conflict_severity((conflict_type_t)i));
        cr_assert_str_eq(verdict.conflicts[i].description, texts[i]);
        cr_assert(strstr(verdict.decision.reasons[i], texts[i]));
    }
    verdict_free(&verdict);
}

Test(decision, a_conflict_lists_the_newcomer_and_then_the_rivals_by_rank) {
    candidate_t n = rival("n", .side = SIDE_SELL), a = rival("a", .side = SIDE_BUY),
                b = rival("b", .side = SIDE_BUY, .priority = 4);
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a, &b);
    const Conflict *conflict = &verdict.conflicts[0];
    cr_assert_eq(verdict.conflict_count, 1);
    cr_assert_eq(conflict->signals_count, 3);
    cr_assert_str_eq(conflict->signals[0].signal_id, "n");
    cr_assert_str_eq(conflict->signals[0].side, "sell");
    cr_assert_str_eq(conflict->signals[1].signal_id, "b");
    cr_assert_str_eq(conflict->signals[2].signal_id, "a");
    cr_assert_str_eq(conflict->target, "portfolio");
    cr_assert_str_eq(conflict->symbol, "AAPL");
    cr_assert_str_eq(conflict->status, "resolved");
    cr_assert_eq(conflict->detected_at, RIVALS_NOW_MS);
    cr_assert_str_eq(conflict->resolution->conflict_id, conflict->conflict_id);
    verdict_free(&verdict);
}

Test(decision, long_lists_are_cut_and_say_so_but_nobody_escapes) {
    enum { MANY = 250 };
    static char ids[MANY][8];
    static candidate_t active[MANY];
    static const candidate_t *list[MANY];
    for (int i = 0; i < MANY; i++) {
        sprintf(ids[i], "a%03d", i);
        active[i] = rival(ids[i], .side = SIDE_SELL);
        list[i] = &active[i];
    }
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 4);
    verdict_t verdict = decide(&n, list, MANY, STRATEGY_PRIORITY_BASED);
    cr_assert_eq(verdict.superseded_count, MANY);
    cr_assert_eq(verdict.decision.scores_count, 100);
    cr_assert_eq(verdict.conflicts[0].signals_count, 100);
    cr_assert_str_eq(
        verdict.conflicts[0].description,
        "side buy is against side sell of a000, a001, a002 and 247 more, 151 of them not listed");
    verdict_free(&verdict);
    n = rival("n", .side = SIDE_BUY, .priority = 2);
    verdict = decide(&n, list, MANY, STRATEGY_PRIORITY_BASED);
    s_expect_rejected(&verdict, "n", "a000");
    cr_assert_str_eq(verdict.decision.scores[99].signal_id, "n"); /* its own score is never cut */
    verdict_free(&verdict);
}

Test(decision, ids_of_conflicts_follow_from_newcomer_scope_and_type) {
    candidate_t n = rival("n", .side = SIDE_BUY), other = rival("o", .side = SIDE_BUY),
                a = rival("a", .side = SIDE_SELL), b = rival("b", .side = SIDE_SELL);
    verdict_t first = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a), again = DECIDE(STRATEGY_HYBRID, &n, &b),
              differs = DECIDE(STRATEGY_PRIORITY_BASED, &other, &a);
    cr_assert_str_eq(first.conflicts[0].conflict_id, again.conflicts[0].conflict_id);
    cr_assert_str_neq(first.conflicts[0].conflict_id, differs.conflicts[0].conflict_id);
    cr_assert_eq(strlen(first.conflicts[0].conflict_id), 36);
    verdict_free(&first);
    verdict_free(&again);
    verdict_free(&differs);
}

/* ---- Several scopes ---- */

Test(decision, a_rival_met_in_two_scopes_is_superseded_once_and_makes_two_conflicts) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 4), a = rival("a", .side = SIDE_SELL),
                b = rival("b", .side = SIDE_SELL);
    const candidate_t *first[] = {&a}, *second[] = {&b, &a};
    meeting_t meetings[] = {{{"portfolio", "AAPL"}, first, 1},
                            {{"portfolio", "MSFT"}, second, 2},
                            {{"portfolio", "GOOG"}, NULL, 0}};
    policy_t policy = policy_with(STRATEGY_PRIORITY_BASED);
    verdict_t verdict = {.status = NULL};
    decision_make(&n, meetings, 3, &policy, RIVALS_NOW_MS, &verdict);
    s_expect_superseded(&verdict, 2, LIST(&a, &b));
    cr_assert_eq(verdict.conflict_count, 2);
    cr_assert_str_eq(verdict.conflicts[0].symbol, "AAPL");
    cr_assert_str_eq(verdict.conflicts[1].symbol, "MSFT");
    cr_assert_str_neq(verdict.conflicts[0].conflict_id, verdict.conflicts[1].conflict_id);
    cr_assert_eq(verdict.decision.scores_count, 3);
    verdict_free(&verdict);
}

Test(decision, of_shares_in_several_scopes_the_smallest_holds) {
    candidate_t n = rival("n", .resources = 0.6), a = rival("a", .resources = 0.6),
                b = rival("b", .resources = 1.2);
    const candidate_t *first[] = {&a}, *second[] = {&b};
    meeting_t meetings[] = {{{"portfolio", NULL}, first, 1}, {{"portfolio", "MSFT"}, second, 1}};
    policy_t policy = policy_with(STRATEGY_PROPORTIONAL_ALLOCATION);
    verdict_t verdict = {.status = NULL};
    decision_make(&n, meetings, 2, &policy, RIVALS_NOW_MS, &verdict);
    cr_assert_eq(verdict.adjustment_count, 3);
    cr_assert_float_eq(adjustment_of(verdict.adjustments, 3, &n)->allocation, 1 / 3.0, 1e-12);
    cr_assert_float_eq(adjustment_of(verdict.adjustments, 3, &a)->allocation, 0.5, 1e-12);
    cr_assert_not(verdict.conflicts[0].has_symbol);
    s_expect_reason(&verdict, "in portfolio/- are scaled");
    verdict_free(&verdict);
}

/* ---- Merging and scaling ---- */

Test(decision, average_strength_merges_into_a_newcomer_that_ranks_first) {
    candidate_t n = rival("n", .strength = 0.9, .confidence = 0.75),
                a = rival("a", .strength = 0.5, .confidence = 0.25);
    verdict_t verdict = DECIDE(STRATEGY_AVERAGE_STRENGTH, &n, &a);
    cr_assert_str_eq(verdict.status, "routed");
    s_expect_superseded(&verdict, 1, LIST(&a));
    cr_assert_eq(verdict.adjustment_count, 1);
    cr_assert_eq(verdict.adjustments[0].of, &n);
    cr_assert_float_eq(verdict.adjustments[0].strength, 0.8, 1e-12);
    s_expect_reason(&verdict, "the strengths of 2 signals merge to 0.8, carried by n");
    verdict_free(&verdict);
}

Test(decision, average_strength_merges_a_newcomer_into_the_rival_that_ranks_first) {
    candidate_t n = rival("n", .strength = 0.1), a = rival("a", .strength = 0.5),
                b = rival("b", .strength = 0.6);
    verdict_t verdict = DECIDE(STRATEGY_AVERAGE_STRENGTH, &n, &a, &b);
    s_expect_rejected(&verdict, "n", "b");
    cr_assert_eq(verdict.adjustment_count, 1);
    cr_assert_eq(verdict.adjustments[0].of, &b);
    cr_assert_float_eq(verdict.adjustments[0].strength, 0.4, 1e-12);
    s_expect_reason(&verdict, "merged into b");
    cr_assert_str_eq(verdict.conflicts[0].resolution->winner_signal_id, "b");
    verdict_free(&verdict);
}

Test(decision, average_strength_leaves_other_conflicts_to_priority_based) {
    candidate_t n = rival("n", .side = SIDE_BUY, .strength = 0.9),
                a = rival("a", .side = SIDE_BUY, .strength = 0.5, .confidence = 0.1),
                b = rival("b", .side = SIDE_SELL, .priority = 4);
    verdict_t verdict = DECIDE(STRATEGY_AVERAGE_STRENGTH, &n, &a, &b);
    s_expect_rejected(&verdict, "n", "b");
    cr_assert_eq(verdict.adjustment_count, 0);
    s_expect_reason(&verdict, "average_strength leaves a direction_conflict to priority_based");
    cr_assert_str_eq(verdict.conflicts[1].conflict_type, "strength_conflict");
    cr_assert_str_eq(verdict.conflicts[1].resolution->loser_signal_ids[0], "n");
    verdict_free(&verdict);
}

Test(decision, what_rank_has_superseded_is_not_merged_too) {
    candidate_t n = rival("n", .strength = 0.9, .priority = 5),
                a = rival("a", .strength = 0.5, .priority = 3),
                b = rival("b", .strength = 0.5, .priority = 4);
    verdict_t verdict = DECIDE(STRATEGY_AVERAGE_STRENGTH, &n, &a, &b);
    s_expect_superseded(&verdict, 2, LIST(&b, &a));
    cr_assert_eq(verdict.adjustment_count, 1);
    cr_assert_float_eq(verdict.adjustments[0].strength, 0.7, 1e-12); /* of n and b */
    verdict_free(&verdict);
}

Test(decision, proportional_allocation_shares_out_and_all_stay) {
    candidate_t n = rival("n", .resources = 0.9), a = rival("a", .resources = 0.6), b = rival("b");
    verdict_t verdict = DECIDE(STRATEGY_PROPORTIONAL_ALLOCATION, &n, &a, &b);
    cr_assert_str_eq(verdict.status, "routed");
    cr_assert_eq(verdict.superseded_count, 0);
    cr_assert_not(verdict.decision.has_winner_signal_id);
    cr_assert_eq(verdict.adjustment_count, 2);
    cr_assert_float_eq(adjustment_of(verdict.adjustments, 2, &n)->allocation, 0.6, 1e-12);
    cr_assert_float_eq(adjustment_of(verdict.adjustments, 2, &a)->allocation, 0.4, 1e-12);
    s_expect_reason(&verdict, "which leaves 0.6 to n");
    cr_assert_eq(verdict.conflicts[0].resolution->loser_signal_ids_count, 0);
    verdict_free(&verdict);
}

Test(decision, what_superseded_signals_give_back_need_not_be_scaled) {
    candidate_t n = rival("n", .resources = 0.5, .priority = 5),
                a = rival("a", .resources = 0.6, .priority = 3),
                b = rival("b", .resources = 0.4, .priority = 4);
    verdict_t verdict = DECIDE(STRATEGY_PROPORTIONAL_ALLOCATION, &n, &a, &b);
    s_expect_superseded(&verdict, 1, LIST(&a));
    cr_assert_eq(verdict.adjustment_count, 0);
    verdict_free(&verdict);
}

Test(decision, high_priority_settles_priorities_by_itself_and_nothing_else) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 5), a = rival("a", .side = SIDE_BUY),
                b = rival("b", .side = SIDE_SELL, .priority = 4);
    verdict_t verdict = DECIDE(STRATEGY_HIGH_PRIORITY, &n, &a, &b);
    s_expect_superseded(&verdict, 2, LIST(&b, &a));
    s_expect_reason(&verdict, "high_priority leaves a direction_conflict to priority_based");
    cr_assert_not(has_reason(&verdict.decision, "leaves a priority_conflict"));
    verdict_free(&verdict);
}

Test(decision, remove_expired_leaves_the_living_to_priority_based) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_REMOVE_EXPIRED, &n, &a);
    s_expect_superseded(&verdict, 1, LIST(&a));
    s_expect_reason(&verdict, "remove_expired leaves live members of a priority_conflict to priority_based");
    verdict_free(&verdict);
}

/* ---- Held ---- */

static void s_expect_held(const verdict_t *verdict) {
    cr_assert_str_eq(verdict->status, "held");
    cr_assert_eq(verdict->superseded_count, 0);
    cr_assert_eq(verdict->adjustment_count, 0);
    cr_assert_not(verdict->decision.has_winner_signal_id);
    cr_assert_eq(verdict->decision.loser_signal_ids_count, 0);
    for (size_t i = 0; i < verdict->conflict_count; i++) {
        cr_assert_str_eq(verdict->conflicts[i].status, "open");
        cr_assert_null(verdict->conflicts[i].resolution);
    }
}

Test(decision, one_type_outside_the_list_holds_the_newcomer_with_all_its_conflicts) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 5), a = rival("a", .side = SIDE_SELL);
    const candidate_t *active[] = {&a};
    meeting_t meeting = {{"portfolio", "AAPL"}, active, 1};
    policy_t policy = policy_of("hybrid", "priority_conflict, timing_conflict");
    verdict_t verdict = {.status = NULL};
    decision_make(&n, &meeting, 1, &policy, RIVALS_NOW_MS, &verdict);
    cr_assert_eq(verdict.conflict_count, 2);
    s_expect_held(&verdict);
    cr_assert_str_eq(verdict.decision.strategy, "hybrid");
    cr_assert_eq(verdict.decision.scores_count, 2);
    s_expect_reason(&verdict, "held: not resolved automatically: direction_conflict");
    verdict_free(&verdict);
}

Test(decision, types_on_the_list_are_settled) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    const candidate_t *active[] = {&a};
    meeting_t meeting = {{"portfolio", "AAPL"}, active, 1};
    policy_t policy = policy_of("priority_based", "priority_conflict,timing_conflict");
    verdict_t verdict = {.status = NULL};
    decision_make(&n, &meeting, 1, &policy, RIVALS_NOW_MS, &verdict);
    cr_assert_str_eq(verdict.status, "routed");
    verdict_free(&verdict);
}

Test(decision, manual_holds_whatever_is_on_the_list) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_MANUAL, &n, &a);
    s_expect_held(&verdict);
    verdict_free(&verdict);
}

Test(decision, the_list_is_all_none_or_types) {
    cr_assert_eq(policy_of("priority_based", "all").auto_resolve, 31);
    cr_assert_eq(policy_of("priority_based", "none").auto_resolve, 0);
    cr_assert_eq(policy_of("hybrid", "resource_conflict").auto_resolve, 1u << CONFLICT_RESOURCE);
    cr_assert_eq(policy_of("hybrid", "all").strategy, STRATEGY_HYBRID);
}

/* ---- Groups ---- */

Test(decision, a_winner_is_rejected_with_its_group_and_supersedes_nobody) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a);
    decision_follow_group(&verdict, "rejected", "m-2");
    cr_assert_eq(verdict.adjustment_count, 0);
    cr_assert_str_eq(verdict.status, "rejected");
    cr_assert_eq(verdict.superseded_count, 0);
    cr_assert_str_eq(verdict.decision.loser_signal_ids[0], "n");
    cr_assert_not(verdict.decision.has_winner_signal_id);
    cr_assert_str_eq(verdict.conflicts[0].resolution->winner_signal_id, "a");
    cr_assert_str_eq(verdict.conflicts[0].resolution->loser_signal_ids[0], "n");
    cr_assert_eq(verdict.conflicts[0].resolution->scores_count, 2);
    cr_assert_str_eq(verdict.decision.reasons[verdict.decision.reasons_count - 1],
                     "rejected with its group: m-2 did not pass");
    verdict_free(&verdict);
}

Test(decision, one_without_a_conflict_is_rejected_with_its_group) {
    candidate_t n = rival("n");
    verdict_t verdict = decide(&n, NULL, 0, STRATEGY_PRIORITY_BASED);
    decision_follow_group(&verdict, "rejected", "m-2");
    cr_assert_str_eq(verdict.status, "rejected");
    s_expect_reason(&verdict, "m-2 did not pass");
    verdict_free(&verdict);
}

Test(decision, a_winner_is_held_with_its_group_and_its_conflicts_are_open_again) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a);
    decision_follow_group(&verdict, "held", "m-2");
    s_expect_held(&verdict);
    s_expect_reason(&verdict, "held with its group: m-2 did not pass");
    verdict_free(&verdict);
}

Test(decision, one_that_was_held_is_rejected_with_its_group_and_its_conflicts_are_closed) {
    candidate_t n = rival("n", .priority = 5), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_MANUAL, &n, &a);
    decision_follow_group(&verdict, "rejected", "m-2");
    cr_assert_str_eq(verdict.status, "rejected");
    cr_assert_str_eq(verdict.conflicts[0].status, "resolved");
    cr_assert_str_eq(verdict.conflicts[0].resolution->reason, "rejected with its group: m-2 did not pass");
    verdict_free(&verdict);
}

Test(decision, one_that_did_not_pass_itself_keeps_its_decision) {
    candidate_t n = rival("n", .priority = 1), a = rival("a");
    verdict_t verdict = DECIDE(STRATEGY_PRIORITY_BASED, &n, &a);
    size_t reasons = verdict.decision.reasons_count;
    decision_follow_group(&verdict, "rejected", "m-2");
    s_expect_rejected(&verdict, "n", "a");
    cr_assert_eq(verdict.decision.reasons_count, reasons);
    verdict_free(&verdict);
}
