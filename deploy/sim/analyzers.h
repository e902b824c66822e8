/* The five analyzers: each turns a window of monthly closes into a score from 0 (sell) over 0.5 (no opinion) to 1
 * (buy). Pure functions.
 *
 * livermore        breakout through the pivot. With H and L the highest and lowest close before the last one: between
 *                  them 0.25 + 0.5 * (last - L) / (H - L); a new high scores 0.75 and up to 1 when it is 5 % above H;
 *                  a new low mirrors that.
 * multi_indicator  mean of three: last close against its 10-bar average (+-10 % is full scale), 11-bar momentum (+-30 %
 *                  is full scale) and relative strength.
 * dow_theory       higher highs and higher lows: highest and lowest close of the newer half of the window against
 *                  those of the older half, +-10 % being full scale, each with half of the weight.
 * hong_hao         reversion to the mean: 0.5 - z / 4 with z = (last - mean) / deviation, cut off at +-2: what lies
 *                  low in its range is cheap.
 * chanlun          strokes from fractals: a bottom fractal is a close below both neighbours, a top fractal one above
 *                  both. After the latest bottom the rise since then counts upwards, after the latest top the fall
 *                  counts downwards, 15 % being full scale. No fractal: 0.5.
 *
 * A window needs ANALYSIS_MIN_BARS bars. A look-back of d days is ceil(d / 30.4375) bars, but never fewer than that: 60
 * days would be two monthly bars, on which none of these rules says anything. */
#pragma once

#include <stdbool.h>

enum { ANALYSIS_MIN_BARS = 12 };

typedef enum {
    ANALYZER_LIVERMORE,
    ANALYZER_MULTI_INDICATOR,
    ANALYZER_DOW_THEORY,
    ANALYZER_HONG_HAO,
    ANALYZER_CHANLUN,
    ANALYZER_COUNT
} analyzer_t;

/* Set of analyzers as bits (1u << analyzer). */
#define ANALYZERS_ALL ((1u << ANALYZER_COUNT) - 1)

typedef struct {
    double overall;    /* mean of the analyzers asked for */
    double confidence; /* 0-1, see analysis_run */
    unsigned analyzers;
    double scores[ANALYZER_COUNT]; /* set for the analyzers asked for */
} analysis_t;

const char *analyzer_name(analyzer_t analyzer);

/* false when the name is none of the five. */
bool analyzer_parse(const char *name, analyzer_t *out);

/* Bars of a look-back in days, at least ANALYSIS_MIN_BARS. */
int analysis_bars(long lookback_days);

/* n >= ANALYSIS_MIN_BARS closes, the last being the newest. */
double analyzer_score(analyzer_t analyzer, const double *closes, int n);

/* false when there are fewer than ANALYSIS_MIN_BARS closes or no analyzers.
 * confidence = agreement * history, with agreement = 1 - 2 * (population deviation of the scores), which is 1 when all
 * say the same and 0 when half say 0 and half say 1 (0.5 for a single analyzer, which nobody confirms), and
 * history = 0.5 + 0.5 * min(1, known_bars / 60): five years of prices count in full. */
bool analysis_run(unsigned analyzers, const double *closes, int n, int known_bars, analysis_t *out);
