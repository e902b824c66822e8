/* The macro service: state of the market, from prices only. */
#include "sim.h"

#include <string.h>

static json_t *s_indicators(const macro_state_t *state) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "trend_12m", state->trend_12m, "momentum_3m",
                     state->momentum_3m, "return_12m", state->return_12m, "breadth", state->breadth,
                     "volatility_annual", state->volatility_annual, "drawdown", state->drawdown);
}

json_t *macro_state_json(const prices_t *prices) {
    macro_state_t state;
    if (!macro_state_at(prices, prices->bars - 1, &state))
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:f, s:s, s:o}", "economic_cycle", state.economic_cycle, "risk_level",
                     state.risk_level, "market_sentiment", state.market_sentiment, "confidence",
                     state.confidence, "as_of", state.as_of, "indicators", s_indicators(&state));
}

static reply_t s_no_data(void) {
    return reply_error(500, "NO_PRICE_DATA", "the prices do not reach back twelve months", NULL);
}

static reply_t s_get_state(service_t *self, const request_t *request) {
    (void)request;
    json_t *state = macro_state_json(self->prices);
    return state ? reply_ok(self, 200, state) : s_no_data();
}

static reply_t s_post_analysis(service_t *self, const request_t *request) {
    check_t check = {0};
    check_bool(&check, request->json, "", "force_refresh", OPTIONAL, false);
    check_bool(&check, request->json, "", "include_details", OPTIONAL, true);
    if (!check_passed(&check))
        return check_reply(&check);
    job_spec_t spec = {.type = "macro_analysis",
                       .params = json_deep_copy(request->json),
                       .result = macro_state_json(self->prices)};
    if (!spec.result)
        job_spec_fail(&spec, "NO_PRICE_DATA", "the prices do not reach back twelve months");
    return service_answer_job(self, request, &spec);
}

typedef struct {
    json_t *all, *chosen;
    bool asked;
} selection_t;

/* Names that are not known stay absent. */
static void s_select(const char *name, void *arg) {
    selection_t *selection = arg;
    json_t *value = json_object_get(selection->all, name);
    selection->asked = true;
    if (value)
        json_object_set(selection->chosen, name, value);
}

static reply_t s_get_indicators(service_t *self, const request_t *request) {
    macro_state_t state;
    if (!macro_state_at(self->prices, self->prices->bars - 1, &state))
        return s_no_data();
    selection_t selection = {.all = s_indicators(&state), .chosen = json_object()};
    request_query_each(request, "indicators", s_select, &selection);
    json_t *shown = json_incref(selection.asked ? selection.chosen : selection.all);
    json_decref(selection.all);
    json_decref(selection.chosen);
    return reply_ok(self, 200, json_pack("{s:o}", "indicators", shown));
}

static reply_t s_get_position(service_t *self, const request_t *request) {
    (void)request;
    macro_state_t state;
    if (!macro_state_at(self->prices, self->prices->bars - 1, &state))
        return s_no_data();
    return reply_ok(self, 200,
                    json_pack("{s:s, s:f, s:f}", "phase", state.economic_cycle, "position",
                              macro_phase_position(self->prices), "confidence", state.confidence));
}

/* These jobs save what a user interface decided; what they were given is kept in the job. */
static bool s_run_job(service_t *self, const char *type, json_t *params, job_spec_t *spec) {
    static const char *const types[] = {"ui_macro_cycle_freeze",          "ui_macro_cycle_mark_seen",
                                        "ui_macro_cycle_mark_seen_batch", "ui_macro_cycle_apply_portfolio",
                                        "ui_macro_cycle_apply_snapshot",  "ui_rotation_policy_freeze",
                                        "ui_rotation_policy_apply",       "ui_rotation_policy_save"};
    (void)params;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0) {
            spec->result = json_pack("{s:s, s:b, s:s}", "job_type", type, "recorded", 1, "as_of",
                                     prices_as_of(self->prices));
            return true;
        }
    return false;
}

static const route_t s_routes[] = {
    {"GET", "/health", service_health, BODY_NONE},
    {"GET", "/api/v1/macro/state", s_get_state, BODY_NONE},
    {"POST", "/api/v1/macro/analysis", s_post_analysis, BODY_REQUIRED},
    {"GET", "/api/v1/macro/indicators", s_get_indicators, BODY_NONE},
    {"GET", "/api/v1/macro/cycle/position", s_get_position, BODY_NONE},
    {"GET", "/api/v1/jobs", job_api_list, BODY_NONE},
    {"POST", "/api/v1/jobs", job_api_create, BODY_REQUIRED},
    {"GET", "/api/v1/jobs/{job_id}", job_api_get, BODY_NONE},
    {"DELETE", "/api/v1/jobs/{job_id}", job_api_cancel, BODY_NONE},
    {0},
};

const service_class_t macro_class = {
    .name = "macro", .job_prefix = "mac", .health_path = "/health", .routes = s_routes, .run_job = s_run_job};
