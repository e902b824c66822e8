/* The calls of the stages: to dataflow, the adapters, validation and the signal router; and their answers. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "coordinator/stage_messages.h"
#include "coordinator/words.h"
#include "integration/v1/dataflow.pb.h"
#include "integration/v1/services.pb.h"
#include "integration/v1/validation.pb.h"
#include "message/json_codec.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef err_t(stage_output_fn)(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]);

/* ---- Inputs ---- */

static void s_open_context(const cycle_t *self, stage_context_t *context) {
    *context = (stage_context_t){.cycle_id = self->cycle_id,
                                 .portfolio_id = self->portfolio_id,
                                 .symbols = (const char *const *)self->symbols,
                                 .symbol_count = self->symbol_count};
    for (int i = 0; i < STAGE_COUNT; i++)
        context->outputs[i] = json_tree_parse(self->stages[i].output);
}

static void s_close_context(stage_context_t *context) {
    for (int i = 0; i < STAGE_COUNT; i++)
        json_decref(context->outputs[i]);
}

static err_t s_readiness_input(const cycle_t *self, char **input) {
    const config_t *config = actor_config(self->owner->actor);
    json_t *root = json_pack("{s:s, s:s}", "policy", config->analysis_readiness_policy, "datasets",
                             config->datasets_required);
    *input = json_tree_text(root);
    json_decref(root);
    return OK;
}

err_t cycle_build_input(cycle_t *self, stage_t stage, char why[STAGE_WHY_SIZE]) {
    cycle_stage_t *row = &self->stages[stage];
    stage_context_t context;
    err_t err = OK;
    if (row->input)
        return OK;
    s_open_context(self, &context);
    switch (stage) {
    case STAGE_DATA_READINESS: err = s_readiness_input(self, &row->input); break;
    case STAGE_MACRO_ANALYSIS: err = stage_macro_input(&context, &row->input, why); break;
    case STAGE_PORTFOLIO_MANAGEMENT: err = stage_portfolio_input(&context, &row->input, why); break;
    case STAGE_STRATEGY_ANALYSIS: err = stage_strategy_input(&context, &row->input, why); break;
    case STAGE_STRATEGY_VALIDATION:
        err = stage_validation_input(&context, row->start_time, &row->input, why);
        break;
    default: err = stage_dispatch_input(&context, row->start_time, &row->input, why);
    }
    s_close_context(&context);
    row->dirty = true;
    return err;
}

/* ---- Deadlines ---- */

/* The cycle's time counts from the end of data readiness, which has a limit of its own. */
int64_t cycle_deadline_us(const cycle_t *self, stage_t stage) {
    const config_t *config = actor_config(self->owner->actor);
    bool readiness = stage == STAGE_DATA_READINESS;
    int64_t from_ms =
        readiness ? self->stages[stage].start_time : self->stages[STAGE_DATA_READINESS].end_time;
    int64_t seconds = readiness ? config->analysis_readiness_seconds : config->analysis_timeout_seconds;
    return clock_mono_us() + (from_ms + seconds * 1000 - clock_wall_ms()) * 1000;
}

bool cycle_time_is_over(const cycle_t *self, stage_t stage) {
    return stage != STAGE_DATA_READINESS &&
           cycle_deadline_us(self, stage) - CYCLE_TIME_MARGIN_US <= clock_mono_us();
}

static actor_request_options_t s_options(const cycle_t *self, stage_t stage, const char *component) {
    return (actor_request_options_t){
        .component = component, .deadline_us = cycle_deadline_us(self, stage), .context = &self->context};
}

static void s_fail(cycle_t *self, stage_t stage, err_t err, const Fault *fault) {
    cycle_stage_failed(self, stage, err,
                       fault && fault->message && *fault->message ? fault->message : err_text(err));
}

static void s_send_again(actor_t *actor, void *context) {
    (void)actor;
    cycle_t *self = context;
    self->timer = 0;
    cycle_send_stage(self, cycle_current_stage(self));
}

/* A part of ours that is away, restarting or full is no failure of the stage: its call is sent again, with the same
 * keys, until the time is over. When it is we who are stopping, the stage stays open and is resumed at the next
 * start. */
static bool s_repeats(cycle_t *self, err_t err, const Fault *fault) {
    if (err != ERR_SHUTTING_DOWN && err != ERR_STORE_UNAVAILABLE && err != ERR_NO_SUBSCRIBER &&
        err != ERR_OVERLOADED)
        return false;
    if (err != ERR_SHUTTING_DOWN)
        log_warning("a stage's call is sent again", LOG_STR("cycle_id", self->cycle_id), LOG_ERRT(err),
                    LOG_STR("error", fault->message));
    self->timer = actor_timer_once(self->owner->actor, CYCLE_REPEAT_MS, s_send_again, self);
    return true;
}

/* ---- Data readiness ---- */

static void s_on_ready(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    const EnsureReadyReply *reply = response;
    if (s_repeats(self, err, fault))
        return;
    if (err != OK) {
        s_fail(self, STAGE_DATA_READINESS, err, fault);
        return;
    }
    buf_t text = BUF_INIT;
    self->degraded = reply->degraded;
    self->stages[STAGE_DATA_READINESS].downstream_ms = reply->downstream_ms;
    json_encode(EnsureReadyReply_message(), reply, &text);
    char *output = buf_steal(&text);
    cycle_stage_completed(self, STAGE_DATA_READINESS, output, strdup(output));
}

static void s_send_readiness(cycle_t *self) {
    json_t *input = json_tree_parse(self->stages[STAGE_DATA_READINESS].input);
    EnsureReadyRequest request = EnsureReadyRequest_init_zero;
    const char *names = json_string_value(json_object_get(input, "datasets"));
    const char *policy = json_string_value(json_object_get(input, "policy"));
    MESSAGE_PUT(request.policy, policy ? policy : "");
    MESSAGE_PUT(request.cycle_id, self->cycle_id);
    stage_split_list(names ? names : "", &request.datasets, &request.datasets_count);
    actor_request_options_t options = s_options(self, STAGE_DATA_READINESS, NULL);
    actor_request(self->owner->actor, &rpc_DataFlowManager_EnsureReady, &request, &options, s_on_ready, self);
    message_release(EnsureReadyRequest_message(), &request);
    json_decref(input);
}

/* ---- The three stages that call a service ---- */

static void s_on_called(cycle_t *self, stage_t stage, stage_output_fn *read, err_t err,
                        const AdapterResult *result, const Fault *fault) {
    cycle_stage_t *row = &self->stages[stage];
    char why[STAGE_WHY_SIZE] = "";
    char *output = NULL, *summary = NULL;
    if (s_repeats(self, err, fault))
        return;
    if (err != OK) {
        s_fail(self, stage, err, fault);
        return;
    }
    row->downstream_ms = result->downstream_ms;
    row->attempts = result->attempts > row->attempts ? result->attempts : row->attempts;
    snprintf(row->job_id, sizeof row->job_id, "%s", result->job_id);
    err = read(result->body, &output, &summary, why);
    if (err == OK)
        cycle_stage_completed(self, stage, output, summary);
    else
        cycle_stage_failed(self, stage, err, why);
}

static void s_on_macro(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    s_on_called(context, STAGE_MACRO_ANALYSIS, stage_macro_output, err, response, fault);
}

static void s_on_portfolio(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    s_on_called(context, STAGE_PORTFOLIO_MANAGEMENT, stage_portfolio_output, err, response, fault);
}

static void s_on_strategy(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    s_on_called(context, STAGE_STRATEGY_ANALYSIS, stage_strategy_output, err, response, fault);
}

static void s_send_call(cycle_t *self, stage_t stage, int service, bool job, actor_reply_fn *reply) {
    AdapterCall call = AdapterCall_init_zero;
    char *path = NULL, *body = NULL;
    call.has_poll = job;
    call.poll.give_up_ms = CYCLE_JOB_GIVE_UP_MS;
    if (stage_call_of(self->stages[stage].input, call.method, &path, &body) != OK) {
        cycle_stage_failed(self, stage, ERR_INTERNAL, "the stored input of the stage cannot be read");
        return;
    }
    call.path = path;
    call.body = body;
    MESSAGE_PUT(call.cycle_id, self->cycle_id);
    snprintf(call.idempotency_key, sizeof call.idempotency_key, "%s/%s/call", self->cycle_id,
             stage_name(stage));
    actor_request_options_t options = s_options(self, stage, adapter_names[service]);
    actor_request(self->owner->actor, job ? &rpc_Adapter_RunJob : &rpc_Adapter_Call, &call, &options, reply,
                  self);
    message_release(AdapterCall_message(), &call);
}

/* ---- Validation ---- */

static void s_on_validated(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    const Validation *validation = response;
    if (s_repeats(self, err, fault))
        return;
    if (err != OK) {
        s_fail(self, STAGE_STRATEGY_VALIDATION, err, fault);
        return;
    }
    cycle_stage_t *row = &self->stages[STAGE_STRATEGY_VALIDATION];
    row->downstream_ms = validation->has_downstream_ms ? validation->downstream_ms : 0;
    snprintf(self->validation_id, sizeof self->validation_id, "%s", validation->validation_id);
    if (strcmp(validation->validation_status, "completed") != 0) {
        bool timeout = strcmp(validation->validation_status, "timeout") == 0;
        cycle_stage_failed(self, STAGE_STRATEGY_VALIDATION,
                           timeout ? ERR_DEADLINE_EXCEEDED : ERR_SERVICE_UNAVAILABLE,
                           validation->error ? validation->error : "the validation did not complete");
        return;
    }
    static const char *const figures[] = {"validation_id",         "tier", "overall_score", "confidence",
                                          "confidence_adjustment", NULL};
    buf_t text = BUF_INIT;
    json_encode(Validation_message(), validation, &text);
    json_t *root = json_tree_parse(buf_str(&text));
    char *summary = words_pick(root, figures);
    json_decref(root);
    cycle_stage_completed(self, STAGE_STRATEGY_VALIDATION, buf_steal(&text), summary);
}

static void s_send_validation(cycle_t *self) {
    ValidateCycleRequest request = ValidateCycleRequest_init_zero;
    stage_read_validation_request(self->stages[STAGE_STRATEGY_VALIDATION].input, self->cycle_id, &request);
    actor_request_options_t options = s_options(self, STAGE_STRATEGY_VALIDATION, NULL);
    actor_request(self->owner->actor, &rpc_ValidationCoordinator_ValidateCycle, &request, &options,
                  s_on_validated, self);
    message_release(ValidateCycleRequest_message(), &request);
}

/* ---- Dispatch ---- */

static void s_on_dispatched(actor_t *actor, void *context, err_t err, const void *response,
                            const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    if (s_repeats(self, err, fault))
        return;
    if (err != OK) {
        s_fail(self, STAGE_SIGNAL_DISPATCH, err, fault);
        return;
    }
    char *output = NULL, *summary = NULL;
    stage_read_routing(self->stages[STAGE_SIGNAL_DISPATCH].input, response, &output, &summary,
                       &self->signals_produced);
    cycle_stage_completed(self, STAGE_SIGNAL_DISPATCH, output, summary);
}

static void s_send_dispatch(cycle_t *self) {
    RouteSignalsRequest request = RouteSignalsRequest_init_zero;
    stage_read_signals(self->stages[STAGE_SIGNAL_DISPATCH].input, &request);
    if (request.signals_count == 0) {
        cycle_stage_completed(self, STAGE_SIGNAL_DISPATCH, strdup("{\"signals\":[]}"),
                              strdup("{\"sent\":0,\"reason\":\"every symbol is a hold\"}"));
        return;
    }
    actor_request_options_t options = s_options(self, STAGE_SIGNAL_DISPATCH, NULL);
    actor_request(self->owner->actor, &rpc_SignalRouter_RouteSignals, &request, &options, s_on_dispatched,
                  self);
    message_release(RouteSignalsRequest_message(), &request);
}

void cycle_send_stage(cycle_t *self, stage_t stage) {
    if (cycle_deadline_us(self, stage) <= clock_mono_us()) {
        cycle_stage_failed(self, stage, ERR_DEADLINE_EXCEEDED, "the time of the cycle is over");
        return;
    }
    switch (stage) {
    case STAGE_DATA_READINESS: s_send_readiness(self); break;
    case STAGE_MACRO_ANALYSIS: s_send_call(self, stage, SERVICE_MACRO, false, s_on_macro); break;
    case STAGE_PORTFOLIO_MANAGEMENT: s_send_call(self, stage, SERVICE_PORTFOLIO, true, s_on_portfolio); break;
    case STAGE_STRATEGY_ANALYSIS: s_send_call(self, stage, SERVICE_EXECUTION, true, s_on_strategy); break;
    case STAGE_STRATEGY_VALIDATION: s_send_validation(self); break;
    default: s_send_dispatch(self);
    }
}
