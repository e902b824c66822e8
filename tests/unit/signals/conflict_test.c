/* When two signals contradict each other, to the very border. */
#include "signals/rules/conflict.h"

#include "rivals.h"

TestSuite(conflict, .timeout = 10);

static bool s_between(conflict_type_t type, candidate_t newcomer, candidate_t active) {
    return conflict_between(type, &newcomer, &active);
}

Test(conflict, buy_is_against_sell_and_hold_against_nobody) {
    cr_assert(s_between(CONFLICT_DIRECTION, rival("n", .side = SIDE_BUY), rival("a", .side = SIDE_SELL)));
    cr_assert(s_between(CONFLICT_DIRECTION, rival("n", .side = SIDE_SELL), rival("a", .side = SIDE_BUY)));
    cr_assert_not(s_between(CONFLICT_DIRECTION, rival("n", .side = SIDE_BUY), rival("a", .side = SIDE_BUY)));
    cr_assert_not(s_between(CONFLICT_DIRECTION, rival("n", .side = SIDE_BUY), rival("a", .side = SIDE_HOLD)));
    cr_assert_not(s_between(CONFLICT_DIRECTION, rival("n", .side = SIDE_SELL), rival("a")));
    cr_assert_not(s_between(CONFLICT_DIRECTION, rival("n"), rival("a")));
}

Test(conflict, priorities_contradict_from_two_apart) {
    for (int a = 1; a <= 5; a++)
        for (int b = 1; b <= 5; b++)
            cr_assert_eq(s_between(CONFLICT_PRIORITY, rival("n", .priority = (uint8_t)a),
                                   rival("a", .priority = (uint8_t)b)),
                         abs(a - b) >= 2, "%d and %d", a, b);
}

Test(conflict, strengths_contradict_when_more_than_three_tenths_apart) {
    cr_assert(s_between(CONFLICT_STRENGTH, rival("n", .strength = 0.81), rival("a", .strength = 0.5)));
    cr_assert(s_between(CONFLICT_STRENGTH, rival("n", .strength = 0.19), rival("a", .strength = 0.5)));
    cr_assert(s_between(CONFLICT_STRENGTH, rival("n", .strength = 0.300001), rival("a", .strength = 0)));
}

Test(conflict, a_gap_of_exactly_three_tenths_is_none_however_it_rounds) {
    for (int i = 0; i <= 7; i++)
        cr_assert_not(s_between(CONFLICT_STRENGTH, rival("n", .strength = i / 10.0),
                                rival("a", .strength = (i + 3) / 10.0)),
                      "%d", i);
}

Test(conflict, strengths_are_compared_within_one_side_only) {
    for (int a = 0; a < SIDE_COUNT; a++)
        for (int b = 0; b < SIDE_COUNT; b++)
            cr_assert_eq(s_between(CONFLICT_STRENGTH, rival("n", .side = (uint8_t)a, .strength = 0.9),
                                   rival("a", .side = (uint8_t)b, .strength = 0.1)),
                         a == b);
}

Test(conflict, an_older_one_of_the_same_source_is_late) {
    cr_assert(s_between(CONFLICT_TIMING, rival("n", .source = "m", .timestamp = 1),
                        rival("a", .source = "m", .timestamp = 2)));
    cr_assert_not(s_between(CONFLICT_TIMING, rival("n", .source = "m", .timestamp = 2),
                            rival("a", .source = "m", .timestamp = 2)));
    cr_assert_not(s_between(CONFLICT_TIMING, rival("n", .source = "m", .timestamp = 3),
                            rival("a", .source = "m", .timestamp = 2)));
    cr_assert_not(s_between(CONFLICT_TIMING, rival("n", .source = "m", .timestamp = 1),
                            rival("a", .source = "o", .timestamp = 2)));
}

Test(conflict, source_seq_goes_before_timestamp_where_both_have_it) {
    candidate_t newcomer = rival("n", .source = "m", .timestamp = 9, .has_source_seq = true, .source_seq = 4);
    cr_assert(s_between(CONFLICT_TIMING, newcomer,
                        rival("a", .source = "m", .timestamp = 5, .has_source_seq = true, .source_seq = 5)));
    cr_assert_not(
        s_between(CONFLICT_TIMING, newcomer,
                  rival("a", .source = "m", .timestamp = 99, .has_source_seq = true, .source_seq = 4)));
    cr_assert_not(s_between(CONFLICT_TIMING, newcomer, rival("a", .source = "m", .timestamp = 5)));
    cr_assert(s_between(CONFLICT_TIMING, newcomer, rival("a", .source = "m", .timestamp = 10)));
}

/* ---- Resources ---- */

static size_t s_resource_rivals(double newcomer, double first, double second, double third) {
    candidate_t n = rival("n", .resources = newcomer), a = rival("a", .resources = first),
                b = rival("b", .resources = second), c = rival("c", .resources = third);
    conflicts_t found;
    conflicts_detect(&n, LIST(&a, &b, &c), 3, &found);
    size_t count = found.counts[CONFLICT_RESOURCE];
    cr_assert_eq(found.rivals[CONFLICT_RESOURCE] != NULL, count > 0);
    conflicts_free(&found);
    return count;
}

Test(conflict, resources_contradict_when_they_add_up_to_more_than_one) {
    cr_assert_eq(s_resource_rivals(0.5, 0.5, 0, 0), 0);
    cr_assert_eq(s_resource_rivals(0.5, 0.51, 0, 0), 1);
    cr_assert_eq(s_resource_rivals(0.4, 0.3, 0, 0.4), 2);
    cr_assert_eq(s_resource_rivals(0.1, 0.2, 0.3, 0.4), 0); /* 1.0000000000000002 in some orders */
}

Test(conflict, a_newcomer_that_needs_nothing_has_no_resource_conflict) {
    cr_assert_eq(s_resource_rivals(0, 0.9, 0.9, 0), 0);
}

Test(conflict, a_newcomer_that_needs_too_much_alone_contradicts_nobody) {
    cr_assert_eq(s_resource_rivals(1.5, 0, 0, 0), 0);
}

/* ---- Detection ---- */

Test(conflict, rivals_are_listed_by_type_in_the_order_of_their_ids) {
    candidate_t n = rival("n", .side = SIDE_BUY, .priority = 5);
    candidate_t a = rival("a", .side = SIDE_SELL), b = rival("b", .side = SIDE_BUY, .strength = 0.9),
                c = rival("c", .side = SIDE_SELL, .priority = 4);
    conflicts_t found;
    conflicts_detect(&n, LIST(&c, &b, &a), 3, &found);
    cr_assert_eq(found.counts[CONFLICT_PRIORITY], 2);
    cr_assert(found.rivals[CONFLICT_PRIORITY][0] == &a && found.rivals[CONFLICT_PRIORITY][1] == &b);
    cr_assert_eq(found.counts[CONFLICT_DIRECTION], 2);
    cr_assert(found.rivals[CONFLICT_DIRECTION][0] == &a && found.rivals[CONFLICT_DIRECTION][1] == &c);
    cr_assert_eq(found.counts[CONFLICT_STRENGTH], 1);
    cr_assert_eq(found.rivals[CONFLICT_STRENGTH][0], &b);
    cr_assert_null(found.rivals[CONFLICT_TIMING]);
    cr_assert_null(found.rivals[CONFLICT_RESOURCE]);
    conflicts_free(&found);
}

Test(conflict, each_type_has_its_severity) {
    cr_assert_str_eq(conflict_severity(CONFLICT_DIRECTION), "high");
    cr_assert_str_eq(conflict_severity(CONFLICT_RESOURCE), "high");
    cr_assert_str_eq(conflict_severity(CONFLICT_STRENGTH), "medium");
    cr_assert_str_eq(conflict_severity(CONFLICT_TIMING), "medium");
    cr_assert_str_eq(conflict_severity(CONFLICT_PRIORITY), "low");
}

Test(conflict, types_are_reported_from_priority_to_resource) {
    const char *expected[] = {"priority_conflict", "direction_conflict", "timing_conflict",
                              "strength_conflict", "resource_conflict"};
    for (int i = 0; i < CONFLICT_TYPES; i++)
        cr_assert_str_eq(conflict_type_names[i], expected[i]);
}
