/* Estimates of return and risk, and weights of equal risk contribution. */
#include "optimizer.h"

#include "indicators.h"

#include <math.h>

static const double Z_95 = 1.6448536269514722;
static const int MAX_SWEEPS = 500;
static const double PRECISION = 1e-12;

double volatility_of_var(double var_limit) {
    return var_limit / Z_95 * sqrt(TRADING_DAYS_PER_YEAR);
}

static int s_common_bars(const series_t *const *series, int n, int bar) {
    int bars = OPTIMIZER_LOOKBACK_BARS + 1;
    for (int i = 0; i < n; i++) {
        int length = series_length_at(series[i], bar);
        bars = length < bars ? length : bars;
    }
    return bars;
}

int estimate_from_prices(const series_t *const *series, int n, int bar, estimate_t *out) {
    int bars = n > 0 ? s_common_bars(series, n, bar) : 0;
    int count = bars - 1;
    if (count < 2)
        return 0;
    double returns[PRICES_MAX_SERIES][OPTIMIZER_LOOKBACK_BARS];
    out->n = n;
    for (int i = 0; i < n; i++) {
        simple_returns(series[i]->closes + bar - count, bars, returns[i]);
        out->expected[i] = mean(returns[i], count) * MONTHS_PER_YEAR;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            out->covariances[i * n + j] = covariance(returns[i], returns[j], count) * MONTHS_PER_YEAR;
    return count;
}

double portfolio_volatility(const estimate_t *estimate, const double *weights) {
    int n = estimate->n;
    double variance = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            variance += weights[i] * weights[j] * estimate->covariances[i * n + j];
    return sqrt(fmax(variance, 0));
}

/* Each step solves variance_i * x^2 + others * x - 1/n = 0 for the positive x. */
static double s_sweep(const estimate_t *estimate, double *x) {
    int n = estimate->n;
    double moved = 0;
    for (int i = 0; i < n; i++) {
        double own = estimate->covariances[i * n + i], others = 0;
        for (int j = 0; j < n; j++)
            others += j == i ? 0 : estimate->covariances[i * n + j] * x[j];
        double next = (-others + sqrt(others * others + 4 * own / n)) / (2 * own);
        moved = fmax(moved, fabs(next - x[i]));
        x[i] = next;
    }
    return moved;
}

void weights_risk_parity(const estimate_t *estimate, double *weights) {
    int n = estimate->n;
    for (int i = 0; i < n; i++)
        weights[i] = 1 / sqrt(n * estimate->covariances[i * n + i]);
    for (int sweep = 0; sweep < MAX_SWEEPS && s_sweep(estimate, weights) > PRECISION; sweep++)
        ;
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += weights[i];
    for (int i = 0; i < n; i++)
        weights[i] /= sum;
}
