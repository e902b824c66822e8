/* Returns, averages, deviations and technical indicators. */
#include "indicators.h"

#include <math.h>

double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

double mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / n : 0;
}

double covariance(const double *x, const double *y, int n) {
    if (n < 2)
        return 0;
    double mean_x = mean(x, n), mean_y = mean(y, n), sum = 0;
    for (int i = 0; i < n; i++)
        sum += (x[i] - mean_x) * (y[i] - mean_y);
    return sum / (n - 1);
}

double stddev(const double *x, int n) {
    return sqrt(covariance(x, x, n));
}

void simple_returns(const double *closes, int n, double *out) {
    for (int i = 1; i < n; i++)
        out[i - 1] = closes[i] / closes[i - 1] - 1;
}

double moving_average(const double *closes, int n, int length) {
    int used = length < n ? length : n;
    return mean(closes + n - used, used);
}

double momentum(const double *closes, int n, int bars) {
    int back = bars < n - 1 ? bars : n - 1;
    return back > 0 ? closes[n - 1] / closes[n - 1 - back] - 1 : 0;
}

double relative_strength(const double *closes, int n) {
    double gains = 0, losses = 0;
    for (int i = 1; i < n; i++) {
        double change = closes[i] - closes[i - 1];
        gains += change > 0 ? change : 0;
        losses += change < 0 ? -change : 0;
    }
    return gains + losses > 0 ? gains / (gains + losses) : 0.5;
}

double max_drawdown(const double *values, int n) {
    double peak = n > 0 ? values[0] : 0, worst = 0;
    for (int i = 0; i < n; i++) {
        peak = fmax(peak, values[i]);
        worst = fmax(worst, 1 - values[i] / peak);
    }
    return worst;
}

double drawdown_now(const double *values, int n) {
    double peak = 0;
    for (int i = 0; i < n; i++)
        peak = fmax(peak, values[i]);
    return n > 0 && peak > 0 ? 1 - values[n - 1] / peak : 0;
}
