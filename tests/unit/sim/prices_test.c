/* Specification of the price history. */
#include "sim_fixture.h"

#include <math.h>

#define SPEC(name) Test(sim_prices, name, .timeout = 30)

SPEC(the_last_full_bar_is_may_2022_because_june_had_not_ended) {
    prices_t *prices = fixture_prices();
    cr_assert_str_eq(prices_as_of(prices), "2022-05-01");
    cr_assert_float_eq(prices_find(prices, "^GSPC")->closes[prices->bars - 1], 4132.14990234375, 1e-9);
    prices_destroy(&prices);
}

SPEC(rows_without_any_price_are_no_bars) {
    prices_t *prices = fixture_prices();
    cr_assert_eq(prices->bars, 389);
    for (int i = 0; i < prices->bars; i++)
        cr_assert_str_eq(prices->dates[i] + 8, "01");
    prices_destroy(&prices);
}

SPEC(a_stock_has_no_bars_before_its_listing) {
    prices_t *prices = fixture_prices();
    const series_t *dell = prices_find(prices, "DELL");
    cr_assert_eq(series_length_at(dell, dell->first - 1), 0);
    cr_assert_eq(series_length_at(dell, dell->first), 1);
    cr_assert(isnan(dell->closes[dell->first - 1]));
    cr_assert_str_eq(prices->dates[dell->first], "2016-09-01");
    prices_destroy(&prices);
}

SPEC(an_unknown_symbol_is_not_found) {
    prices_t *prices = fixture_prices();
    cr_assert_null(prices_find(prices, "600519.SH"));
    prices_destroy(&prices);
}

SPEC(a_date_between_two_bars_belongs_to_the_earlier_one) {
    prices_t *prices = fixture_prices();
    cr_assert_eq(prices_bar_at(prices, "1990-02-14"), 1);
    cr_assert_eq(prices_bar_at(prices, "1989-12-31"), -1);
    cr_assert_eq(prices_bar_at(prices, "2030-01-01"), prices->bars - 1);
    prices_destroy(&prices);
}

SPEC(the_daily_file_counts_trading_days_of_a_year) {
    prices_t *prices = fixture_prices();
    cr_assert_eq(prices_days_between(prices, "2010-01-01", "2010-12-31"), 252);
    prices_destroy(&prices);
}

SPEC(a_missing_directory_is_named_in_the_error) {
    char error[256] = "";
    cr_assert_null(prices_load("/nonexistent", error, sizeof error));
    cr_assert_not_null(strstr(error, "/nonexistent"));
}

SPEC(they_end_where_they_are_cut) {
    char error[200] = "";
    prices_t *prices = fixture_prices();
    cr_assert(prices_cut(prices, "2003-12-31", error, sizeof error), "%s", error);
    cr_assert_str_eq(prices_as_of(prices), "2003-12-01");
    cr_assert_null(prices_find(prices, "GOOGL"), "it was not listed yet");
    cr_assert_str_eq(prices->day_dates[prices->days - 1], "2003-12-31");
    cr_assert_not(prices_cut(prices, "1990-02-01", error, sizeof error));
    cr_assert(strstr(error, "1990-02-01"));
    prices_destroy(&prices);
}
