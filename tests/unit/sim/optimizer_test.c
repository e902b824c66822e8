/* Specification of the portfolio weights. */
#include "optimizer.h"
#include "sim_fixture.h"

#include <math.h>

#define SPEC(name) Test(sim_optimizer, name, .timeout = 30)

/* Uncorrelated, volatilities 10 % and 20 %. */
static const estimate_t TWO = {.n = 2, .expected = {0.02, 0.08}, .covariances = {0.01, 0, 0, 0.04}};
static const limits_t NO_LIMITS = {1, HUGE_VAL};

static int s_shipped(prices_t *prices, estimate_t *out) {
    const series_t *stocks[PRICES_MAX_SERIES];
    int n = prices_stocks(prices, stocks);
    cr_assert_eq(estimate_from_prices(stocks, n, prices->bars - 1, out), OPTIMIZER_LOOKBACK_BARS);
    return n;
}

static double s_sum(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

SPEC(risk_parity_of_uncorrelated_stocks_is_inverse_volatility) {
    double weights[2];
    weights_risk_parity(&TWO, weights);
    cr_assert_float_eq(weights[0], 2.0 / 3, 1e-9);
    cr_assert_float_eq(weights[1], 1.0 / 3, 1e-9);
}

SPEC(risk_parity_gives_every_stock_the_same_risk_contribution) {
    prices_t *prices = fixture_prices();
    estimate_t estimate;
    double weights[PRICES_MAX_SERIES];
    int n = s_shipped(prices, &estimate);
    weights_risk_parity(&estimate, weights);
    double variance = pow(portfolio_volatility(&estimate, weights), 2);
    for (int i = 0; i < n; i++) {
        double marginal = 0;
        for (int j = 0; j < n; j++)
            marginal += estimate.covariances[i * n + j] * weights[j];
        cr_assert_float_eq(weights[i] * marginal / variance, 1.0 / n, 1e-8);
    }
    prices_destroy(&prices);
}

SPEC(least_variance_of_uncorrelated_stocks_is_inverse_variance) {
    allocation_t result;
    optimize_markowitz(&TWO, OBJECTIVE_MIN_RISK, NO_LIMITS, &result);
    cr_assert_float_eq(result.weights[0], 0.8, 1e-9);
    cr_assert_float_eq(result.weights[1], 0.2, 1e-9);
}

SPEC(the_best_sharpe_is_proportional_to_return_over_variance) {
    allocation_t result;
    optimize_markowitz(&TWO, OBJECTIVE_MAX_SHARPE, NO_LIMITS, &result);
    cr_assert_float_eq(result.weights[0], 0.5, 1e-9);
    cr_assert_float_eq(result.sharpe, sqrt(0.2 * 0.2 + 0.4 * 0.4), 1e-9);
}

SPEC(the_most_return_takes_the_best_stock_first) {
    allocation_t result;
    optimize_markowitz(&TWO, OBJECTIVE_MAX_RETURN, (limits_t){0.7, HUGE_VAL}, &result);
    cr_assert_float_eq(result.weights[1], 0.7, 1e-9);
    cr_assert_float_eq(result.weights[0], 0.3, 1e-9);
}

SPEC(nothing_is_held_when_every_expected_return_is_negative) {
    estimate_t gloomy = TWO;
    gloomy.expected[0] = gloomy.expected[1] = -0.1;
    const objective_t seeking[] = {OBJECTIVE_MAX_RETURN, OBJECTIVE_MAX_SHARPE};
    for (int i = 0; i < 2; i++) {
        allocation_t result;
        optimize_markowitz(&gloomy, seeking[i], NO_LIMITS, &result);
        cr_assert_float_eq(result.target_position, 0, 1e-12);
    }
}

SPEC(weights_sum_to_the_target_and_obey_the_caps_whatever_is_asked) {
    prices_t *prices = fixture_prices();
    estimate_t estimate;
    int n = s_shipped(prices, &estimate);
    const double caps[] = {0.05, 0.2, 1}, volatilities[] = {0.05, 0.15, HUGE_VAL};
    for (int method = -1; method <= OBJECTIVE_MAX_SHARPE; method++)
        for (int i = 0; i < 9; i++) {
            limits_t limits = {caps[i / 3], volatilities[i % 3]};
            allocation_t result;
            if (method < 0)
                optimize_risk_parity(&estimate, limits, &result);
            else
                optimize_markowitz(&estimate, (objective_t)method, limits, &result);
            cr_assert_float_eq(s_sum(result.weights, n), result.target_position, 1e-9);
            cr_assert(result.target_position > 0 && result.target_position <= 1 + 1e-9);
            cr_assert(result.volatility <= limits.max_volatility + 1e-9);
            for (int k = 0; k < n; k++)
                cr_assert(result.weights[k] >= 0 && result.weights[k] <= limits.max_single_stock + 1e-9);
        }
    prices_destroy(&prices);
}

SPEC(a_var_limit_of_two_percent_is_nineteen_percent_volatility) {
    cr_assert_float_eq(volatility_of_var(0.02), 0.19302, 1e-5);
}
