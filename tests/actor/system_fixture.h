/* The coordinator with its neighbours over the real store, for tests of the state of the system. */
#pragma once

#include "flow_fixture.h"

#include "answerer.h"
#include "base/ids.h"
#include "coordinator/system_status.h"

#define SYSTEM_TEST(name)                           \
    static void s_##name(flow_t *f);                \
    Test(coordinator_system, name, .timeout = 60) { \
        flow_t f = {0};                             \
        s_begin(&f);                                \
        s_##name(&f);                               \
        s_end(&f);                                  \
    }                                               \
    static void s_##name(flow_t *f)

#define RPC(name)      (&rpc_SystemCoordinator_##name)
#define EMPTY(message) (&(message)message##_init_zero)

/* ---- the parts: bus and settings first, each actor as the test wants it ---- */

/* The services are at a port where nobody listens, unless the test starts the simulator. */
static inline void s_begin(flow_t *f) {
    fixture_begin(&f->store, false);
    for (int i = 0; i < SERVICE_COUNT; i++)
        flow_point_at(f, i, 9);
    config_t *config = &f->store.config;
    config->analysis_max_concurrent = 3;
    config->analysis_timeout_seconds = 60;
    config->datasets_required = (char *)"batch_daily_ohlc";
    config->signals_auto_resolve = (char *)"all";
    config->signals_default_strategy = (char *)"priority_based";
    config->signals_default_ttl_seconds = 300;
    config->signals_dedup_window_seconds = 86400;
}

static inline void s_end(flow_t *f) {
    fixture_end(&f->store);
    if (f->sim.program)
        simulator_stop(&f->sim);
}

static inline void s_start_coordinator(flow_t *f) {
    f->coordinator = harness_actor(harness_of(f), &coordinator_class, &f->store.config, NULL);
}

static inline void s_stop_coordinator(flow_t *f) {
    harness_stop_actor(harness_of(f), f->coordinator, HARNESS_MS);
}

static inline void s_start_router(flow_t *f) {
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
}

static inline bool s_part_runs(flow_t *f, const char *component) {
    ComponentStatus described = ComponentStatus_init_zero;
    cr_assert_eq(
        flow_ask(f, component, HARNESS_MS, &rpc_Actor_Describe, EMPTY(DescribeRequest), &described, NULL),
        OK);
    bool runs = strcmp(described.status, "running") == 0;
    message_release(ComponentStatus_message(), &described);
    return runs;
}

static inline bool s_coordinator_runs(void *context) {
    return s_part_runs(context, "coordinator");
}

static inline bool s_router_runs(void *context) {
    return s_part_runs(context, "signals");
}

static inline void s_await_coordinator(flow_t *f) {
    harness_until(s_coordinator_runs, f, "the coordinator knows the state");
}

/* Store and coordinator. */
static inline void s_start(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    s_start_coordinator(f);
    s_await_coordinator(f);
}

/* Store, router and coordinator. */
static inline void s_start_all(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    s_start_router(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
    harness_until(s_router_runs, f, "the router knows the state");
}

static inline void s_restart_coordinator(flow_t *f) {
    s_stop_coordinator(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
}

/* ---- asking ---- */

static inline err_t s_ask(flow_t *f, const rpc_t *rpc, const void *request, void *response) {
    return flow_ask(f, "coordinator", HARNESS_MS, rpc, request, response, NULL);
}

static inline void s_expect_stop(flow_t *f, const char *status) {
    StopSystemReply reply = StopSystemReply_init_zero;
    cr_assert_eq(s_ask(f, RPC(StopSystem), EMPTY(StopSystemRequest), &reply), OK);
    cr_assert_str_eq(reply.status, status);
}

static inline void s_expect_start(flow_t *f, const char *status) {
    StartSystemReply reply = StartSystemReply_init_zero;
    cr_assert_eq(s_ask(f, RPC(StartSystem), EMPTY(StartSystemRequest), &reply), OK);
    cr_assert_str_eq(reply.status, status);
}

static inline SystemState s_state(flow_t *f) {
    SystemState state = SystemState_init_zero;
    cr_assert_eq(s_ask(f, RPC(GetSystemState), EMPTY(GetSystemStateRequest), &state), OK);
    return state;
}

static inline void s_state_free(SystemState *state) {
    message_release(SystemState_message(), state);
}

static inline void s_expect_running(flow_t *f, bool is_running) {
    SystemState state = s_state(f);
    cr_assert_eq(state.is_running, is_running);
    s_state_free(&state);
}

static inline SetModeRequest s_mode_request(const char *mode, const char *symbol) {
    SetModeRequest request = SetModeRequest_init_zero;
    request.has_mode = true;
    MESSAGE_PUT(request.mode, mode);
    request.reason = (char *)"the test says so";
    if (symbol) {
        request.has_scope = request.scope.has_symbol = true;
        MESSAGE_PUT(request.scope.symbol, symbol);
    }
    return request;
}

static inline err_t s_try_mode(flow_t *f, const char *mode, const char *symbol, Fault *fault) {
    SetModeRequest request = s_mode_request(mode, symbol);
    Mode reply = Mode_init_zero;
    err_t err = flow_ask(f, "coordinator", HARNESS_MS, RPC(SetMode), &request, &reply, fault);
    if (err == OK)
        cr_assert_str_eq(reply.mode, mode);
    message_release(Mode_message(), &reply);
    return err;
}

static inline void s_set_mode(flow_t *f, const char *mode, const char *symbol) {
    Fault fault = Fault_init_zero;
    err_t err = s_try_mode(f, mode, symbol, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault_text(&fault));
}

static inline err_t s_route(flow_t *f, const char *symbol, const char *side) {
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    RouteSignalReply reply = RouteSignalReply_init_zero;
    request.has_signal_type = request.has_source = request.has_target = request.has_symbol =
        request.has_side = true;
    request.has_strength = request.has_confidence = true;
    MESSAGE_PUT(request.signal_type, "analysis");
    MESSAGE_PUT(request.source, "test");
    MESSAGE_PUT(request.target, "execution");
    MESSAGE_PUT(request.symbol, symbol);
    MESSAGE_PUT(request.side, side);
    request.strength = request.confidence = 0.5;
    err_t err = flow_ask(f, "signals", HARNESS_MS, &rpc_SignalRouter_RouteSignal, &request, &reply, NULL);
    message_release(RouteSignalReply_message(), &reply);
    return err;
}
