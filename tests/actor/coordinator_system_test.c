/* The state of the system: started and stopped, modes, status and resources, over the real store and router. */
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
static void s_begin(flow_t *f) {
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

static void s_end(flow_t *f) {
    fixture_end(&f->store);
    if (f->sim.program)
        simulator_stop(&f->sim);
}

static void s_start_coordinator(flow_t *f) {
    f->coordinator = harness_actor(harness_of(f), &coordinator_class, &f->store.config, NULL);
}

static void s_stop_coordinator(flow_t *f) {
    harness_stop_actor(harness_of(f), f->coordinator, HARNESS_MS);
}

static void s_start_router(flow_t *f) {
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
}

static bool s_part_runs(flow_t *f, const char *component) {
    ComponentStatus described = ComponentStatus_init_zero;
    cr_assert_eq(
        flow_ask(f, component, HARNESS_MS, &rpc_Actor_Describe, EMPTY(DescribeRequest), &described, NULL),
        OK);
    bool runs = strcmp(described.status, "running") == 0;
    message_release(ComponentStatus_message(), &described);
    return runs;
}

static bool s_coordinator_runs(void *context) {
    return s_part_runs(context, "coordinator");
}

static bool s_router_runs(void *context) {
    return s_part_runs(context, "signals");
}

static void s_await_coordinator(flow_t *f) {
    harness_until(s_coordinator_runs, f, "the coordinator knows the state");
}

/* Store and coordinator. */
static void s_start(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    s_start_coordinator(f);
    s_await_coordinator(f);
}

/* Store, router and coordinator. */
static void s_start_all(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    s_start_router(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
    harness_until(s_router_runs, f, "the router knows the state");
}

static void s_restart_coordinator(flow_t *f) {
    s_stop_coordinator(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
}

/* ---- asking ---- */

static err_t s_ask(flow_t *f, const rpc_t *rpc, const void *request, void *response) {
    return flow_ask(f, "coordinator", HARNESS_MS, rpc, request, response, NULL);
}

static void s_expect_stop(flow_t *f, const char *status) {
    StopSystemReply reply = StopSystemReply_init_zero;
    cr_assert_eq(s_ask(f, RPC(StopSystem), EMPTY(StopSystemRequest), &reply), OK);
    cr_assert_str_eq(reply.status, status);
}

static void s_expect_start(flow_t *f, const char *status) {
    StartSystemReply reply = StartSystemReply_init_zero;
    cr_assert_eq(s_ask(f, RPC(StartSystem), EMPTY(StartSystemRequest), &reply), OK);
    cr_assert_str_eq(reply.status, status);
}

static SystemState s_state(flow_t *f) {
    SystemState state = SystemState_init_zero;
    cr_assert_eq(s_ask(f, RPC(GetSystemState), EMPTY(GetSystemStateRequest), &state), OK);
    return state;
}

static void s_state_free(SystemState *state) {
    message_release(SystemState_message(), state);
}

static void s_expect_running(flow_t *f, bool is_running) {
    SystemState state = s_state(f);
    cr_assert_eq(state.is_running, is_running);
    s_state_free(&state);
}

static SetModeRequest s_mode_request(const char *mode, const char *symbol) {
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

static err_t s_try_mode(flow_t *f, const char *mode, const char *symbol, Fault *fault) {
    SetModeRequest request = s_mode_request(mode, symbol);
    Mode reply = Mode_init_zero;
    err_t err = flow_ask(f, "coordinator", HARNESS_MS, RPC(SetMode), &request, &reply, fault);
    if (err == OK)
        cr_assert_str_eq(reply.mode, mode);
    message_release(Mode_message(), &reply);
    return err;
}

static void s_set_mode(flow_t *f, const char *mode, const char *symbol) {
    Fault fault = Fault_init_zero;
    err_t err = s_try_mode(f, mode, symbol, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault_text(&fault));
}

static err_t s_route(flow_t *f, const char *symbol, const char *side) {
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

/* ---- loading ---- */

SYSTEM_TEST(the_state_is_unknown_until_it_was_read_from_the_store) {
    SystemState state = SystemState_init_zero;
    SystemStatus status = SystemStatus_init_zero;
    s_start_coordinator(f);
    cr_expect_eq(s_ask(f, RPC(GetSystemState), EMPTY(GetSystemStateRequest), &state), ERR_STORE_UNAVAILABLE);
    cr_expect_eq(s_ask(f, RPC(GetSystemStatus), EMPTY(GetSystemStatusRequest), &status),
                 ERR_STORE_UNAVAILABLE);
    cr_expect_eq(s_ask(f, RPC(StopSystem), EMPTY(StopSystemRequest), &(StopSystemReply){0}),
                 ERR_STORE_UNAVAILABLE);
    cr_expect_eq(s_try_mode(f, "halted", NULL, NULL), ERR_STORE_UNAVAILABLE);
    cr_expect_eq(s_ask(f, RPC(GetResources), EMPTY(GetResourcesRequest), &(Resources){0}),
                 ERR_STORE_UNAVAILABLE);
    fixture_start_actors(&f->store, NULL);
    s_await_coordinator(f);
    s_expect_running(f, true);
}

SYSTEM_TEST(a_router_that_starts_first_takes_nothing_until_the_state_is_known) {
    s_start_router(f);
    s_start_coordinator(f);
    cr_expect_eq(s_route(f, "600519.SH", "buy"), ERR_SYSTEM_STOPPED);
    fixture_start_actors(&f->store, NULL);
    harness_until(s_router_runs, f, "the router knows the state");
    cr_expect_eq(s_route(f, "600519.SH", "buy"), OK);
}

SYSTEM_TEST(a_row_that_cannot_be_read_leaves_the_state_unknown) {
    fixture_start_actors(&f->store, NULL);
    store_write_t *write = store_write_new();
    add_state(write, NULL, "system/mode/all", "{\"mode\":\"hal");
    StoreWritten written = commit(&f->store, &write);
    written_free(&written);
    s_start_coordinator(f);
    SystemState state = SystemState_init_zero;
    cr_expect_eq(s_ask(f, RPC(GetSystemState), EMPTY(GetSystemStateRequest), &state), ERR_STORE_UNAVAILABLE);
    write = store_write_new();
    store_write_op(write, "system_state_delete", "s", "system/mode/all");
    written = commit(&f->store, &write);
    written_free(&written);
    s_await_coordinator(f);
    s_expect_running(f, true);
}

/* ---- started and stopped ---- */

SYSTEM_TEST(stopping_and_starting_say_what_they_changed) {
    s_start(f);
    s_expect_start(f, "already_running");
    s_expect_stop(f, "stopped");
    s_expect_stop(f, "already_stopped");
    s_expect_running(f, false);
    s_expect_start(f, "started");
    s_expect_running(f, true);
}

SYSTEM_TEST(a_stopped_system_stays_stopped_over_a_restart) {
    s_start(f);
    s_expect_stop(f, "stopped");
    cr_expect(state_is(&f->store, "system/running", "false"));
    s_restart_coordinator(f);
    s_expect_running(f, false);
    s_expect_stop(f, "already_stopped");
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    cr_expect_eq(s_ask(f, RPC(TriggerAnalysis), EMPTY(TriggerAnalysisRequest), &reply), ERR_SYSTEM_STOPPED);
    s_expect_start(f, "started");
    s_restart_coordinator(f);
    s_expect_running(f, true);
}

SYSTEM_TEST(each_change_is_published_when_it_is_stored) {
    bus_client_t *listener = bus_client_new();
    uint64_t last = 0;
    cr_assert(listener && bus_client_subscribe(listener, "evt/coordinator/SystemState") == OK);
    s_start(f);
    s_expect_stop(f, "stopped");
    s_set_mode(f, "halted", NULL);
    static const bool running[] = {true, false, false};
    for (size_t i = 0; i < 3; i++) {
        bus_message_t message;
        SystemState state = SystemState_init_zero;
        cr_assert_eq(bus_client_recv(listener, &message, harness_deadline(HARNESS_MS)), OK);
        cr_assert_eq(message_decode(SystemState_message(), message.payload, message.payload_size, &state),
                     OK);
        cr_expect_eq(state.is_running, running[i]);
        cr_expect_eq(state.modes_count, i == 2);
        cr_expect_gt(state.version, last);
        last = state.version;
        s_state_free(&state);
        bus_message_close(&message);
    }
    bus_client_destroy(&listener);
}

static err_t s_stop_with_key(flow_t *f, const char *key, StopSystemReply *reply, bool *recorded) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    Fault fault = Fault_init_zero;
    MESSAGE_PUT(envelope.idempotency_key, key);
    MESSAGE_PUT(envelope.operation, "POST /api/v1/system/shutdown");
    envelope.body_hash = 7;
    err_t err = bus_client_request(harness_of(f)->client, RPC(StopSystem), &envelope,
                                   EMPTY(StopSystemRequest), reply, &fault);
    *recorded = envelope.answer_recorded;
    message_release(Fault_message(), &fault);
    return err;
}

/* Answers in the store under that key. */
static size_t s_recorded(flow_t *f, const char *key) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    StoreRows rows = query(&f->store, 10, "idempotency_get", "sssi", envelope.principal.name,
                           "POST /api/v1/system/shutdown", key, (int64_t)0);
    size_t count = rows.rows_count;
    rows_free(&rows);
    return count;
}

SYSTEM_TEST(an_answer_is_recorded_with_its_effect) {
    StopSystemReply reply = StopSystemReply_init_zero;
    bool recorded;
    s_start(f);
    cr_assert_eq(s_stop_with_key(f, "key-1", &reply, &recorded), OK);
    cr_expect(recorded);
    cr_expect_eq(s_recorded(f, "key-1"), 1);
}

/* ---- modes ---- */

SYSTEM_TEST(a_mode_holds_for_whatever_comes_after_its_answer) {
    s_start_all(f);
    for (int i = 0; i < 30; i++) {
        s_set_mode(f, "halted", NULL);
        cr_assert_eq(s_route(f, "600519.SH", "sell"), ERR_TRADING_HALTED);
        s_set_mode(f, "reducing", NULL);
        cr_assert_eq(s_route(f, "600519.SH", "buy"), ERR_TRADING_REDUCING);
        s_set_mode(f, "active", NULL);
        cr_assert_eq(s_route(f, "600519.SH", "sell"), OK);
        s_expect_stop(f, "stopped");
        cr_assert_eq(s_route(f, "600519.SH", "sell"), ERR_SYSTEM_STOPPED);
        s_expect_start(f, "started");
        cr_assert_eq(s_route(f, "600519.SH", "sell"), OK);
    }
}

SYSTEM_TEST(modes_of_different_scopes_stand_beside_each_other_and_survive_a_restart) {
    s_start_all(f);
    s_set_mode(f, "halted", "600519.SH");
    s_set_mode(f, "reducing", NULL);
    s_restart_coordinator(f);
    SystemState state = s_state(f);
    cr_assert_eq(state.modes_count, 2);
    cr_expect(!state.modes[0].has_scope && strcmp(state.modes[0].mode, "reducing") == 0);
    cr_expect_str_eq(state.modes[1].scope.symbol, "600519.SH");
    cr_expect_str_eq(state.modes[1].reason, "the test says so");
    cr_expect(*state.modes[1].set_by && state.modes[1].has_since);
    s_state_free(&state);
    cr_expect_eq(s_route(f, "600519.SH", "sell"), ERR_TRADING_HALTED);
    s_set_mode(f, "active", NULL);
    cr_expect_eq(s_route(f, "600519.SH", "sell"), ERR_TRADING_HALTED);
    cr_expect_eq(s_route(f, "000001.SZ", "buy"), OK);
    s_set_mode(f, "active", "600519.SH");
    cr_expect_eq(s_route(f, "600519.SH", "buy"), OK);
    cr_expect(state_is(&f->store, "system/mode/all", NULL));
    cr_expect(state_is(&f->store, "system/mode/symbol.600519.SH", NULL));
}

SYSTEM_TEST(a_scope_that_names_two_things_or_none_is_refused) {
    Fault fault = Fault_init_zero;
    SetModeRequest request = s_mode_request("halted", "600519.SH");
    Mode reply = Mode_init_zero;
    s_start(f);
    request.scope.has_target = true;
    MESSAGE_PUT(request.scope.target, "execution");
    cr_expect_eq(flow_ask(f, "coordinator", HARNESS_MS, RPC(SetMode), &request, &reply, &fault),
                 ERR_VALIDATION_FAILED);
    cr_assert_eq(fault.details_count, 1);
    cr_expect_str_eq(fault.details[0].field, "scope");
    message_release(Fault_message(), &fault);
    request.scope = (ModeScope)ModeScope_init_zero;
    cr_expect_eq(s_ask(f, RPC(SetMode), &request, &reply), ERR_VALIDATION_FAILED);
}

static void s_expect_event(const StoreRows *rows, size_t index, const char *topic) {
    store_row_t *row = store_row_new(rows->rows[index]);
    bool found = false;
    for (size_t i = 0; row && i < store_row_columns(row); i++) {
        const char *text = store_row_is_null(row, i) ? NULL : store_row_text(row, i);
        found = found || (text && strcmp(text, topic) == 0);
    }
    cr_expect(found, "event %zu is not on %s", index, topic);
    store_row_destroy(&row);
}

SYSTEM_TEST(each_mode_is_an_event_of_the_stream) {
    s_start(f);
    s_set_mode(f, "active", NULL); /* nothing to lift: no event */
    s_set_mode(f, "halted", NULL);
    s_set_mode(f, "reducing", "600519.SH");
    s_set_mode(f, "active", NULL);
    StoreRows rows = query(&f->store, 10, "stream_events_after", "isi", (int64_t)0, "mode/", (int64_t)10);
    cr_assert_eq(rows.rows_count, 3);
    s_expect_event(&rows, 0, "mode/all/halted");
    s_expect_event(&rows, 1, "mode/symbol.600519.SH/reducing");
    s_expect_event(&rows, 2, "mode/all/active");
    rows_free(&rows);
}

SYSTEM_TEST(many_changes_at_once_are_made_one_after_the_other) {
    enum { COUNT = 40 };
    s_start_all(f);
    for (int i = 0; i < COUNT; i++) {
        SetModeRequest request = s_mode_request(i % 2 ? "active" : "halted", NULL);
        flow_send(f, "coordinator", HARNESS_MS, RPC(SetMode), &request);
    }
    for (int i = 0; i < COUNT; i++) {
        Mode reply = Mode_init_zero;
        Fault fault = Fault_init_zero;
        cr_expect_eq(flow_receive(f, Mode_message(), &reply, &fault), OK);
        message_release(Mode_message(), &reply);
        message_release(Fault_message(), &fault);
    }
    StoreRows rows = query(&f->store, 100, "stream_events_after", "isi", (int64_t)0, "mode/", (int64_t)100);
    cr_expect_eq(rows.rows_count, COUNT);
    rows_free(&rows);
    SystemState state = s_state(f);
    cr_expect_eq(state.modes_count, 0);
    s_state_free(&state);
    cr_expect_eq(s_route(f, "600519.SH", "buy"), OK);
}

SYSTEM_TEST(a_router_that_does_not_confirm_makes_the_answer_a_refusal_that_says_so) {
    Fault fault = Fault_init_zero;
    fixture_start_actors(&f->store, NULL);
    actor_handle_t *deaf = harness_actor(harness_of(f), answerer_class("signals"), &f->store.config, NULL);
    s_start_coordinator(f);
    s_await_coordinator(f);
    cr_expect_eq(s_try_mode(f, "halted", NULL, &fault), ERR_SERVICE_UNAVAILABLE);
    cr_expect(strstr(fault_text(&fault), "it is stored and holds"), "%s", fault_text(&fault));
    message_release(Fault_message(), &fault);
    StopSystemReply reply = StopSystemReply_init_zero;
    bool recorded;
    cr_expect_eq(s_stop_with_key(f, "key-1", &reply, &recorded), ERR_SERVICE_UNAVAILABLE);
    cr_expect_eq(s_recorded(f, "key-1"), 0, "an answer that was not given is not recorded");
    s_expect_running(f, false);
    harness_stop_actor(harness_of(f), deaf, HARNESS_MS);
    s_expect_start(f, "started");
    s_start_router(f);
    harness_until(s_router_runs, f, "the router knows the state");
    cr_expect_eq(s_route(f, "600519.SH", "buy"), ERR_TRADING_HALTED);
}

/* ---- the store away ---- */

static bool s_can_halt(void *context) {
    return s_try_mode(context, "halted", NULL, NULL) == OK;
}

SYSTEM_TEST(a_change_that_cannot_be_stored_is_refused_and_the_state_stays) {
    s_start(f);
    harness_stop_actor(harness_of(f), f->store.writer, HARNESS_MS);
    cr_expect_neq(s_try_mode(f, "halted", NULL, NULL), OK);
    SystemState state = s_state(f);
    cr_expect(state.is_running && state.modes_count == 0);
    s_state_free(&state);
    f->store.writer = harness_actor(harness_of(f), &store_writer_class, &f->store.config, NULL);
    harness_until(s_can_halt, f, "the mode can be set again");
    cr_expect(!state_is(&f->store, "system/mode/all", NULL));
}

/* ---- status ---- */

static SystemStatus s_status(flow_t *f) {
    SystemStatus status = SystemStatus_init_zero;
    int64_t before_us = clock_mono_us();
    cr_assert_eq(s_ask(f, RPC(GetSystemStatus), EMPTY(GetSystemStatusRequest), &status), OK);
    cr_assert_lt(clock_mono_us() - before_us, 3000000, "the status does not wait for a silent part");
    return status;
}

static void s_status_free(SystemStatus *status) {
    message_release(SystemStatus_message(), status);
}

SYSTEM_TEST(the_status_names_parts_that_do_not_run_offline) {
    s_start(f);
    SystemStatus status = s_status(f);
    cr_expect(status.is_running && strcmp(status.mode, "active") == 0);
    cr_expect_str_eq(status.system_status.overall_health, "offline");
    cr_expect_str_eq(status.system_status.macro_system_status, "offline");
    cr_expect_str_eq(status.system_status.data_pipeline_status, "offline");
    cr_expect_eq(status.system_status.error_count, SYSTEM_PART_COUNT);
    cr_expect_eq(status.system_status.warning_count, 0);
    cr_expect_gt(status.system_status.last_update_time, 0);
    s_status_free(&status);
}

static err_t s_never(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)actor;
    (void)call;
    (void)request;
    (void)response;
    return ERR_PENDING;
}

static const actor_command_t s_hung_commands[] = {{&rpc_Adapter_GetItem, s_never}, {NULL, NULL}};
static const actor_class_t s_hung_class = {.name = "adapter", .commands = s_hung_commands};

static bool s_portfolio_is_critical(void *context) {
    SystemStatus status = s_status(context);
    bool is = strcmp(status.system_status.portfolio_system_status, "critical") == 0;
    s_status_free(&status);
    return is;
}

SYSTEM_TEST(an_adapter_that_hangs_does_not_hold_up_the_status) {
    fixture_start_actors(&f->store, NULL);
    harness_actor_named(harness_of(f), &s_hung_class, "adapter.macro", &f->store.config, NULL);
    flow_start_adapter(f, SERVICE_PORTFOLIO);
    s_start_coordinator(f);
    s_await_coordinator(f);
    harness_until(s_portfolio_is_critical, f, "the portfolio service is known to be down");
    SystemStatus status = s_status(f);
    cr_expect_str_eq(status.system_status.macro_system_status, "offline");
    cr_expect_str_eq(status.system_status.overall_health, "critical" /* not all parts are offline */);
    s_status_free(&status);
}

SYSTEM_TEST(the_status_lists_scoped_modes_and_says_when_it_is_stopped) {
    s_start_all(f);
    s_set_mode(f, "reducing", NULL);
    s_set_mode(f, "halted", "600519.SH");
    s_expect_stop(f, "stopped");
    SystemStatus status = s_status(f);
    cr_expect(!status.is_running);
    cr_expect_str_eq(status.mode, "reducing");
    cr_assert_eq(status.modes_count, 1);
    cr_expect_str_eq(status.modes[0].mode, "halted");
    cr_expect_str_eq(status.modes[0].scope.symbol, "600519.SH");
    cr_expect_str_eq(status.system_status.overall_health, "offline");
    s_status_free(&status);
}

/* ---- resources ---- */

static Resources s_resources(flow_t *f) {
    Resources resources = Resources_init_zero;
    cr_assert_eq(s_ask(f, RPC(GetResources), EMPTY(GetResourcesRequest), &resources), OK);
    return resources;
}

static void s_resources_free(Resources *resources) {
    message_release(Resources_message(), resources);
}

static void s_set_resources(flow_t *f, const char *strategy, char id[UUID_SIZE]) {
    SetResourcesRequest request = {.has_strategy = true};
    Resources resources = Resources_init_zero;
    MESSAGE_PUT(request.strategy, strategy);
    cr_assert_eq(s_ask(f, RPC(SetResources), &request, &resources), OK);
    cr_assert_str_eq(resources.strategy, strategy);
    cr_assert(message_set(id, UUID_SIZE, resources.allocation_id));
    s_resources_free(&resources);
}

SYSTEM_TEST(the_first_allocation_is_balanced_and_kept) {
    s_start(f);
    Resources first = s_resources(f);
    cr_expect_str_eq(first.strategy, "balanced");
    cr_expect_eq(strlen(first.allocation_id), 36);
    cr_expect_not(first.is_active, "no adapter has taken its limit");
    cr_expect_not(first.limits.macro.has_in_flight);
    cr_expect_gt(first.created_time, 0);
    cr_expect(first.host.cpu_count >= 1 && first.host.has_memory_total_bytes &&
              first.host.has_disk_free_bytes);
    cr_expect(first.process.has_rss_bytes && first.process.has_cpu_seconds && first.process.has_threads);
    cr_expect_gt(first.process.open_files, 2);
    for (int i = 0; i < SERVICE_COUNT; i++)
        flow_start_adapter(f, i);
    s_restart_coordinator(f);
    Resources again = s_resources(f);
    cr_expect_str_eq(again.allocation_id, first.allocation_id);
    cr_expect_eq(again.created_time, first.created_time);
    cr_expect(again.is_active && again.limits.macro.has_in_flight);
    s_resources_free(&first);
    s_resources_free(&again);
}

static bool s_cpu_usage_is_known(void *context) {
    Resources resources = s_resources(context);
    bool known = resources.host.has_cpu_usage;
    cr_assert(!known || (resources.host.cpu_usage >= 0 && resources.host.cpu_usage <= 1));
    s_resources_free(&resources);
    return known;
}

SYSTEM_TEST(the_use_of_the_processors_is_known_after_two_readings) {
    s_start(f);
    harness_until(s_cpu_usage_is_known, f, "cpu_usage is known");
}

SYSTEM_TEST(a_strategy_is_kept_over_a_restart) {
    char first[UUID_SIZE], again[UUID_SIZE];
    s_start(f);
    s_set_resources(f, "performance", first);
    s_set_resources(f, "performance", again);
    cr_expect_str_eq(first, again, "the same strategy is the same allocation");
    s_restart_coordinator(f);
    Resources resources = s_resources(f);
    cr_expect_str_eq(resources.strategy, "performance");
    cr_expect_str_eq(resources.allocation_id, first);
    s_resources_free(&resources);
    s_set_resources(f, "conservative", again);
    cr_expect_str_neq(first, again);
}

/* The simulator's macro service, which keeps every request waiting, and an adapter to it. */
static void s_start_hanging_macro(flow_t *f) {
    simulator_start(&f->sim, NULL);
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true,\"path_prefix\":\"/api/v1/macro/state\"}");
    flow_point_at(f, SERVICE_MACRO, f->sim.services[SIM_MACRO].port);
    flow_start_adapter(f, SERVICE_MACRO);
}

static void s_send_macro_calls(flow_t *f, int count) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "GET");
    call.path = (char *)"/api/v1/macro/state";
    for (int i = 0; i < count; i++)
        flow_send(f, "adapter.macro", FLOW_MS, &rpc_Adapter_Call, &call);
}

typedef struct {
    flow_t *flow;
    size_t count;
} arrivals_t;

static bool s_have_arrived(void *context) {
    arrivals_t *wanted = context;
    return simulator_count(&wanted->flow->sim, SIM_MACRO, "GET", "/api/v1/macro/state") >= wanted->count;
}

SYSTEM_TEST(a_strategy_limits_the_calls_that_reach_a_service_at_once) {
    char id[UUID_SIZE];
    fixture_start_actors(&f->store, NULL);
    s_start_hanging_macro(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
    s_set_resources(f, "conservative", id);
    s_send_macro_calls(f, 9);
    arrivals_t two = {f, 2};
    harness_until(s_have_arrived, &two, "as many calls as the limit allows reach the service");
    Resources resources = s_resources(f);
    cr_expect_eq(resources.limits.macro.max_in_flight, 2);
    cr_expect_eq(resources.limits.macro.in_flight, 2);
    cr_expect_eq(simulator_count(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 2);
    s_resources_free(&resources);
    simulator_clear_faults(&f->sim, SIM_MACRO);
}

static bool s_macro_limit_is_two(void *context) {
    flow_t *f = context;
    ServiceItem item = ServiceItem_init_zero;
    cr_assert_eq(
        flow_ask(f, "adapter.macro", HARNESS_MS, &rpc_Adapter_GetItem, EMPTY(GetItemRequest), &item, NULL),
        OK);
    bool is = item.calls.max_in_flight == 2;
    message_release(ServiceItem_message(), &item);
    return is;
}

SYSTEM_TEST(an_adapter_that_was_restarted_gets_its_limit_again) {
    char id[UUID_SIZE];
    s_start(f);
    flow_start_adapter(f, SERVICE_MACRO);
    s_set_resources(f, "conservative", id);
    cr_assert(s_macro_limit_is_two(f));
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    flow_start_adapter(f, SERVICE_MACRO);
    harness_until(s_macro_limit_is_two, f, "the limit is set again");
}
