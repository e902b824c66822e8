/* Backtest of the long-only multi-analyzer strategy on monthly bars. Pure functions.
 *
 * At each bar every stock with ANALYSIS_MIN_BARS bars of history is scored on its closes up to that bar: the weighted
 * mean of the strategy's analyzers. The stocks that score at least BACKTEST_HOLD_SCORE are held with equal weights until
 * the next bar, else everything is cash, which earns nothing. Commission is paid on the fraction that is traded. The
 * first bar of the range only decides; the last only ends the last month. Nothing looks ahead. */
#pragma once

#include "analyzers.h"
#include "prices.h"

#define BACKTEST_HOLD_SCORE 0.5

typedef struct {
    unsigned analyzers;
    double weights[ANALYZER_COUNT]; /* of the analyzers in the set; their sum must be positive */
    double commission;              /* fraction of what is traded */
} strategy_t;

typedef struct {
    int months;          /* monthly returns in the range */
    double total_return; /* fraction */
    double sharpe_ratio; /* mean / deviation of the monthly returns * sqrt 12; 0 when nothing moved */
    double max_drawdown; /* fraction >= 0 */
    double volatility;   /* annual */
    double win_rate;     /* share of the months with a position that ended with a gain */
} performance_t;

/* Performance of a series of n period returns (12 a year); `held` marks the periods with a position. */
void performance_measure(const double *returns, const bool *held, int n, performance_t *out);

/* Runs over bars first..last. false when there are fewer than two monthly returns. */
bool backtest_run(const prices_t *prices, const series_t *const *series, int n, int first, int last,
                  const strategy_t *strategy, performance_t *out);
