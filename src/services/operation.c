/* One logical call to a service, from the command to its answer. Its attempts are in attempt.c, the queue before them in
 * bulkhead.c, the wait for a job that it starts in job_wait.c. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "tables.gen.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_unlink(operation_t *self) {
    adapter_t *adapter = self->adapter;
    if (self->previous)
        self->previous->next = self->next;
    else
        adapter->operations = self->next;
    if (self->next)
        self->next->previous = self->previous;
    adapter->operation_count--;
}

static void s_free(operation_t *self) {
    exchange_abort_all(self);
    s_unlink(self);
    actor_timer_cancel(self->adapter->actor, &self->timer);
    actor_timer_cancel(self->adapter->actor, &self->hedge_timer);
    job_reports_end(&self->adapter->reports, self->job_id);
    bulkhead_leave(self); /* another may begin here */
    message_release(AdapterCall_message(), &self->request);
    free(self);
}

int64_t operation_time_left_ms(const operation_t *self) {
    int64_t timeout_ms =
        self->request.timeout_ms ? self->request.timeout_ms : self->adapter->config->timeout_ms;
    int64_t left_ms = (self->deadline_us - clock_mono_us()) / 1000;
    return timeout_ms < left_ms ? timeout_ms : left_ms;
}

/* A job that is only waited for was not called: nothing was attempted. */
static void s_explain(operation_t *self, err_t err, const char *what) {
    const char *service = service_names[self->adapter->service];
    if (*self->request.job_id)
        call_explain(self->call, err, "%s: %s", service, what);
    else
        call_explain(self->call, err, "%s %s %s: %s (attempts: %d)", service, self->request.method,
                     self->request.path ? self->request.path : "", what, self->attempts);
    call_attempts(self->call, (uint32_t)self->attempts);
    if (self->retry_after_ms > 0 && err_is_retryable(err))
        call_retry_after(self->call, (uint32_t)((self->retry_after_ms + 999) / 1000));
}

log_request_t operation_log_request(const operation_t *self) {
    const Envelope *envelope = call_envelope(self->call);
    return log_switch_request(envelope->request_id, self->traceparent);
}

static void s_log_failure(const operation_t *self, err_t err, const char *what) {
    log_request_t before = operation_log_request(self);
    log_warning("call failed", LOG_STR("service", service_names[self->adapter->service]),
                LOG_STR("method", self->request.method), LOG_STR("path", self->request.path),
                LOG_STR("error", what), LOG_ERRT(err), LOG_INT("attempts", self->attempts),
                LOG_STR("cycle_id", self->request.cycle_id));
    log_switch_back(&before);
}

void operation_fail(operation_t *self, err_t err, const char *format, ...) {
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    reply_clean_text(what);
    s_explain(self, err, what);
    s_log_failure(self, err, what);
    call_fail(self->adapter->actor, &self->call, err);
    s_free(self);
}

static void s_reply(operation_t *self, AdapterResult *result) {
    int64_t now_us = clock_mono_us();
    result->status = self->last_status;
    result->attempts = (uint32_t)self->attempts;
    result->duration_ms = (double)(now_us - self->started_us) / 1000.0;
    result->downstream_ms = (double)self->downstream_us / 1000.0;
    result->idempotent_replayed = self->replayed;
    memcpy(result->job_id, self->job_id, sizeof result->job_id);
    call_reply(self->adapter->actor, &self->call, result);
    message_release(AdapterResult_message(), result);
    s_free(self);
}

void operation_succeed(operation_t *self, const char *body, size_t size) {
    AdapterResult result = AdapterResult_init_zero;
    result.body = message_strndup(body, size);
    s_reply(self, &result);
}

void operation_refused(operation_t *self, json_t *root, const char *body, size_t size) {
    char text[256] = "";
    const char *code = root ? reply_error_code(root) : NULL;
    if (root)
        reply_error_text(root, text, sizeof text);
    if (!self->request.accept_refusal) {
        operation_fail(self, ERR_DOWNSTREAM_REFUSED, "HTTP %d%s%s", self->last_status, *text ? " " : "",
                       text);
        return;
    }
    AdapterResult result = AdapterResult_init_zero;
    if (!code || !MESSAGE_SET(result.error_code, code))
        snprintf(result.error_code, sizeof result.error_code, "HTTP_%d", self->last_status);
    result.error_message = message_strdup(text);
    result.body = root ? message_strndup(body, size) : message_strdup("{}");
    s_reply(self, &result);
}

/* A little before the caller gives up, so that it learns what was wrong. */
static int64_t s_deadline_us(const Envelope *envelope, int64_t now_us) {
    if (!envelope->deadline_us)
        return now_us + INT64_C(60000000);
    int64_t share_us = (envelope->deadline_us - now_us) / 10;
    return envelope->deadline_us -
           (share_us < ADAPTER_ANSWER_MARGIN_US ? share_us : ADAPTER_ANSWER_MARGIN_US);
}

static operation_t *s_new(adapter_t *adapter, call_t *call, const AdapterCall *request) {
    operation_t *self = calloc(1, sizeof *self);
    assert_always(self);
    if (message_copy(AdapterCall_message(), &self->request, request) != OK) {
        free(self);
        return NULL;
    }
    const Envelope *envelope = call_envelope(call);
    self->adapter = adapter;
    self->call = call;
    self->started_us = clock_mono_us();
    self->deadline_us = s_deadline_us(envelope, self->started_us);
    if (!*self->request.idempotency_key) /* one for all attempts */
        ids_uuid7(self->request.idempotency_key);
    snprintf(self->traceparent, sizeof self->traceparent, "%s", envelope->traceparent);
    if (!*self->traceparent) /* one trace for all attempts and polls */
        ids_traceparent(self->traceparent);
    self->next = adapter->operations;
    if (adapter->operations)
        adapter->operations->previous = self;
    adapter->operations = self;
    adapter->operation_count++;
    return self;
}

void operation_start(adapter_t *adapter, call_t *call, const AdapterCall *request, bool waits_for_job) {
    if (adapter->operation_count >= ADAPTER_MAX_OPERATIONS) {
        call_explain(call, ERR_OVERLOADED, "%d calls to %s have not ended yet", ADAPTER_MAX_OPERATIONS,
                     service_names[adapter->service]);
        call_retry_after(call, 1);
        call_fail(adapter->actor, &call, ERR_OVERLOADED);
        return;
    }
    operation_t *self = s_new(adapter, call, request);
    if (!self) {
        call_fail(adapter->actor, &call, ERR_PROTOCOL);
        return;
    }
    self->waits_for_job = waits_for_job;
    if (waits_for_job && *self->request.job_id) {
        snprintf(self->job_id, sizeof self->job_id, "%s", self->request.job_id);
        job_wait_start(self);
        return;
    }
    bulkhead_enter(self);
}
