/* The formulas of dual validation. Pure; all figures are ratios.
 *
 *   historical score = clamp (sharpe / 2, 0, 1), risk = min (max_drawdown, 1)
 *   forward score = mean confidence of the analysed symbols, risk = 1 - score
 *   overall = 0.6 historical + 0.4 forward
 *   confidence = overall * (1 - mean (|difference of scores|, |difference of risks|))
 *   confidence_adjustment = confidence - 0.5
 *   tier: pass from 0.6, review from 0.4, else fail */
#pragma once

#include <stddef.h>

typedef struct {
    double historical_score, historical_risk;
    double forward_score, forward_risk;
} validation_parts_t;

typedef struct {
    double overall, confidence, confidence_adjustment;
    const char *tier; /* "pass", "review", "fail" */
} validation_verdict_t;

void validation_historical(double sharpe_ratio, double max_drawdown, validation_parts_t *parts);
/* `count` > 0. */
void validation_forward(const double *confidences, size_t count, validation_parts_t *parts);
validation_verdict_t validation_judge(const validation_parts_t *parts);
