/* Stage macro_analysis: GET /api/v1/macro/state. */
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include "coordinator/words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

err_t stage_macro_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]) {
    (void)context;
    (void)why;
    *input = strdup("{\"method\":\"GET\",\"path\":\"/api/v1/macro/state\"}");
    return *input ? OK : ERR_NO_MEMORY;
}

static err_t s_check(json_t *macro, char why[STAGE_WHY_SIZE]) {
    err_t err = words_require(macro, "economic_cycle", "recession|recovery|expansion|slowdown|neutral", why);
    if (err == OK)
        err = words_require(macro, "risk_level", "low|medium|high", why);
    json_t *sentiment = json_object_get(macro, "market_sentiment");
    if (err == OK && sentiment && !json_is_null(sentiment))
        err = words_require(macro, "market_sentiment", "negative|neutral|positive", why);
    json_t *as_of = json_object_get(macro, "as_of");
    if (err == OK && as_of && !json_is_null(as_of))
        err = words_require_date(macro, "as_of", why);
    return err;
}

err_t stage_macro_output(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]) {
    json_t *macro = json_tree_parse(data);
    if (!json_is_object(macro)) {
        snprintf(why, STAGE_WHY_SIZE, "the macro state is not an object");
        json_decref(macro);
        return ERR_PROTOCOL;
    }
    json_t *cycle = json_object_get(macro, "economic_cycle");
    if ((!cycle || json_is_null(cycle)) && json_object_get(macro, "cycle_phase"))
        json_object_set(macro, "economic_cycle", json_object_get(macro, "cycle_phase"));
    err_t err = s_check(macro, why);
    if (err == OK) {
        static const char *const figures[] = {"economic_cycle", "risk_level", "market_sentiment",
                                              "confidence",     "as_of",      NULL};
        *output = json_tree_text(macro);
        *summary = words_pick(macro, figures);
    }
    json_decref(macro);
    return err;
}
