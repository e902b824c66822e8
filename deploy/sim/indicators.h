/* Plain numbers from plain arrays: returns, averages, deviations, technical indicators. Pure functions. */
#pragma once

enum { MONTHS_PER_YEAR = 12, TRADING_DAYS_PER_YEAR = 252, TRADING_DAYS_PER_MONTH = 21 };

double clamp(double x, double low, double high);

double mean(const double *x, int n);

/* Sample standard deviation (n - 1); 0 for fewer than two values. */
double stddev(const double *x, int n);

/* Sample covariance (n - 1); 0 for fewer than two pairs. */
double covariance(const double *x, const double *y, int n);

/* Writes the n - 1 simple returns of n closes. */
void simple_returns(const double *closes, int n, double *out);

/* Mean of the last `length` of n closes (of all when there are fewer). */
double moving_average(const double *closes, int n, int length);

/* closes[last] / closes[last - bars] - 1; over all of them when there are fewer. */
double momentum(const double *closes, int n, int bars);

/* Relative strength (Wilder) over all changes of the window with plain sums: gains / (gains + losses), 0-1; 0.5 when
 * nothing moved. */
double relative_strength(const double *closes, int n);

/* Greatest fall from an earlier peak of a value series, a fraction >= 0. */
double max_drawdown(const double *values, int n);

/* Fall of the last value from the highest of all, a fraction >= 0. */
double drawdown_now(const double *values, int n);
