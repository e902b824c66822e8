/* The calls of the stages: to dataflow, the adapters, validation and the signal router; and their answers. */
#include "coordinator/cycle.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "bus/fault.h"
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

#define NO_SERVICE (-1)

typedef struct {
    int service; /* whose adapter the call goes to, or NO_SERVICE: another part of ours */
    bool job;    /* the service may answer with a job */
    void (*send)(cycle_t *self, stage_t stage);
    void (*cancel)(cycle_t *self, stage_t stage);
} stage_calls_t;

static const stage_calls_t s_stages[STAGE_COUNT];

/* ---- Inputs ---- */

static void s_open_context(const cycle_t *self, stage_context_t *context) {
    *context = (stage_context_t){.cycle_id = self->cycle_id,
                                 .portfolio_id = self->portfolio_id,
                                 .symbols = (const char *const *)self->symbols,
                                 .symbol_count = self->symbol_count,
                                 .public_url = actor_config(self->owner->actor)->public_url};
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

static int64_t s_mono_us(int64_t wall_ms) {
    return clock_mono_us() + (wall_ms - clock_wall_ms()) * 1000;
}

/* The cycle's time counts from the end of data readiness, which has a limit of its own. */
int64_t cycle_deadline_us(const cycle_t *self, stage_t stage) {
    const config_t *config = actor_config(self->owner->actor);
    bool readiness = stage == STAGE_DATA_READINESS;
    int64_t ready_ms = self->stages[STAGE_DATA_READINESS].end_time;
    if (readiness)
        return s_mono_us(self->stages[stage].start_time + config->analysis_readiness_seconds * 1000);
    int64_t from_ms = ready_ms > self->start_time ? ready_ms : self->start_time; /* a rerun took it over */
    return s_mono_us(from_ms + self->paused_ms + config->analysis_timeout_seconds * 1000);
}

bool cycle_time_is_over(const cycle_t *self, stage_t stage) {
    return stage != STAGE_DATA_READINESS &&
           cycle_deadline_us(self, stage) - CYCLE_TIME_MARGIN_US <= clock_mono_us();
}

static actor_request_options_t s_options(const cycle_t *self, stage_t stage, const char *component) {
    return (actor_request_options_t){
        .component = component, .deadline_us = cycle_deadline_us(self, stage), .context = &self->context};
}

/* ---- Answers ---- */

/* `made`: the attempts of the logical call that has ended. */
static void s_book(cycle_t *self, stage_t stage, uint32_t made) {
    cycle_stage_t *row = &self->stages[stage];
    row->attempts = row->attempts_before + made;
}

/* An adapter says how many attempts it made, and none is what it then means; the others make one. */
static void s_fail(cycle_t *self, stage_t stage, err_t err, const Fault *fault) {
    bool away = cycle_machine_event_of(err) == EVENT_AWAY;
    uint32_t least = s_stages[stage].service == NO_SERVICE && !away ? 1 : 0;
    s_book(self, stage, fault->attempts > least ? fault->attempts : least);
    cycle_failed(self, err, fault_reason(fault, err), (int64_t)fault->retry_after_seconds * 1000);
}

/* False: the cycle was cancelled meanwhile, and the answer only ends the call. */
static bool s_is_awaited(cycle_t *self) {
    if (self->state == CYCLE_CALLING)
        return true;
    cycle_failed(self, ERR_CANCELLED, NULL, 0);
    return false;
}

/* What is left of the attempts of the logical call; 0 = all of them. */
static uint32_t s_attempts_left(const cycle_stage_t *row) {
    if (row->attempts_before == 0)
        return 0;
    return row->attempts_before < STAGE_ATTEMPTS_MOST ? STAGE_ATTEMPTS_MOST - row->attempts_before : 1;
}

/* ---- Data readiness ---- */

static void s_on_ready(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    const EnsureReadyReply *reply = response;
    if (!s_is_awaited(self))
        return;
    if (err != OK) {
        s_fail(self, STAGE_DATA_READINESS, err, fault);
        return;
    }
    buf_t text = BUF_INIT;
    s_book(self, STAGE_DATA_READINESS, reply->attempts > 1 ? reply->attempts : 1);
    self->degraded = reply->degraded;
    self->stages[STAGE_DATA_READINESS].downstream_ms = reply->downstream_ms;
    json_encode(EnsureReadyReply_message(), reply, &text);
    char *output = buf_steal(&text);
    cycle_answered(self, output, strdup(output));
}

static void s_send_readiness(cycle_t *self, stage_t stage) {
    (void)stage;
    json_t *input = json_tree_parse(self->stages[STAGE_DATA_READINESS].input);
    EnsureReadyRequest request = EnsureReadyRequest_init_zero;
    const char *names = json_string_value(json_object_get(input, "datasets"));
    const char *policy = json_string_value(json_object_get(input, "policy"));
    MESSAGE_PUT(request.policy, policy ? policy : "");
    MESSAGE_PUT(request.cycle_id, self->cycle_id);
    request.max_attempts = s_attempts_left(&self->stages[STAGE_DATA_READINESS]);
    stage_split_list(names ? names : "", &request.datasets, &request.datasets_count);
    actor_request_options_t options = s_options(self, STAGE_DATA_READINESS, NULL);
    actor_request(self->owner->actor, &rpc_DataFlowManager_EnsureReady, &request, &options, s_on_ready, self);
    message_release(EnsureReadyRequest_message(), &request);
    json_decref(input);
}

/* ---- The three stages that call a service ---- */

static err_t s_read(const cycle_t *self, stage_t stage, const char *body, char **output, char **summary,
                    char why[STAGE_WHY_SIZE]) {
    switch (stage) {
    case STAGE_MACRO_ANALYSIS: return stage_macro_output(body, output, summary, why);
    case STAGE_PORTFOLIO_MANAGEMENT: return stage_portfolio_output(body, output, summary, why);
    default: return stage_strategy_output(self->stages[stage].input, body, output, summary, why);
    }
}

static void s_on_called(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    const AdapterResult *result = response;
    if (!s_is_awaited(self))
        return;
    stage_t stage = cycle_current_stage(self);
    cycle_stage_t *row = &self->stages[stage];
    char why[STAGE_WHY_SIZE] = "";
    char *output = NULL, *summary = NULL;
    if (err != OK) {
        s_fail(self, stage, err, fault);
        return;
    }
    s_book(self, stage, result->attempts > 1 ? result->attempts : 1);
    row->downstream_ms = result->downstream_ms;
    snprintf(row->job_id, sizeof row->job_id, "%s", result->job_id);
    err = s_read(self, stage, result->body, &output, &summary, why);
    if (err == OK)
        cycle_answered(self, output, summary);
    else
        cycle_failed_for_good(self, err, why);
}

static void s_key(const cycle_t *self, stage_t stage, char *key, size_t size) {
    snprintf(key, size, "%s/%s/call", self->cycle_id, stage_name(stage));
}

static err_t s_call_of(const cycle_t *self, stage_t stage, AdapterCall *call) {
    *call = (AdapterCall)AdapterCall_init_zero;
    err_t err = stage_call_of(self->stages[stage].input, call->method, &call->path, &call->body);
    call->has_poll = s_stages[stage].job;
    call->poll.give_up_ms = CYCLE_JOB_GIVE_UP_MS;
    call->max_attempts = s_attempts_left(&self->stages[stage]);
    MESSAGE_PUT(call->cycle_id, self->cycle_id);
    s_key(self, stage, call->idempotency_key, sizeof call->idempotency_key);
    return err;
}

static void s_send_call(cycle_t *self, stage_t stage) {
    AdapterCall call;
    bool job = s_stages[stage].job;
    if (s_call_of(self, stage, &call) != OK) {
        cycle_failed_for_good(self, ERR_INTERNAL, "the stored input of the stage cannot be read");
        return;
    }
    actor_request_options_t options = s_options(self, stage, adapter_names[s_stages[stage].service]);
    actor_request(self->owner->actor, job ? &rpc_Adapter_RunJob : &rpc_Adapter_Call, &call, &options,
                  s_on_called, self);
    message_release(AdapterCall_message(), &call);
}

/* ---- Validation ---- */

static void s_on_validated(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    const Validation *validation = response;
    if (!s_is_awaited(self))
        return;
    if (err != OK) {
        s_fail(self, STAGE_STRATEGY_VALIDATION, err, fault);
        return;
    }
    cycle_stage_t *row = &self->stages[STAGE_STRATEGY_VALIDATION];
    row->downstream_ms = validation->has_downstream_ms ? validation->downstream_ms : 0;
    if (strcmp(validation->validation_status, "completed") != 0) {
        bool timeout = strcmp(validation->validation_status, "timeout") == 0;
        cycle_failed_for_good(self, timeout ? ERR_DEADLINE_EXCEEDED : ERR_SERVICE_UNAVAILABLE,
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
    cycle_answered(self, buf_steal(&text), summary);
}

static void s_send_validation(cycle_t *self, stage_t stage) {
    (void)stage;
    ValidateCycleRequest request = ValidateCycleRequest_init_zero;
    stage_read_validation_request(self->stages[STAGE_STRATEGY_VALIDATION].input, self->cycle_id, &request);
    stage_validation_id(self->cycle_id, self->validation_id); /* also for an end before its answer */
    actor_request_options_t options = s_options(self, STAGE_STRATEGY_VALIDATION, NULL);
    actor_request(self->owner->actor, &rpc_ValidationCoordinator_ValidateCycle, &request, &options,
                  s_on_validated, self);
    message_release(ValidateCycleRequest_message(), &request);
}

/* ---- Dispatch ---- */

/* A signal that was not taken for now, and for no fault of its own, is sent again with all others: those that were
 * taken are duplicates then. */
static err_t s_not_taken(const RouteSignalsReply *reply) {
    for (size_t i = 0; i < reply->results_count; i++) {
        const RouteSignalResult *result = &reply->results[i];
        err_t err = result->has_error_code ? err_from_name(result->error_code) : OK;
        cycle_event_t event = err == OK ? EVENT_ANSWERED : cycle_machine_event_of(err);
        if (event == EVENT_AWAY || event == EVENT_STOP)
            return err;
    }
    return OK;
}

static void s_on_dispatched(actor_t *actor, void *context, err_t err, const void *response,
                            const Fault *fault) {
    (void)actor;
    cycle_t *self = context;
    if (!s_is_awaited(self))
        return;
    if (err == OK)
        err = s_not_taken(response);
    if (err != OK) {
        s_fail(self, STAGE_SIGNAL_DISPATCH, err, fault);
        return;
    }
    char *output = NULL, *summary = NULL;
    stage_read_routing(self->stages[STAGE_SIGNAL_DISPATCH].input, response, &output, &summary,
                       &self->signals_produced);
    cycle_answered(self, output, summary);
}

static void s_send_dispatch(cycle_t *self, stage_t stage) {
    (void)stage;
    RouteSignalsRequest request = RouteSignalsRequest_init_zero;
    stage_read_signals(self->stages[STAGE_SIGNAL_DISPATCH].input, &request);
    if (request.signals_count == 0) {
        cycle_answered(self, strdup("{\"signals\":[]}"),
                       strdup("{\"sent\":0,\"reason\":\"every symbol is a hold\"}"));
        return;
    }
    actor_request_options_t options = s_options(self, STAGE_SIGNAL_DISPATCH, NULL);
    actor_request(self->owner->actor, &rpc_SignalRouter_RouteSignals, &request, &options, s_on_dispatched,
                  self);
    message_release(RouteSignalsRequest_message(), &request);
}

/* ---- Cancelling ---- */

static void s_on_cancelled(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    (void)context;
    (void)response;
    if (err != OK && err != ERR_SHUTTING_DOWN)
        log_warning("what a cancelled cycle had set going was not cancelled", LOG_ERRT(err),
                    LOG_STR("error", fault->message));
}

static void s_cancel_call(cycle_t *self, stage_t stage) {
    CancelJobRequest request = CancelJobRequest_init_zero;
    actor_request_options_t options = {.component = adapter_names[s_stages[stage].service],
                                       .deadline_us = clock_mono_us() + CYCLE_CANCEL_US,
                                       .context = &self->context};
    request.has_idempotency_key = true;
    s_key(self, stage, request.idempotency_key, sizeof request.idempotency_key);
    MESSAGE_PUT(request.job_id, self->stages[stage].job_id);
    request.has_call =
        self->interrupted && s_stages[stage].job && s_call_of(self, stage, &request.call) == OK;
    actor_request(self->owner->actor, &rpc_Adapter_CancelJob, &request, &options, s_on_cancelled, NULL);
    message_release(CancelJobRequest_message(), &request);
}

static void s_cancel_validation(cycle_t *self, stage_t stage) {
    CancelValidationRequest request = CancelValidationRequest_init_zero;
    actor_request_options_t options = {.deadline_us = clock_mono_us() + CYCLE_CANCEL_US,
                                       .context = &self->context};
    MESSAGE_PUT(request.cycle_id, self->cycle_id);
    request.has_interrupted = self->interrupted;
    if (self->interrupted)
        stage_read_validation_request(self->stages[stage].input, self->cycle_id, &request.interrupted);
    actor_request(self->owner->actor, &rpc_ValidationCoordinator_CancelValidation, &request, &options,
                  s_on_cancelled, NULL);
    message_release(CancelValidationRequest_message(), &request);
}

/* Others may wait for the same datasets: their fetch goes on. */
static void s_cancel_nothing(cycle_t *self, stage_t stage) {
    (void)self;
    (void)stage;
}

/* ---- The table ---- */

static const stage_calls_t s_stages[STAGE_COUNT] = {
    [STAGE_DATA_READINESS] = {NO_SERVICE, false, s_send_readiness, s_cancel_nothing},
    [STAGE_MACRO_ANALYSIS] = {SERVICE_MACRO, false, s_send_call, s_cancel_call},
    [STAGE_PORTFOLIO_MANAGEMENT] = {SERVICE_PORTFOLIO, true, s_send_call, s_cancel_call},
    [STAGE_STRATEGY_ANALYSIS] = {SERVICE_EXECUTION, true, s_send_call, s_cancel_call},
    [STAGE_STRATEGY_VALIDATION] = {NO_SERVICE, false, s_send_validation, s_cancel_validation},
    [STAGE_SIGNAL_DISPATCH] = {NO_SERVICE, false, s_send_dispatch, s_cancel_nothing},
};

void cycle_send_stage(cycle_t *self, stage_t stage) {
    s_stages[stage].send(self, stage);
}

void cycle_cancel_stage(cycle_t *self, stage_t stage) {
    s_stages[stage].cancel(self, stage);
}
