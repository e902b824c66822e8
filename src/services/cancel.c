/* Cancelling: an operation and the job that it has started or is about to start, a job by its id, the job of an operation
 * that gave up, and that of a call from before a restart. The service is told by one DELETE, best effort; nothing left to
 * cancel is a success. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    adapter_t *adapter;
    call_t *call; /* NULL = nobody waits for the outcome */
    bool cancelled;
    char job_id[129];
    char request_id[129];
    char traceparent[56];
    uint32_t breaker_era; /* of the exchange that was taken over */
} cancel_t;

static void s_end(cancel_t *self) {
    if (self->call)
        call_reply(self->adapter->actor, &self->call, &(CancelJobReply){.cancelled = self->cancelled});
    free(self);
}

static void s_on_deleted(actor_t *actor, void *context, const http_response_t *response) {
    cancel_t *self = context;
    bool deleted = response->err == OK && response->status >= 200 && response->status < 300;
    bool nothing_left = response->err == OK && (response->status == 404 || response->status == 409);
    self->cancelled = self->cancelled || deleted;
    if (deleted)
        log_info("job cancelled", LOG_STR("service", service_names[self->adapter->service]),
                 LOG_STR("job_id", self->job_id));
    if (deleted || nothing_left) {
        s_end(self);
        return;
    }
    log_warning("a job was not cancelled", LOG_STR("service", service_names[self->adapter->service]),
                LOG_STR("job_id", self->job_id), LOG_STR("error", response->error),
                LOG_INT("status", response->status));
    if (self->call) {
        call_explain(self->call, ERR_SERVICE_UNAVAILABLE, "job %s was not cancelled: %s (HTTP %d)",
                     self->job_id, response->error, response->status);
        call_fail(actor, &self->call, ERR_SERVICE_UNAVAILABLE);
    }
    free(self);
}

/* Past the circuit and the bulkhead: one exchange, and the job costs more than that. */
static void s_delete(cancel_t *self) {
    if (self->adapter->stopping) {
        s_end(self);
        return;
    }
    buf_t url = BUF_INIT;
    buf_printf(&url, "%s/api/v1/jobs/", self->adapter->config->url);
    reply_append_segment(&url, self->job_id);
    http_request_t request = {.method = "DELETE",
                              .url = buf_str(&url),
                              .request_id = self->request_id,
                              .traceparent = self->traceparent,
                              .timeout_ms = ADAPTER_PROBE_TIMEOUT_MS};
    http_client_send(self->adapter->http, &request, s_on_deleted, self);
    buf_free(&url);
}

static cancel_t *s_new(adapter_t *adapter, const Envelope *envelope, const char *job_id) {
    cancel_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->adapter = adapter;
    snprintf(self->job_id, sizeof self->job_id, "%s", job_id);
    snprintf(self->request_id, sizeof self->request_id, "%s", envelope->request_id);
    snprintf(self->traceparent, sizeof self->traceparent, "%s", envelope->traceparent);
    return self;
}

void cancel_given_up(operation_t *operation) {
    adapter_t *adapter = operation->adapter;
    if (!operation->job_is_ours || operation->job_succeeded || adapter->stopping)
        return;
    s_delete(s_new(adapter, call_envelope(operation->call), operation->job_id));
}

/* ---- An operation ---- */

/* The answer to a request whose operation is gone: it may name a job. */
static void s_on_orphan(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    cancel_t *self = context;
    char reason[200];
    json_t *root = NULL;
    exchange_book_orphan(self->adapter, self->breaker_era, response);
    bool answered =
        response->err == OK && response->status >= 200 && response->status < 300 &&
        reply_parse(response->status, response->body, response->size, &root, reason, sizeof reason) == OK;
    bool started = answered && reply_starts_job(response->status, root) &&
                   reply_job_id(root, self->job_id, sizeof self->job_id);
    json_decref(root);
    if (started) {
        s_delete(self);
        return;
    }
    if (!answered)
        log_warning("whether a request that was given up has started a job is not known",
                    LOG_STR("service", service_names[self->adapter->service]), LOG_ERRT(response->err),
                    LOG_INT("status", response->status));
    s_end(self);
}

/* A request that starts a job goes on without its operation, since only its answer tells which job to cancel. */
static void s_take_over(operation_t *operation) {
    attempt_t *attempt = &operation->under_way[0];
    cancel_t *self = s_new(operation->adapter, call_envelope(operation->call), "");
    self->breaker_era = attempt->breaker_era;
    http_client_hand_over(attempt->exchange, s_on_orphan, self);
    attempt->exchange = NULL;
}

static operation_t *s_find(adapter_t *adapter, const char *key) {
    for (operation_t *operation = adapter->operations; operation; operation = operation->next)
        if (strcmp(operation->request.idempotency_key, key) == 0)
            return operation;
    return NULL;
}

/* Ends the operations with the key. True when there was one; `job_id` (of 129) gets its job, when it has one. */
static bool s_cancel_operations(adapter_t *adapter, const char *key, char *job_id) {
    bool found = false;
    for (operation_t *operation; (operation = s_find(adapter, key)); found = true) {
        bool starts_job = operation->waits_for_job && operation->phase == OPERATION_CALLING;
        if (*operation->job_id)
            memcpy(job_id, operation->job_id, sizeof operation->job_id);
        else if (starts_job && operation->under_way[0].exchange)
            s_take_over(operation);
        operation_fail(operation, ERR_CANCELLED, "cancelled");
    }
    return found;
}

/* A call of before a restart: its key makes the service answer as it did then. */
static void s_ask_again(cancel_t *self, const AdapterCall *call) {
    adapter_t *adapter = self->adapter;
    if (adapter->stopping || !breaker_allow(&adapter->breaker, clock_mono_us())) {
        log_warning("a job of before a restart was not looked for",
                    LOG_STR("reason", adapter->stopping ? "stopping" : "the circuit is open"),
                    LOG_STR("service", service_names[adapter->service]), LOG_STR("cycle_id", call->cycle_id));
        s_end(self);
        return;
    }
    self->breaker_era = adapter->breaker.era;
    buf_t url = BUF_INIT;
    buf_printf(&url, "%s%s", adapter->config->url, call->path ? call->path : "");
    http_request_t request = {.method = call->method,
                              .url = buf_str(&url),
                              .body = call->body,
                              .idempotency_key = call->idempotency_key,
                              .request_id = self->request_id,
                              .traceparent = self->traceparent,
                              .timeout_ms = ADAPTER_PROBE_TIMEOUT_MS,
                              .once = true};
    http_client_send(adapter->http, &request, s_on_orphan, self);
    buf_free(&url);
}

void cancel_start(adapter_t *adapter, call_t *call, const CancelJobRequest *request) {
    cancel_t *self = s_new(adapter, call_envelope(call), request->job_id);
    self->call = call;
    if (request->has_idempotency_key && *request->idempotency_key)
        self->cancelled = s_cancel_operations(adapter, request->idempotency_key, self->job_id);
    if (*self->job_id)
        s_delete(self);
    else if (request->has_call && !self->cancelled)
        s_ask_again(self, &request->call);
    else
        s_end(self);
}
