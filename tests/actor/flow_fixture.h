/* The adapters under test, and what stands on them: over a real bus, with the store on SQLite in a temporary directory
 * and the real simulator of the four services. */
#pragma once

#include "bus/client.h"
#include "coordinator/coordinator.h"
#include "dataflow/dataflow.h"
#include "services/adapter.h"
#include "services/services.h"
#include "signals/signals.h"
#include "simulator.h"
#include "store_fixture.h"
#include "validation/validation.h"
#include <poll.h>

enum { FLOW_MS = 30000 }; /* what must happen, happens within this */

typedef struct {
    fixture_t store;
    simulator_t sim;
    char urls[SERVICE_COUNT][64];
    adapter_args_t adapter_args[SERVICE_COUNT];
    actor_handle_t *adapters[SERVICE_COUNT];
    actor_handle_t *signals, *validation, *coordinator;
} flow_t;

static inline harness_t *harness_of(flow_t *f) {
    return &f->store.harness;
}

static inline void flow_start_adapter(flow_t *f, int service) {
    f->adapter_args[service].service = service;
    f->adapters[service] = harness_actor_named(harness_of(f), &adapter_class, adapter_names[service],
                                               &f->store.config, &f->adapter_args[service]);
}

static inline void flow_point_at(flow_t *f, int service, int port) {
    snprintf(f->urls[service], sizeof f->urls[service], "http://127.0.0.1:%d", port);
    f->store.config.services[service] = (config_service_t){.url = f->urls[service],
                                                           .timeout_ms = 5000,
                                                           .pool_size = 10,
                                                           .max_retries = 3,
                                                           .health_interval_seconds = 3600,
                                                           .max_response_bytes = 16 << 20};
}

/* The simulator, the bus and the settings; no actor yet. */
static inline void flow_begin(flow_t *f, const char *job_ms) {
    const char *arguments[] = {"--as-of", "2018-09-01", "--job-ms", job_ms, NULL};
    *f = (flow_t){0};
    simulator_start(&f->sim, arguments);
    fixture_begin(&f->store, false);
    for (int i = 0; i < SERVICE_COUNT; i++)
        flow_point_at(f, i, f->sim.services[i].port);
    config_t *config = &f->store.config;
    config->analysis_max_concurrent = 3;
    config->analysis_stage_retries = 3;
    config->analysis_timeout_seconds = 60;
    config->analysis_readiness_policy = (char *)"sync";
    config->analysis_readiness_seconds = 60;
    config->datasets_required = (char *)"batch_daily_ohlc";
    config->validation_timeout_seconds = 30;
    config->signals_auto_resolve = (char *)"all";
    config->signals_default_strategy = (char *)"priority_based";
    config->signals_default_ttl_seconds = 300;
    config->signals_dedup_window_seconds = 86400;
}

static inline void flow_end(flow_t *f) {
    fixture_end(&f->store);
    simulator_stop(&f->sim);
}

/* ---- asking ---- */

static inline const char *fault_text(const Fault *fault) {
    return fault->message ? fault->message : "";
}

/* `fault` may be NULL. */
static inline err_t flow_ask(flow_t *f, const char *component, int64_t within_ms, const rpc_t *rpc,
                             const void *request, void *response, Fault *fault) {
    Envelope envelope = harness_envelope(within_ms);
    snprintf(envelope.request_id, sizeof envelope.request_id, "request-1");
    Fault own = Fault_init_zero;
    err_t err = bus_client_request_to(harness_of(f)->client, component, rpc, &envelope, request, response,
                                      fault ? fault : &own);
    message_release(Fault_message(), &own);
    return err;
}

/* Sends without waiting for the answer, which the test receives itself. */
static inline void flow_send(flow_t *f, const char *component, int64_t within_ms, const rpc_t *rpc,
                             const void *request) {
    char topic[BUS_TOPIC_SIZE];
    Envelope envelope = harness_envelope(within_ms);
    snprintf(topic, sizeof topic, "cmd/%s/%s", component, rpc->name);
    cr_assert(MESSAGE_SET(envelope.reply_topic, bus_client_inbox(harness_of(f)->client)));
    cr_assert_eq(bus_client_send_message(harness_of(f)->client, topic, &envelope, rpc->request(), request),
                 OK);
}

/* The answer to what flow_send sent: OK or the code of the refusal. */
static inline err_t flow_receive(flow_t *f, const message_t *type, void *response, Fault *fault) {
    bus_message_t message;
    cr_assert_eq(bus_client_recv(harness_of(f)->client, &message, harness_deadline(FLOW_MS)), OK,
                 "an answer comes");
    err_t err = bus_message_decode(&message, type, response, fault);
    bus_message_close(&message);
    return err;
}

/* ---- requests that a service got ---- */

static inline const char *header_of(json_t *requests, size_t index, const char *name) {
    return json_string_value(
        json_object_get(json_object_get(json_array_get(requests, index), "headers"), name));
}

/* True when all of them carry the same value of the header. */
static inline bool header_is_same(json_t *requests, const char *name) {
    for (size_t i = 0; i < json_array_size(requests); i++) {
        const char *value = header_of(requests, i, name);
        if (!value || strcmp(value, header_of(requests, 0, name)) != 0)
            return false;
    }
    return json_array_size(requests) > 0;
}
