/* The portfolio service: weights, and the value and risk of one portfolio. */
#include "holdings.h"
#include "indicators.h"
#include "optimizer.h"
#include "sim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOOKBACK_DAYS = 365, DEFAULT_PRIORITY = 3 };
static const double REBALANCE_THRESHOLD = 0.05;

typedef struct {
    objective_t objective;
    double max_single_stock, var_limit, max_volatility; /* max_volatility 0 = not given */
    json_t *expected_returns, *macro_context;           /* borrowed; may be NULL */
} order_t;

static reply_t s_unknown(const char *id) {
    char message[REQUEST_PARAM_SIZE + 32];
    snprintf(message, sizeof message, "no portfolio %s", id);
    return reply_error(404, "PORTFOLIO_NOT_FOUND", message, NULL);
}

static void s_check_positive(check_t *check, const char *name, double value) {
    if (value <= 0)
        check_invalid(check, "constraints.", name, "must be above 0");
}

static void s_parse_context(json_t *context, check_t *check) {
    static const char *const cycles[] = {"recession", "recovery", "expansion", "slowdown", "neutral", NULL};
    static const char *const risks[] = {"low", "medium", "high", NULL};
    static const char *const moods[] = {"negative", "neutral", "positive", NULL};
    check_word(check, context, "macro_context.", "economic_cycle", OPTIONAL, cycles);
    check_word(check, context, "macro_context.", "risk_level", OPTIONAL, risks);
    check_word(check, context, "macro_context.", "market_sentiment", OPTIONAL, moods);
}

static order_t s_parse(json_t *body, check_t *check) {
    static const char *const objectives[] = {"min_risk", "max_return", "max_sharpe", NULL};
    order_t order = {0};
    const char *objective = check_word(check, body, "", "objective", REQUIRED, objectives);
    for (int i = 0; objective && objectives[i]; i++)
        if (objectives[i] == objective)
            order.objective = (objective_t)i;
    json_t *limits = check_object(check, body, "", "constraints", REQUIRED);
    check_number(check, limits, "constraints.", "max_sector_weight", OPTIONAL, 0, 1, 1);
    order.max_single_stock =
        check_number(check, limits, "constraints.", "max_single_stock", REQUIRED, 0, 1, 1);
    order.var_limit = check_number(check, limits, "constraints.", "var_limit", REQUIRED, 0, 1, 1);
    order.max_volatility = check_number(check, limits, "constraints.", "max_volatility", OPTIONAL, 0, 10, 10);
    s_check_positive(check, "max_single_stock", order.max_single_stock);
    s_check_positive(check, "var_limit", order.var_limit);
    s_check_positive(check, "max_volatility", order.max_volatility);
    order.expected_returns = check_numbers(check, body, "", "expected_returns", OPTIONAL);
    order.macro_context = check_object(check, body, "", "macro_context", OPTIONAL);
    s_parse_context(order.macro_context, check);
    return order;
}

/* Stocks listed for at least twelve months, with the returns that the caller expects in place of the past ones. */
static int s_universe(const service_t *self, const order_t *order, const series_t **stocks,
                      estimate_t *estimate) {
    const series_t *all[PRICES_MAX_SERIES];
    int last = self->prices->bars - 1, total = prices_stocks(self->prices, all), n = 0;
    for (int i = 0; i < total; i++)
        if (series_length_at(all[i], last) > MONTHS_PER_YEAR)
            stocks[n++] = all[i];
    if (estimate_from_prices(stocks, n, last, estimate) == 0)
        return 0;
    for (int i = 0; i < n; i++) {
        json_t *expected = json_object_get(order->expected_returns, stocks[i]->symbol);
        if (expected)
            estimate->expected[i] = json_number_value(expected);
    }
    return n;
}

static json_t *s_allocation_json(const order_t *order, const series_t **stocks, int n,
                                 const allocation_t *result) {
    json_t *symbols = json_array(), *weights = json_object();
    json_t *limits =
        json_pack("{s:f, s:f}", "var_limit", order->var_limit, "max_single_stock", order->max_single_stock);
    if (order->max_volatility < 10)
        json_object_set_new(limits, "max_volatility", json_real(order->max_volatility));
    for (int i = 0; i < n; i++) {
        json_array_append_new(symbols, json_string(stocks[i]->symbol));
        if (result->weights[i] > 0)
            json_object_set_new(weights, stocks[i]->symbol, json_real(result->weights[i]));
    }
    json_t *data =
        json_pack("{s:f, s:{}, s:o, s:f, s:f, s:f, s:f, s:i, s:o, s:o, s:i}", "target_position",
                  result->target_position, "sector_weights", "risk_constraints", limits, "expected_return",
                  result->expected_return, "expected_volatility", result->volatility, "sharpe_ratio",
                  result->sharpe, "rebalance_threshold", REBALANCE_THRESHOLD, "execution_priority",
                  DEFAULT_PRIORITY, "symbols", symbols, "weights", weights, "lookback_days", LOOKBACK_DAYS);
    static const char *const carried[] = {"risk_level", "market_sentiment"};
    for (int i = 0; i < 2; i++) {
        json_t *value = json_object_get(order->macro_context, carried[i]);
        if (value)
            json_object_set(data, carried[i], value);
    }
    return data;
}

static reply_t s_optimize(service_t *self, const request_t *request) {
    bool risk_parity = strcmp(request->params[1], "risk-parity") == 0;
    if (!risk_parity && strcmp(request->params[1], "markowitz") != 0)
        return reply_error(404, "NOT_FOUND", "method: must be risk-parity or markowitz", NULL);
    if (strcmp(request->params[0], HOLDINGS_PORTFOLIO_ID) != 0)
        return s_unknown(request->params[0]);
    check_t check = {0};
    order_t order = s_parse(request->json, &check);
    if (!check_passed(&check))
        return check_reply(&check);
    const series_t *stocks[PRICES_MAX_SERIES];
    estimate_t estimate;
    allocation_t result;
    int n = s_universe(self, &order, stocks, &estimate);
    if (n == 0)
        return reply_error(500, "NO_PRICE_DATA", "no stock has enough monthly bars", NULL);
    limits_t limits = {order.max_single_stock,
                       fmin(order.max_volatility, volatility_of_var(order.var_limit))};
    if (risk_parity)
        optimize_risk_parity(&estimate, limits, &result);
    else
        optimize_markowitz(&estimate, order.objective, limits, &result);
    return reply_ok(self, 200, s_allocation_json(&order, stocks, n, &result));
}

static bool s_measure(const service_t *self, const request_t *request, holdings_t *holdings, reply_t *error) {
    if (strcmp(request->params[0], HOLDINGS_PORTFOLIO_ID) != 0)
        *error = s_unknown(request->params[0]);
    else if (!holdings_measure(self->prices, holdings))
        *error = reply_error(500, "NO_PRICE_DATA", "no stock has enough monthly bars", NULL);
    else
        return true;
    return false;
}

static reply_t s_get_portfolio(service_t *self, const request_t *request) {
    holdings_t holdings;
    reply_t error;
    if (!s_measure(self, request, &holdings, &error))
        return error;
    char updated[ISO_TIME_SIZE];
    snprintf(updated, sizeof updated, "%sT00:00:00Z", prices_as_of(self->prices));
    return reply_ok(self, 200,
                    json_pack("{s:{s:s, s:f, s:s}}", "portfolio", "portfolio_id", request->params[0],
                              "total_value", holdings.total_value, "last_updated", updated));
}

static reply_t s_get_risk(service_t *self, const request_t *request) {
    holdings_t h;
    reply_t error;
    if (!s_measure(self, request, &h, &error))
        return error;
    return reply_ok(self, 200,
                    json_pack("{s:{s:f, s:f, s:f, s:f, s:f, s:f, s:f}}", "risk_metrics", "var_1d", h.var_1d,
                              "var_5d", h.var_5d, "expected_shortfall", h.expected_shortfall, "beta", h.beta,
                              "tracking_error", h.tracking_error, "information_ratio", h.information_ratio,
                              "risk_score", h.risk_score));
}

/* Simulated orders are kept in their job; nothing is traded. */
static bool s_run_job(service_t *self, const char *type, json_t *params, job_spec_t *spec) {
    (void)self;
    (void)params;
    if (strcmp(type, "ui_sim_order_create") != 0 && strcmp(type, "ui_sim_order_cancel") != 0)
        return false;
    spec->result = json_pack("{s:s, s:b}", "job_type", type, "recorded", 1);
    return true;
}

static const route_t s_routes[] = {
    {"GET", "/api/v1/health", service_health, BODY_NONE},
    {"POST", "/api/v1/portfolios/{portfolio_id}/optimize/{method}", s_optimize, BODY_REQUIRED},
    {"GET", "/api/v1/portfolios/{portfolio_id}", s_get_portfolio, BODY_NONE},
    {"GET", "/api/v1/portfolios/{portfolio_id}/risk/metrics", s_get_risk, BODY_NONE},
    {"GET", "/api/v1/jobs", job_api_list, BODY_NONE},
    {"POST", "/api/v1/jobs", job_api_create, BODY_REQUIRED},
    {"GET", "/api/v1/jobs/{job_id}", job_api_get, BODY_NONE},
    {"DELETE", "/api/v1/jobs/{job_id}", job_api_cancel, BODY_NONE},
    {0},
};

const service_class_t portfolio_class = {.name = "portfolio",
                                         .job_prefix = "por",
                                         .health_path = "/api/v1/health",
                                         .routes = s_routes,
                                         .run_job = s_run_job};
