/* Stage strategy_analysis: POST /api/v1/analyze/batch, and what follows from the scores of each symbol.
 *
 * buy above a score of 0.6, sell below 0.4, else hold; target_weight = min (score * confidence * 0.1, 0.05). */
#include "base/buf.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include "coordinator/words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUY_ABOVE     0.6
#define SELL_BELOW    0.4
#define WEIGHT_FACTOR 0.1
#define WEIGHT_MAX    0.05

/* ---- Input ---- */

static bool s_symbol_ok(const char *symbol) {
    size_t length = strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._^-");
    return length >= 1 && length <= 32 && symbol[length] == '\0';
}

static void s_add_symbol(json_t *symbols, json_t *seen, const char *symbol) {
    if (!symbol || !s_symbol_ok(symbol) || json_object_get(seen, symbol))
        return;
    json_object_set_new(seen, symbol, json_true());
    json_array_append_new(symbols, json_string(symbol));
}

static void s_add_list(json_t *symbols, json_t *seen, json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        s_add_symbol(symbols, seen, json_string_value(json_array_get(list, i)));
}

static void s_add_keys(json_t *symbols, json_t *seen, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value)
        s_add_symbol(symbols, seen, key);
}

/* First seen first: the trigger's symbols, then what the portfolio names. */
static json_t *s_symbols(const stage_context_t *context) {
    json_t *plan = context->outputs[STAGE_PORTFOLIO_MANAGEMENT];
    json_t *symbols = json_array(), *seen = json_object();
    for (size_t i = 0; i < context->symbol_count; i++)
        s_add_symbol(symbols, seen, context->symbols[i]);
    s_add_list(symbols, seen, json_object_get(plan, "symbols"));
    s_add_list(symbols, seen, json_object_get(plan, "target_symbols"));
    s_add_keys(symbols, seen, json_object_get(plan, "weights"));
    s_add_keys(symbols, seen, json_object_get(plan, "positions"));
    json_decref(seen);
    return symbols;
}

static const char *s_analyzers(json_t *plan) {
    const char *risk = json_string_value(json_object_get(plan, "risk_level"));
    const char *sentiment = json_string_value(json_object_get(plan, "market_sentiment"));
    if (risk && sentiment && strcmp(risk, "high") == 0 && strcmp(sentiment, "positive") == 0)
        return "[\"livermore\",\"multi_indicator\"]";
    if (risk && strcmp(risk, "low") == 0)
        return "[\"dow_theory\",\"hong_hao\"]";
    return "[\"all\"]";
}

/* Where the service may report the end of the job; without it the job is polled. */
static void s_append_callback(const char *public_url, buf_t *out) {
    if (!public_url || !*public_url)
        return;
    json_t *url = json_sprintf("%s/api/v1/callbacks/execution", public_url);
    buf_append_str(out, ",\"callback_url\":");
    json_tree_write(url, out);
    json_decref(url);
}

err_t stage_strategy_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]) {
    json_t *plan = context->outputs[STAGE_PORTFOLIO_MANAGEMENT];
    json_t *symbols = s_symbols(context);
    if (json_array_size(symbols) == 0) {
        snprintf(why, STAGE_WHY_SIZE,
                 "NO_SYMBOLS: neither the trigger nor the portfolio names a valid symbol");
        json_decref(symbols);
        return ERR_UNPROCESSABLE;
    }
    json_int_t lookback = (json_int_t)json_tree_number(plan, "lookback_days", 60);
    buf_t out = BUF_INIT;
    buf_append_str(&out, "{\"method\":\"POST\",\"path\":\"/api/v1/analyze/batch\",\"body\":{\"symbols\":");
    json_tree_write(symbols, &out);
    buf_printf(&out,
               ",\"analyzers\":%s,\"config\":{\"lookback_days\":%lld,\"cache_enabled\":true,\"parallel\":%s,"
               "\"timeout_seconds\":300",
               s_analyzers(plan), (long long)lookback, json_array_size(symbols) > 1 ? "true" : "false");
    s_append_callback(context->public_url, &out);
    buf_append_str(&out, "}}}");
    json_decref(symbols);
    *input = buf_steal(&out);
    return OK;
}

/* ---- Output ---- */

typedef struct {
    json_t *asked;     /* symbol -> true, of those that were sent */
    json_t *symbols;   /* symbol -> figures */
    json_t *analyzers; /* name -> true */
    size_t skipped, buys, sells, holds;
} analysis_t;

static json_t *s_score_of(json_t *entry) {
    if (json_is_number(entry))
        return entry;
    json_t *strength = json_object_get(entry, "strength");
    return json_is_number(strength) ? strength : json_object_get(entry, "confidence");
}

static json_t *s_analyzer_scores(analysis_t *self, json_t *entries) {
    json_t *scores = json_object();
    const char *name;
    json_t *entry;
    json_object_foreach (entries, name, entry) {
        json_t *score = s_score_of(entry);
        if (!json_is_number(score))
            continue;
        json_object_set(scores, name, score);
        json_object_set_new(self->analyzers, name, json_true());
    }
    return scores;
}

static bool s_is_ratio(const json_t *value) {
    return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 1;
}

/* Nothing is traded that nobody asked for, nor twice. */
static bool s_is_awaited(const analysis_t *self, const char *symbol) {
    return symbol && json_object_get(self->asked, symbol) && !json_object_get(self->symbols, symbol);
}

/* A symbol without a usable score or confidence is skipped and counted, and so is one that was not sent. */
static void s_add(analysis_t *self, const char *symbol, json_t *score, json_t *confidence, json_t *entries) {
    if (!s_is_awaited(self, symbol) || !s_is_ratio(score) || !s_is_ratio(confidence)) {
        self->skipped++;
        return;
    }
    double value = json_number_value(score), sure = json_number_value(confidence);
    const char *side = value > BUY_ABOVE ? "buy" : value < SELL_BELOW ? "sell" : "hold";
    self->buys += *side == 'b';
    self->sells += *side == 's';
    self->holds += *side == 'h';
    double weight = value * sure * WEIGHT_FACTOR;
    json_t *figures = json_object();
    json_object_set(figures, "score", score);
    json_object_set(figures, "confidence", confidence);
    json_object_set_new(figures, "side", json_string(side));
    json_object_set_new(figures, "target_weight", json_real(weight < WEIGHT_MAX ? weight : WEIGHT_MAX));
    json_object_set_new(figures, "analyzer_scores", s_analyzer_scores(self, entries));
    json_object_set_new(self->symbols, symbol, figures);
}

static void s_read_results(analysis_t *self, json_t *results) {
    const char *symbol;
    json_t *entry;
    json_object_foreach (results, symbol, entry)
        s_add(self, symbol, json_object_get(entry, "overall_score"), json_object_get(entry, "confidence"),
              json_object_get(entry, "analyzer_scores"));
}

/* The list form of earlier services: [{symbol, status, result: {aggregated: {strength, confidence}, results}}] */
static void s_read_list(analysis_t *self, json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *result = json_object_get(item, "result");
        const char *status = json_string_value(json_object_get(item, "status"));
        json_t *aggregated = json_object_get(result, "aggregated");
        if (!status || strcmp(status, "success") != 0) {
            self->skipped++;
            continue;
        }
        s_add(self, json_string_value(json_object_get(item, "symbol")),
              json_object_get(aggregated, "strength"), json_object_get(aggregated, "confidence"),
              json_object_get(result, "results"));
    }
}

/* What was asked for and not analysed. */
static json_t *s_missing(const analysis_t *self) {
    json_t *missing = json_array(), *value;
    const char *symbol;
    json_object_foreach (self->asked, symbol, value)
        if (!json_object_get(self->symbols, symbol))
            json_array_append_new(missing, json_string(symbol));
    return missing;
}

static void s_write(analysis_t *self, char **output, char **summary) {
    json_t *out = json_object(), *counts = json_object();
    json_t *analyzers = json_array();
    const char *name;
    json_t *value;
    json_object_foreach (self->analyzers, name, value)
        json_array_append_new(analyzers, json_string(name));
    json_object_set(out, "symbols", self->symbols);
    json_object_set_new(out, "analyzers", analyzers);
    json_object_set_new(out, "skipped", json_integer((json_int_t)self->skipped));
    json_object_set_new(counts, "analysed", json_integer((json_int_t)json_object_size(self->symbols)));
    json_object_set_new(counts, "skipped", json_integer((json_int_t)self->skipped));
    json_object_set_new(counts, "missing", s_missing(self));
    json_object_set_new(counts, "buy", json_integer((json_int_t)self->buys));
    json_object_set_new(counts, "sell", json_integer((json_int_t)self->sells));
    json_object_set_new(counts, "hold", json_integer((json_int_t)self->holds));
    *output = json_tree_text(out);
    *summary = json_tree_text(counts);
    json_decref(out);
    json_decref(counts);
}

/* The symbols of the stage's input, in their order. */
static json_t *s_asked(const char *input) {
    json_t *root = json_tree_parse(input), *asked = json_object();
    json_t *symbols = json_object_get(json_object_get(root, "body"), "symbols");
    for (size_t i = 0; i < json_array_size(symbols); i++)
        json_object_set_new(asked, json_string_value(json_array_get(symbols, i)), json_true());
    json_decref(root);
    return asked;
}

err_t stage_strategy_output(const char *input, const char *data, char **output, char **summary,
                            char why[STAGE_WHY_SIZE]) {
    json_t *root = json_tree_parse(data);
    json_t *results = json_object_get(root, "results"), *list = json_object_get(root, "data");
    analysis_t analysis = {.asked = s_asked(input), .symbols = json_object(), .analyzers = json_object()};
    err_t err = OK;
    if (json_is_object(results))
        s_read_results(&analysis, results);
    else if (json_is_array(list))
        s_read_list(&analysis, list);
    else
        err = ERR_PROTOCOL;
    if (err == OK)
        s_write(&analysis, output, summary);
    else
        snprintf(why, STAGE_WHY_SIZE, "the analysis holds no results");
    json_decref(analysis.asked);
    json_decref(analysis.symbols);
    json_decref(analysis.analyzers);
    json_decref(root);
    return err;
}
