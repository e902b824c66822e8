/* Ranges of the history, and what was counted before. */
#include "signals/reading/history_walk.h"

#include "sample.h"
#include <criterion/criterion.h>

TestSuite(history_walk, .timeout = 10);

static history_walk_t s_walk(int64_t low, int64_t high) {
    return (history_walk_t){.low = low, .high = high, .range = 10000};
}

static void s_expect_ahead(const history_walk_t *walk, int64_t low, int64_t high) {
    cr_expect(walk->low == low && walk->high == high, "%d to %d", (int)walk->low, (int)walk->high);
}

Test(history_walk, ranges_come_from_either_end_and_cover_all) {
    for (int ascending = 0; ascending < 2; ascending++) {
        history_walk_t walk = s_walk(1, 25000);
        int64_t seen = 0, now_us = 0;
        while (history_walk_next(&walk, ascending, now_us)) {
            cr_expect_eq(ascending ? walk.from : 25001 - walk.to, seen + 1);
            seen += walk.to - walk.from + 1;
            history_walk_pass(&walk, ascending, now_us += 30000);
        }
        cr_expect_eq(seen, 25000);
    }
}

Test(history_walk, ranges_grow_while_the_store_is_quick_and_shrink_when_it_is_not) {
    history_walk_t walk = s_walk(1, INT64_C(1) << 40);
    cr_assert(history_walk_next(&walk, true, 0));
    history_walk_pass(&walk, true, 1000);
    cr_expect_eq(walk.range, 20000);
    cr_assert(history_walk_next(&walk, true, 0));
    history_walk_pass(&walk, true, 100000);
    cr_expect_eq(walk.range, 10000);
}

Test(history_walk, where_nothing_was_found_is_not_gone_through_again) {
    history_total_t known = {.up_to_seq = 800, .count = 2, .first_seq = 100, .last_seq = 300};
    history_walk_t walk = s_walk(1, 1000); /* what is newer was not counted */
    history_walk_skip(&walk, &known);
    s_expect_ahead(&walk, 100, 1000);
    walk = s_walk(1, 800);
    history_walk_skip(&walk, &known);
    s_expect_ahead(&walk, 100, 300);
    walk = s_walk(150, 200);
    history_walk_skip(&walk, &known);
    s_expect_ahead(&walk, 150, 200);
    walk = s_walk(400, 700);
    history_walk_skip(&walk, &known);
    cr_expect_not(history_walk_next(&walk, false, 0));
}

Test(history_walk, of_what_matches_nothing_only_the_newest_is_gone_through) {
    history_total_t none = HISTORY_TOTAL_NONE;
    history_walk_t walk = s_walk(1, 1000);
    history_walk_skip(&walk, &none);
    s_expect_ahead(&walk, 1, 1000);
    none.up_to_seq = 900;
    history_walk_skip(&walk, &none);
    s_expect_ahead(&walk, 901, 1000);
    walk = s_walk(1, 900);
    history_walk_skip(&walk, &none);
    cr_expect_not(history_walk_next(&walk, true, 0));
}

Test(history_totals, what_is_known_of_filters_is_kept_until_signals_are_removed) {
    history_totals_t *totals = history_totals_new();
    history_query_t query = {.source = "macro", .after_seq = -1}, other = {.source = "desk", .after_seq = -1};
    history_total_t known = {.up_to_seq = 800, .count = 2, .first_seq = 100, .last_seq = 300};
    uint64_t age = history_totals_age(totals);
    cr_expect_eq(history_totals_get(totals, &query).last_seq, -1);
    history_totals_put(totals, age, &query, &known);
    history_total_t got = history_totals_get(totals, &query);
    cr_expect(got.up_to_seq == 800 && got.count == 2 && got.first_seq == 100 && got.last_seq == 300);
    cr_expect_eq(history_totals_get(totals, &other).up_to_seq, 0);
    known.up_to_seq = 700; /* less is known than before */
    history_totals_put(totals, age, &query, &known);
    cr_expect_eq(history_totals_get(totals, &query).up_to_seq, 800);
    query.status = "held"; /* which changes */
    cr_expect_eq(history_totals_get(totals, &query).up_to_seq, 0);
    query.status = NULL;
    history_totals_clear(totals);
    history_totals_put(totals, age, &query, &known);
    cr_expect_eq(history_totals_get(totals, &query).up_to_seq, 0, "it was begun before");
    history_totals_destroy(&totals);
}
