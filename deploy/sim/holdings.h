/* The one portfolio that the simulator knows: 1,000,000 CNY that were spread evenly over all listed stocks twelve months
 * before the last full bar and not touched since. Prices enter as ratios, so their currency does not matter. Pure. */
#pragma once

#include "prices.h"

#define HOLDINGS_PORTFOLIO_ID "default_portfolio"

typedef struct {
    double total_value; /* CNY at the last full bar */
    /* From the last 60 monthly returns of today's mix, with normal distribution and square-root-of-time scaling over 21
     * trading days a month; losses are positive fractions at 95 %. */
    double var_1d, var_5d, expected_shortfall;
    double beta, tracking_error, information_ratio; /* against ^GSPC, annual */
    double risk_score;                              /* annual volatility / 0.5, cut off at 1 */
} holdings_t;

/* false when no stock has twelve months of history or the index is missing. */
bool holdings_measure(const prices_t *prices, holdings_t *out);
