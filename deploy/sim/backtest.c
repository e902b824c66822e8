/* Backtest of the long-only multi-analyzer strategy. */
#include "backtest.h"

#include "indicators.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void performance_measure(const double *returns, const bool *held, int n, performance_t *out) {
    *out = (performance_t){.months = n};
    double value = 1, peak = 1;
    int invested = 0, wins = 0;
    for (int i = 0; i < n; i++) {
        value *= 1 + returns[i];
        peak = fmax(peak, value);
        out->max_drawdown = fmax(out->max_drawdown, 1 - value / peak);
        invested += held[i];
        wins += held[i] && returns[i] > 0;
    }
    double deviation = stddev(returns, n);
    out->total_return = value - 1;
    out->volatility = deviation * sqrt(MONTHS_PER_YEAR);
    out->sharpe_ratio = deviation > 0 ? mean(returns, n) / deviation * sqrt(MONTHS_PER_YEAR) : 0;
    out->win_rate = invested ? (double)wins / invested : 0;
}

static bool s_wants(const series_t *series, int bar, const strategy_t *strategy) {
    if (series_length_at(series, bar) < ANALYSIS_MIN_BARS)
        return false;
    const double *window = series->closes + bar - ANALYSIS_MIN_BARS + 1;
    double score = 0, total = 0;
    for (int i = 0; i < ANALYZER_COUNT; i++)
        if (strategy->analyzers & (1u << i)) {
            score += strategy->weights[i] * analyzer_score((analyzer_t)i, window, ANALYSIS_MIN_BARS);
            total += strategy->weights[i];
        }
    return total > 0 && score / total >= BACKTEST_HOLD_SCORE;
}

/* New weights for the month after `bar`; returns the fraction that is traded to get there. */
static double s_rebalance(const series_t *const *series, int n, int bar, const strategy_t *strategy,
                          double *weights, bool *held) {
    bool wants[PRICES_MAX_SERIES];
    int count = 0;
    for (int i = 0; i < n; i++)
        count += wants[i] = s_wants(series[i], bar, strategy);
    double traded = 0;
    for (int i = 0; i < n; i++) {
        double next = wants[i] ? 1.0 / count : 0;
        traded += fabs(next - weights[i]);
        weights[i] = next;
    }
    *held = count > 0;
    return traded;
}

/* Return of the month that ends at `bar`; the weights drift with the prices. */
static double s_month(const series_t *const *series, int n, int bar, double *weights) {
    double total = 0;
    for (int i = 0; i < n; i++)
        if (weights[i] > 0) {
            double change = series[i]->closes[bar] / series[i]->closes[bar - 1] - 1;
            total += weights[i] * change;
            weights[i] *= 1 + change;
        }
    for (int i = 0; i < n; i++)
        weights[i] /= 1 + total;
    return total;
}

bool backtest_run(const prices_t *prices, const series_t *const *series, int n, int first, int last,
                  const strategy_t *strategy, performance_t *out) {
    int months = last - first;
    if (n < 1 || n > PRICES_MAX_SERIES || first < 0 || last >= prices->bars || months < 2)
        return false;
    double *returns = calloc((size_t)months, sizeof *returns);
    bool *held = calloc((size_t)months, sizeof *held);
    double weights[PRICES_MAX_SERIES] = {0};
    for (int i = 0; returns && held && i < months; i++) {
        double traded = s_rebalance(series, n, first + i, strategy, weights, &held[i]);
        double gross = s_month(series, n, first + i + 1, weights);
        returns[i] = (1 - strategy->commission * traded) * (1 + gross) - 1;
    }
    bool ok = returns && held;
    if (ok)
        performance_measure(returns, held, months, out);
    free(returns);
    free(held);
    return ok;
}
