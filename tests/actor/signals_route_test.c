/* Routing single signals: admission, commit, duplicates, modes. */
#include "signals_fixture.h"
#include <sqlite3.h>

SIGNALS_TEST(a_routed_signal_is_committed_published_and_found) {
    RouteSignalRequest request = sample("s-1");
    char data[] = "{\"reason\":\"momentum\"}";
    request.data = data;
    RouteSignalReply reply;
    cr_assert_eq(route_one(f, &request, &reply), OK);
    cr_assert_str_eq(reply.signal_id, "s-1");
    cr_assert_str_eq(reply.status, "routed");
    cr_assert_str_eq(reply.source_layer, "macro");
    cr_assert_str_eq(reply.target_layer, "portfolio");
    cr_assert_str_eq(reply.decision->strategy, "none");
    cr_assert(reply.seq > 0 && !reply.duplicate && reply.success_rate == 1.0 && reply.routing_time > 0);
    cr_assert(reply.routed_signals_count == 1 && reply.routed_signals[0].seq == reply.seq);

    CommittedEvents events = CommittedEvents_init_zero;
    next_event(&f->store, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    cr_assert_eq(events.events_count, 1);
    cr_assert_str_eq(events.events[0].topic, "signal/portfolio/AAPL");
    Signal published = Signal_init_zero;
    pb_bytes_array_t *payload = events.events[0].payload;
    cr_assert_eq(message_decode(Signal_message(), payload->bytes, payload->size, &published), OK);
    cr_assert_eq(events.events[0].seq, reply.seq);
    cr_assert_eq(published.seq, reply.seq);
    cr_assert_str_eq(published.status, "routed");
    cr_assert_str_eq(published.data, "{\"reason\":\"momentum\"}");
    message_release(Signal_message(), &published);
    message_release(CommittedEvents_message(), &events);

    SignalTrail trail;
    cr_assert_eq(get_signal(f, "s-1", &trail), OK);
    cr_assert_eq(trail.signal->seq, reply.seq);
    cr_assert_str_eq(trail.signal->routing_id, reply.routing_id);
    cr_assert_str_eq(trail.signal->symbol, "AAPL");
    cr_assert_str_eq(trail.signal->data, "{\"reason\":\"momentum\"}");
    cr_assert_str_eq(trail.signal->metadata, "{}");
    cr_assert_eq(trail.signal->timestamp, reply.routed_signals[0].timestamp);
    cr_assert_eq(trail.signal->expiry_time, reply.routed_signals[0].expiry_time);
    cr_assert_eq(trail.signal->strength, 0.8);
    cr_assert_null(trail.signal->decision);
    cr_assert_eq(trail.decision->reasons_count, 1);
    cr_assert_eq(trail.steps_count, 2);
    cr_assert_str_eq(trail.steps[0].step, "received");
    cr_assert_str_eq(trail.steps[1].step, "routed");
    cr_assert_eq(trail.steps[1].seq, reply.seq);
    message_release(SignalTrail_message(), &trail);
    route_free(&reply);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_routed_total"), 1);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_waiting"), 0);
}

/* It is the same for all of them: it would be most of a row. */
SIGNALS_TEST(the_decision_of_a_signal_without_rivals_takes_no_room) {
    enum { COLUMN_DECISION = 19 };
    RouteSignalRequest request = sample("s-1");
    route_as(f, &request, "routed");
    StoreRows rows = query(&f->store, 1, "signals_by_ids", "s", "[\"s-1\"]");
    cr_assert_eq(rows.rows_count, 1);
    store_row_t *row = store_row_new(rows.rows[0]);
    cr_assert(row && store_row_is_null(row, COLUMN_DECISION));
    store_row_destroy(&row);
    rows_free(&rows);
    SignalTrail trail;
    cr_assert_eq(get_signal(f, "s-1", &trail), OK);
    cr_assert_str_eq(trail.decision->strategy, "none");
    cr_assert(strstr(trail.decision->reasons[0], "routed: "));
    message_release(SignalTrail_message(), &trail);
}

SIGNALS_TEST(a_signal_without_symbol_has_a_dash_in_its_topic) {
    RouteSignalRequest request = sample(NULL);
    request.has_symbol = false;
    RouteSignalReply reply;
    cr_assert_eq(route_one(f, &request, &reply), OK);
    route_free(&reply);
    CommittedEvents events = CommittedEvents_init_zero;
    next_event(&f->store, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    cr_assert_str_eq(events.events[0].topic, "signal/portfolio/-");
    message_release(CommittedEvents_message(), &events);
}

SIGNALS_TEST(the_same_signal_again_gets_the_first_answer) {
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply first, again;
    cr_assert_eq(route_one(f, &request, &first), OK);
    cr_assert_eq(route_one(f, &request, &again), OK);
    cr_assert(again.duplicate);
    cr_assert_str_eq(again.status, "duplicate");
    cr_assert_str_eq(again.routing_id, first.routing_id);
    cr_assert_eq(again.seq, first.seq);
    cr_assert_eq(again.timestamp, first.timestamp);
    cr_assert_str_eq(again.decision->strategy, first.decision->strategy);
    cr_assert_eq(again.routed_signals_count, 1);
    cr_assert_eq(again.routed_signals[0].expiry_time, first.routed_signals[0].expiry_time);
    cr_assert_eq(stored_signals(f), 1);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_duplicates_total"), 1);
    route_free(&first);
    route_free(&again);
}

SIGNALS_TEST(a_signal_id_with_another_body_is_refused) {
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply reply;
    cr_assert_eq(route_one(f, &request, &reply), OK);
    route_free(&reply);
    request.strength = 0.1;
    cr_assert_eq(route_one(f, &request, &reply), ERR_SIGNAL_ID_REUSED);
    cr_assert_eq(stored_signals(f), 1);
}

SIGNALS_TEST(a_dedup_key_finds_the_first_signal_of_its_source) {
    RouteSignalRequest request = sample(NULL);
    SET(&request, dedup_key, "k");
    RouteSignalReply first, again;
    cr_assert_eq(route_one(f, &request, &first), OK);
    cr_assert_eq(route_one(f, &request, &again), OK);
    cr_assert(again.duplicate);
    cr_assert_str_eq(again.signal_id, first.signal_id);
    route_free(&first);
    route_free(&again);
    SET(&request, signal_id, "s-2"); /* another body */
    cr_assert_eq(route_one(f, &request, &again), ERR_SIGNAL_ID_REUSED);
    SET(&request, source, "tactical");
    cr_assert_eq(route_one(f, &request, &again), OK);
    cr_assert_not(again.duplicate);
    route_free(&again);
    cr_assert_eq(stored_signals(f), 2);
}

SIGNALS_TEST(a_signal_id_is_not_free_after_the_dedup_window) {
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply reply;
    f->store.config.signals_dedup_window_seconds = -1; /* it has always passed */
    cr_assert_eq(route_one(f, &request, &reply), OK);
    route_free(&reply);
    cr_assert_eq(route_one(f, &request, &reply), ERR_SIGNAL_ID_REUSED);
}

SIGNALS_TEST(duplicates_are_known_after_a_restart) {
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply first, again;
    cr_assert_eq(route_one(f, &request, &first), OK);
    harness_stop_actor(harness_of(f), f->signals, HARNESS_MS);
    fixture_stop_actors(&f->store);
    fixture_start_actors(&f->store, NULL);
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
    publish_running(f);
    cr_assert_eq(route_one(f, &request, &again), OK);
    cr_assert(again.duplicate && again.seq == first.seq);
    route_free(&first);
    route_free(&again);
}

static bool s_has_passed(void *context) {
    return clock_wall_ms() > *(int64_t *)context;
}

SIGNALS_TEST(an_expired_signal_is_refused_unless_it_was_stored_before) {
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply reply;
    request.has_expiry_time = true;
    request.expiry_time = clock_wall_ms() - 1;
    cr_assert_eq(route_one(f, &request, &reply), ERR_SIGNAL_EXPIRED);
    SET(&request, signal_id, "s-2");
    request.expiry_time = clock_wall_ms() + 1500;
    cr_assert_eq(route_one(f, &request, &reply), OK);
    route_free(&reply);
    harness_until(s_has_passed, &request.expiry_time, "the signal expires");
    cr_assert_eq(route_one(f, &request, &reply), OK);
    cr_assert(reply.duplicate);
    route_free(&reply);
    cr_assert_eq(stored_signals(f), 1);
}

SIGNALS_TEST(every_problem_of_a_signal_is_named) {
    RouteSignalRequest request = sample(NULL);
    RouteSignalReply reply = RouteSignalReply_init_zero;
    Fault fault = Fault_init_zero;
    request.strength = 1.7;
    request.has_target = false;
    request.has_timestamp = true;
    request.timestamp = clock_wall_ms() + 400000;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_RouteSignal, &request, &reply, &fault),
                 ERR_VALIDATION_FAILED);
    cr_assert_eq(fault.details_count, 3);
    message_release(Fault_message(), &fault);
    cr_assert_eq(stored_signals(f), 0);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_rejected_total"), 1);
}

SIGNALS_TEST(requests_at_hand_share_writes_and_each_has_its_own_seq) {
    enum { REQUESTS = 500 };
    bool seen[REQUESTS + 1] = {false};
    RouteSignalRequest request = sample(NULL);
    for (int i = 0; i < REQUESTS; i++)
        harness_send(harness_of(f), &rpc_SignalRouter_RouteSignal, &request);
    for (int i = 0; i < REQUESTS; i++) {
        bus_message_t message;
        RouteSignalReply reply = RouteSignalReply_init_zero;
        harness_recv(harness_of(f), &message);
        cr_assert_eq(harness_reply(&message, RouteSignalReply_message(), &reply), OK);
        cr_assert(reply.seq >= 1 && reply.seq <= REQUESTS && !seen[reply.seq]);
        seen[reply.seq] = true;
        route_free(&reply);
        bus_message_close(&message);
    }
    cr_assert_eq(stored_signals(f), REQUESTS);
    cr_assert_lt(harness_metric(harness_of(f), "signals", "signal_groups_total"), REQUESTS / 2);
}

SIGNALS_TEST(of_equal_requests_at_once_one_is_routed) {
    enum { REQUESTS = 50 };
    int duplicates = 0;
    uint64_t seq = 0;
    RouteSignalRequest request = sample("s-1");
    for (int i = 0; i < REQUESTS; i++)
        harness_send(harness_of(f), &rpc_SignalRouter_RouteSignal, &request);
    for (int i = 0; i < REQUESTS; i++) {
        bus_message_t message;
        RouteSignalReply reply = RouteSignalReply_init_zero;
        harness_recv(harness_of(f), &message);
        cr_assert_eq(harness_reply(&message, RouteSignalReply_message(), &reply), OK);
        duplicates += reply.duplicate;
        cr_assert(seq == 0 || reply.seq == seq);
        seq = reply.seq;
        route_free(&reply);
        bus_message_close(&message);
    }
    cr_assert_eq(duplicates, REQUESTS - 1);
    cr_assert_eq(stored_signals(f), 1);
}

/* ---- modes; the engine makes no difference ---- */

TestSuite(signals_modes, .timeout = 60);

static bool s_refuses(void *context) {
    RouteSignalRequest request = sample(NULL);
    RouteSignalReply reply;
    err_t err = route_one(context, &request, &reply);
    route_free(&reply);
    return err != OK;
}

Test(signals_modes, nothing_is_routed_before_the_state_of_the_flow_is_known) {
    signals_fixture_t f;
    RouteSignalRequest request = sample(NULL);
    RouteSignalReply reply;
    signals_begin(&f, false);
    cr_assert_eq(route_one(&f, &request, &reply), ERR_STORE_UNAVAILABLE);
    ComponentStatus status = signals_describe(&f);
    cr_assert_str_eq(status.status, "degraded");
    message_release(ComponentStatus_message(), &status);
    publish_running(&f);
    cr_assert_eq(route_one(&f, &request, &reply), OK);
    route_free(&reply);
    signals_end(&f);
}

static err_t s_state_handler(actor_t *self, call_t *call, const void *request, void *response) {
    (void)self, (void)call, (void)request;
    ((SystemState *)response)->is_running = true;
    return OK;
}

Test(signals_modes, the_coordinator_is_asked_until_it_answers) {
    static const actor_command_t commands[] = {{&rpc_SystemCoordinator_GetSystemState, s_state_handler},
                                               {NULL, NULL}};
    static const actor_class_t answering = {.name = "state-source", .commands = commands};
    signals_fixture_t f;
    signals_begin(&f, false);
    cr_assert_not(signals_knows_state(&f));
    harness_actor_named(harness_of(&f), &answering, "coordinator", &f.store.config, NULL);
    harness_until(signals_knows_state, &f, "the router asks again");
    signals_end(&f);
}

/* ---- a state is confirmed ---- */

static sqlite3 *s_lock(signals_fixture_t *f) {
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/integration.db", f->store.dir);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, HARNESS_MS);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void s_unlock(sqlite3 *db) {
    cr_assert_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static bool s_two_writes_have_begun(void *context) {
    return harness_metric(harness_of(context), "signals", "signal_groups_total") == 2;
}

/* Receives a reply and returns to what. */
static uint64_t s_take_reply(signals_fixture_t *f, uint64_t routed, uint64_t refused, err_t *err) {
    bus_message_t message;
    harness_recv(harness_of(f), &message);
    uint64_t of = message.envelope.correlation_id;
    RouteSignalReply reply = RouteSignalReply_init_zero;
    ApplySystemStateReply applied = ApplySystemStateReply_init_zero;
    if (of == routed || of == refused)
        *err = harness_reply(&message, RouteSignalReply_message(), &reply);
    else
        *err = harness_reply(&message, ApplySystemStateReply_message(), &applied);
    route_free(&reply);
    bus_message_close(&message);
    return of;
}

Test(signals_modes, a_state_is_confirmed_after_the_write_that_began_before_it) {
    signals_fixture_t f;
    signals_begin(&f, false);
    publish_running(&f);
    RouteSignalRequest first = sample("s-0"), early = sample("s-1"), late = sample("s-2");
    route_as(&f, &first, "routed");
    sqlite3 *db = s_lock(&f);
    uint64_t routed = harness_send(harness_of(&f), &rpc_SignalRouter_RouteSignal, &early);
    harness_until(s_two_writes_have_begun, &f, "the write has begun");
    SystemState stopped = {.is_running = false, .version = 7};
    uint64_t confirmed = harness_send(harness_of(&f), &rpc_SignalGate_ApplySystemState, &stopped);
    uint64_t refused = harness_send(harness_of(&f), &rpc_SignalRouter_RouteSignal, &late);
    err_t err;
    cr_assert_eq(s_take_reply(&f, routed, refused, &err), refused, "the state holds at once");
    cr_assert_eq(err, ERR_SYSTEM_STOPPED);
    s_unlock(db);
    bool both[2] = {false};
    for (int i = 0; i < 2; i++) {
        uint64_t of = s_take_reply(&f, routed, refused, &err);
        cr_assert_eq(err, OK);
        both[of == confirmed] = true;
    }
    cr_assert(both[0] && both[1]);
    signals_end(&f);
}

Test(signals_modes, a_mode_refuses_signals_in_its_scope) {
    signals_fixture_t f;
    Mode halted = {.mode = "halted", .set_by = "ops", .reason = (char *)"drill", .has_scope = true};
    SET(&halted.scope, symbol, "AAPL");
    RouteSignalRequest items[2] = {sample(NULL), sample(NULL)};
    SET(&items[1], symbol, "MSFT");
    RouteSignalReply reply = RouteSignalReply_init_zero;
    Fault fault = Fault_init_zero;
    signals_begin(&f, false);
    publish_running(&f);
    publish_state(&f, &(SystemState){.is_running = true, .modes = &halted, .modes_count = 1});
    harness_until(s_refuses, &f, "the mode takes effect");
    cr_assert_eq(harness_request(harness_of(&f), &rpc_SignalRouter_RouteSignal, &items[0], &reply, &fault),
                 ERR_TRADING_HALTED);
    cr_assert_gt(fault.retry_after_seconds, 0);
    cr_assert_str_eq(fault.details[0].field, "symbol");
    cr_assert(strstr(fault.details[0].problem, "drill"));
    message_release(Fault_message(), &fault);
    cr_assert_eq(route_one(&f, &items[1], &reply), OK);
    route_free(&reply);
    RouteSignalsReply batch = route_batch(&f, items, 2);
    expect_status(&batch, 0, "invalid", "TRADING_HALTED");
    expect_status(&batch, 1, "routed", "");
    batch_free(&batch);
    signals_end(&f);
}

/* ---- faults ---- */

TestSuite(signals_faults, .timeout = 60);

Test(signals_faults, without_a_store_nothing_is_acknowledged) {
    signals_fixture_t f;
    RouteSignalRequest request = sample("s-1");
    RouteSignalReply reply;
    RouteSignalsReply batch;
    signals_begin(&f, false);
    publish_running(&f);
    fixture_stop_actors(&f.store);
    cr_assert_eq(err_http_status(route_one(&f, &request, &reply)), 503);
    cr_assert_eq(err_http_status(try_batch(&f, &request, 1, &batch)), 503);
    fixture_start_actors(&f.store, NULL);
    cr_assert_eq(stored_signals(&f), 0);
    cr_assert_eq(route_one(&f, &request, &reply), OK);
    cr_assert_not(reply.duplicate);
    route_free(&reply);
    signals_end(&f);
}

static err_t s_keep_handler(actor_t *self, call_t *call, const void *request, void *response) {
    (void)self, (void)call, (void)request, (void)response;
    return ERR_PENDING;
}

Test(signals_faults, what_waits_is_bounded) {
    static const actor_command_t commands[] = {{&rpc_StoreWriter_Write, s_keep_handler},
                                               {&rpc_StoreWriter_GetState, s_keep_handler},
                                               {&rpc_StoreWriter_BeginIdempotent, s_keep_handler},
                                               {&rpc_StoreWriter_EndIdempotent, s_keep_handler},
                                               {NULL, NULL}};
    static const actor_class_t hanging = {.name = "store", .commands = commands};
    enum { BATCHES = SIGNALS_WAITING_MAX / 1000 };
    signals_fixture_t f;
    RouteSignalRequest *items = calloc(1000, sizeof *items);
    signals_begin(&f, false);
    publish_running(&f);
    harness_stop_actor(harness_of(&f), f.store.writer, HARNESS_MS);
    harness_actor(harness_of(&f), &hanging, &f.store.config, NULL);
    for (size_t i = 0; i < 1000; i++)
        items[i] = sample(NULL);
    RouteSignalsRequest request = {.signals = items, .signals_count = 1000};
    for (int i = 0; i < BATCHES; i++)
        harness_send(harness_of(&f), &rpc_SignalRouter_RouteSignals, &request);
    RouteSignalsReply reply;
    cr_assert_eq(try_batch(&f, items, 1000, &reply), ERR_OVERLOADED);
    cr_assert_eq(harness_metric(harness_of(&f), "signals", "signals_waiting"), 1000 * BATCHES);
    free(items);
    harness_stop_actor(harness_of(&f), f.signals, 0);
    fixture_end(&f.store);
}
