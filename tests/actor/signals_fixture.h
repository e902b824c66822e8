/* The signal router under test: with the store's actors over a real bus, on SQLite in a temporary directory or on a
 * PostgreSQL server of the test's own. */
#pragma once

#include "bus/client.h"
#include "signals/signals.h"
#include "store_fixture.h"

typedef struct {
    fixture_t store;
    actor_handle_t *signals;
} signals_fixture_t;

/* A test on both engines. */
#define SIGNALS_TEST(name)                         \
    static void s_##name(signals_fixture_t *f);    \
    Test(signals_sqlite, name, .timeout = 60) {    \
        signals_run(false, s_##name);              \
    }                                              \
    Test(signals_postgres, name, .timeout = 120) { \
        signals_run(true, s_##name);               \
    }                                              \
    static void s_##name(signals_fixture_t *f)

#define SET(request, field, text)            \
    do {                                     \
        (request)->has_##field = true;       \
        MESSAGE_PUT((request)->field, text); \
    } while (0)

static inline harness_t *harness_of(signals_fixture_t *f) {
    return &f->store.harness;
}

/* ---- the state of the trading flow ---- */

static inline ComponentStatus signals_describe(signals_fixture_t *f) {
    DescribeRequest request = DescribeRequest_init_zero;
    ComponentStatus status = ComponentStatus_init_zero;
    Envelope envelope = harness_envelope(HARNESS_MS);
    Fault fault = Fault_init_zero;
    cr_assert_eq(bus_client_request_to(harness_of(f)->client, "signals", &rpc_Actor_Describe, &envelope,
                                       &request, &status, &fault),
                 OK);
    return status;
}

static inline bool signals_knows_state(void *context) {
    ComponentStatus status = signals_describe(context);
    bool running = strcmp(status.status, "running") == 0;
    message_release(ComponentStatus_message(), &status);
    return running;
}

static inline void publish_state(signals_fixture_t *f, const SystemState *state) {
    Envelope envelope = Envelope_init_zero;
    cr_assert_eq(bus_client_send_message(harness_of(f)->client, "evt/coordinator/SystemState", &envelope,
                                         SystemState_message(), state),
                 OK);
}

static inline void publish_running(signals_fixture_t *f) {
    publish_state(f, &(SystemState){.is_running = true});
    harness_until(signals_knows_state, f, "the router knows that the flow runs");
}

/* ---- life ---- */

/* Takes effect when the router starts. */
static inline void signals_set_policy(signals_fixture_t *f, const char *strategy, const char *auto_resolve) {
    f->store.config.signals_default_strategy = (char *)strategy;
    f->store.config.signals_auto_resolve = (char *)auto_resolve;
}

static inline void signals_begin(signals_fixture_t *f, bool on_postgres) {
    *f = (signals_fixture_t){0};
    fixture_begin(&f->store, on_postgres);
    if (on_postgres)
        postgres_start(f->store.postgres);
    f->store.config.signals_default_ttl_seconds = 300;
    f->store.config.signals_dedup_window_seconds = 86400;
    signals_set_policy(f, "priority_based", "all");
    fixture_start_actors(&f->store, NULL);
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
}

/* Stops the router and starts it anew, as after a restart of the service. */
static inline void signals_restart(signals_fixture_t *f) {
    harness_stop_actor(harness_of(f), f->signals, HARNESS_MS);
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
    publish_running(f);
}

static inline void signals_restart_with(signals_fixture_t *f, const char *strategy,
                                        const char *auto_resolve) {
    signals_set_policy(f, strategy, auto_resolve);
    signals_restart(f);
}

static inline void signals_end(signals_fixture_t *f) {
    fixture_end(&f->store);
}

static inline void signals_run(bool on_postgres, void (*body)(signals_fixture_t *f)) {
    signals_fixture_t f;
    signals_begin(&f, on_postgres);
    publish_running(&f);
    body(&f);
    signals_end(&f);
}

/* ---- requests ---- */

static inline RouteSignalRequest sample(const char *signal_id) {
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    SET(&request, signal_type, "analysis");
    SET(&request, source, "macro");
    SET(&request, target, "portfolio");
    SET(&request, symbol, "AAPL");
    SET(&request, side, "buy");
    request.has_strength = request.has_confidence = true;
    request.strength = 0.8;
    request.confidence = 0.9;
    if (signal_id)
        SET(&request, signal_id, signal_id);
    return request;
}

/* The reply is released by the caller, also after a refusal. */
static inline err_t route_one(signals_fixture_t *f, const RouteSignalRequest *request,
                              RouteSignalReply *reply) {
    *reply = (RouteSignalReply)RouteSignalReply_init_zero;
    return harness_request(harness_of(f), &rpc_SignalRouter_RouteSignal, request, reply, NULL);
}

static inline void route_free(RouteSignalReply *reply) {
    message_release(RouteSignalReply_message(), reply);
}

enum { LARGE_BATCH_MS = 20000 /* of signals that contradict each other, on a busy machine */ };

static inline err_t try_batch_within(signals_fixture_t *f, int64_t within_ms, RouteSignalRequest *items,
                                     size_t count, RouteSignalsReply *reply) {
    RouteSignalsRequest request = {.signals = items, .signals_count = (pb_size_t)count};
    *reply = (RouteSignalsReply)RouteSignalsReply_init_zero;
    return harness_request_within(harness_of(f), within_ms, &rpc_SignalRouter_RouteSignals, &request, reply,
                                  NULL);
}

static inline err_t try_batch(signals_fixture_t *f, RouteSignalRequest *items, size_t count,
                              RouteSignalsReply *reply) {
    return try_batch_within(f, HARNESS_MS, items, count, reply);
}

static inline RouteSignalsReply route_batch(signals_fixture_t *f, RouteSignalRequest *items, size_t count) {
    RouteSignalsReply reply;
    cr_assert_eq(try_batch_within(f, LARGE_BATCH_MS, items, count, &reply), OK);
    cr_assert_eq(reply.results_count, count);
    return reply;
}

static inline void batch_free(RouteSignalsReply *reply) {
    message_release(RouteSignalsReply_message(), reply);
}

static inline void expect_status(const RouteSignalsReply *reply, size_t index, const char *status,
                                 const char *error_code) {
    const RouteSignalResult *result = &reply->results[index];
    cr_assert_str_eq(result->status, status, "item %zu is %s", index, result->status);
    cr_assert_str_eq(result->error_code, error_code, "item %zu: %s", index, result->error_code);
}

static inline ListSignalsReply list(signals_fixture_t *f, const ListSignalsRequest *request) {
    ListSignalsReply reply = ListSignalsReply_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ListSignals, request, &reply, NULL), OK);
    return reply;
}

static inline void list_free(ListSignalsReply *reply) {
    message_release(ListSignalsReply_message(), reply);
}

static inline int64_t stored_signals(signals_fixture_t *f) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    ListSignalsReply reply = list(f, &request);
    int64_t total = reply.total;
    list_free(&reply);
    return total;
}

static inline err_t get_signal(signals_fixture_t *f, const char *signal_id, SignalTrail *trail) {
    GetSignalRequest request = GetSignalRequest_init_zero;
    MESSAGE_PUT(request.signal_id, signal_id);
    *trail = (SignalTrail)SignalTrail_init_zero;
    return harness_request(harness_of(f), &rpc_SignalRouter_GetSignal, &request, trail, NULL);
}

/* ---- rivals ---- */

/* Of a scope that the symbol names. */
static inline RouteSignalRequest opinion(const char *signal_id, const char *symbol, const char *side,
                                         int32_t priority) {
    RouteSignalRequest request = sample(signal_id);
    SET(&request, symbol, symbol);
    SET(&request, side, side);
    request.has_priority = true;
    request.priority = priority;
    return request;
}

/* Routes it and checks what became of it. */
static inline RouteSignalReply route_expecting(signals_fixture_t *f, const RouteSignalRequest *request,
                                               const char *status) {
    RouteSignalReply reply;
    cr_assert_eq(route_one(f, request, &reply), OK);
    cr_assert_str_eq(reply.status, status, "%s is %s", request->signal_id, reply.status);
    return reply;
}

static inline void route_as(signals_fixture_t *f, const RouteSignalRequest *request, const char *status) {
    RouteSignalReply reply = route_expecting(f, request, status);
    route_free(&reply);
}

static inline void expect_stored(signals_fixture_t *f, const char *signal_id, const char *status,
                                 const char *superseded_by) {
    SignalTrail trail;
    cr_assert_eq(get_signal(f, signal_id, &trail), OK);
    cr_assert_str_eq(trail.signal->status, status, "%s is %s", signal_id, trail.signal->status);
    cr_assert_str_eq(trail.signal->superseded_by, superseded_by ? superseded_by : "");
    message_release(SignalTrail_message(), &trail);
}

static inline ListConflictsReply conflicts_of(signals_fixture_t *f, const char *status) {
    ListConflictsRequest request = ListConflictsRequest_init_zero;
    ListConflictsReply reply = ListConflictsReply_init_zero;
    SET(&request, status, status);
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ListConflicts, &request, &reply, NULL), OK);
    return reply;
}

static inline void conflict_list_free(ListConflictsReply *reply) {
    message_release(ListConflictsReply_message(), reply);
}

static inline void expect_conflicts(signals_fixture_t *f, const char *status, int64_t total) {
    ListConflictsReply reply = conflicts_of(f, status);
    cr_assert_eq(reply.total, total, "%lld conflicts are %s", (long long)reply.total, status);
    conflict_list_free(&reply);
}

/* ---- the stream ---- */

/* The next event about that signal with that status, with the seq of its header; others are passed over. */
static inline Signal next_signal(signals_fixture_t *f, const char *signal_id, const char *status,
                                 uint64_t *header_seq) {
    for (;;) {
        CommittedEvents events = CommittedEvents_init_zero;
        next_event(&f->store, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
        for (size_t i = 0; i < events.events_count; i++) {
            const CommittedEvent *event = &events.events[i];
            Signal signal = Signal_init_zero;
            if (strncmp(event->topic, "signal/", 7) != 0)
                continue;
            cr_assert_eq(
                message_decode(Signal_message(), event->payload->bytes, event->payload->size, &signal), OK);
            if (strcmp(signal.signal_id, signal_id) == 0 && strcmp(signal.status, status) == 0) {
                *header_seq = event->seq;
                message_release(CommittedEvents_message(), &events);
                return signal;
            }
            message_release(Signal_message(), &signal);
        }
        message_release(CommittedEvents_message(), &events);
    }
}
