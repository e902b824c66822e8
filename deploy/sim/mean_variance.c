/* Long-only mean-variance weights, and what is invested of them under the limits. */
#include "optimizer.h"

#include "indicators.h"

#include <math.h>
#include <string.h>

static const int MAX_SWEEPS = 2000;
static const double PRECISION = 1e-12;

/* Coordinate descent on y'Vy / 2 - linear'y with y >= 0; the normalised solution has the largest ratio. */
static double s_sweep(const estimate_t *estimate, const double *linear, double *y) {
    int n = estimate->n;
    double moved = 0;
    for (int i = 0; i < n; i++) {
        double others = 0;
        for (int j = 0; j < n; j++)
            others += j == i ? 0 : estimate->covariances[i * n + j] * y[j];
        double next = fmax(0, (linear[i] - others) / estimate->covariances[i * n + i]);
        moved = fmax(moved, fabs(next - y[i]));
        y[i] = next;
    }
    return moved;
}

bool weights_mean_variance(const estimate_t *estimate, const double *linear, double *weights) {
    int n = estimate->n;
    double sum = 0;
    memset(weights, 0, sizeof(double) * (size_t)n);
    for (int sweep = 0; sweep < MAX_SWEEPS && s_sweep(estimate, linear, weights) > PRECISION; sweep++)
        ;
    for (int i = 0; i < n; i++)
        sum += weights[i];
    for (int i = 0; i < n && sum > 0; i++)
        weights[i] /= sum;
    return sum > 0;
}

static void s_measure(const estimate_t *estimate, allocation_t *out) {
    out->target_position = out->expected_return = 0;
    for (int i = 0; i < estimate->n; i++) {
        out->target_position += out->weights[i];
        out->expected_return += out->weights[i] * estimate->expected[i];
    }
    out->volatility = portfolio_volatility(estimate, out->weights);
    out->sharpe = out->volatility > 0 ? out->expected_return / out->volatility : 0;
}

static void s_scale(allocation_t *out, int n, double factor) {
    for (int i = 0; i < n; i++)
        out->weights[i] *= factor;
}

static double s_volatility_factor(const estimate_t *estimate, const allocation_t *out, limits_t limits) {
    double volatility = portfolio_volatility(estimate, out->weights);
    return volatility > limits.max_volatility ? limits.max_volatility / volatility : 1;
}

/* Keeps the proportions of weights that sum to 1. */
static void s_invest(const estimate_t *estimate, limits_t limits, allocation_t *out) {
    double largest = 0;
    for (int i = 0; i < estimate->n; i++)
        largest = fmax(largest, out->weights[i]);
    double factor = s_volatility_factor(estimate, out, limits);
    if (largest > 0)
        factor = fmin(factor, limits.max_single_stock / largest);
    s_scale(out, estimate->n, factor);
    s_measure(estimate, out);
}

static int s_best_left(const estimate_t *estimate, const double *weights) {
    int best = -1;
    for (int i = 0; i < estimate->n; i++)
        if (weights[i] == 0 && estimate->expected[i] > 0 &&
            (best < 0 || estimate->expected[i] > estimate->expected[best]))
            best = i;
    return best;
}

static void s_fill_by_return(const estimate_t *estimate, limits_t limits, allocation_t *out) {
    double left = 1;
    for (int i = s_best_left(estimate, out->weights); i >= 0 && left > PRECISION;
         i = s_best_left(estimate, out->weights)) {
        out->weights[i] = fmin(limits.max_single_stock, left);
        left -= out->weights[i];
    }
    s_scale(out, estimate->n, s_volatility_factor(estimate, out, limits));
    s_measure(estimate, out);
}

void optimize_risk_parity(const estimate_t *estimate, limits_t limits, allocation_t *out) {
    *out = (allocation_t){0};
    weights_risk_parity(estimate, out->weights);
    s_invest(estimate, limits, out);
}

void optimize_markowitz(const estimate_t *estimate, objective_t objective, limits_t limits,
                        allocation_t *out) {
    *out = (allocation_t){0};
    if (objective == OBJECTIVE_MAX_RETURN) {
        s_fill_by_return(estimate, limits, out);
        return;
    }
    double ones[PRICES_MAX_SERIES];
    for (int i = 0; i < estimate->n; i++)
        ones[i] = 1;
    weights_mean_variance(estimate, objective == OBJECTIVE_MIN_RISK ? ones : estimate->expected,
                          out->weights);
    s_invest(estimate, limits, out);
}
