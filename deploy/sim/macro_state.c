/* The state of the market as far as prices tell it. */
#include "macro_state.h"

#include "indicators.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TREND_BARS = 12, BREADTH_BARS = 10, DAILY_WINDOW = 63 };

static const char *const s_cycle_names[] = {"recession", "recovery", "expansion", "slowdown", "neutral"};

const char *cycle_name(cycle_t cycle) {
    return s_cycle_names[cycle];
}

cycle_t cycle_classify(double trend, double momentum_3m) {
    if (fabs(trend) < 0.01)
        return CYCLE_NEUTRAL;
    if (trend > 0)
        return momentum_3m >= 0 ? CYCLE_EXPANSION : CYCLE_SLOWDOWN;
    return momentum_3m > 0 ? CYCLE_RECOVERY : CYCLE_RECESSION;
}

const char *risk_level_classify(double volatility_annual) {
    return volatility_annual < 0.12 ? "low" : volatility_annual > 0.20 ? "high" : "medium";
}

const char *sentiment_classify(double breadth) {
    return breadth > 0.6 ? "positive" : breadth < 0.4 ? "negative" : "neutral";
}

/* Last daily row of the bar's month, -1 unless the file goes on into a later month. */
static int s_last_day_of_month(const prices_t *prices, const char *bar_date) {
    for (int i = prices->days - 2; i >= 0; i--)
        if (strncmp(prices->day_dates[i], bar_date, 7) == 0)
            return strncmp(prices->day_dates[i + 1], bar_date, 7) > 0 ? i : -1;
    return -1;
}

static double s_volatility(const prices_t *prices, const series_t *index, int bar) {
    int day = s_last_day_of_month(prices, prices->dates[bar]);
    double returns[DAILY_WINDOW];
    if (day >= DAILY_WINDOW) {
        simple_returns(prices->day_closes + day - DAILY_WINDOW, DAILY_WINDOW + 1, returns);
        return stddev(returns, DAILY_WINDOW) * sqrt(TRADING_DAYS_PER_YEAR);
    }
    simple_returns(index->closes + bar - TREND_BARS, TREND_BARS + 1, returns);
    return stddev(returns, TREND_BARS) * sqrt(MONTHS_PER_YEAR);
}

static double s_breadth(const prices_t *prices, int bar) {
    int above = 0, counted = 0;
    for (int i = 0; i < prices->series_count; i++) {
        const series_t *series = &prices->series[i];
        int length = series_length_at(series, bar);
        if (series->is_index || length < BREADTH_BARS)
            continue;
        const double *closes = series->closes + series->first;
        counted++;
        above += closes[length - 1] > moving_average(closes, length, BREADTH_BARS);
    }
    return counted ? (double)above / counted : 0.5;
}

static double s_confidence(const macro_state_t *state) {
    double signs[] = {fmin(1, fabs(state->trend_12m) / 0.10), fmin(1, fabs(state->momentum_3m) / 0.10),
                      fabs(2 * state->breadth - 1)};
    return 0.5 + 0.5 * mean(signs, 3);
}

bool macro_state_at(const prices_t *prices, int bar, macro_state_t *out) {
    const series_t *index = prices_find(prices, PRICES_DAILY_SYMBOL);
    int length = index ? series_length_at(index, bar) : 0;
    if (length <= TREND_BARS)
        return false;
    const double *closes = index->closes + index->first;
    *out = (macro_state_t){0};
    out->trend_12m = closes[length - 1] / moving_average(closes, length, TREND_BARS) - 1;
    out->momentum_3m = momentum(closes, length, 3);
    out->return_12m = momentum(closes, length, TREND_BARS);
    out->breadth = s_breadth(prices, bar);
    out->volatility_annual = s_volatility(prices, index, bar);
    out->drawdown = drawdown_now(closes, length);
    out->cycle = cycle_classify(out->trend_12m, out->momentum_3m);
    out->economic_cycle = cycle_name(out->cycle);
    out->risk_level = risk_level_classify(out->volatility_annual);
    out->market_sentiment = sentiment_classify(out->breadth);
    out->confidence = s_confidence(out);
    snprintf(out->as_of, sizeof out->as_of, "%s", prices->dates[bar]);
    return true;
}

double macro_phase_position(const prices_t *prices) {
    int total[CYCLE_NEUTRAL + 1] = {0}, phases[CYCLE_NEUTRAL + 1] = {0}, run = 0;
    cycle_t current = CYCLE_NEUTRAL;
    const series_t *index = prices_find(prices, PRICES_DAILY_SYMBOL);
    for (int bar = 0; index && bar < prices->bars; bar++) {
        int length = series_length_at(index, bar);
        if (length <= TREND_BARS)
            continue;
        const double *closes = index->closes + index->first;
        cycle_t next = cycle_classify(closes[length - 1] / moving_average(closes, length, TREND_BARS) - 1,
                                      momentum(closes, length, 3));
        if (run > 0 && next != current) {
            total[current] += run;
            phases[current]++;
            run = 0;
        }
        current = next;
        run++;
    }
    return phases[current] ? fmin(1, (double)run * phases[current] / total[current]) : 0;
}
