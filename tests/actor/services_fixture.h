/* Calls of the adapters as tests make them, and what is expected of the answers. */
#pragma once

#include "flow_fixture.h"

/* A test with the simulator and all four adapters; an attempt takes a second at most. */
#define SERVICES_TEST(suite, name)                    \
    static void s_##name(flow_t *f);                  \
    Test(suite, name, .timeout = 60) {                \
        flow_t f;                                     \
        flow_begin(&f, "50");                         \
        f.store.config.services[0].timeout_ms = 1000; \
        for (int i = 0; i < SERVICE_COUNT; i++)       \
            flow_start_adapter(&f, i);                \
        s_##name(&f);                                 \
        flow_end(&f);                                 \
    }                                                 \
    static void s_##name(flow_t *f)

#define MACRO_STATE "/api/v1/macro/state"
#define BATCH       "/api/v1/analyze/batch"
#define BATCH_BODY                                                                                                     \
    "{\"symbols\":[\"IBM\",\"AAPL\"],\"analyzers\":[\"all\"],\"config\":{\"lookback_days\":60,\"cache_enabled\":true," \
    "\"parallel\":true,\"timeout_seconds\":300}}"

typedef struct {
    err_t err;
    AdapterResult result;
    Fault fault;
    int64_t took_ms;
} outcome_t;

static inline AdapterCall adapter_get(const char *path) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "GET");
    call.path = message_strdup(path);
    return call;
}

static inline AdapterCall adapter_post(const char *path, const char *body, const char *key) {
    AdapterCall call = adapter_get(path);
    MESSAGE_PUT(call.method, "POST");
    call.body = message_strdup(body);
    MESSAGE_PUT(call.idempotency_key, key);
    return call;
}

static inline AdapterCall adapter_batch(const char *key) {
    AdapterCall call = adapter_post(BATCH, BATCH_BODY, key);
    call.has_poll = true;
    call.poll.max_interval_ms = 50;
    return call;
}

/* Takes the call. */
static inline outcome_t adapter_ask_within(flow_t *f, int64_t within_ms, int service, const rpc_t *rpc,
                                           AdapterCall call) {
    outcome_t out = {.result = AdapterResult_init_zero, .fault = Fault_init_zero};
    int64_t start_us = clock_mono_us();
    out.err = flow_ask(f, adapter_names[service], within_ms, rpc, &call, &out.result, &out.fault);
    out.took_ms = (clock_mono_us() - start_us) / 1000;
    message_release(AdapterCall_message(), &call);
    return out;
}

static inline outcome_t adapter_call(flow_t *f, int service, AdapterCall call) {
    return adapter_ask_within(f, FLOW_MS, service, &rpc_Adapter_Call, call);
}

static inline outcome_t adapter_run(flow_t *f, AdapterCall call) {
    return adapter_ask_within(f, FLOW_MS, SERVICE_EXECUTION, &rpc_Adapter_RunJob, call);
}

static inline void outcome_done(outcome_t *out) {
    message_release(AdapterResult_message(), &out->result);
    message_release(Fault_message(), &out->fault);
}

static inline void expect_ok(outcome_t *out) {
    cr_assert_eq(out->err, OK, "%s: %s", err_name(out->err), fault_text(&out->fault));
}

static inline void expect_refused(outcome_t *out, err_t err, const char *says) {
    cr_assert_eq(out->err, err, "%s: %s", err_name(out->err), fault_text(&out->fault));
    cr_assert(strstr(fault_text(&out->fault), says), "\"%s\" does not say \"%s\"", fault_text(&out->fault),
              says);
}

static inline ServiceItem adapter_item(flow_t *f, int service) {
    ServiceItem item = ServiceItem_init_zero;
    cr_assert_eq(flow_ask(f, adapter_names[service], FLOW_MS, &rpc_Adapter_GetItem,
                          &(GetItemRequest)GetItemRequest_init_zero, &item, NULL),
                 OK);
    return item;
}

static inline ServiceItem adapter_probe(flow_t *f, int service) {
    ServiceItem item = ServiceItem_init_zero;
    cr_assert_eq(flow_ask(f, adapter_names[service], FLOW_MS, &rpc_Adapter_Probe,
                          &(ProbeRequest)ProbeRequest_init_zero, &item, NULL),
                 OK);
    return item;
}

static inline void item_done(ServiceItem *item) {
    message_release(ServiceItem_message(), item);
}

/* Sends it without waiting for the answer. Takes the call. */
static inline void adapter_send_within(flow_t *f, int64_t within_ms, int service, const rpc_t *rpc,
                                       AdapterCall call) {
    flow_send(f, adapter_names[service], within_ms, rpc, &call);
    message_release(AdapterCall_message(), &call);
}

static inline void adapter_send(flow_t *f, int service, const rpc_t *rpc, AdapterCall call) {
    adapter_send_within(f, FLOW_MS, service, rpc, call);
}

/* The answer to what adapter_send sent. */
static inline outcome_t adapter_receive(flow_t *f) {
    outcome_t out = {.result = AdapterResult_init_zero, .fault = Fault_init_zero};
    out.err = flow_receive(f, AdapterResult_message(), &out.result, &out.fault);
    return out;
}

static inline AdapterCall no_retry(AdapterCall call) {
    call.no_retry = true;
    return call;
}

/* Waits until so many calls are in flight and so many are queued. */
static inline void adapter_await_load(flow_t *f, int service, uint32_t in_flight, uint32_t queued) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    for (bool is = false; !is;) {
        ServiceItem item = adapter_item(f, service);
        is = item.calls.in_flight == in_flight && item.calls.queued == queued;
        cr_assert(is || program_look_again(deadline), "%u in flight and %u queued, not %u and %u",
                  item.calls.in_flight, item.calls.queued, in_flight, queued);
        item_done(&item);
    }
}
