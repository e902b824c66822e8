/* Requests of the validation: see requests.h. */
#include "validation/requests.h"

#include "base/json_tree.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool s_parse_date(const char *text, struct tm *date) {
    char rest;
    memset(date, 0, sizeof *date);
    if (sscanf(text, "%4d-%2d-%2d%c", &date->tm_year, &date->tm_mon, &date->tm_mday, &rest) != 3)
        return false;
    date->tm_year -= 1900;
    date->tm_mon -= 1;
    struct tm normal = *date;
    timegm(&normal);
    return normal.tm_mday == date->tm_mday && normal.tm_mon == date->tm_mon;
}

bool requests_year(const char *as_of, int64_t now_ms, char start[11], char end[11]) {
    struct tm date;
    if (as_of && *as_of) {
        if (!s_parse_date(as_of, &date))
            return false;
    } else {
        time_t yesterday = (time_t)(now_ms / 1000) - 86400;
        gmtime_r(&yesterday, &date);
    }
    strftime(end, 11, "%Y-%m-%d", &date);
    date.tm_year -= 1;
    if (date.tm_mon == 1 && date.tm_mday == 29)
        date.tm_mday = 28;
    date.tm_mday += 1;
    timegm(&date); /* brings the 32nd of a month in order */
    strftime(start, 11, "%Y-%m-%d", &date);
    return true;
}

static json_t *s_strings(char *const *items, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static json_t *s_equal_weights(char *const *names, size_t count) {
    json_t *weights = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(weights, names[i], json_real(1.0 / (double)count));
    return weights;
}

err_t requests_backtest(const ValidateCycleRequest *request, int64_t now_ms, char **body) {
    char start[11], end[11];
    if (!requests_year(request->as_of, now_ms, start, end))
        return ERR_PROTOCOL;
    json_t *strategy = json_pack("{s:s}", "type", "multi_analyzer");
    json_object_set_new(strategy, "analyzers", s_strings(request->analyzers, request->analyzers_count));
    json_object_set_new(strategy, "weights", s_equal_weights(request->analyzers, request->analyzers_count));
    json_t *universe = json_object();
    json_object_set_new(universe, "symbols", s_strings(request->symbols, request->symbols_count));
    json_t *root = json_object();
    json_object_set_new(root, "strategy", strategy);
    json_object_set_new(root, "universe", universe);
    json_object_set_new(root, "config",
                        json_pack("{s:s, s:s, s:i, s:f}", "start_date", start, "end_date", end,
                                  "initial_capital", 1000000, "commission", 0.001));
    *body = json_tree_text(root);
    json_decref(root);
    return OK;
}

char *requests_pool(const ValidateCycleRequest *request) {
    size_t length = strlen(request->cycle_id);
    const char *tail = length > 8 ? request->cycle_id + length - 8 : request->cycle_id;
    const char *type = request->strategy_type[0]      ? request->strategy_type
                       : request->analyzers_count > 0 ? request->analyzers[0]
                                                      : "livermore";
    char name[96];
    snprintf(name, sizeof name, "validation_pool_%s", tail);
    json_t *root = json_pack("{s:s, s:s, s:{s:i, s:i, s:f}}", "name", name, "strategy_type", type, "config",
                             "max_capacity", 50, "max_holding_days", 30, "risk_threshold", 0.05);
    char *body = json_tree_text(root);
    json_decref(root);
    return body;
}

static err_t s_metric(json_t *performance, const char *key, double *value, char *why, size_t why_size) {
    json_t *member = json_object_get(performance, key);
    *value = 0;
    if (!member || json_is_null(member))
        return OK;
    if (!json_is_number(member)) {
        snprintf(why, why_size, "performance.%s of the backtest must be a number", key);
        return ERR_PROTOCOL;
    }
    *value = json_number_value(member);
    return OK;
}

err_t requests_read_backtest(const char *result, double *sharpe_ratio, double *max_drawdown,
                             char **performance, char *why, size_t why_size) {
    json_t *root = json_tree_parse(result), *figures = json_object_get(root, "performance");
    err_t err = OK;
    if (!json_is_object(figures)) {
        snprintf(why, why_size, "the backtest holds no performance");
        err = ERR_PROTOCOL;
    }
    if (err == OK)
        err = s_metric(figures, "sharpe_ratio", sharpe_ratio, why, why_size);
    if (err == OK)
        err = s_metric(figures, "max_drawdown", max_drawdown, why, why_size);
    if (err == OK && *max_drawdown < 0) {
        snprintf(why, why_size, "performance.max_drawdown of the backtest must not be negative, got %g",
                 *max_drawdown);
        err = ERR_PROTOCOL;
    }
    if (err == OK)
        *performance = json_tree_text(figures);
    json_decref(root);
    return err;
}
