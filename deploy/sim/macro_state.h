/* The state of the market as far as prices tell it. Pure functions.
 *
 * economic_cycle    from the index ^GSPC: trend = last close / 12-month average - 1, momentum = 3-month return.
 *                   |trend| < 1 %: neutral. Above the average: expansion while momentum >= 0, else slowdown. Below it:
 *                   recovery while momentum > 0, else recession.
 * risk_level        from the annual volatility of ^GSPC: below 12 % low, above 20 % high, else medium. Where the daily
 *                   file covers the month in full, from its last 63 daily returns, else from the last 12 monthly ones.
 * market_sentiment  from breadth, the share of the stocks above their 10-month average: above 0.6 positive, below 0.4
 *                   negative, else neutral.
 * confidence        0.5 + 0.5 * mean of (|trend| / 10 %, |momentum| / 10 %, |2 * breadth - 1|), each cut off at 1: the
 *                   more clearly the signs speak the nearer to 1. */
#pragma once

#include "prices.h"

typedef enum { CYCLE_RECESSION, CYCLE_RECOVERY, CYCLE_EXPANSION, CYCLE_SLOWDOWN, CYCLE_NEUTRAL } cycle_t;

typedef struct {
    cycle_t cycle;
    const char *economic_cycle, *risk_level, *market_sentiment;
    double confidence;
    double trend_12m, momentum_3m, return_12m, breadth, volatility_annual, drawdown; /* fractions */
    char as_of[DATE_SIZE];
} macro_state_t;

const char *cycle_name(cycle_t cycle);

/* trend and momentum as above. */
cycle_t cycle_classify(double trend, double momentum_3m);
const char *risk_level_classify(double volatility_annual);
const char *sentiment_classify(double breadth);

/* State at a bar; false when the index has fewer than 13 bars by then. */
bool macro_state_at(const prices_t *prices, int bar, macro_state_t *out);

/* How far the current phase has run at the last bar, 0-1: months in it so far / mean length of the earlier phases of its
 * kind, cut off at 1. */
double macro_phase_position(const prices_t *prices);
