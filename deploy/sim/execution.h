/* Parts of the execution service: its state, the analysis of symbols and the jobs that schedules start. */
#pragma once

#include "analyzers.h"
#include "backtest.h"
#include "sim.h"

#include <pthread.h>

enum { POOLS_MAX = 10000, HISTORY_MAX = 200, CANDIDATES_MAX = PRICES_MAX_SERIES };

typedef struct {
    char name[129], strategy_type[65];
    int64_t max_capacity;
} pool_t;

typedef struct {
    pthread_mutex_t lock; /* guards all below */
    pool_t *pools;        /* pool n + 1 is pools[n] */
    int pool_count;
    json_t *analyses,
        *backtests; /* arrays of {job_id,created_at,…,result}, newest last, at most HISTORY_MAX */
    int candidate_count;
    char candidates[CANDIDATES_MAX][SYMBOL_SIZE]; /* of the last sync */
} execution_t;

bool execution_start(service_t *self);
void execution_stop(service_t *self);

/* Bits of the analyzers that an array of names asks for ("all" = all); problems go to check. */
unsigned analyzers_parse(json_t *names, const char *path, check_t *check);

/* {"results":{symbol:{overall_score,confidence,analyzer_scores}}} of an array of symbols (NULL: all stocks), at the last
 * full bar. Symbols without prices or with too few bars are absent. */
json_t *analysis_results(const prices_t *prices, json_t *symbols, unsigned analyzers, int bars);

/* Adds to a history; takes entry. */
void execution_remember(execution_t *self, json_t *history, json_t *entry);

/* Fills spec with {"performance","config"} of a run over [start, end] cut to the prices, or with its failure. */
void backtest_fill(const prices_t *prices, json_t *symbols, const char *start, const char *end,
                   const strategy_t *strategy, job_spec_t *spec);

/* Runs the ui_candidates_*, ui_research_* and ui_strategy_* jobs. */
bool execution_run_job(service_t *self, const char *type, json_t *params, job_spec_t *spec);

reply_t pool_api_create(service_t *self, const request_t *request);
reply_t pool_api_status(service_t *self, const request_t *request);

/* Read-only lists of what was analysed and tested. */
reply_t history_api_analyses(service_t *self, const request_t *request);
reply_t history_api_signals(service_t *self, const request_t *request);
reply_t history_api_backtests(service_t *self, const request_t *request);
