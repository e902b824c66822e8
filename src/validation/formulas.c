/* The formulas of dual validation: see formulas.h. */
#include "validation/formulas.h"

#include "base/err.h"
#include <math.h>

#define HISTORICAL_SHARE 0.6
#define FORWARD_SHARE    0.4
#define PASS_FROM        0.6
#define REVIEW_FROM      0.4
/* Sums such as 0.6 * 0.6 + 0.4 * 0.6 must reach their tier although binary fractions fall short of it. */
#define EPSILON 1e-12

static double s_clamp(double value) {
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

void validation_historical(double sharpe_ratio, double max_drawdown, validation_parts_t *parts) {
    parts->historical_score = s_clamp(sharpe_ratio / 2);
    parts->historical_risk = max_drawdown < 1 ? max_drawdown : 1;
}

void validation_forward(const double *confidences, size_t count, validation_parts_t *parts) {
    double sum = 0;
    assert_always(count > 0);
    for (size_t i = 0; i < count; i++)
        sum += confidences[i];
    parts->forward_score = sum / (double)count;
    parts->forward_risk = 1 - parts->forward_score;
}

validation_verdict_t validation_judge(const validation_parts_t *parts) {
    validation_verdict_t verdict;
    double score_gap = fabs(parts->historical_score - parts->forward_score);
    double risk_gap = fabs(parts->historical_risk - parts->forward_risk);
    verdict.overall = HISTORICAL_SHARE * parts->historical_score + FORWARD_SHARE * parts->forward_score;
    verdict.confidence = verdict.overall * (1 - (score_gap + risk_gap) / 2);
    verdict.confidence_adjustment = verdict.confidence - 0.5;
    verdict.tier = verdict.overall >= PASS_FROM - EPSILON     ? "pass"
                   : verdict.overall >= REVIEW_FROM - EPSILON ? "review"
                                                              : "fail";
    return verdict;
}
