/* Retry decisions: statuses, delays, budget. */
#include "services/retry.h"
#include <criterion/criterion.h>
#include <stdlib.h>

Test(retry, retries_only_what_says_later, .timeout = 20) {
    int later[] = {408, 425, 429, 500, 502, 503, 504},
        never[] = {200, 301, 400, 401, 403, 404, 409, 422, 501, 505};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        cr_expect(retry_status_is_retryable(later[i]), "%d", later[i]);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        cr_expect_not(retry_status_is_retryable(never[i]), "%d", never[i]);
}

Test(retry, delays_within_a_doubling_ceiling_of_ten_seconds, .timeout = 20) {
    int64_t ceilings[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    srand(3);
    for (int attempt = 2; attempt <= 9; attempt++)
        for (int i = 0; i < 1000; i++) {
            int64_t delay = retry_delay_ms(attempt, (uint64_t)rand(), 0);
            cr_assert_geq(delay, 0);
            cr_assert_leq(delay, ceilings[attempt - 2]);
        }
    cr_assert_eq(retry_delay_ms(2, 200, 0), 200);
}

Test(retry, waits_at_least_as_long_as_the_service_asks, .timeout = 20) {
    cr_assert_eq(retry_delay_ms(2, 0, 3000), 3000);
}

Test(retry, budget_allows_three_without_traffic, .timeout = 20) {
    retry_budget_t budget = {0};
    for (int i = 0; i < 3; i++)
        cr_assert(retry_budget_take(&budget, 0));
    cr_assert_not(retry_budget_take(&budget, 0));
}

Test(retry, budget_is_a_fifth_of_the_requests_in_ten_seconds, .timeout = 20) {
    retry_budget_t budget = {0};
    int taken = 0;
    for (int i = 0; i < 100; i++)
        retry_budget_request(&budget, i * INT64_C(50000));
    for (int i = 0; i < 100; i++)
        taken += retry_budget_take(&budget, 5000000);
    cr_assert_eq(taken, 20);
    cr_assert(retry_budget_take(&budget, 30000000), "the window has passed");
}
