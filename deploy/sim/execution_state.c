/* What the execution service remembers: pools, histories, candidates. */
#include "execution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double BUY_ABOVE = 0.6, SELL_BELOW = 0.4;

bool execution_start(service_t *self) {
    execution_t *state = calloc(1, sizeof *state);
    if (!state)
        return false;
    pthread_mutex_init(&state->lock, NULL);
    state->analyses = json_array();
    state->backtests = json_array();
    self->state = state;
    return true;
}

void execution_stop(service_t *self) {
    execution_t *state = self->state;
    json_decref(state->analyses);
    json_decref(state->backtests);
    free(state->pools);
    pthread_mutex_destroy(&state->lock);
    free(state);
    self->state = NULL;
}

void execution_remember(execution_t *self, json_t *history, json_t *entry) {
    pthread_mutex_lock(&self->lock);
    json_array_append_new(history, entry);
    if (json_array_size(history) > HISTORY_MAX)
        json_array_remove(history, 0);
    pthread_mutex_unlock(&self->lock);
}

static bool s_add_pool(execution_t *self, const pool_t *pool) {
    if (self->pool_count == POOLS_MAX)
        return false;
    pool_t *pools = realloc(self->pools, (size_t)(self->pool_count + 1) * sizeof *pools);
    if (!pools)
        return false;
    self->pools = pools;
    pools[self->pool_count++] = *pool;
    return true;
}

reply_t pool_api_create(service_t *self, const request_t *request) {
    check_t check = {0};
    pool_t pool = {0};
    const char *name = check_string(&check, request->json, "", "name", REQUIRED, sizeof pool.name - 1);
    const char *type =
        check_string(&check, request->json, "", "strategy_type", REQUIRED, sizeof pool.strategy_type - 1);
    json_t *config = check_object(&check, request->json, "", "config", REQUIRED);
    pool.max_capacity = check_int(&check, config, "config.", "max_capacity", REQUIRED, 1, INT32_MAX, 1);
    check_int(&check, config, "config.", "max_holding_days", REQUIRED, 1, INT32_MAX, 1);
    check_number(&check, config, "config.", "risk_threshold", REQUIRED, 0, 1, 0);
    if (!check_passed(&check))
        return check_reply(&check);
    snprintf(pool.name, sizeof pool.name, "%s", name);
    snprintf(pool.strategy_type, sizeof pool.strategy_type, "%s", type);
    execution_t *state = self->state;
    char id[JOB_ID_SIZE];
    pthread_mutex_lock(&state->lock);
    bool added = s_add_pool(state, &pool);
    snprintf(id, sizeof id, "pool-%06d", state->pool_count);
    pthread_mutex_unlock(&state->lock);
    if (!added)
        return reply_error(503, "TOO_MANY_POOLS", "no room for another pool", NULL);
    reqlog_effect(self->log, EFFECT_POOLS_CREATED);
    return reply_ok(self, 201,
                    json_pack("{s:s, s:s, s:s}", "pool_id", id, "name", pool.name, "status", "active"));
}

static bool s_find_pool(execution_t *self, const char *id, pool_t *out) {
    char canonical[JOB_ID_SIZE];
    int number = strncmp(id, "pool-", 5) == 0 ? atoi(id + 5) : 0;
    snprintf(canonical, sizeof canonical, "pool-%06d", number);
    pthread_mutex_lock(&self->lock);
    bool found = number >= 1 && number <= self->pool_count && strcmp(canonical, id) == 0;
    if (found)
        *out = self->pools[number - 1];
    pthread_mutex_unlock(&self->lock);
    return found;
}

/* Nothing trades in a simulated pool, so it holds nothing. */
reply_t pool_api_status(service_t *self, const request_t *request) {
    pool_t pool;
    const char *id = request->params[0];
    if (!s_find_pool(self->state, id, &pool)) {
        char message[REQUEST_PARAM_SIZE + 32];
        snprintf(message, sizeof message, "no pool %s", id);
        return reply_error(404, "POOL_NOT_FOUND", message, NULL);
    }
    return reply_ok(self, 200,
                    json_pack("{s:s, s:s, s:s, s:s, s:i, s:I}", "pool_id", id, "name", pool.name, "status",
                              "active", "strategy_type", pool.strategy_type, "holdings", 0, "max_capacity",
                              (json_int_t)pool.max_capacity));
}

/* An entry counts once its job has succeeded; an inline answer counts at once. */
static bool s_is_done(service_t *self, json_t *entry) {
    const char *job_id = json_string_value(json_object_get(entry, "job_id"));
    job_view_t view;
    if (!job_id)
        return true;
    if (!jobs_get(self->jobs, job_id, &view))
        return false;
    job_view_clear(&view);
    return view.state == JOB_SUCCEEDED;
}

static json_t *s_snapshot(execution_t *self, json_t *history) {
    pthread_mutex_lock(&self->lock);
    json_t *copy = json_copy(history);
    pthread_mutex_unlock(&self->lock);
    return copy;
}

static reply_t s_answer_items(service_t *self, json_t *items) {
    return reply_ok(self, 200, json_pack("{s:o}", "items", items));
}

static reply_t s_answer_history(service_t *self, const request_t *request, json_t *history) {
    check_t check = {0};
    int limit, offset;
    query_page(request, PAGE_DEFAULT, &limit, &offset, &check);
    if (!check_passed(&check))
        return check_reply(&check);
    json_t *entries = s_snapshot(self->state, history), *items = json_array();
    for (size_t i = json_array_size(entries); i-- > 0 && (int)json_array_size(items) < limit;) {
        json_t *entry = json_array_get(entries, i);
        if (s_is_done(self, entry) && offset-- <= 0)
            json_array_append(items, entry);
    }
    json_decref(entries);
    return s_answer_items(self, items);
}

reply_t history_api_analyses(service_t *self, const request_t *request) {
    return s_answer_history(self, request, ((execution_t *)self->state)->analyses);
}

reply_t history_api_backtests(service_t *self, const request_t *request) {
    return s_answer_history(self, request, ((execution_t *)self->state)->backtests);
}

static const char *s_signal(double score) {
    return score > BUY_ABOVE ? "BUY" : score < SELL_BELOW ? "SELL" : "HOLD";
}

static void s_append_signals(json_t *entry, const char *only, json_t *items) {
    const char *symbol;
    json_t *result;
    json_object_foreach (json_object_get(json_object_get(entry, "result"), "results"), symbol, result) {
        if (only[0] && strcmp(only, symbol) != 0)
            continue;
        double score = json_number_value(json_object_get(result, "overall_score"));
        json_array_append_new(items, json_pack("{s:s, s:s, s:f, s:O, s:O, s:O}", "symbol", symbol, "signal",
                                               s_signal(score), "score", score, "confidence",
                                               json_object_get(result, "confidence"), "job_id",
                                               json_object_get(entry, "job_id"), "created_at",
                                               json_object_get(entry, "created_at")));
    }
}

reply_t history_api_signals(service_t *self, const request_t *request) {
    check_t check = {0};
    int limit, offset;
    char symbol[SYMBOL_SIZE] = "";
    query_page(request, PAGE_DEFAULT, &limit, &offset, &check);
    request_query(request, "symbol", symbol, sizeof symbol);
    if (!check_passed(&check))
        return check_reply(&check);
    execution_t *state = self->state;
    json_t *entries = s_snapshot(state, state->analyses), *all = json_array(), *items = json_array();
    for (size_t i = json_array_size(entries); i-- > 0;)
        if (s_is_done(self, json_array_get(entries, i)))
            s_append_signals(json_array_get(entries, i), symbol, all);
    for (size_t i = (size_t)offset; i < json_array_size(all) && i < (size_t)offset + (size_t)limit; i++)
        json_array_append(items, json_array_get(all, i));
    json_decref(entries);
    json_decref(all);
    return s_answer_items(self, items);
}
