/* The five analyzers and how their scores are put together. */
#include "analyzers.h"

#include "indicators.h"

#include <math.h>
#include <string.h>

static const double DAYS_PER_MONTH = 30.4375;
static const double FULL_HISTORY_BARS = 60;

static double s_scale(double x, double full) {
    return clamp(x / full, -1, 1);
}

static double s_max(const double *x, int n) {
    double best = x[0];
    for (int i = 1; i < n; i++)
        best = fmax(best, x[i]);
    return best;
}

static double s_min(const double *x, int n) {
    double best = x[0];
    for (int i = 1; i < n; i++)
        best = fmin(best, x[i]);
    return best;
}

static double s_livermore(const double *closes, int n) {
    double last = closes[n - 1], high = s_max(closes, n - 1), low = s_min(closes, n - 1);
    if (last > high)
        return 0.75 + 0.25 * s_scale(last / high - 1, 0.05);
    if (last < low)
        return 0.25 - 0.25 * s_scale(1 - last / low, 0.05);
    return high > low ? 0.25 + 0.5 * (last - low) / (high - low) : 0.5;
}

static double s_multi_indicator(const double *closes, int n) {
    double average = 0.5 + 0.5 * s_scale(closes[n - 1] / moving_average(closes, n, 10) - 1, 0.10);
    double moved = 0.5 + 0.5 * s_scale(momentum(closes, n, 11), 0.30);
    return (average + moved + relative_strength(closes, n)) / 3;
}

static double s_dow_theory(const double *closes, int n) {
    int half = n / 2;
    const double *newer = closes + n - half;
    const double *older = newer - half;
    double highs = s_scale(s_max(newer, half) / s_max(older, half) - 1, 0.10);
    double lows = s_scale(s_min(newer, half) / s_min(older, half) - 1, 0.10);
    return 0.5 + 0.25 * highs + 0.25 * lows;
}

static double s_hong_hao(const double *closes, int n) {
    double deviation = stddev(closes, n);
    if (deviation <= 0)
        return 0.5;
    return 0.5 - 0.5 * s_scale((closes[n - 1] - mean(closes, n)) / deviation, 2);
}

static double s_chanlun(const double *closes, int n) {
    for (int i = n - 2; i > 0; i--) {
        bool bottom = closes[i] < closes[i - 1] && closes[i] < closes[i + 1];
        bool top = closes[i] > closes[i - 1] && closes[i] > closes[i + 1];
        if (bottom || top)
            return 0.5 + 0.5 * s_scale(closes[n - 1] / closes[i] - 1, 0.15);
    }
    return 0.5;
}

static const struct {
    const char *name;
    double (*score)(const double *closes, int n);
} s_analyzers[ANALYZER_COUNT] = {
    [ANALYZER_LIVERMORE] = {"livermore", s_livermore},
    [ANALYZER_MULTI_INDICATOR] = {"multi_indicator", s_multi_indicator},
    [ANALYZER_DOW_THEORY] = {"dow_theory", s_dow_theory},
    [ANALYZER_HONG_HAO] = {"hong_hao", s_hong_hao},
    [ANALYZER_CHANLUN] = {"chanlun", s_chanlun},
};

const char *analyzer_name(analyzer_t analyzer) {
    return s_analyzers[analyzer].name;
}

bool analyzer_parse(const char *name, analyzer_t *out) {
    for (int i = 0; i < ANALYZER_COUNT; i++)
        if (strcmp(s_analyzers[i].name, name) == 0) {
            *out = (analyzer_t)i;
            return true;
        }
    return false;
}

int analysis_bars(long lookback_days) {
    double bars = ceil((double)lookback_days / DAYS_PER_MONTH);
    return bars > ANALYSIS_MIN_BARS ? (int)fmin(bars, 100000) : ANALYSIS_MIN_BARS;
}

double analyzer_score(analyzer_t analyzer, const double *closes, int n) {
    return clamp(s_analyzers[analyzer].score(closes, n), 0, 1);
}

static double s_agreement(const double *scores, int n) {
    if (n < 2)
        return 0.5;
    double population = stddev(scores, n) * sqrt((n - 1.0) / n);
    return clamp(1 - 2 * population, 0, 1);
}

bool analysis_run(unsigned analyzers, const double *closes, int n, int known_bars, analysis_t *out) {
    analyzers &= ANALYZERS_ALL;
    if (n < ANALYSIS_MIN_BARS || analyzers == 0)
        return false;
    *out = (analysis_t){.analyzers = analyzers};
    double used[ANALYZER_COUNT];
    int count = 0;
    for (int i = 0; i < ANALYZER_COUNT; i++)
        if (analyzers & (1u << i))
            used[count++] = out->scores[i] = analyzer_score((analyzer_t)i, closes, n);
    out->overall = mean(used, count);
    out->confidence = s_agreement(used, count) * (0.5 + 0.5 * fmin(1, known_bars / FULL_HISTORY_BARS));
    return true;
}
