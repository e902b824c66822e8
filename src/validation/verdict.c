/* The end of a validation: the verdict over both halves, its row, the answer. */
#include "validation/run_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "message/message.h"
#include "store/store.h"
#include "tables.gen.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STORE_RETRY_MS 500

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

err_t run_written(err_t err, const StoreWritten *written) {
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        return err_from_name(written->units[0].code);
    return err;
}

static void s_on_stored(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    run_t *self = context;
    err = run_written(err, response);
    bool time_left = clock_mono_us() + STORE_RETRY_MS * 1000 < call_envelope(self->call)->deadline_us;
    if (err != OK && err != ERR_SHUTTING_DOWN && time_left) {
        actor_timer_once(actor, STORE_RETRY_MS, s_store, self);
        return;
    }
    if (err == OK)
        call_reply(actor, &self->call, &self->result);
    else
        call_fail_as(actor, &self->call, err, fault);
    run_free(self);
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

void run_finish(run_t *self) {
    Validation *result = &self->result;
    if (self->cancelled)
        snprintf(self->why, sizeof self->why, "cancelled");
    if (self->historical == PART_STOPPED || self->forward == PART_STOPPED) {
        call_fail(self->actor, &self->call, ERR_SHUTTING_DOWN);
        run_free(self);
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
