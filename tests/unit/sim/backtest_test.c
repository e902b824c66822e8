/* Specification of the backtest and of the macro state. */
#include "backtest.h"
#include "macro_state.h"
#include "sim_fixture.h"

#include <math.h>

#define SPEC(name) Test(sim_backtest, name, .timeout = 30)

static const strategy_t ALL = {ANALYZERS_ALL, {1, 1, 1, 1, 1}, 0};

SPEC(performance_is_measured_as_worked_out_by_hand) {
    const double returns[] = {0.10, -0.50, 0.20, 0};
    const bool held[] = {true, true, true, false};
    performance_t p;
    performance_measure(returns, held, 4, &p);
    cr_assert_float_eq(p.total_return, 1.1 * 0.5 * 1.2 - 1, 1e-12);
    cr_assert_float_eq(p.max_drawdown, 0.5, 1e-12);
    cr_assert_float_eq(p.win_rate, 2.0 / 3, 1e-12);
    double deviation = sqrt((0.15 * 0.15 + 0.45 * 0.45 + 0.25 * 0.25 + 0.05 * 0.05) / 3);
    cr_assert_float_eq(p.volatility, deviation * sqrt(12), 1e-12);
    cr_assert_float_eq(p.sharpe_ratio, -0.05 / deviation * sqrt(12), 1e-12);
}

SPEC(a_loss_in_the_first_month_is_a_drawdown) {
    const double returns[] = {-0.25, 0.1};
    const bool held[] = {true, true};
    performance_t p;
    performance_measure(returns, held, 2, &p);
    cr_assert_float_eq(p.max_drawdown, 0.25, 1e-12);
}

SPEC(what_happens_after_the_last_bar_does_not_matter) {
    prices_t *prices = fixture_prices();
    const series_t *stocks[PRICES_MAX_SERIES];
    performance_t before, after;
    int n = prices_stocks(prices, stocks), last = 300;
    cr_assert(backtest_run(prices, stocks, n, 200, last, &ALL, &before));
    for (int i = 0; i < n; i++)
        prices_find(prices, stocks[i]->symbol)->closes[last + 1] *= 10;
    cr_assert(backtest_run(prices, stocks, n, 200, last, &ALL, &after));
    cr_assert_float_eq(before.total_return, after.total_return, 1e-12);
    prices_destroy(&prices);
}

SPEC(commission_costs) {
    prices_t *prices = fixture_prices();
    const series_t *stocks[PRICES_MAX_SERIES];
    performance_t free_of_charge, charged;
    strategy_t costly = ALL;
    costly.commission = 0.01;
    int n = prices_stocks(prices, stocks);
    cr_assert(backtest_run(prices, stocks, n, 200, 260, &ALL, &free_of_charge));
    cr_assert(backtest_run(prices, stocks, n, 200, 260, &costly, &charged));
    cr_assert_lt(charged.total_return, free_of_charge.total_return);
    prices_destroy(&prices);
}

SPEC(two_monthly_returns_are_the_least) {
    prices_t *prices = fixture_prices();
    const series_t *stocks[PRICES_MAX_SERIES];
    performance_t p;
    int n = prices_stocks(prices, stocks);
    cr_assert_not(backtest_run(prices, stocks, n, 100, 101, &ALL, &p));
    cr_assert(backtest_run(prices, stocks, n, 100, 102, &ALL, &p));
    cr_assert_not(backtest_run(prices, stocks, 0, 100, 120, &ALL, &p));
    prices_destroy(&prices);
}

SPEC(trend_and_momentum_name_the_cycle) {
    cr_assert_eq(cycle_classify(0.005, 0.2), CYCLE_NEUTRAL);
    cr_assert_eq(cycle_classify(0.05, 0.01), CYCLE_EXPANSION);
    cr_assert_eq(cycle_classify(0.05, -0.01), CYCLE_SLOWDOWN);
    cr_assert_eq(cycle_classify(-0.05, 0.01), CYCLE_RECOVERY);
    cr_assert_eq(cycle_classify(-0.05, -0.01), CYCLE_RECESSION);
}

SPEC(the_crash_of_2008_reads_as_recession_with_high_risk) {
    prices_t *prices = fixture_prices();
    macro_state_t state;
    cr_assert(macro_state_at(prices, prices_bar_at(prices, "2008-11-01"), &state));
    cr_assert_str_eq(state.economic_cycle, "recession");
    cr_assert_str_eq(state.risk_level, "high");
    cr_assert_str_eq(state.market_sentiment, "negative");
    cr_assert_gt(state.volatility_annual, 0.5, "daily returns must be used where there are any");
    prices_destroy(&prices);
}

SPEC(every_state_is_within_its_set_and_its_bounds) {
    prices_t *prices = fixture_prices();
    macro_state_t state;
    cr_assert_not(macro_state_at(prices, 11, &state));
    for (int bar = 12; bar < prices->bars; bar++) {
        cr_assert(macro_state_at(prices, bar, &state));
        cr_assert(state.confidence >= 0.5 && state.confidence <= 1);
        cr_assert(state.breadth >= 0 && state.breadth <= 1);
        cr_assert(state.drawdown >= 0 && state.drawdown < 1);
        cr_assert_gt(state.volatility_annual, 0);
    }
    double position = macro_phase_position(prices);
    cr_assert(position > 0 && position <= 1);
    prices_destroy(&prices);
}
