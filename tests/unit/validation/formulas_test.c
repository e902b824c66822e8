/* The formulas of dual validation, against figures worked out by hand. */
#include "validation/formulas.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(a, b) cr_expect(fabs((a) - (b)) < 1e-12, "%.15g is not %.15g", (double)(a), (double)(b))

Test(formulas, historical_score_is_half_the_sharpe_ratio_clamped, .timeout = 20) {
    struct {
        double sharpe, drawdown, score, risk;
    } cases[] = {{1.21, 0.093, 0.605, 0.093}, {3, 0, 1, 0}, {-1, 0.4, 0, 0.4}, {0.5, 1.7, 0.25, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        validation_parts_t parts;
        validation_historical(cases[i].sharpe, cases[i].drawdown, &parts);
        NEAR(parts.historical_score, cases[i].score);
        NEAR(parts.historical_risk, cases[i].risk);
    }
}

Test(formulas, forward_score_is_the_mean_confidence, .timeout = 20) {
    double confidences[] = {0.66, 0.5, 0.7};
    validation_parts_t parts;
    validation_forward(confidences, 3, &parts);
    NEAR(parts.forward_score, 0.62);
    NEAR(parts.forward_risk, 0.38);
}

Test(formulas, verdict_of_a_worked_example, .timeout = 20) {
    validation_parts_t parts = {0.605, 0.093, 0.62, 0.38};
    validation_verdict_t verdict = validation_judge(&parts);
    NEAR(verdict.overall, 0.611);
    NEAR(verdict.confidence, 0.611 * (1 - (0.015 + 0.287) / 2));
    NEAR(verdict.confidence_adjustment, verdict.confidence - 0.5);
    cr_assert_str_eq(verdict.tier, "pass");
}

Test(formulas, tiers_begin_at_their_bounds, .timeout = 20) {
    struct {
        double score;
        const char *tier;
    } cases[] = {{0.6, "pass"},    {0.5999, "review"}, {0.4, "review"},
                 {0.3999, "fail"}, {0, "fail"},        {1, "pass"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        validation_parts_t parts = {cases[i].score, 0.5, cases[i].score, 0.5};
        cr_expect_str_eq(validation_judge(&parts).tier, cases[i].tier, "%g", cases[i].score);
    }
}

Test(formulas, confidence_never_exceeds_overall, .timeout = 20) {
    srand(11);
    for (int i = 0; i < 10000; i++) {
        validation_parts_t parts = {rand() / (double)RAND_MAX, rand() / (double)RAND_MAX,
                                    rand() / (double)RAND_MAX, 0};
        parts.forward_risk = 1 - parts.forward_score;
        validation_verdict_t verdict = validation_judge(&parts);
        cr_assert_leq(verdict.confidence, verdict.overall);
        cr_assert_geq(verdict.confidence, 0);
    }
}
