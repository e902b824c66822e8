/* The six stages of a cycle as pure functions: what goes to a service, and what its answer must hold.
 *
 * Every stage has an input and an output, both JSON text, kept in its row. A builder makes the input from the
 * outputs before it; a reader checks an answer and makes the output. What is missing is an error that says so:
 * nothing is filled in by guess. Formulas and limits are those of the downstream contract. */
#pragma once

#include "base/err.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    STAGE_DATA_READINESS,
    STAGE_MACRO_ANALYSIS,
    STAGE_PORTFOLIO_MANAGEMENT,
    STAGE_STRATEGY_ANALYSIS,
    STAGE_STRATEGY_VALIDATION,
    STAGE_SIGNAL_DISPATCH,
    STAGE_COUNT
} stage_t;

const char *stage_name(stage_t stage);

/* What the builders see. `outputs` holds the parsed outputs of the completed stages, else NULL. */
typedef struct {
    const char *cycle_id;
    const char *portfolio_id;
    const char *const *symbols; /* named by the trigger */
    size_t symbol_count;
    const char *public_url; /* without a slash at its end; NULL or empty = jobs name no callback */
    json_t *outputs[STAGE_COUNT];
} stage_context_t;

#define STAGE_WHY_SIZE 256

/* Inputs. *input is the caller's to free; `why` says what is missing when the error is not OK. */
ERR_MUST_USE
err_t stage_macro_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]);
ERR_MUST_USE
err_t stage_portfolio_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]);
ERR_MUST_USE
err_t stage_strategy_input(const stage_context_t *context, char **input, char why[STAGE_WHY_SIZE]);
/* `now_ms` dates what the macro state leaves undated; a repetition takes the stored input. */
ERR_MUST_USE
err_t stage_validation_input(const stage_context_t *context, int64_t now_ms, char **input,
                             char why[STAGE_WHY_SIZE]);
ERR_MUST_USE
err_t stage_dispatch_input(const stage_context_t *context, int64_t now_ms, char **input,
                           char why[STAGE_WHY_SIZE]);

/* Outputs, from the service's data (JSON text). *output and *summary are the caller's to free. `input` is the
 * stage's own. ERR_PROTOCOL when a required value is missing or out of its set. */
ERR_MUST_USE
err_t stage_macro_output(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]);
ERR_MUST_USE
err_t stage_portfolio_output(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]);
ERR_MUST_USE
err_t stage_strategy_output(const char *input, const char *data, char **output, char **summary,
                            char why[STAGE_WHY_SIZE]);

/* The input of a stage that calls a service: {"method","path","body"}; body is raw text within `input`. */
ERR_MUST_USE
err_t stage_call_of(const char *input, char method[8], char **path, char **body);

/* SHA-256 of the text, lower-case hex. */
void stage_digest(const char *text, char out[65]);

/* The signal_id of a cycle's signal for a symbol: a UUID (version 8) from SHA-256 of "cycle_id/symbol", so that
 * a repeated dispatch sends the same signals. */
void stage_signal_id(const char *cycle_id, const char *symbol, char out[37]);
/* Likewise of the validation of a cycle. */
void stage_validation_id(const char *cycle_id, char out[37]);
