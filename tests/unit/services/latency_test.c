/* Percentiles keep within a hundredth of the true value, in fixed memory, over the last minutes. */
#include "services/latency.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define MINUTE LATENCY_SLICE_US

static latency_t s_latency; /* too large for a stack */

Test(latency, is_zero_without_samples, .timeout = 20) {
    cr_assert_eq(latency_quantile_ms(&s_latency, MINUTE, 0.99), 0);
    cr_assert_eq(latency_count(&s_latency, MINUTE), 0);
}

Test(latency, finds_quantiles_within_a_hundredth, .timeout = 20) {
    for (int64_t scale = 1; scale < 30000000; scale *= 7) {
        s_latency = (latency_t){0};
        for (int64_t i = 1; i <= 100; i++)
            latency_record(&s_latency, MINUTE, i * scale);
        double p50 = latency_quantile_ms(&s_latency, MINUTE, 0.5) * 1000,
               p99 = latency_quantile_ms(&s_latency, MINUTE, 0.99) * 1000;
        cr_expect_geq(p50, 50.0 * (double)scale);
        cr_expect_leq(p50, 50.0 * (double)scale * 1.01, "scale %ld", (long)scale);
        cr_expect_geq(p99, 99.0 * (double)scale);
        cr_expect_leq(p99, 99.0 * (double)scale * 1.01, "scale %ld", (long)scale);
    }
}

Test(latency, takes_any_value, .timeout = 20) {
    latency_record(&s_latency, MINUTE, -5);
    latency_record(&s_latency, MINUTE, INT64_MAX);
    cr_assert_eq(latency_count(&s_latency, MINUTE), 2);
    cr_assert_gt(latency_quantile_ms(&s_latency, MINUTE, 1), 4000000);
}

Test(latency, forgets_samples_after_their_minutes, .timeout = 20) {
    latency_record(&s_latency, 10 * MINUTE, 1000);
    latency_record(&s_latency, 13 * MINUTE, 2000);
    cr_assert_eq(latency_count(&s_latency, 16 * MINUTE - 1), 2);
    cr_assert_float_eq(latency_quantile_ms(&s_latency, 16 * MINUTE - 1, 0.5), 1, 0.01);
    cr_assert_eq(latency_count(&s_latency, 16 * MINUTE), 1);
    cr_assert_float_eq(latency_quantile_ms(&s_latency, 16 * MINUTE, 0.5), 2, 0.02);
    latency_record(&s_latency, 100 * MINUTE, 3000);
    cr_assert_eq(latency_count(&s_latency, 100 * MINUTE), 1);
}
