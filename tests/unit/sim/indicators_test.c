/* Specification of the indicators and analyzers, on numbers worked out by hand. */
#include "analyzers.h"
#include "indicators.h"

#include <criterion/criterion.h>
#include <math.h>

#define SPEC(name) Test(sim_indicators, name, .timeout = 30)

static const double RISING[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
static const double FALLING[] = {21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10};
static const double FLAT[] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5};

SPEC(drawdown_is_the_deepest_fall_from_a_peak) {
    const double values[] = {100, 120, 90, 110, 60, 130};
    cr_assert_float_eq(max_drawdown(values, 6), 0.5, 1e-12);
    cr_assert_float_eq(drawdown_now(values, 5), 0.5, 1e-12);
    cr_assert_float_eq(drawdown_now(values, 6), 0, 1e-12);
}

SPEC(drawdown_of_rising_values_is_zero) {
    cr_assert_float_eq(max_drawdown(RISING, 12), 0, 1e-12);
}

SPEC(deviation_divides_by_n_minus_one) {
    const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    cr_assert_float_eq(stddev(values, 8), sqrt(32.0 / 7), 1e-12);
    cr_assert_float_eq(stddev(values, 1), 0, 1e-12);
}

SPEC(a_moving_average_takes_the_newest_values) {
    cr_assert_float_eq(moving_average(RISING, 12, 2), 20.5, 1e-12);
    cr_assert_float_eq(moving_average(RISING, 12, 99), 15.5, 1e-12);
}

SPEC(momentum_is_the_return_over_the_bars) {
    cr_assert_float_eq(momentum(RISING, 12, 1), 21.0 / 20 - 1, 1e-12);
    cr_assert_float_eq(momentum(RISING, 12, 99), 1.1, 1e-12);
}

SPEC(relative_strength_is_the_share_of_the_gains) {
    const double values[] = {10, 13, 12};
    cr_assert_float_eq(relative_strength(values, 3), 0.75, 1e-12);
    cr_assert_float_eq(relative_strength(FLAT, 12), 0.5, 1e-12);
}

SPEC(trend_followers_buy_a_rise_and_sell_a_fall) {
    const analyzer_t followers[] = {ANALYZER_LIVERMORE, ANALYZER_MULTI_INDICATOR, ANALYZER_DOW_THEORY};
    for (int i = 0; i < 3; i++) {
        cr_assert_gt(analyzer_score(followers[i], RISING, 12), 0.6, "%s", analyzer_name(followers[i]));
        cr_assert_lt(analyzer_score(followers[i], FALLING, 12), 0.4, "%s", analyzer_name(followers[i]));
    }
}

SPEC(the_mean_reverter_sells_a_rise_and_buys_a_fall) {
    cr_assert_lt(analyzer_score(ANALYZER_HONG_HAO, RISING, 12), 0.4);
    cr_assert_gt(analyzer_score(ANALYZER_HONG_HAO, FALLING, 12), 0.6);
}

SPEC(chanlun_measures_from_the_latest_fractal) {
    const double bottomed[] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 8, 8.6, 8.6};
    const double topped[] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 10, 9.4, 9.4};
    cr_assert_float_eq(analyzer_score(ANALYZER_CHANLUN, bottomed, 12), 0.75, 1e-12);
    cr_assert_float_eq(analyzer_score(ANALYZER_CHANLUN, topped, 12), 0.3, 1e-12);
    cr_assert_float_eq(analyzer_score(ANALYZER_CHANLUN, RISING, 12), 0.5, 1e-12);
}

SPEC(flat_prices_give_no_opinion) {
    for (int i = 0; i < ANALYZER_COUNT; i++)
        cr_assert_float_eq(analyzer_score((analyzer_t)i, FLAT, 12), 0.5, 1e-12);
}

SPEC(sixty_days_are_widened_to_twelve_bars) {
    cr_assert_eq(analysis_bars(60), 12);
    cr_assert_eq(analysis_bars(365), 12);
    cr_assert_eq(analysis_bars(730), 24);
}

SPEC(fewer_than_twelve_bars_are_not_analysed) {
    analysis_t analysis;
    cr_assert_not(analysis_run(ANALYZERS_ALL, RISING, 11, 11, &analysis));
    cr_assert_not(analysis_run(0, RISING, 12, 12, &analysis));
}

SPEC(agreement_and_history_make_confidence) {
    analysis_t all, one, young;
    cr_assert(analysis_run(ANALYZERS_ALL, FLAT, 12, 60, &all));
    cr_assert_float_eq(all.confidence, 1, 1e-12);
    cr_assert(analysis_run(1u << ANALYZER_LIVERMORE, FLAT, 12, 60, &one));
    cr_assert_float_eq(one.confidence, 0.5, 1e-12);
    cr_assert(analysis_run(ANALYZERS_ALL, FLAT, 12, 12, &young));
    cr_assert_float_eq(young.confidence, 0.6, 1e-12);
}

SPEC(the_overall_score_is_the_mean_of_the_analyzers_asked_for) {
    analysis_t analysis;
    cr_assert(analysis_run(1u << ANALYZER_LIVERMORE | 1u << ANALYZER_HONG_HAO, RISING, 12, 12, &analysis));
    cr_assert_float_eq(analysis.overall,
                       (analysis.scores[ANALYZER_LIVERMORE] + analysis.scores[ANALYZER_HONG_HAO]) / 2, 1e-12);
}
