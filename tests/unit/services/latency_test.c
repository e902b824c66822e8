/* Percentiles keep within a sixteenth of the true value. */
#include "services/latency.h"
#include <criterion/criterion.h>
#include <stdlib.h>

Test(latency, is_zero_without_samples, .timeout = 5) {
    latency_t latency = {0};
    cr_assert_eq(latency_quantile_ms(&latency, 0.99), 0);
}

Test(latency, finds_quantiles_within_a_sixteenth, .timeout = 5) {
    for (int64_t scale = 1; scale < 100000000; scale *= 7) {
        latency_t latency = {0};
        for (int64_t i = 1; i <= 100; i++)
            latency_record(&latency, i * scale);
        double p50 = latency_quantile_ms(&latency, 0.5) * 1000,
               p99 = latency_quantile_ms(&latency, 0.99) * 1000;
        cr_expect_geq(p50, 50.0 * (double)scale);
        cr_expect_leq(p50, 50.0 * (double)scale * 1.0626 + 1);
        cr_expect_geq(p99, 99.0 * (double)scale);
        cr_expect_leq(p99, 99.0 * (double)scale * 1.0626 + 1);
    }
}

Test(latency, takes_any_value, .timeout = 5) {
    latency_t latency = {0};
    latency_record(&latency, -5);
    latency_record(&latency, INT64_MAX);
    cr_assert_eq(latency.count, 2);
    cr_assert_gt(latency_quantile_ms(&latency, 1), 1000000);
}
