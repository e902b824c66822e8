/* Portfolio weights from monthly returns: equal risk contribution and long-only mean-variance. Pure functions.
 *
 * Every result is long only, keeps each weight at or below `max_single_stock`, keeps the annual volatility of the whole
 * at or below `max_volatility`, and its weights sum to `target_position` <= 1; the rest is cash that earns nothing.
 *
 * risk-parity, and markowitz with min_risk or max_sharpe, first find weights u that sum to 1 (equal risk
 * contributions, least variance, largest return per volatility), and then invest
 *     target_position = min (1, max_single_stock / max u, max_volatility / volatility (u)),   weights = target * u,
 * so that the caps never bend the proportions that the method asked for.
 * markowitz with max_return gives every stock whose expected return is positive the full max_single_stock, in falling
 * order of return until 1 is spent, and scales that by min (1, max_volatility / volatility). */
#pragma once

#include "prices.h"

enum { OPTIMIZER_LOOKBACK_BARS = 60 };

typedef enum { OBJECTIVE_MIN_RISK, OBJECTIVE_MAX_RETURN, OBJECTIVE_MAX_SHARPE } objective_t;

typedef struct {
    double max_single_stock; /* fraction, > 0 */
    double max_volatility;   /* annual fraction, > 0; HUGE_VAL = none */
} limits_t;

/* What is known of n stocks: annual expected returns and annual covariances (row major). */
typedef struct {
    int n;
    double expected[PRICES_MAX_SERIES];
    double covariances[PRICES_MAX_SERIES * PRICES_MAX_SERIES];
} estimate_t;

typedef struct {
    double target_position;
    double weights[PRICES_MAX_SERIES];
    double expected_return, volatility,
        sharpe; /* annual, of the whole with its cash; sharpe 0 without volatility */
} allocation_t;

/* Annual volatility at which the one-day 95 % value at risk of a normal distribution equals `var_limit`. */
double volatility_of_var(double var_limit);

/* From the last OPTIMIZER_LOOKBACK_BARS monthly returns that all n series have in common, up to bar `bar`: expected =
 * mean * 12, covariance = sample covariance * 12. Returns the number of returns used, 0 when fewer than two. */
int estimate_from_prices(const series_t *const *series, int n, int bar, estimate_t *out);

double portfolio_volatility(const estimate_t *estimate, const double *weights);

/* Weights that sum to 1 and contribute equally to the variance (cyclic coordinate descent of Griveau-Billion, Richard
 * and Roncalli, 2013). Every variance must be positive. */
void weights_risk_parity(const estimate_t *estimate, double *weights);

/* Long-only weights that sum to 1 and maximise linear'w / volatility (w) (linear = all ones: least variance). false
 * when no entry of `linear` is positive: then nothing is worth holding and the weights are 0. */
bool weights_mean_variance(const estimate_t *estimate, const double *linear, double *weights);

void optimize_risk_parity(const estimate_t *estimate, limits_t limits, allocation_t *out);
void optimize_markowitz(const estimate_t *estimate, objective_t objective, limits_t limits,
                        allocation_t *out);
