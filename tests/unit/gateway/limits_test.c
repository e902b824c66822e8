/* Token buckets, with the clock passed in. */
#include "gateway/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SECOND 1000000

static int s_take_all(limits_t *limits, const char *who, int64_t rate, int64_t now) {
    uint32_t retry_after;
    int taken = 0;
    while (taken < 100000 && limits_take(limits, who, rate, now, &retry_after))
        taken++;
    return taken;
}

Test(limits, a_burst_is_twice_the_rate, .timeout = 10) {
    limits_t *limits = limits_new(64);
    cr_assert(s_take_all(limits, "a", 5, SECOND) == 10);
    limits_destroy(&limits);
    cr_assert_null(limits);
}

Test(limits, tokens_come_back_at_the_rate, .timeout = 10) {
    limits_t *limits = limits_new(64);
    s_take_all(limits, "a", 5, SECOND);
    cr_assert(s_take_all(limits, "a", 5, SECOND + SECOND / 5) == 1);
    cr_assert(s_take_all(limits, "a", 5, 2 * SECOND + SECOND / 5) == 5);
    cr_assert(s_take_all(limits, "a", 5, 100 * SECOND) == 10, "never more than the burst");
    limits_destroy(&limits);
}

Test(limits, askers_do_not_share_a_bucket, .timeout = 10) {
    limits_t *limits = limits_new(64);
    s_take_all(limits, "a", 5, SECOND);
    cr_assert(s_take_all(limits, "b", 5, SECOND) == 10);
    limits_destroy(&limits);
}

Test(limits, a_refusal_says_when_to_come_back, .timeout = 10) {
    limits_t *limits = limits_new(64);
    uint32_t retry_after = 0;
    s_take_all(limits, "a", 1, SECOND);
    cr_assert_not(limits_take(limits, "a", 1, SECOND, &retry_after));
    cr_assert(retry_after == 1);
    limits_destroy(&limits);
}

Test(limits, rate_zero_is_no_limit, .timeout = 10) {
    limits_t *limits = limits_new(64);
    cr_assert(s_take_all(limits, "a", 0, SECOND) == 100000);
    limits_destroy(&limits);
}

Test(limits, a_clock_that_stands_still_or_goes_back_gives_nothing, .timeout = 10) {
    limits_t *limits = limits_new(64);
    s_take_all(limits, "a", 5, 10 * SECOND);
    cr_assert(s_take_all(limits, "a", 5, 9 * SECOND) == 0);
    limits_destroy(&limits);
}

Test(limits, a_full_table_forgets_who_was_idle_longest_and_keeps_the_busy, .timeout = 10) {
    limits_t *limits = limits_new(16);
    s_take_all(limits, "busy", 5, SECOND);
    for (int i = 0; i < 15; i++) {
        char who[16];
        snprintf(who, sizeof who, "idle%d", i);
        s_take_all(limits, who, 5, SECOND / 2);
    }
    s_take_all(limits, "newcomer", 5, SECOND);
    cr_assert(s_take_all(limits, "busy", 5, SECOND) == 0);
    limits_destroy(&limits);
}
