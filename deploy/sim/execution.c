/* The execution service: analysis, backtests and their routes. */
#include "execution.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_LOOKBACK_DAYS = 365, MAX_LOOKBACK_DAYS = 36500, MAX_TIMEOUT_SECONDS = 86400 };
static const double WEIGHT_SUM_TOLERANCE = 0.001;

static reply_t s_capabilities(service_t *self, const request_t *request) {
    (void)request;
    json_t *names = json_array();
    for (int i = 0; i < ANALYZER_COUNT; i++)
        json_array_append_new(names, json_string(analyzer_name((analyzer_t)i)));
    return reply_ok(self, 200, json_pack("{s:o}", "available_analyzers", names));
}

unsigned analyzers_parse(json_t *names, const char *path, check_t *check) {
    unsigned set = 0;
    size_t i;
    json_t *name;
    json_array_foreach (names, i, name) {
        analyzer_t analyzer;
        const char *text = json_string_value(name);
        if (strcmp(text, "all") == 0)
            set |= ANALYZERS_ALL;
        else if (analyzer_parse(text, &analyzer))
            set |= 1u << analyzer;
        else
            check_invalid(check, path, "analyzers",
                          "must be of livermore, multi_indicator, dow_theory, hong_hao, chanlun, all");
    }
    return set;
}

static json_t *s_analysis_json(const analysis_t *analysis) {
    json_t *scores = json_object();
    for (int i = 0; i < ANALYZER_COUNT; i++)
        if (analysis->analyzers & (1u << i))
            json_object_set_new(scores, analyzer_name((analyzer_t)i), json_real(analysis->scores[i]));
    return json_pack("{s:f, s:f, s:o}", "overall_score", analysis->overall, "confidence",
                     analysis->confidence, "analyzer_scores", scores);
}

static void s_analyse(const prices_t *prices, const series_t *series, unsigned analyzers, int bars,
                      json_t *results) {
    int known = series_length_at(series, prices->bars - 1), n = known < bars ? known : bars;
    analysis_t analysis;
    if (analysis_run(analyzers, series->closes + prices->bars - n, n, known, &analysis))
        json_object_set_new(results, series->symbol, s_analysis_json(&analysis));
}

json_t *analysis_results(const prices_t *prices, json_t *symbols, unsigned analyzers, int bars) {
    json_t *results = json_object();
    const series_t *stocks[PRICES_MAX_SERIES];
    int n = symbols ? 0 : prices_stocks(prices, stocks);
    for (int i = 0; i < n; i++)
        s_analyse(prices, stocks[i], analyzers, bars, results);
    size_t i;
    json_t *symbol;
    json_array_foreach (symbols, i, symbol) {
        const series_t *series = prices_find(prices, json_string_value(symbol));
        if (series)
            s_analyse(prices, series, analyzers, bars, results);
    }
    return json_pack("{s:o}", "results", results);
}

static void s_check_url(const char *url, check_t *check) {
    if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        check_invalid(check, "config.", "callback_url", "must start with http:// or https://");
}

static const char *s_parse_config(json_t *config, int *bars, check_t *check) {
    long days = (long)check_int(check, config, "config.", "lookback_days", OPTIONAL, 1, MAX_LOOKBACK_DAYS,
                                DEFAULT_LOOKBACK_DAYS);
    check_bool(check, config, "config.", "cache_enabled", OPTIONAL, true);
    check_bool(check, config, "config.", "parallel", OPTIONAL, false);
    check_bool(check, config, "config.", "save_all_dates", OPTIONAL, false);
    check_int(check, config, "config.", "timeout_seconds", OPTIONAL, 1, MAX_TIMEOUT_SECONDS, 300);
    check_int(check, config, "config.", "parallel_limit", OPTIONAL, 1, 4, 1);
    const char *url = check_string(check, config, "config.", "callback_url", OPTIONAL, JOB_URL_SIZE - 1);
    s_check_url(url, check);
    *bars = analysis_bars(days);
    return url;
}

/* The job's id is not known before it is created, so the history points at the answer instead. */
static void s_remember(execution_t *state, json_t *history, const reply_t *reply, json_t *entry) {
    const char *job_id = json_string_value(json_object_get(json_object_get(reply->body, "data"), "job_id"));
    if (reply->status >= 300) {
        json_decref(entry);
        return;
    }
    json_object_set_new(entry, "job_id", job_id ? json_string(job_id) : json_null());
    execution_remember(state, history, entry);
}

static json_t *s_history_entry(json_t *result) {
    char now[ISO_TIME_SIZE];
    time_iso(clock_epoch(), now);
    return json_pack("{s:s, s:O}", "created_at", now, "result", result);
}

static reply_t s_post_batch(service_t *self, const request_t *request) {
    check_t check = {0};
    int bars;
    json_t *symbols = check_symbols(&check, request->json, "", "symbols", OPTIONAL);
    json_t *names = check_strings(&check, request->json, "", "analyzers", REQUIRED);
    unsigned analyzers = analyzers_parse(names, "", &check);
    json_t *config = check_object(&check, request->json, "", "config", OPTIONAL);
    const char *url = s_parse_config(config, &bars, &check);
    if (!check_passed(&check))
        return check_reply(&check);
    execution_t *state = self->state;
    json_t *result = analysis_results(self->prices, symbols, analyzers, bars);
    json_t *entry = s_history_entry(result);
    job_spec_t spec = {.type = "batch_analyze",
                       .params = json_deep_copy(request->json),
                       .result = result,
                       .callback_url = url};
    reply_t reply = service_answer_inline_or_job(self, request, &spec);
    s_remember(state, state->analyses, &reply, entry);
    return reply;
}

/* {} means equal weights; else the weights must belong to the analyzers, none missing, and sum to 1. */
static void s_parse_weights(json_t *weights, strategy_t *strategy, check_t *check) {
    double sum = 0;
    unsigned given = 0;
    const char *name;
    json_t *value;
    json_object_foreach (weights, name, value) {
        analyzer_t analyzer;
        double weight = json_number_value(value);
        if (!analyzer_parse(name, &analyzer) || !(strategy->analyzers & (1u << analyzer)))
            check_invalid(check, "strategy.weights.", name, "is none of strategy.analyzers");
        else if (weight < 0)
            check_invalid(check, "strategy.weights.", name, "must not be negative");
        else {
            strategy->weights[analyzer] = weight;
            given |= 1u << analyzer;
            sum += weight;
        }
    }
    if (json_object_size(weights) == 0) {
        for (int i = 0; i < ANALYZER_COUNT; i++)
            strategy->weights[i] = 1;
    } else if (given != strategy->analyzers || fabs(sum - 1) > WEIGHT_SUM_TOLERANCE) {
        check_invalid(check, "strategy.", "weights",
                      "must have one weight for each of strategy.analyzers, sum 1");
    }
}

static strategy_t s_parse_strategy(json_t *body, check_t *check) {
    static const char *const types[] = {"multi_analyzer", NULL};
    json_t *in = check_object(check, body, "", "strategy", REQUIRED);
    check_word(check, in, "strategy.", "type", REQUIRED, types);
    json_t *names = check_strings(check, in, "strategy.", "analyzers", REQUIRED);
    strategy_t strategy = {.analyzers = analyzers_parse(names, "strategy.", check)};
    json_t *weights = check_numbers(check, in, "strategy.", "weights", OPTIONAL);
    if (check_passed(check))
        s_parse_weights(weights, &strategy, check);
    return strategy;
}

static reply_t s_post_backtest(service_t *self, const request_t *request) {
    check_t check = {0};
    strategy_t strategy = s_parse_strategy(request->json, &check);
    json_t *universe = check_object(&check, request->json, "", "universe", REQUIRED);
    json_t *symbols = check_symbols(&check, universe, "universe.", "symbols", REQUIRED);
    json_t *config = check_object(&check, request->json, "", "config", REQUIRED);
    const char *start = check_date(&check, config, "config.", "start_date", REQUIRED);
    const char *end = check_date(&check, config, "config.", "end_date", REQUIRED);
    double capital = check_number(&check, config, "config.", "initial_capital", OPTIONAL, 0, 1e18, 1);
    strategy.commission = check_number(&check, config, "config.", "commission", OPTIONAL, 0, 0.5, 0);
    if (capital <= 0)
        check_invalid(&check, "config.", "initial_capital", "must be above 0");
    if (start && end && strcmp(start, end) >= 0)
        check_invalid(&check, "config.", "end_date", "must be after config.start_date");
    if (!check_passed(&check))
        return check_reply(&check);
    execution_t *state = self->state;
    job_spec_t spec = {.type = "backtest", .params = json_deep_copy(request->json)};
    backtest_fill(self->prices, symbols, start, end, &strategy, &spec);
    json_t *entry = spec.result ? s_history_entry(spec.result) : NULL;
    reply_t reply = service_answer_inline_or_job(self, request, &spec);
    if (entry)
        s_remember(state, state->backtests, &reply, entry);
    return reply;
}

static const route_t s_routes[] = {
    {"GET", "/health", service_health, BODY_NONE},
    {"GET", "/api/v1/analyze/capabilities", s_capabilities, BODY_NONE},
    {"POST", "/api/v1/analyze/batch", s_post_batch, BODY_REQUIRED},
    {"GET", "/api/v1/analyze/history", history_api_analyses, BODY_NONE},
    {"GET", "/api/v1/analyze/signal/stream", history_api_signals, BODY_NONE},
    {"POST", "/api/v1/backtest/run", s_post_backtest, BODY_REQUIRED},
    {"GET", "/api/v1/backtest/history", history_api_backtests, BODY_NONE},
    {"POST", "/api/v1/quantum/pool/create", pool_api_create, BODY_REQUIRED},
    {"GET", "/api/v1/quantum/pool/{pool_id}/status", pool_api_status, BODY_NONE},
    {"GET", "/api/v1/jobs", job_api_list, BODY_NONE},
    {"POST", "/api/v1/jobs", job_api_create, BODY_REQUIRED},
    {"GET", "/api/v1/jobs/{job_id}", job_api_get, BODY_NONE},
    {"DELETE", "/api/v1/jobs/{job_id}", job_api_cancel, BODY_NONE},
    {0},
};

const service_class_t execution_class = {.name = "execution",
                                         .job_prefix = "exe",
                                         .health_path = "/health",
                                         .routes = s_routes,
                                         .start = execution_start,
                                         .stop = execution_stop,
                                         .run_job = execution_run_job};
