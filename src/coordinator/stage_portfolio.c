/* Stage portfolio_management: POST /api/v1/portfolios/{id}/optimize/{method}. */
#include "base/buf.h"
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include "coordinator/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKBACK_DAYS_MAX 100000

static const char *s_objective(const char *economic_cycle) {
    if (strcmp(economic_cycle, "recession") == 0)
        return "min_risk";
    return strcmp(economic_cycle, "expansion") == 0 ? "max_return" : "max_sharpe";
}

err_t stage_portfolio_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]) {
    json_t *macro = context->outputs[STAGE_MACRO_ANALYSIS];
    const char *economic_cycle = json_string_value(json_object_get(macro, "economic_cycle"));
    const char *risk_level = json_string_value(json_object_get(macro, "risk_level"));
    if (!economic_cycle || !risk_level) {
        snprintf(why, STAGE_WHY_SIZE, "the macro analysis left no economic_cycle or risk_level");
        return ERR_PROTOCOL;
    }
    bool high_risk = strcmp(risk_level, "high") == 0;
    buf_t out = BUF_INIT;
    buf_printf(&out, "{\"method\":\"POST\",\"path\":\"/api/v1/portfolios/%s/optimize/%s\",\"body\":",
               context->portfolio_id, high_risk ? "risk-parity" : "markowitz");
    buf_printf(&out,
               "{\"objective\":\"%s\",\"constraints\":{\"max_sector_weight\":0.35,\"max_single_stock\":0.05,"
               "\"var_limit\":0.02%s},\"expected_returns\":{},\"macro_context\":",
               s_objective(economic_cycle), high_risk ? ",\"max_volatility\":0.15" : "");
    json_tree_write(macro, &out);
    buf_append_str(&out, "}}");
    *input = buf_steal(&out);
    return OK;
}

/* An object, {} when absent. */
static err_t s_object(json_t *plan, const char *key, char why[STAGE_WHY_SIZE]) {
    json_t *value = json_object_get(plan, key);
    if (json_is_object(value))
        return OK;
    if (value && !json_is_null(value)) {
        snprintf(why, STAGE_WHY_SIZE, "%s must be an object", key);
        return ERR_PROTOCOL;
    }
    json_object_set_new(plan, key, json_object());
    return OK;
}

/* Weights that do not sum to 1 within 0.01 are divided by their sum. */
static err_t s_normalise_sectors(json_t *plan, char why[STAGE_WHY_SIZE]) {
    json_t *sectors = json_object_get(plan, "sector_weights");
    const char *name;
    json_t *weight;
    double sum = 0;
    json_object_foreach (sectors, name, weight) {
        if (!json_is_number(weight)) {
            snprintf(why, STAGE_WHY_SIZE, "sector_weights.%.60s must be a number", name);
            return ERR_PROTOCOL;
        }
        sum += json_number_value(weight);
    }
    if (json_object_size(sectors) == 0 || fabs(sum - 1) <= 0.01)
        return OK;
    if (sum <= 0) {
        snprintf(why, STAGE_WHY_SIZE, "sector_weights sum to %g", sum);
        return ERR_PROTOCOL;
    }
    void *next;
    json_object_foreach_safe (sectors, next, name, weight)
        json_object_set_new(sectors, name, json_real(json_number_value(weight) / sum));
    return OK;
}

/* A number clamped to [low, high]; `fallback` when absent (the contract's default), NAN = it is required. */
static err_t s_number(json_t *plan, const char *key, double low, double high, double fallback,
                      char why[STAGE_WHY_SIZE]) {
    json_t *value = json_object_get(plan, key);
    bool absent = !value || json_is_null(value);
    if (absent && isnan(fallback)) {
        snprintf(why, STAGE_WHY_SIZE, "%s is missing", key);
        return ERR_PROTOCOL;
    }
    if (!absent && !json_is_number(value)) {
        snprintf(why, STAGE_WHY_SIZE, "%s must be a number", key);
        return ERR_PROTOCOL;
    }
    json_object_set_new(plan, key,
                        json_real(words_clamp(absent ? fallback : json_number_value(value), low, high)));
    return OK;
}

/* A whole number from 1 to `high`; `fallback` when absent, 0 = then it stays absent. */
static err_t s_integer(json_t *plan, const char *key, int high, int fallback, char why[STAGE_WHY_SIZE]) {
    json_t *value = json_object_get(plan, key);
    if (!value || json_is_null(value)) {
        if (fallback)
            json_object_set_new(plan, key, json_integer(fallback));
        return OK;
    }
    double number = json_is_number(value) ? json_number_value(value) : 0;
    if (number < 1 || number > high || number != floor(number)) {
        snprintf(why, STAGE_WHY_SIZE, "%s must be an integer from 1 to %d", key, high);
        return ERR_PROTOCOL;
    }
    json_object_set_new(plan, key, json_integer((json_int_t)number));
    return OK;
}

static err_t s_check(json_t *plan, char why[STAGE_WHY_SIZE]) {
    err_t err = s_number(plan, "target_position", 0, 1, NAN, why);
    if (err == OK)
        err = s_number(plan, "rebalance_threshold", 0, 1, 0.05, why);
    if (err == OK)
        err = s_integer(plan, "execution_priority", 5, 3, why);
    if (err == OK)
        err = s_integer(plan, "lookback_days", LOOKBACK_DAYS_MAX, 0, why);
    if (err == OK)
        err = s_object(plan, "sector_weights", why);
    if (err == OK)
        err = s_object(plan, "risk_constraints", why);
    for (int i = 0; err == OK && i < 3; i++) {
        static const char *const annual[] = {"expected_return", "expected_volatility", "sharpe_ratio"};
        err = s_number(plan, annual[i], -HUGE_VAL, HUGE_VAL, 0, why);
    }
    return err == OK ? s_normalise_sectors(plan, why) : err;
}

err_t stage_portfolio_output(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]) {
    json_t *root = json_tree_parse(data);
    json_t *nested = json_object_get(root, "optimization_result");
    json_t *plan = json_is_object(nested) ? nested : root;
    if (!json_is_object(plan)) {
        snprintf(why, STAGE_WHY_SIZE, "the optimisation result is not an object");
        json_decref(root);
        return ERR_PROTOCOL;
    }
    err_t err = s_check(plan, why);
    if (err == OK) {
        static const char *const figures[] = {"target_position", "expected_return", "expected_volatility",
                                              "sharpe_ratio",    "symbols",         NULL};
        *output = json_tree_text(plan);
        *summary = words_pick(plan, figures);
    }
    json_decref(root);
    return err;
}
