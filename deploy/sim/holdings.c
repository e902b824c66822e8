/* Value and risk of the default portfolio. */
#include "holdings.h"

#include "indicators.h"

#include <math.h>

enum { HELD_BARS = 12, RISK_BARS = 60 };

static const double INITIAL_VALUE = 1000000;
static const double Z_95 = 1.6448536269514722;
static const double SHORTFALL_95 = 2.0627128075074257; /* density at Z_95 / 0.05 */
static const double FULL_RISK_VOLATILITY = 0.5;

typedef struct {
    int n;
    const series_t *series[PRICES_MAX_SERIES];
    double weights[PRICES_MAX_SERIES]; /* sum 1 */
} mix_t;

/* The stocks that were held for the whole time, weighted by what they grew to; returns the growth of all. */
static double s_mix(const prices_t *prices, mix_t *mix) {
    int last = prices->bars - 1;
    double sum = 0;
    mix->n = 0;
    for (int i = 0; i < prices->series_count; i++) {
        const series_t *series = &prices->series[i];
        if (series->is_index || series_length_at(series, last) <= HELD_BARS)
            continue;
        mix->series[mix->n] = series;
        mix->weights[mix->n] = series->closes[last] / series->closes[last - HELD_BARS];
        sum += mix->weights[mix->n++];
    }
    for (int i = 0; i < mix->n; i++)
        mix->weights[i] /= sum;
    return mix->n ? sum / mix->n : 0;
}

static int s_returns(const prices_t *prices, const mix_t *mix, const series_t *index, double *own,
                     double *market) {
    int last = prices->bars - 1, bars = series_length_at(index, last);
    for (int i = 0; i < mix->n; i++) {
        int length = series_length_at(mix->series[i], last);
        bars = length < bars ? length : bars;
    }
    int count = bars - 1 < RISK_BARS ? bars - 1 : RISK_BARS;
    for (int k = 0; k < count; k++) {
        int bar = last - count + 1 + k;
        market[k] = index->closes[bar] / index->closes[bar - 1] - 1;
        own[k] = 0;
        for (int i = 0; i < mix->n; i++)
            own[k] += mix->weights[i] * (mix->series[i]->closes[bar] / mix->series[i]->closes[bar - 1] - 1);
    }
    return count;
}

bool holdings_measure(const prices_t *prices, holdings_t *out) {
    mix_t mix;
    const series_t *index = prices_find(prices, PRICES_DAILY_SYMBOL);
    double growth = s_mix(prices, &mix);
    double own[RISK_BARS], market[RISK_BARS], excess[RISK_BARS];
    int n = index && mix.n ? s_returns(prices, &mix, index, own, market) : 0;
    if (n < 2)
        return false;
    for (int i = 0; i < n; i++)
        excess[i] = own[i] - market[i];
    double monthly = stddev(own, n), daily = monthly / sqrt(TRADING_DAYS_PER_MONTH);
    *out = (holdings_t){.total_value = INITIAL_VALUE * growth};
    out->var_1d = Z_95 * daily;
    out->var_5d = Z_95 * daily * sqrt(5);
    out->expected_shortfall = SHORTFALL_95 * daily;
    out->beta = covariance(own, market, n) / covariance(market, market, n);
    out->tracking_error = stddev(excess, n) * sqrt(MONTHS_PER_YEAR);
    out->information_ratio =
        out->tracking_error > 0 ? mean(excess, n) * MONTHS_PER_YEAR / out->tracking_error : 0;
    out->risk_score = fmin(1, monthly * sqrt(MONTHS_PER_YEAR) / FULL_RISK_VOLATILITY);
    return true;
}
