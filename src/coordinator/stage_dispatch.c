/* Stages strategy_validation and signal_dispatch: what is validated, and the signals that are sent. */
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include "coordinator/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int s_compare(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names sorted; `names` stays the owner of the texts. */
static json_t *s_sorted(json_t *names) {
    size_t count = json_array_size(names);
    const char **list = calloc(count + 1, sizeof *list);
    json_t *sorted = json_array();
    for (size_t i = 0; i < count; i++)
        list[i] = json_string_value(json_array_get(names, i));
    qsort(list, count, sizeof *list, s_compare);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(sorted, json_string(list[i]));
    free(list);
    return sorted;
}

static json_t *s_analyzers(json_t *analysis) {
    json_t *analyzers = s_sorted(json_object_get(analysis, "analyzers"));
    if (json_array_size(analyzers) == 0) {
        json_array_append_new(analyzers, json_string("livermore"));
        json_array_append_new(analyzers, json_string("multi_indicator"));
    }
    return analyzers;
}

/* The macro state's date; without one, the day before now_ms (UTC). */
static err_t s_as_of(json_t *macro, int64_t now_ms, char as_of[11], char why[STAGE_WHY_SIZE]) {
    json_t *value = json_object_get(macro, "as_of");
    if (!value || json_is_null(value)) {
        time_t yesterday = (time_t)(now_ms / 1000) - 86400;
        struct tm date;
        gmtime_r(&yesterday, &date);
        strftime(as_of, 11, "%Y-%m-%d", &date);
        return OK;
    }
    err_t err = words_require_date(macro, "as_of", why);
    if (err == OK)
        memcpy(as_of, json_string_value(value), 11);
    return err;
}

err_t stage_validation_input(const stage_context_t *context, int64_t now_ms, char **input,
                             char why[STAGE_WHY_SIZE]) {
    json_t *analysis = context->outputs[STAGE_STRATEGY_ANALYSIS];
    json_t *symbols = json_object_get(analysis, "symbols");
    char as_of[11];
    if (json_object_size(symbols) == 0) {
        snprintf(why, STAGE_WHY_SIZE, "NO_SYMBOLS: no symbol was analysed, there is nothing to validate");
        return ERR_UNPROCESSABLE;
    }
    err_t err = s_as_of(context->outputs[STAGE_MACRO_ANALYSIS], now_ms, as_of, why);
    if (err != OK)
        return err;
    json_t *root = json_object(), *names = json_array(), *confidences = json_object();
    const char *symbol;
    json_t *figures;
    json_object_foreach (symbols, symbol, figures) {
        json_array_append_new(names, json_string(symbol));
        json_object_set(confidences, symbol, json_object_get(figures, "confidence"));
    }
    json_object_set_new(root, "analyzers", s_analyzers(analysis));
    json_object_set_new(root, "symbols", names);
    json_object_set_new(root, "confidences", confidences);
    json_object_set_new(root, "as_of", json_string(as_of));
    *input = json_tree_text(root);
    json_decref(root);
    return OK;
}

typedef struct {
    const stage_context_t *context;
    json_t *validation;
    double adjustment;
    json_int_t priority;
    int64_t now_ms;
} dispatch_t;

static json_t *s_signal(const dispatch_t *self, const char *symbol, json_t *figures) {
    double score = json_tree_number(figures, "score", 0.5);
    double confidence = json_tree_number(figures, "confidence", 0) + self->adjustment;
    char signal_id[37];
    stage_signal_id(self->context->cycle_id, symbol, signal_id);
    json_t *data = json_pack("{s:s}", "cycle_id", self->context->cycle_id);
    json_object_set(data, "score", json_object_get(figures, "score"));
    json_object_set(data, "target_weight", json_object_get(figures, "target_weight"));
    json_object_set(data, "analyzer_scores", json_object_get(figures, "analyzer_scores"));
    json_t *tested = json_object();
    json_object_set(tested, "validation_id", json_object_get(self->validation, "validation_id"));
    json_object_set(tested, "tier", json_object_get(self->validation, "tier"));
    json_t *signal = json_object();
    json_object_set_new(signal, "signal_id", json_string(signal_id));
    json_object_set_new(signal, "symbol", json_string(symbol));
    json_object_set(signal, "side", json_object_get(figures, "side"));
    json_object_set_new(signal, "strength", json_real(2 * fabs(score - 0.5)));
    json_object_set_new(signal, "confidence", json_real(words_clamp(confidence, 0, 1)));
    json_object_set_new(signal, "priority", json_integer(self->priority));
    json_object_set_new(signal, "timestamp", json_integer(self->now_ms));
    json_object_set_new(signal, "data", data);
    json_object_set_new(signal, "metadata",
                        json_pack("{s:s, s:o}", "cycle_id", self->context->cycle_id, "validation", tested));
    return signal;
}

err_t stage_dispatch_input(const stage_context_t *context, int64_t now_ms, char **input,
                           char why[STAGE_WHY_SIZE]) {
    json_t *validation = context->outputs[STAGE_STRATEGY_VALIDATION];
    json_t *symbols = json_object_get(context->outputs[STAGE_STRATEGY_ANALYSIS], "symbols");
    if (!json_is_number(json_object_get(validation, "confidence_adjustment")) || !json_is_object(symbols)) {
        snprintf(why, STAGE_WHY_SIZE, "the analysis or its validation left no result");
        return ERR_PROTOCOL;
    }
    json_t *plan = context->outputs[STAGE_PORTFOLIO_MANAGEMENT];
    dispatch_t dispatch = {context, validation, json_tree_number(validation, "confidence_adjustment", 0),
                           (json_int_t)json_tree_number(plan, "execution_priority", 3), now_ms};
    json_t *signals = json_array();
    const char *symbol;
    json_t *figures;
    json_object_foreach (symbols, symbol, figures) {
        const char *side = json_string_value(json_object_get(figures, "side"));
        if (side && strcmp(side, "hold") != 0)
            json_array_append_new(signals, s_signal(&dispatch, symbol, figures));
    }
    json_t *root = json_object();
    json_object_set_new(root, "signals", signals);
    *input = json_tree_text(root);
    json_decref(root);
    return OK;
}
