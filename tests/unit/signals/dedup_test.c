/* Duplicates, and ids that are used again. */
#include "signals/dedup.h"

#include <criterion/criterion.h>

TestSuite(dedup, .timeout = 10);

Test(dedup, an_equal_body_within_the_window_is_a_duplicate) {
    cr_assert_eq(dedup_judge(7, 1000, 7, 1000, 500), DEDUP_DUPLICATE);
    cr_assert_eq(dedup_judge(7, 1000, 7, 1500, 500), DEDUP_DUPLICATE);
    cr_assert_null(dedup_reason(DEDUP_DUPLICATE));
}

Test(dedup, another_body_is_a_reuse_at_any_time) {
    cr_assert_eq(dedup_judge(7, 1000, 8, 1000, 500), DEDUP_OTHER_BODY);
    cr_assert_eq(dedup_judge(7, 1000, 8, 9999, 500), DEDUP_OTHER_BODY);
}

Test(dedup, an_equal_body_outside_the_window_is_a_reuse) {
    cr_assert_eq(dedup_judge(7, 1000, 7, 1501, 500), DEDUP_OUTSIDE_WINDOW);
    cr_assert_str_neq(dedup_reason(DEDUP_OUTSIDE_WINDOW), dedup_reason(DEDUP_OTHER_BODY));
}
