/* The health of a service: probes by interval and by demand, and the events that follow from a change.
 *
 * Healthy means HTTP 200 and a JSON object whose effective status is "healthy"; anything else is unhealthy and
 * says why. Probes go past the circuit, so that a recovered service is seen. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    adapter_t *adapter;
    call_t *call; /* NULL for a probe by interval */
    err_t (*answer)(adapter_t *self, call_t **call_p);
} probe_t;

static void s_publish(adapter_t *self, const char *previous_status) {
    ServiceEvent event = ServiceEvent_init_zero;
    MESSAGE_PUT(event.service, service_names[self->service]);
    MESSAGE_PUT(event.status, self->status);
    MESSAGE_PUT(event.previous_status, previous_status);
    MESSAGE_PUT(event.circuit, breaker_state_name(self->breaker.state));
    event.reason = message_strdup(self->health_error);
    event.has_response_time = self->last_check_ms > 0;
    event.response_time = (double)self->response_time_us / 1000.0;
    event.timestamp = clock_wall_ms();
    actor_publish(self->actor, "evt/service/Changed", ServiceEvent_message(), &event);
    message_release(ServiceEvent_message(), &event);
}

void health_watch_circuit(adapter_t *self) {
    if (self->breaker.state == self->seen_circuit)
        return;
    self->seen_circuit = self->breaker.state;
    if (self->breaker.state == BREAKER_OPEN)
        self->opened_at_ms = clock_wall_ms();
    log_warning("circuit changed", LOG_STR("service", service_names[self->service]),
                LOG_STR("circuit", breaker_state_name(self->breaker.state)));
    s_publish(self, self->status);
    if (self->breaker.state == BREAKER_OPEN)
        bulkhead_circuit_opened(self);
}

static void s_set(adapter_t *self, const char *status, const char *error) {
    char previous[16];
    memcpy(previous, self->status, sizeof previous);
    snprintf(self->status, sizeof self->status, "%s", status);
    free(self->health_error);
    self->health_error = error ? strdup(error) : NULL;
    if (self->health_error)
        reply_clean_text(self->health_error);
    self->error_count += error != NULL;
    if (strcmp(previous, self->status) == 0)
        return;
    if (error)
        log_warning("service is unhealthy", LOG_STR("service", service_names[self->service]),
                    LOG_STR("error", self->health_error));
    else
        log_info("service is healthy", LOG_STR("service", service_names[self->service]));
    s_publish(self, previous);
}

/* Why the answer does not say healthy; false when it does. */
static bool s_judge(const http_response_t *response, char *why, size_t size) {
    char reason[160];
    json_t *root = NULL;
    if (response->err != OK) {
        snprintf(why, size, "%s", response->error);
        return true;
    }
    if (response->status != 200) {
        snprintf(why, size, "HTTP %d", response->status);
        return true;
    }
    if (reply_parse(response->status, response->body, response->size, &root, reason, sizeof reason) != OK) {
        snprintf(why, size, "HTTP 200 but %s", reason);
        return true;
    }
    const char *status = json_string_value(json_object_get(reply_unwrap(root), "status"));
    bool healthy = status && strcmp(status, "healthy") == 0;
    if (!healthy)
        snprintf(why, size, "it says \"%s\"", status ? status : "(no status)");
    json_decref(root);
    return !healthy;
}

static void s_on_probed(actor_t *actor, void *context, const http_response_t *response) {
    probe_t *probe = context;
    adapter_t *self = probe->adapter;
    char why[256];
    if (response->err == ERR_SHUTTING_DOWN) { /* says nothing of the service */
        if (probe->call)
            call_fail(actor, &probe->call, ERR_SHUTTING_DOWN);
        free(probe);
        return;
    }
    self->last_check_ms = clock_wall_ms();
    self->response_time_us = response->duration_us;
    self->probe_answered = response->err == OK;
    bool unhealthy = s_judge(response, why, sizeof why);
    s_set(self, unhealthy ? "unhealthy" : "healthy", unhealthy ? why : NULL);
    if (probe->call) {
        call_t *call = probe->call;
        err_t err = probe->answer(self, &call);
        if (err != OK && call)
            call_fail(actor, &call, err);
    }
    free(probe);
}

void health_probe(adapter_t *self, call_t *call, err_t (*answer)(adapter_t *self, call_t **call_p)) {
    probe_t *probe = calloc(1, sizeof *probe);
    assert_always(probe);
    *probe = (probe_t){self, call, answer};
    buf_t url = BUF_INIT;
    char traceparent[TRACEPARENT_SIZE];
    if (call)
        ids_traceparent_child(call_envelope(call)->traceparent, traceparent);
    else
        ids_traceparent(traceparent);
    buf_printf(&url, "%s%s", self->config->url, self->profile->health_path);
    http_request_t request = {.method = "GET",
                              .url = buf_str(&url),
                              .request_id = call ? call_envelope(call)->request_id : NULL,
                              .traceparent = traceparent,
                              .timeout_ms = ADAPTER_PROBE_TIMEOUT_MS};
    http_client_send(self->probes, &request, s_on_probed, probe);
    buf_free(&url);
}

static void s_on_interval(actor_t *actor, void *context) {
    (void)actor;
    health_probe(context, NULL, NULL);
}

void health_init(adapter_t *self) {
    snprintf(self->status, sizeof self->status, "unknown");
    health_probe(self, NULL, NULL);
    actor_timer_every(self->actor, self->config->health_interval_seconds * 1000, s_on_interval, self);
}

void health_free(adapter_t *self) {
    free(self->health_error);
}
