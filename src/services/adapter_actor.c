/* The adapter actor: command table and handlers; see adapter.h. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

const char *const adapter_names[SERVICE_COUNT] = {"adapter.macro", "adapter.portfolio", "adapter.execution",
                                                  "adapter.flowhub"};

static const adapter_profile_t s_profiles[SERVICE_COUNT] = {
    [SERVICE_MACRO] = {"/health", "/api/v1/macro", false},
    [SERVICE_PORTFOLIO] = {"/api/v1/health", "/api/v1/portfolio", false},
    [SERVICE_EXECUTION] = {"/health", "/api/v1/execution", false},
    [SERVICE_FLOWHUB] = {"/health", "/api/v1/jobs", true},
};

static err_t s_call(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    operation_start(actor_state(actor), call, request, false);
    return ERR_PENDING;
}

static err_t s_run_job(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    operation_start(actor_state(actor), call, request, true);
    return ERR_PENDING;
}

static err_t s_cancel_job(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    cancel_start(actor_state(actor), call, request);
    return ERR_PENDING;
}

/* ---- The registry's view ---- */

void adapter_fill_item(adapter_t *self, ServiceItem *item) {
    int64_t now_us = clock_mono_us();
    breaker_state_t circuit = breaker_state(&self->breaker, now_us);
    int64_t retry_at_us = breaker_retry_at_us(&self->breaker);
    MESSAGE_PUT(item->name, service_names[self->service]);
    item->url = config_mask_url(self->config->url);
    MESSAGE_PUT(item->health_endpoint, self->profile->health_path);
    MESSAGE_PUT(item->api_prefix, self->profile->api_prefix);
    MESSAGE_PUT(item->status, self->status);
    item->has_last_check = item->has_response_time = self->last_check_ms > 0;
    item->last_check = self->last_check_ms;
    item->response_time = (double)self->response_time_us / 1000.0;
    item->error_count = self->error_count;
    item->error = message_strdup(self->health_error);
    item->has_circuit = item->has_pool = item->has_stats = item->has_calls = true;
    MESSAGE_PUT(item->circuit.state, breaker_state_name(circuit));
    item->circuit.has_opened_at = circuit != BREAKER_CLOSED;
    item->circuit.opened_at = self->opened_at_ms;
    item->circuit.has_retry_at = circuit != BREAKER_CLOSED && retry_at_us > 0;
    item->circuit.retry_at = clock_wall_ms() + (retry_at_us - now_us) / 1000;
    size_t in_use = http_client_in_use(self->http);
    size_t idle = http_client_idle(self->http);
    item->pool = (ConnectionPool){(uint32_t)in_use, (uint32_t)idle, (uint32_t)self->config->pool_size};
    bool measured = latency_count(&self->latency, now_us) > 0;
    item->stats = (ServiceStats){.requests = self->requests,
                                 .failures = self->failures,
                                 .retries = self->retries,
                                 .timeouts = self->timeouts,
                                 .hedges = self->hedges,
                                 .has_p50_ms = measured,
                                 .p50_ms = latency_quantile_ms(&self->latency, now_us, 0.5),
                                 .has_p99_ms = measured,
                                 .p99_ms = latency_quantile_ms(&self->latency, now_us, 0.99)};
    item->calls = (CallLoad){self->in_flight, self->queued, bulkhead_limit(self)};
}

static err_t s_get_item(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    (void)request;
    adapter_fill_item(actor_state(actor), response);
    return OK;
}

static err_t s_answer_item(adapter_t *self, call_t **call_p) {
    ServiceItem item = ServiceItem_init_zero;
    adapter_fill_item(self, &item);
    call_reply(self->actor, call_p, &item);
    message_release(ServiceItem_message(), &item);
    return OK;
}

static err_t s_probe(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    health_probe(actor_state(actor), call, s_answer_item);
    return ERR_PENDING;
}

static err_t s_answer_reconnected(adapter_t *self, call_t **call_p) {
    ReconnectServiceReply reply = ReconnectServiceReply_init_zero;
    MESSAGE_PUT(reply.service, service_names[self->service]);
    MESSAGE_PUT(reply.status, self->status);
    reply.reconnected = self->probe_answered;
    reply.timestamp = self->last_check_ms;
    reply.error = message_strdup(self->health_error);
    call_reply(self->actor, call_p, &reply);
    message_release(ReconnectServiceReply_message(), &reply);
    return OK;
}

static err_t s_reconnect(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    adapter_t *self = actor_state(actor);
    http_client_reset_connections(self->http);
    http_client_reset_connections(self->probes);
    health_probe(self, call, s_answer_reconnected);
    return ERR_PENDING;
}

static err_t s_get_config(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    (void)request;
    const adapter_t *self = actor_state(actor);
    ServiceConfig *config = response;
    MESSAGE_PUT(config->name, service_names[self->service]);
    config->url = config_mask_url(self->config->url);
    MESSAGE_PUT(config->health_endpoint, self->profile->health_path);
    MESSAGE_PUT(config->api_prefix, self->profile->api_prefix);
    config->timeout_ms = (uint32_t)self->config->timeout_ms;
    config->max_retries = (uint32_t)self->config->max_retries;
    config->pool_size = (uint32_t)self->config->pool_size;
    config->connect_timeout_ms = ADAPTER_CONNECT_TIMEOUT_MS;
    config->health_interval_seconds = (uint32_t)self->config->health_interval_seconds;
    config->hedge_ms = (uint32_t)self->config->hedge_ms;
    config->max_response_bytes = (uint64_t)self->config->max_response_bytes;
    config->max_in_flight = bulkhead_limit(self);
    config->max_queued = ADAPTER_MAX_QUEUED;
    config->has_circuit = config->has_retry_budget = true;
    config->circuit = (CircuitConfig){.failure_ratio = BREAKER_FAILURE_RATIO,
                                      .min_calls = BREAKER_MIN_CALLS,
                                      .window_seconds = BREAKER_WINDOW_SECONDS,
                                      .consecutive_failures = BREAKER_CONSECUTIVE,
                                      .open_seconds = BREAKER_OPEN_MIN_US / 1e6,
                                      .max_open_seconds = BREAKER_OPEN_MAX_US / 1e6,
                                      .half_open_probes = BREAKER_PROBES};
    config->retry_budget = (RetryBudget){RETRY_BUDGET_RATIO, RETRY_BUDGET_SECONDS, RETRY_BUDGET_FLOOR};
    return OK;
}

static err_t s_set_limit(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    adapter_t *self = actor_state(actor);
    bulkhead_set_limit(self, ((const SetLimitRequest *)request)->max_in_flight);
    *(SetLimitReply *)response = (SetLimitReply){
        .max_in_flight = bulkhead_limit(self), .in_flight = self->in_flight, .queued = self->queued};
    return OK;
}

static err_t s_report_job(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    const ReportJobRequest *report = request;
    ReportJobReply *reply = response;
    reply->accepted = job_wait_report(actor_state(actor), report);
    MESSAGE_PUT(reply->job_id, report->job_id);
    return OK;
}

/* ---- Life ---- */

static http_client_t *s_client(actor_t *actor, const config_service_t *service, int64_t pool_size,
                               int64_t connect_timeout_ms) {
    http_client_options_t options = {.pool_size = pool_size,
                                     .connect_timeout_ms = connect_timeout_ms,
                                     .response_cap = (size_t)service->max_response_bytes,
                                     .ca_file = actor_config(actor)->adapter_ca_file};
    return http_client_new(actor, &options);
}

static err_t s_start(actor_t *actor, const void *args) {
    const adapter_args_t *adapter_args = args;
    adapter_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    self->service = adapter_args->service;
    self->profile = &s_profiles[self->service];
    self->config = &actor_config(actor)->services[self->service];
    breaker_init(&self->breaker);
    self->http = s_client(actor, self->config, self->config->pool_size, ADAPTER_CONNECT_TIMEOUT_MS);
    self->probes = s_client(actor, self->config, ADAPTER_PROBE_POOL, ADAPTER_PROBE_TIMEOUT_MS);
    if (!self->http || !self->probes) {
        http_client_destroy(&self->http);
        http_client_destroy(&self->probes);
        free(self);
        return ERR_INTERNAL;
    }
    actor_set_state(actor, self);
    health_init(self);
    return OK;
}

static void s_stop(actor_t *actor) {
    adapter_t *self = actor_state(actor);
    self->stopping = true;
    http_client_destroy(&self->probes); /* first: their answers tell of the other's connections */
    http_client_destroy(&self->http);
    while (self->operations)
        operation_fail(self->operations, ERR_SHUTTING_DOWN, "the adapter is stopping");
    job_reports_clear(&self->reports);
    health_free(self);
    free(self);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    adapter_t *self = actor_state(actor);
    breaker_state_t circuit = breaker_state(&self->breaker, clock_mono_us());
    if (strcmp(self->status, "unhealthy") == 0 || circuit != BREAKER_CLOSED) {
        MESSAGE_PUT(status->status, "degraded");
        buf_t reason = BUF_INIT;
        buf_printf(&reason, "%s, circuit %s%s%s", self->status, breaker_state_name(circuit),
                   self->health_error ? ": " : "", self->health_error ? self->health_error : "");
        free(status->reason);
        status->reason = buf_steal(&reason);
    }
    actor_gauge(actor, "requests_total", "HTTP exchanges with the service", (double)self->requests);
    actor_gauge(actor, "failures_total", "HTTP exchanges that failed", (double)self->failures);
    actor_gauge(actor, "retries_total", "Attempts beyond the first", (double)self->retries);
    actor_gauge(actor, "hedges_total", "Second attempts at reads that were slow", (double)self->hedges);
    actor_gauge(actor, "pending", "Calls that have not been answered yet", (double)self->operation_count);
    actor_gauge(actor, "in_flight", "Calls that occupy the service", (double)self->in_flight);
    actor_gauge(actor, "queued", "Calls that wait for one in flight to end", (double)self->queued);
    actor_gauge(actor, "circuit_open", "1 while the circuit is not closed", circuit != BREAKER_CLOSED);
}

static const actor_command_t s_commands[] = {
    {&rpc_Adapter_Call, s_call},
    {&rpc_Adapter_RunJob, s_run_job},
    {&rpc_Adapter_CancelJob, s_cancel_job},
    {&rpc_Adapter_Probe, s_probe},
    {&rpc_Adapter_Reconnect, s_reconnect},
    {&rpc_Adapter_GetItem, s_get_item},
    {&rpc_Adapter_GetConfig, s_get_config},
    {&rpc_Adapter_SetLimit, s_set_limit},
    {&rpc_Adapter_ReportJob, s_report_job},
    {NULL, NULL},
};

const actor_class_t adapter_class = {
    .name = "adapter",
    .commands = s_commands,
    .start = s_start,
    .stop = s_stop,
    .describe = s_describe,
};
