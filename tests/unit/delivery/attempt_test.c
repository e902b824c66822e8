/* Attempts at a delivery: what an answer means, and when the next one is due. */
#include "delivery/attempt.h"

#include <criterion/criterion.h>

Test(attempt, every_2xx_is_a_delivery, .timeout = 10) {
    for (int status = 200; status < 300; status++)
        cr_expect_eq(attempt_judge(OK, status, 1, 20), ATTEMPT_DELIVERED);
    cr_expect_eq(attempt_judge(OK, 204, 20, 20), ATTEMPT_DELIVERED, "also at the last attempt");
}

Test(attempt, what_may_pass_later_is_tried_again, .timeout = 10) {
    static const int statuses[] = {408, 425, 429, 500, 501, 502, 503, 504, 599};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        cr_expect_eq(attempt_judge(OK, statuses[i], 19, 20), ATTEMPT_RETRY, "%d", statuses[i]);
    cr_expect_eq(attempt_judge(ERR_SERVICE_UNAVAILABLE, 0, 1, 20), ATTEMPT_RETRY);
    cr_expect_eq(attempt_judge(ERR_DEADLINE_EXCEEDED, 0, 1, 20), ATTEMPT_RETRY);
    cr_expect_eq(attempt_judge(ERR_PROTOCOL, 0, 1, 20), ATTEMPT_RETRY);
}

Test(attempt, after_the_last_one_it_is_a_dead_letter, .timeout = 10) {
    cr_expect_eq(attempt_judge(OK, 503, 20, 20), ATTEMPT_EXHAUSTED);
    cr_expect_eq(attempt_judge(ERR_SERVICE_UNAVAILABLE, 0, 1, 1), ATTEMPT_EXHAUSTED);
}

Test(attempt, a_refusal_is_a_dead_letter_at_once, .timeout = 10) {
    static const int statuses[] = {301, 302, 400, 401, 403, 404, 409, 413, 415, 422};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        cr_expect_eq(attempt_judge(OK, statuses[i], 1, 20), ATTEMPT_REFUSED, "%d", statuses[i]);
}

Test(attempt, a_target_that_refuses_is_in_order, .timeout = 10) {
    cr_expect(attempt_reached(OK, 200));
    cr_expect(attempt_reached(OK, 422));
    cr_expect(attempt_reached(OK, 429));
    cr_expect_not(attempt_reached(OK, 500));
    cr_expect_not(attempt_reached(ERR_SERVICE_UNAVAILABLE, 0));
    cr_expect_not(attempt_reached(ERR_DEADLINE_EXCEEDED, 0));
}

/* The longest delay: random is uniform over 0..ceiling. */
static int64_t s_ceiling(uint32_t attempts) {
    int64_t most = 0;
    for (uint64_t random = 0; random <= ATTEMPT_DELAY_MAX_MS; random++) {
        int64_t delay = attempt_delay_ms(attempts, random, 0);
        most = delay > most ? delay : most;
    }
    return most;
}

Test(attempt, the_delay_doubles_up_to_a_minute, .timeout = 10) {
    cr_expect_eq(s_ceiling(1), 200);
    cr_expect_eq(s_ceiling(2), 400);
    cr_expect_eq(s_ceiling(5), 3200);
    cr_expect_eq(s_ceiling(9), 51200);
    cr_expect_eq(s_ceiling(10), 60000);
    cr_expect_eq(s_ceiling(1000000), 60000);
}

Test(attempt, the_delay_has_full_jitter, .timeout = 10) {
    cr_expect_eq(attempt_delay_ms(3, 0, 0), 0);
    cr_expect_eq(attempt_delay_ms(3, 801, 0), 0);
    cr_expect_eq(attempt_delay_ms(3, 800, 0), 800);
    cr_expect_eq(attempt_delay_ms(3, 123, 0), 123);
}

Test(attempt, retry_after_is_the_least, .timeout = 10) {
    cr_expect_eq(attempt_delay_ms(1, 50, 7000), 7000);
    cr_expect_eq(attempt_delay_ms(10, 59000, 7000), 59000);
}
