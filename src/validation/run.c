/* One validation under way: see run.h. A restart of the cycle sends the same command again: the validation's id
 * and the idempotency keys derive from the cycle, so nothing is done twice. */
#include "validation/run.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "bus/fault.h"
#include "coordinator/stages.h"
#include "integration/v1/services.pb.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "services/reply.h"
#include "store/store.h"
#include "tables.gen.h"
#include "validation/formulas.h"
#include "validation/requests.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MARGIN_US   250000 /* left of the caller's deadline for storing and answering */
#define POOL_POLL_FIRST_MS 100
#define POOL_POLL_MAX_MS   2000
#define STORE_RETRY_MS     500
#define CANCEL_US          10000000

#define JOB_GIVE_UP_MS 1800000 /* of the backtest, when VALIDATION_TIMEOUT_SECONDS allows more */

/* PART_STOPPED: the adapter was stopped or restarted; nothing is known, the whole is to be asked for again. */
typedef enum { PART_OPEN, PART_DONE, PART_FAILED, PART_TIMEOUT, PART_STOPPED } part_t;

typedef struct run_s {
    struct run_s *next; /* in the actor's list, from start until it has answered */
    actor_t *actor;
    call_t *call;
    ValidateCycleRequest request;
    Validation result;
    validation_parts_t parts;
    part_t historical, forward;
    bool storing;        /* it is over, its end is being stored */
    bool cancelled;      /* what still comes changes nothing */
    uint64_t pool_timer; /* until the pool is looked at again; 0 = none */
    char *performance;
    char why[256]; /* of the first part that did not finish well */
    int64_t started_us, deadline_us, pool_poll_ms;
    double historical_ms, forward_ms;
} run_t;

static void s_finish(run_t *self);

static run_t **s_list(actor_t *actor) {
    return actor_state(actor);
}

static void s_free(run_t *self) {
    run_t **at = s_list(self->actor);
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    actor_timer_cancel(self->actor, &self->pool_timer);
    message_release(ValidateCycleRequest_message(), &self->request);
    message_release(Validation_message(), &self->result);
    free(self->performance);
    free(self);
}

static actor_request_options_t s_options(const run_t *self) {
    return (actor_request_options_t){.component = adapter_names[SERVICE_EXECUTION],
                                     .deadline_us = self->deadline_us,
                                     .on_behalf = self->call};
}

static void s_end_part(run_t *self, part_t *part, part_t how, const char *what, const char *why) {
    *part = how;
    if (how != PART_DONE && self->why[0] == '\0')
        snprintf(self->why, sizeof self->why, "%s: %s", what, why);
    reply_clean_text(self->why);
    if (self->historical != PART_OPEN && self->forward != PART_OPEN)
        s_finish(self);
}

static part_t s_part_of(err_t err) {
    if (err == ERR_SHUTTING_DOWN)
        return PART_STOPPED;
    return err == ERR_DEADLINE_EXCEEDED ? PART_TIMEOUT : PART_FAILED;
}

/* ---- Historical half: a backtest ---- */

static void s_on_backtest(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    run_t *self = context;
    const AdapterResult *result = response;
    double sharpe_ratio, max_drawdown;
    char why[160];
    if (err != OK) {
        s_end_part(self, &self->historical, s_part_of(err), "backtest", fault_reason(fault, err));
        return;
    }
    self->historical_ms = result->downstream_ms;
    err = requests_read_backtest(result->body, &sharpe_ratio, &max_drawdown, &self->performance, why,
                                 sizeof why);
    if (err != OK) {
        s_end_part(self, &self->historical, PART_FAILED, "backtest", why);
        return;
    }
    validation_historical(sharpe_ratio, max_drawdown, &self->parts);
    s_end_part(self, &self->historical, PART_DONE, NULL, NULL);
}

static void s_send_backtest(run_t *self) {
    AdapterCall call = AdapterCall_init_zero;
    if (requests_backtest(&self->request, clock_wall_ms(), &call.body) != OK) {
        s_end_part(self, &self->historical, PART_FAILED, "backtest",
                   "as_of of the macro state is not a date");
        return;
    }
    MESSAGE_PUT(call.method, "POST");
    MESSAGE_PUT(call.cycle_id, self->request.cycle_id);
    call.path = message_strdup("/api/v1/backtest/run");
    call.has_poll = true;
    call.poll.give_up_ms = JOB_GIVE_UP_MS;
    snprintf(call.idempotency_key, sizeof call.idempotency_key, "%s/strategy_validation/backtest",
             self->request.cycle_id);
    actor_request_options_t options = s_options(self);
    actor_request(self->actor, &rpc_Adapter_RunJob, &call, &options, s_on_backtest, self);
    message_release(AdapterCall_message(), &call);
}

/* ---- Forward half: a sandbox pool ---- */

static void s_forward_done(run_t *self) {
    size_t count = self->request.confidences_count;
    double *confidences = calloc(count + 1, sizeof *confidences);
    assert_always(confidences);
    for (size_t i = 0; i < count; i++)
        confidences[i] = self->request.confidences[i].value;
    validation_forward(confidences, count, &self->parts);
    free(confidences);
    s_end_part(self, &self->forward, PART_DONE, NULL, NULL);
}

static void s_send_pool_status(actor_t *actor, void *context);

static void s_on_pool_timer(actor_t *actor, void *context) {
    run_t *self = context;
    self->pool_timer = 0;
    s_send_pool_status(actor, self);
}

static void s_look_again(actor_t *actor, run_t *self, const char *why) {
    int64_t delay_ms = self->pool_poll_ms;
    self->pool_poll_ms = delay_ms * 2 < POOL_POLL_MAX_MS ? delay_ms * 2 : POOL_POLL_MAX_MS;
    if (clock_mono_us() + delay_ms * 1000 >= self->deadline_us)
        s_end_part(self, &self->forward, PART_TIMEOUT, "pool", why);
    else
        self->pool_timer = actor_timer_once(actor, delay_ms, s_on_pool_timer, self);
}

static void s_on_pool_status(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    run_t *self = context;
    const AdapterResult *result = response;
    if (err != OK) {
        s_end_part(self, &self->forward, s_part_of(err), "pool", fault_reason(fault, err));
        return;
    }
    self->forward_ms += result->downstream_ms;
    json_t *root = json_tree_parse(result->body);
    const char *status = json_string_value(json_object_get(root, "status"));
    char why[120];
    snprintf(why, sizeof why, "its status is %s", status ? status : "missing");
    bool usable = status && (strcmp(status, "active") == 0 || strcmp(status, "completed") == 0);
    bool coming = status && strcmp(status, "creating") == 0;
    json_decref(root);
    if (usable)
        s_forward_done(self);
    else if (!coming || self->cancelled)
        s_end_part(self, &self->forward, PART_FAILED, "pool", why);
    else
        s_look_again(actor, self, why);
}

static void s_send_pool_status(actor_t *actor, void *context) {
    run_t *self = context;
    AdapterCall call = AdapterCall_init_zero;
    buf_t path = BUF_INIT;
    buf_append_str(&path, "/api/v1/quantum/pool/");
    reply_append_segment(&path, self->result.forward.pool_id);
    buf_append_str(&path, "/status");
    MESSAGE_PUT(call.method, "GET");
    MESSAGE_PUT(call.cycle_id, self->request.cycle_id);
    call.path = buf_steal(&path);
    actor_request_options_t options = s_options(self);
    actor_request(actor, &rpc_Adapter_Call, &call, &options, s_on_pool_status, self);
    message_release(AdapterCall_message(), &call);
}

static void s_on_pool_created(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    run_t *self = context;
    const AdapterResult *result = response;
    if (err != OK) {
        s_end_part(self, &self->forward, s_part_of(err), "pool", fault_reason(fault, err));
        return;
    }
    self->forward_ms += result->downstream_ms;
    json_t *root = json_tree_parse(result->body);
    const char *pool_id = json_string_value(json_object_get(root, "pool_id"));
    bool named = pool_id && *pool_id && MESSAGE_SET(self->result.forward.pool_id, pool_id);
    json_decref(root);
    self->result.forward.has_pool_id = named;
    if (self->cancelled)
        s_end_part(self, &self->forward, PART_FAILED, "pool", "cancelled");
    else if (named)
        s_send_pool_status(actor, self);
    else
        s_end_part(self, &self->forward, PART_FAILED, "pool", "the answer names no pool_id");
}

static void s_send_pool(run_t *self) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "POST");
    MESSAGE_PUT(call.cycle_id, self->request.cycle_id);
    call.path = message_strdup("/api/v1/quantum/pool/create");
    call.body = requests_pool(&self->request);
    snprintf(call.idempotency_key, sizeof call.idempotency_key, "%s/strategy_validation/pool",
             self->request.cycle_id);
    actor_request_options_t options = s_options(self);
    actor_request(self->actor, &rpc_Adapter_Call, &call, &options, s_on_pool_created, self);
    message_release(AdapterCall_message(), &call);
}

/* ---- Cancelling ---- */

static void s_on_part_cancelled(actor_t *actor, void *context, err_t err, const void *response,
                                const Fault *fault) {
    (void)actor;
    (void)context;
    (void)response;
    if (err != OK && err != ERR_SHUTTING_DOWN)
        log_warning("a call of a cancelled validation was not cancelled", LOG_ERRT(err),
                    LOG_STR("error", fault->message));
}

/* The adapter ends the call, which then fails, and the job that it may have started. */
static void s_cancel_part(run_t *self, const char *call) {
    CancelJobRequest request = CancelJobRequest_init_zero;
    actor_request_options_t options = {.component = adapter_names[SERVICE_EXECUTION],
                                       .deadline_us = clock_mono_us() + CANCEL_US,
                                       .on_behalf = self->call};
    request.has_idempotency_key = true;
    snprintf(request.idempotency_key, sizeof request.idempotency_key, "%s/strategy_validation/%s",
             self->request.cycle_id, call);
    actor_request(self->actor, &rpc_Adapter_CancelJob, &request, &options, s_on_part_cancelled, NULL);
}

bool validation_cancel(actor_t *actor, const char *cycle_id) {
    bool found = false;
    for (run_t *self = *s_list(actor), *next; self; self = next) {
        next = self->next;
        if (strcmp(self->request.cycle_id, cycle_id) != 0 || self->storing)
            continue;
        found = self->cancelled = true;
        if (self->historical == PART_OPEN)
            s_cancel_part(self, "backtest");
        if (self->forward == PART_OPEN)
            s_cancel_part(self, "pool");
        if (self->pool_timer) {
            actor_timer_cancel(actor, &self->pool_timer);
            s_end_part(self, &self->forward, PART_FAILED, "pool", "cancelled");
        }
    }
    return found;
}

/* ---- The gate ---- */

static void s_on_probed(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    run_t *self = context;
    const ServiceItem *item = response;
    if (self->cancelled) {
        self->historical = self->forward = PART_FAILED;
        s_finish(self);
        return;
    }
    if (err == OK && strcmp(item->status, "healthy") == 0) {
        s_send_pool(self);
        s_send_backtest(self);
        return;
    }
    snprintf(self->why, sizeof self->why, "execution is not healthy: %s",
             err == OK ? (item->error ? item->error : item->status) : fault_reason(fault, err));
    reply_clean_text(self->why);
    self->historical = self->forward = err == OK ? PART_FAILED : s_part_of(err);
    s_finish(self);
}

static void s_probe(run_t *self) {
    ProbeRequest request = ProbeRequest_init_zero;
    actor_request_options_t options = s_options(self);
    actor_request(self->actor, &rpc_Adapter_Probe, &request, &options, s_on_probed, self);
}

/* ---- The verdict ---- */

static void s_fill_scores(run_t *self) {
    Validation *result = &self->result;
    validation_verdict_t verdict = validation_judge(&self->parts);
    result->has_overall_score = result->has_tier = result->has_confidence =
        result->has_confidence_adjustment = true;
    result->overall_score = verdict.overall;
    result->confidence = verdict.confidence;
    result->confidence_adjustment = verdict.confidence_adjustment;
    MESSAGE_PUT(result->tier, verdict.tier);
}

static void s_fill_parts(run_t *self) {
    Validation *result = &self->result;
    bool historical = self->historical == PART_DONE, forward = self->forward == PART_DONE;
    result->has_historical = result->has_forward = true;
    result->historical.has_score = result->historical.has_risk = historical;
    result->historical.score = self->parts.historical_score;
    result->historical.risk = self->parts.historical_risk;
    result->historical.performance = message_strdup(self->performance);
    result->forward.has_score = result->forward.has_risk = forward;
    result->forward.score = self->parts.forward_score;
    result->forward.risk = self->parts.forward_risk;
}

static const char *s_status(const run_t *self) {
    if (self->cancelled)
        return "failed";
    if (self->historical == PART_DONE && self->forward == PART_DONE)
        return "completed";
    return self->historical == PART_TIMEOUT || self->forward == PART_TIMEOUT ? "timeout" : "failed";
}

static void s_store(actor_t *actor, void *context);

static err_t s_written(err_t err, const StoreWritten *written) {
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        return err_from_name(written->units[0].code);
    return err;
}

static void s_on_stored(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    run_t *self = context;
    err = s_written(err, response);
    bool time_left = clock_mono_us() + STORE_RETRY_MS * 1000 < call_envelope(self->call)->deadline_us;
    if (err != OK && err != ERR_SHUTTING_DOWN && time_left) {
        actor_timer_once(actor, STORE_RETRY_MS, s_store, self);
        return;
    }
    if (err == OK)
        call_reply(actor, &self->call, &self->result);
    else
        call_fail_as(actor, &self->call, err, fault);
    s_free(self);
}

static double s_or_nan(bool has, double value) {
    return has ? value : NAN;
}

static void s_store(actor_t *actor, void *context) {
    run_t *self = context;
    const Validation *v = &self->result;
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = self->call};
    store_write_op(write, "validation_update", "ssfsffffsfffssf", v->validation_id, v->validation_status,
                   s_or_nan(v->has_overall_score, v->overall_score), v->has_tier ? v->tier : NULL,
                   s_or_nan(v->has_confidence, v->confidence),
                   s_or_nan(v->has_confidence_adjustment, v->confidence_adjustment),
                   s_or_nan(v->historical.has_score, v->historical.score),
                   s_or_nan(v->historical.has_risk, v->historical.risk), v->historical.performance,
                   s_or_nan(v->forward.has_score, v->forward.score),
                   s_or_nan(v->forward.has_risk, v->forward.risk), v->execution_time, v->error,
                   v->forward.has_pool_id ? v->forward.pool_id : NULL,
                   s_or_nan(v->has_downstream_ms, v->downstream_ms));
    store_commit(actor, &write, &options, s_on_stored, self);
}

static void s_finish(run_t *self) {
    Validation *result = &self->result;
    if (self->cancelled)
        snprintf(self->why, sizeof self->why, "cancelled");
    if (self->historical == PART_STOPPED || self->forward == PART_STOPPED) {
        call_fail(self->actor, &self->call, ERR_SHUTTING_DOWN);
        s_free(self);
        return;
    }
    MESSAGE_PUT(result->validation_status, s_status(self));
    s_fill_parts(self);
    if (strcmp(result->validation_status, "completed") == 0)
        s_fill_scores(self);
    else
        result->error = message_strdup(self->why);
    result->has_execution_time = result->has_downstream_ms = true;
    result->execution_time = (double)(clock_mono_us() - self->started_us) / 1e6;
    /* the halves run side by side: the longer one is the time that the service took */
    result->downstream_ms = self->historical_ms > self->forward_ms ? self->historical_ms : self->forward_ms;
    log_info("validation ended", LOG_STR("validation_id", result->validation_id),
             LOG_STR("cycle_id", result->cycle_id), LOG_STR("status", result->validation_status),
             LOG_STR("tier", result->has_tier ? result->tier : NULL), LOG_STR("error", result->error));
    actor_count(self->actor, "validations_total", "Validations that ended", 1);
    self->storing = true;
    s_store(self->actor, self);
}

/* ---- Start ---- */

static void s_on_inserted(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    run_t *self = context;
    err = s_written(err, response);
    if (err == OK && self->cancelled) {
        self->historical = self->forward = PART_FAILED;
        s_finish(self);
        return;
    }
    if (err == OK) {
        s_probe(self);
        return;
    }
    call_fail_as(actor, &self->call, err, fault);
    s_free(self);
}

static int64_t s_deadline_us(actor_t *actor, const call_t *call, int64_t now_us) {
    int64_t own = now_us + actor_config(actor)->validation_timeout_seconds * 1000000;
    int64_t callers = call_envelope(call)->deadline_us - ANSWER_MARGIN_US;
    return own < callers ? own : callers;
}

err_t validation_run(actor_t *actor, call_t *call, const ValidateCycleRequest *request) {
    if (request->symbols_count == 0 || request->confidences_count == 0)
        return call_explain(call, ERR_UNPROCESSABLE, "NO_SYMBOLS: there is nothing to validate");
    run_t *self = calloc(1, sizeof *self);
    assert_always(self);
    if (message_copy(ValidateCycleRequest_message(), &self->request, request) != OK) {
        free(self);
        return ERR_PROTOCOL;
    }
    self->next = *s_list(actor);
    *s_list(actor) = self;
    self->actor = actor;
    self->call = call;
    self->started_us = clock_mono_us();
    self->deadline_us = s_deadline_us(actor, call, self->started_us);
    self->pool_poll_ms = POOL_POLL_FIRST_MS;
    stage_validation_id(request->cycle_id, self->result.validation_id);
    MESSAGE_PUT(self->result.cycle_id, request->cycle_id);
    MESSAGE_PUT(self->result.validation_type, "dual");
    self->result.timestamp = clock_wall_ms();
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = call, .deadline_us = self->deadline_us};
    store_write_op(write, "validation_insert", "ssssnnnnnnnnnninnn", self->result.validation_id,
                   request->cycle_id, "dual", "running", self->result.timestamp);
    store_commit(actor, &write, &options, s_on_inserted, self);
    return ERR_PENDING;
}

err_t validation_start(actor_t *actor, const void *args) {
    (void)args;
    run_t **list = calloc(1, sizeof *list);
    assert_always(list);
    actor_set_state(actor, list);
    return OK;
}

/* What is left waits for a timer; its caller is told by the loop that we are shutting down. */
void validation_stop(actor_t *actor) {
    while (*s_list(actor))
        s_free(*s_list(actor));
    free(s_list(actor));
}
