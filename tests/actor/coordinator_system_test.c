/* The state of the system: started and stopped, modes, status, over the real store and router. */
#include "system_fixture.h"

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
    cr_expect_eq(s_route(f, "600519.SH", "buy"), ERR_STORE_UNAVAILABLE);
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
