/* The circuit breaker, as its header states it. */
#include "services/breaker.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)

static breaker_t s_open_at(int64_t now_us) {
    breaker_t breaker;
    breaker_init(&breaker);
    for (int i = 0; i < BREAKER_CONSECUTIVE; i++)
        breaker_record(&breaker, now_us, breaker.era, false);
    return breaker;
}

Test(breaker, opens_at_five_failures_in_a_row, .timeout = 20) {
    breaker_t breaker;
    breaker_init(&breaker);
    for (int i = 0; i < 4; i++)
        breaker_record(&breaker, SECOND, breaker.era, false);
    cr_assert(breaker_allow(&breaker, SECOND));
    breaker_record(&breaker, SECOND, breaker.era, false);
    cr_assert_not(breaker_allow(&breaker, SECOND));
    cr_assert_eq(breaker_state(&breaker, SECOND), BREAKER_OPEN);
}

Test(breaker, opens_at_half_of_ten_calls, .timeout = 20) {
    breaker_t breaker;
    breaker_init(&breaker);
    for (int i = 0; i < 9; i++)
        breaker_record(&breaker, SECOND, breaker.era, i % 2 == 0);
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
    breaker_record(&breaker, SECOND, breaker.era, false);
    cr_assert_eq(breaker.state, BREAKER_OPEN);
}

Test(breaker, forgets_failures_after_thirty_seconds, .timeout = 20) {
    breaker_t breaker;
    breaker_init(&breaker);
    for (int i = 0; i < 4; i++) {
        breaker_record(&breaker, SECOND, breaker.era, false);
        breaker_record(&breaker, SECOND, breaker.era, true);
    }
    breaker_record(&breaker, 40 * SECOND, breaker.era, true);
    breaker_record(&breaker, 40 * SECOND, breaker.era, false);
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
}

Test(breaker, lets_two_probes_through_after_five_seconds, .timeout = 20) {
    breaker_t breaker = s_open_at(0);
    cr_assert_not(breaker_allow(&breaker, 5 * SECOND - 1));
    cr_assert(breaker_allow(&breaker, 5 * SECOND));
    cr_assert(breaker_allow(&breaker, 5 * SECOND));
    cr_assert_not(breaker_allow(&breaker, 5 * SECOND));
}

Test(breaker, closes_after_two_good_probes, .timeout = 20) {
    breaker_t breaker = s_open_at(0);
    cr_assert(breaker_allow(&breaker, 6 * SECOND));
    breaker_record(&breaker, 6 * SECOND, breaker.era, true);
    cr_assert_eq(breaker.state, BREAKER_HALF_OPEN);
    cr_assert(breaker_allow(&breaker, 6 * SECOND));
    breaker_record(&breaker, 6 * SECOND, breaker.era, true);
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
}

Test(breaker, stays_open_twice_as_long_each_time_up_to_a_minute, .timeout = 20) {
    breaker_t breaker = s_open_at(0);
    int64_t now = 0, expected[] = {10, 20, 40, 60, 60};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        now = breaker_retry_at_us(&breaker);
        cr_assert(breaker_allow(&breaker, now));
        breaker_record(&breaker, now, breaker.era, false);
        cr_assert_eq(breaker_retry_at_us(&breaker) - now, expected[i] * SECOND);
    }
}

Test(breaker, gives_an_abandoned_probe_back, .timeout = 20) {
    breaker_t breaker = s_open_at(0);
    cr_assert(breaker_allow(&breaker, 5 * SECOND) && breaker_allow(&breaker, 5 * SECOND));
    breaker_forget(&breaker, breaker.era);
    cr_assert(breaker_allow(&breaker, 5 * SECOND));
}

Test(breaker, does_not_count_an_answer_to_a_call_of_an_earlier_era, .timeout = 20) {
    breaker_t breaker;
    breaker_init(&breaker);
    cr_assert(breaker_allow(&breaker, 0));
    uint32_t slow = breaker.era;
    for (int i = 0; i < BREAKER_CONSECUTIVE; i++)
        breaker_record(&breaker, 0, breaker.era, false);
    cr_assert(breaker_allow(&breaker, 5 * SECOND));
    breaker_record(&breaker, 5 * SECOND, slow, true);
    breaker_record(&breaker, 5 * SECOND, slow, true);
    cr_assert_eq(breaker.state, BREAKER_HALF_OPEN, "two late answers are no probes");
    breaker_record(&breaker, 5 * SECOND, slow, false);
    cr_assert_eq(breaker.state, BREAKER_HALF_OPEN);
    cr_assert_eq(breaker.probes_in_flight, 1);
}

/* Whatever happens, half-open never has more than two probes out. */
Test(breaker, never_exceeds_its_probes, .timeout = 10) {
    enum { CALLS = 64 };
    srand(7);
    breaker_t breaker;
    uint32_t calls[CALLS];
    int out = 0;
    breaker_init(&breaker);
    int64_t now = 0;
    for (int i = 0; i < 100000; i++) {
        now += rand() % (2 * SECOND);
        if (out < CALLS && rand() % 2 && breaker_allow(&breaker, now)) {
            calls[out++] = breaker.era;
        } else if (out > 0 && rand() % 2) {
            int which = rand() % out;
            breaker_record(&breaker, now, calls[which], rand() % 3 == 0);
            calls[which] = calls[--out];
        }
        int probes = 0;
        for (int j = 0; j < out; j++)
            probes += breaker.state == BREAKER_HALF_OPEN && calls[j] == breaker.era;
        cr_assert(probes <= BREAKER_PROBES && breaker.probes_in_flight >= 0);
    }
}
