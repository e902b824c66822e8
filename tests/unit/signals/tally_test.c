/* Counts of events, names and latencies. */
#include "signals/stats/tally.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(tally, .timeout = 10);

static uint64_t s_named(const tally_t *tally, const char *wanted) {
    const char *name;
    uint64_t count;
    for (size_t at = 0; tally_next_name(tally, TALLY_SOURCE, &at, &name, &count);)
        if (strcmp(name, wanted) == 0)
            return count;
    return 0;
}

Test(tally, names_beyond_the_limit_count_as_other) {
    tally_t *tally = tally_new();
    for (int i = 0; i < TALLY_NAMES_MOST + 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        tally_add_name(tally, TALLY_SOURCE, name, 2);
    }
    tally_add_name(tally, TALLY_SOURCE, "n7", 1);
    cr_assert_eq(s_named(tally, "n7"), 3);
    cr_assert_eq(s_named(tally, TALLY_OTHER), 100);
    tally_destroy(&tally);
}

Test(tally, quantiles_are_within_a_thirty_second_above_the_truth) {
    tally_t *tally = tally_new();
    for (int i = 1; i <= 10000; i++)
        tally_add_latency(tally, i * 10);
    double p50 = tally_quantile_ms(tally, 0.5), p99 = tally_quantile_ms(tally, 0.99);
    cr_assert(p50 >= 50 && p50 <= 50 * (1 + 1.0 / 32) + 0.001, "%g", p50);
    cr_assert(p99 >= 99 && p99 <= 99 * (1 + 1.0 / 32) + 0.001, "%g", p99);
    cr_assert_float_eq(tally_mean_ms(tally), 50.005, 1e-6);
    tally_destroy(&tally);
}

Test(tally, longest_and_negative_latencies_count_too) {
    tally_t *tally = tally_new();
    tally_add_latency(tally, INT64_MAX);
    tally_add_latency(tally, -5);
    cr_assert_eq(tally_latencies(tally), 2);
    cr_assert(tally_quantile_ms(tally, 1) > 1000 * 1000);
    tally_destroy(&tally);
}

static void s_copy(void *context, const char *dimension, const char *name, uint64_t count) {
    cr_assert(tally_put(context, dimension, name, count), "%s", dimension);
}

Test(tally, what_is_stored_is_the_same_when_read_back) {
    tally_t *tally = tally_new(), *copy = tally_new(), *merged = tally_new();
    tally_add(tally, TALLY_HELD, 4);
    tally_add_name(tally, TALLY_SOURCE, "macro", 3);
    tally_add_latency(tally, 1500);
    tally_each(tally, s_copy, copy);
    tally_merge(merged, copy);
    tally_merge(merged, copy);
    cr_assert_eq(tally_count(merged, TALLY_HELD), 8);
    cr_assert_eq(s_named(merged, "macro"), 6);
    cr_assert_eq(tally_latencies(merged), 2);
    cr_assert_float_eq(tally_mean_ms(merged), 1.5, 1e-9);
    cr_assert(!tally_put(copy, "nonsense", "", 1));
    tally_destroy(&tally);
    tally_destroy(&copy);
    tally_destroy(&merged);
}
