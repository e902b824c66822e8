/* One logical call to a service: attempts with one idempotency key, backoff, circuit and budget, never past the
 * deadline. Polling of a job that it starts is in job_wait.c. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "tables.gen.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_attempt(operation_t *self);

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
    s_unlink(self);
    actor_timer_cancel(self->adapter->actor, &self->timer);
    message_release(AdapterCall_message(), &self->request);
    free(self);
}

int64_t operation_time_left_ms(const operation_t *self) {
    int64_t timeout_ms =
        self->request.timeout_ms ? self->request.timeout_ms : self->adapter->config->timeout_ms;
    int64_t left_ms = (self->deadline_us - clock_mono_us()) / 1000;
    return timeout_ms < left_ms ? timeout_ms : left_ms;
}

void operation_fail(operation_t *self, err_t err, const char *format, ...) {
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    reply_clean_text(what);
    const char *service = service_names[self->adapter->service];
    call_explain(self->call, err, "%s %s %s: %s (attempts: %d)", service, self->request.method,
                 self->request.path ? self->request.path : "", what, self->attempts);
    log_warning("call failed", LOG_STR("service", service), LOG_STR("method", self->request.method),
                LOG_STR("path", self->request.path), LOG_STR("error", what), LOG_ERRT(err),
                LOG_INT("attempts", self->attempts), LOG_STR("cycle_id", self->request.cycle_id));
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

bool operation_book(operation_t *self, const http_response_t *response) {
    adapter_t *adapter = self->adapter;
    bool good = response->err == OK && response->status < 500;
    self->downstream_us += response->duration_us;
    self->last_status = response->status;
    adapter->requests++;
    adapter->failures += !good;
    adapter->timeouts += response->err == ERR_DEADLINE_EXCEEDED;
    latency_record(&adapter->latency, response->duration_us);
    if (response->err == ERR_SHUTTING_DOWN)
        breaker_forget(&adapter->breaker, self->breaker_era);
    else
        breaker_record(&adapter->breaker, clock_mono_us(), self->breaker_era, good);
    health_watch_circuit(adapter);
    return good;
}

bool operation_may_send(operation_t *self) {
    adapter_t *adapter = self->adapter;
    bool allowed = breaker_allow(&adapter->breaker, clock_mono_us());
    self->breaker_era = adapter->breaker.era;
    health_watch_circuit(adapter);
    return allowed;
}

void operation_send(operation_t *self, const char *method, const char *path, const char *query,
                    const char *body, const char *idempotency_key, http_done_fn *done) {
    buf_t url = BUF_INIT;
    char span[TRACEPARENT_SIZE];
    int64_t left_ms = operation_time_left_ms(self);
    ids_traceparent_child(self->traceparent, span);
    buf_printf(&url, "%s%s%s%s", self->adapter->config->url, path, query && *query ? "?" : "",
               query ? query : "");
    http_request_t request = {.method = method,
                              .url = buf_str(&url),
                              .body = body,
                              .idempotency_key = idempotency_key,
                              .request_id = call_envelope(self->call)->request_id,
                              .traceparent = span,
                              .timeout_ms = left_ms > 0 ? left_ms : 1};
    http_client_send(self->adapter->http, &request, done, self);
    buf_free(&url);
}

static void s_on_retry_timer(actor_t *actor, void *context) {
    (void)actor;
    operation_t *self = context;
    self->timer = 0;
    s_attempt(self);
}

/* True: another attempt is scheduled. */
static bool s_retry_later(operation_t *self, int64_t retry_after_ms) {
    adapter_t *adapter = self->adapter;
    if (self->request.no_retry || self->attempts > adapter->config->max_retries)
        return false;
    int64_t now_us = clock_mono_us();
    int64_t delay_ms = retry_delay_ms(self->attempts + 1, ids_random64(), retry_after_ms);
    int64_t due_us = now_us + delay_ms * 1000;
    if (due_us >= self->deadline_us || due_us < breaker_retry_at_us(&adapter->breaker))
        return false;
    if (!retry_budget_take(&adapter->budget, now_us))
        return false;
    adapter->retries++;
    self->timer = actor_timer_once(adapter->actor, delay_ms, s_on_retry_timer, self);
    return true;
}

static void s_on_success(operation_t *self, const http_response_t *response, json_t *root) {
    const char *payload;
    size_t size;
    if (self->waits_for_job && reply_starts_job(response->status, root)) {
        assert_always(reply_job_id(root, self->job_id, sizeof self->job_id));
        job_wait_start(self);
        return;
    }
    reply_raw_payload(response->body, response->size, &payload, &size);
    if (self->waits_for_job && (response->status == 202 || !reply_is_inline_result(root)))
        operation_fail(self, ERR_PROTOCOL, "HTTP %d names no job and holds no result", response->status);
    else if (response->status == 204)
        operation_succeed(self, "{}", 2);
    else
        operation_succeed(self, payload, size);
}

static void s_on_2xx(operation_t *self, const http_response_t *response) {
    char reason[200];
    json_t *root = NULL;
    if (reply_parse(response->status, response->body, response->size, &root, reason, sizeof reason) != OK) {
        if (!s_retry_later(self, 0))
            operation_fail(self, ERR_PROTOCOL, "HTTP %d but %s", response->status, reason);
        return;
    }
    if (reply_is_failure(root))
        operation_refused(self, root, response->body, response->size);
    else
        s_on_success(self, response, root);
    json_decref(root);
}

static void s_on_error_status(operation_t *self, const http_response_t *response) {
    if (retry_status_is_retryable(response->status) && s_retry_later(self, response->retry_after_ms))
        return;
    json_t *root = json_loadb(response->body, response->size, 0, NULL);
    char text[256] = "";
    if (root)
        reply_error_text(root, text, sizeof text);
    if (retry_status_is_retryable(response->status) || response->status >= 500)
        operation_fail(self, ERR_SERVICE_UNAVAILABLE, "HTTP %d%s%s", response->status, *text ? " " : "",
                       text);
    else
        operation_refused(self, root, response->body, response->size);
    json_decref(root);
}

static void s_on_attempt_done(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    operation_t *self = context;
    operation_book(self, response);
    self->replayed = self->replayed || response->replayed;
    if (response->err == OK && response->status >= 200 && response->status < 300)
        s_on_2xx(self, response);
    else if (response->err == OK)
        s_on_error_status(self, response);
    else if (response->err == ERR_PROTOCOL || response->err == ERR_SHUTTING_DOWN || !s_retry_later(self, 0))
        operation_fail(self, response->err, "%s", response->error);
}

static void s_attempt(operation_t *self) {
    adapter_t *adapter = self->adapter;
    if (operation_time_left_ms(self) <= 0) {
        operation_fail(self, ERR_DEADLINE_EXCEEDED, "no time was left for it");
        return;
    }
    if (!operation_may_send(self)) {
        int64_t wait_us = breaker_retry_at_us(&adapter->breaker) - clock_mono_us();
        call_retry_after(self->call, wait_us > 0 ? (uint32_t)(wait_us / 1000000) + 1 : 1);
        operation_fail(self, ERR_CIRCUIT_OPEN, "the circuit is %s",
                       breaker_state_name(adapter->breaker.state));
        return;
    }
    self->attempts++;
    operation_send(self, self->request.method, self->request.path, self->request.query, self->request.body,
                   self->request.idempotency_key, s_on_attempt_done);
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
    uint32_t limit = adapter->max_in_flight ? adapter->max_in_flight : ADAPTER_MAX_OPERATIONS;
    if (adapter->operation_count >= limit) {
        call_explain(call, ERR_OVERLOADED, "%u calls to %s are in flight", limit,
                     service_names[adapter->service]);
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
    retry_budget_request(&adapter->budget, self->started_us);
    s_attempt(self);
}
