/* Backtests as jobs, and the jobs that schedules start: candidates and strategy reports. */
#include "execution.h"

#include "indicators.h"

#include <stdio.h>
#include <string.h>

enum { REPORT_MIN_DAYS = 365, DEFAULT_MAX_CANDIDATES = 120, DEFAULT_PROMOTE_LIMIT = 30 };

static const char *s_later(const char *a, const char *b) {
    return strcmp(a, b) > 0 ? a : b;
}

static const char *s_earlier(const char *a, const char *b) {
    return strcmp(a, b) < 0 ? a : b;
}

static int s_first_bar_from(const prices_t *prices, const char *date) {
    int bar = prices_bar_at(prices, date);
    return bar >= 0 && strcmp(prices->dates[bar], date) == 0 ? bar : bar + 1;
}

static int s_known(const prices_t *prices, json_t *symbols, const series_t **out) {
    int n = 0;
    size_t i;
    json_t *symbol;
    json_array_foreach (symbols, i, symbol) {
        const series_t *series = prices_find(prices, json_string_value(symbol));
        bool repeated = false;
        for (int k = 0; k < n; k++)
            repeated = repeated || out[k] == series;
        if (series && !repeated)
            out[n++] = series;
    }
    return n;
}

static void s_no_prices(const prices_t *prices, const char *what, job_spec_t *spec) {
    char message[JOB_TEXT_SIZE];
    snprintf(message, sizeof message, "%s; there are monthly prices from %s to %s", what, prices->dates[0],
             prices_as_of(prices));
    job_spec_fail(spec, "NO_PRICE_DATA", message);
}

static json_t *s_performance_json(const performance_t *p) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "total_return", p->total_return, "sharpe_ratio",
                     p->sharpe_ratio, "max_drawdown", p->max_drawdown, "volatility", p->volatility,
                     "win_rate", p->win_rate);
}

static void s_fill(const prices_t *prices, const series_t **series, int n, const char *start, const char *end,
                   const strategy_t *strategy, job_spec_t *spec) {
    const char *from = s_later(start, prices->dates[0]), *to = s_earlier(end, prices_as_of(prices));
    int first = s_first_bar_from(prices, from), last = prices_bar_at(prices, to);
    performance_t performance;
    if (n == 0)
        s_no_prices(prices, "none of the symbols has prices", spec);
    else if (strcmp(from, to) >= 0 || !backtest_run(prices, series, n, first, last, strategy, &performance))
        s_no_prices(prices, "fewer than three monthly bars between start_date and end_date", spec);
    else
        spec->result = json_pack("{s:o, s:{s:s, s:s}}", "performance", s_performance_json(&performance),
                                 "config", "start_date", from, "end_date", to);
}

void backtest_fill(const prices_t *prices, json_t *symbols, const char *start, const char *end,
                   const strategy_t *strategy, job_spec_t *spec) {
    const series_t *series[PRICES_MAX_SERIES];
    s_fill(prices, series, s_known(prices, symbols, series), start, end, strategy, spec);
}

static double s_param(json_t *params, const char *name, double otherwise) {
    json_t *value = json_object_get(params, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* The names in `analyzers`; all when there are none that are known. */
static unsigned s_param_analyzers(json_t *params) {
    unsigned set = 0;
    size_t i;
    json_t *name;
    json_array_foreach (json_object_get(params, "analyzers"), i, name) {
        analyzer_t analyzer;
        if (json_is_string(name) && analyzer_parse(json_string_value(name), &analyzer))
            set |= 1u << analyzer;
    }
    return set ? set : ANALYZERS_ALL;
}

/* Counts of the entry rules: an analyzer hits above 0.6 and is positive above 0.5. */
typedef struct {
    double weighted, positive_ratio, confidence;
    int hits;
} candidate_t;

static candidate_t s_candidate(const analysis_t *analysis, json_t *weights) {
    candidate_t out = {.confidence = analysis->confidence};
    double total = 0;
    int count = 0;
    for (int i = 0; i < ANALYZER_COUNT; i++) {
        if (!(analysis->analyzers & (1u << i)))
            continue;
        double weight = s_param(weights, analyzer_name((analyzer_t)i), json_object_size(weights) ? 0 : 1);
        out.weighted += weight * analysis->scores[i];
        out.hits += analysis->scores[i] > 0.6;
        out.positive_ratio += analysis->scores[i] > 0.5;
        total += weight;
        count++;
    }
    out.weighted = total > 0 ? out.weighted / total : analysis->overall;
    out.positive_ratio /= count;
    return out;
}

static bool s_enters(const candidate_t *c, json_t *rules) {
    return c->hits >= s_param(rules, "min_analyzer_hits", 0) &&
           c->weighted >= s_param(rules, "min_weighted_score", 0) &&
           c->confidence >= s_param(rules, "min_confidence", 0) &&
           c->positive_ratio >= s_param(rules, "min_positive_ratio", 0);
}

static void s_sync_candidates(service_t *self, json_t *params, job_spec_t *spec) {
    execution_t *state = self->state;
    const prices_t *prices = self->prices;
    const series_t *stocks[PRICES_MAX_SERIES];
    json_t *rules = json_object_get(params, "entry_rules"), *list = json_array();
    int n = prices_stocks(prices, stocks), bars = analysis_bars((long)s_param(params, "lookback_days", 0));
    double most = s_param(params, "max_candidates", DEFAULT_MAX_CANDIDATES);
    pthread_mutex_lock(&state->lock);
    state->candidate_count = 0;
    for (int i = 0; i < n && state->candidate_count < most; i++) {
        int known = series_length_at(stocks[i], prices->bars - 1), used = known < bars ? known : bars;
        analysis_t analysis;
        if (!analysis_run(s_param_analyzers(params), stocks[i]->closes + prices->bars - used, used, known,
                          &analysis))
            continue;
        candidate_t c = s_candidate(&analysis, json_object_get(rules, "weights"));
        if (!s_enters(&c, rules))
            continue;
        snprintf(state->candidates[state->candidate_count++], SYMBOL_SIZE, "%s", stocks[i]->symbol);
        json_array_append_new(list,
                              json_pack("{s:s, s:f, s:f, s:i}", "symbol", stocks[i]->symbol, "weighted_score",
                                        c.weighted, "confidence", c.confidence, "analyzer_hits", c.hits));
    }
    pthread_mutex_unlock(&state->lock);
    spec->result = json_pack("{s:i, s:i, s:s, s:o}", "evaluated", n, "synced", (int)json_array_size(list),
                             "as_of", prices_as_of(prices), "candidates", list);
}

static void s_promote_candidates(service_t *self, json_t *params, job_spec_t *spec) {
    execution_t *state = self->state;
    double limit = s_param(params, "limit", DEFAULT_PROMOTE_LIMIT);
    json_t *list = json_array();
    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->candidate_count && i < limit; i++)
        json_array_append_new(list, json_string(state->candidates[i]));
    pthread_mutex_unlock(&state->lock);
    spec->result = json_pack("{s:i, s:o}", "promoted", (int)json_array_size(list), "symbols", list);
}

/* "5bp" is five ten-thousandths; anything else is no cost. */
static double s_cost(json_t *config) {
    double points = 0;
    const char *text = json_string_value(json_object_get(config, "cost"));
    return text && sscanf(text, "%lfbp", &points) == 1 ? clamp(points / 10000, 0, 0.5) : 0;
}

/* A window that the prices do not cover is moved back so that it ends with the last full bar, and a year long at least,
 * so that it holds monthly bars; the result names both the window asked for and the one that was used. */
static void s_strategy_report(service_t *self, json_t *params, job_spec_t *spec) {
    json_t *config = json_object_get(params, "config");
    const char *from = json_string_value(json_object_get(config, "from"));
    const char *to = json_string_value(json_object_get(config, "to"));
    if (!date_is_valid(from) || !date_is_valid(to) || strcmp(from, to) >= 0) {
        job_spec_fail(spec, "VALIDATION_ERROR", "config.from and config.to: must be dates in order");
        return;
    }
    const char *end = s_earlier(to, prices_as_of(self->prices));
    long days = date_days_between(from, to);
    char start[DATE_SIZE];
    date_add_days(end, -(days > REPORT_MIN_DAYS ? days : REPORT_MIN_DAYS), start);
    const series_t *stocks[PRICES_MAX_SERIES];
    strategy_t strategy = {ANALYZERS_ALL, {1, 1, 1, 1, 1}, s_cost(config)};
    s_fill(self->prices, stocks, prices_stocks(self->prices, stocks), start, end, &strategy, spec);
    if (spec->result)
        json_object_set_new(spec->result, "requested", json_pack("{s:s, s:s}", "from", from, "to", to));
}

bool execution_run_job(service_t *self, const char *type, json_t *params, job_spec_t *spec) {
    static const char *const families[] = {"ui_candidates_", "ui_research_", "ui_strategy_"};
    if (strcmp(type, "ui_candidates_sync_from_analysis") == 0) {
        s_sync_candidates(self, params, spec);
        return true;
    }
    if (strcmp(type, "ui_candidates_auto_promote") == 0) {
        s_promote_candidates(self, params, spec);
        return true;
    }
    if (strcmp(type, "ui_strategy_report_run") == 0) {
        s_strategy_report(self, params, spec);
        return true;
    }
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(families[i]);
        if (strncmp(type, families[i], length) == 0 && type[length]) {
            spec->result = json_pack("{s:s, s:b}", "job_type", type, "recorded", 1);
            return true;
        }
    }
    return false;
}
