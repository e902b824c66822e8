/* Routing batches: one result an item, groups, and answers kept under an Idempotency-Key. */
#include "signals_fixture.h"

SIGNALS_TEST(one_bad_signal_does_not_sink_the_others) {
    FieldProblem problem = {.field = (char *)"side", .problem = (char *)"must be a string, got 7"};
    RouteSignalRequest items[5] = {sample("s-0"), sample("s-1"), sample("s-2"), sample("s-0"), sample("s-4")};
    items[1].strength = 3;
    items[2].has_expiry_time = true;
    items[2].expiry_time = 1;
    items[4].problems = &problem;
    items[4].problems_count = 1;
    RouteSignalsReply reply = route_batch(f, items, 5);
    expect_status(&reply, 0, "routed", "");
    expect_status(&reply, 1, "invalid", "VALIDATION_FAILED");
    expect_status(&reply, 2, "expired", "SIGNAL_EXPIRED");
    expect_status(&reply, 3, "duplicate", "");
    expect_status(&reply, 4, "invalid", "VALIDATION_FAILED");
    cr_assert_eq(reply.results[3].seq, reply.results[0].seq);
    cr_assert_str_eq(reply.results[1].details[0].field, "strength");
    cr_assert_str_eq(reply.results[4].details[0].problem, "must be a string, got 7");
    cr_assert(reply.accepted == 1 && reply.duplicates == 1 && reply.rejected == 3);
    cr_assert_gt(reply.routing_time, 0);
    cr_assert_eq(stored_signals(f), 1);
    batch_free(&reply);
}

SIGNALS_TEST(signals_stored_before_are_duplicates_or_refused) {
    RouteSignalRequest items[3] = {sample("s-0"), sample("s-1"), sample("s-2")};
    RouteSignalsReply reply = route_batch(f, items, 2);
    uint64_t seq = reply.results[0].seq;
    batch_free(&reply);
    items[1].confidence = 0.1;
    reply = route_batch(f, items, 3);
    expect_status(&reply, 0, "duplicate", "");
    expect_status(&reply, 1, "invalid", "SIGNAL_ID_REUSED");
    expect_status(&reply, 2, "routed", "");
    cr_assert(reply.results[0].duplicate && reply.results[0].seq == seq);
    batch_free(&reply);
    cr_assert_eq(stored_signals(f), 3);
}

SIGNALS_TEST(a_thousand_signals_are_one_write_in_the_order_of_the_body) {
    RouteSignalRequest *items = calloc(1000, sizeof *items);
    for (size_t i = 0; i < 1000; i++)
        items[i] = sample(NULL);
    RouteSignalsReply reply = route_batch(f, items, 1000);
    cr_assert_eq(reply.accepted, 1000);
    for (size_t i = 0; i < 1000; i++) {
        cr_assert_eq(reply.results[i].index, i);
        cr_assert_eq(reply.results[i].seq, i + 1);
    }
    batch_free(&reply);
    free(items);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signal_groups_total"), 1);
}

SIGNALS_TEST(batches_at_once_may_be_more_than_one_write_holds) {
    enum { BATCHES = 7 };
    RouteSignalRequest *items = calloc(1000, sizeof *items);
    for (size_t i = 0; i < 1000; i++)
        items[i] = sample(NULL);
    RouteSignalsRequest request = {.signals = items, .signals_count = 1000};
    for (int i = 0; i < BATCHES; i++)
        harness_send(harness_of(f), &rpc_SignalRouter_RouteSignals, &request);
    for (int i = 0; i < BATCHES; i++) {
        bus_message_t message;
        RouteSignalsReply reply = RouteSignalsReply_init_zero;
        harness_recv(harness_of(f), &message);
        cr_assert_eq(harness_reply(&message, RouteSignalsReply_message(), &reply), OK);
        cr_assert_eq(reply.accepted, 1000);
        batch_free(&reply);
        bus_message_close(&message);
    }
    free(items);
    cr_assert_eq(stored_signals(f), 1000 * BATCHES);
}

SIGNALS_TEST(a_group_whose_member_is_taken_is_refused_whole) {
    RouteSignalRequest taken = sample("s-1");
    RouteSignalReply first;
    cr_assert_eq(route_one(f, &taken, &first), OK);
    route_free(&first);
    RouteSignalRequest items[4] = {sample("s-0"), sample("s-1"), sample("s-2"), sample("s-3")};
    SET(&items[0], group_id, "g");
    SET(&items[1], group_id, "g"); /* so it is another body than the first one's */
    SET(&items[3], group_id, "g");
    RouteSignalsReply reply = route_batch(f, items, 4);
    expect_status(&reply, 0, "invalid", "SIGNAL_ID_REUSED");
    expect_status(&reply, 1, "invalid", "SIGNAL_ID_REUSED");
    expect_status(&reply, 2, "routed", "");
    expect_status(&reply, 3, "invalid", "SIGNAL_ID_REUSED");
    batch_free(&reply);
    cr_assert_eq(stored_signals(f), 2);
}

SIGNALS_TEST(a_group_that_was_stored_in_part_is_completed) {
    RouteSignalRequest items[2] = {sample("s-0"), sample("s-1")};
    SET(&items[0], group_id, "g");
    SET(&items[1], group_id, "g");
    RouteSignalsReply reply = route_batch(f, items, 1);
    batch_free(&reply);
    reply = route_batch(f, items, 2);
    expect_status(&reply, 0, "duplicate", "");
    expect_status(&reply, 1, "routed", "");
    batch_free(&reply);
    reply = route_batch(f, items, 2);
    cr_assert_eq(reply.duplicates, 2);
    batch_free(&reply);
}

/* ---- Idempotency-Key ---- */

static Envelope s_keyed(uint64_t body_hash) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    MESSAGE_PUT(envelope.idempotency_key, "key-1");
    MESSAGE_PUT(envelope.operation, "POST /api/v1/signals/route");
    envelope.body_hash = body_hash;
    return envelope;
}

static IdempotencyState s_begin_key(signals_fixture_t *f) {
    Envelope envelope = s_keyed(11);
    IdempotencyBegin begin = {.body_hash = 11};
    begin.principal = message_strdup(envelope.principal.name);
    begin.operation = message_strdup(envelope.operation);
    begin.key = message_strdup(envelope.idempotency_key);
    IdempotencyState state = IdempotencyState_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_StoreWriter_BeginIdempotent, &begin, &state, NULL), OK);
    message_release(IdempotencyBegin_message(), &begin);
    return state;
}

static void s_expect_begin(signals_fixture_t *f, const char *wanted) {
    IdempotencyState state = s_begin_key(f);
    cr_assert_str_eq(state.state, wanted);
    message_release(IdempotencyState_message(), &state);
}

/* Sends the batch with the key; says whether the answer was recorded with its effect. */
static bool s_route_keyed(signals_fixture_t *f, RouteSignalRequest *items, size_t count,
                          RouteSignalsReply *reply) {
    Envelope envelope = s_keyed(11);
    RouteSignalsRequest request = {.signals = items, .signals_count = (pb_size_t)count};
    Fault fault = Fault_init_zero;
    *reply = (RouteSignalsReply)RouteSignalsReply_init_zero;
    cr_assert_eq(bus_client_request(harness_of(f)->client, &rpc_SignalRouter_RouteSignals, &envelope,
                                    &request, reply, &fault),
                 OK);
    return envelope.answer_recorded;
}

/* The recorded answer says what the first one said. */
static void s_expect_replay(signals_fixture_t *f, const RouteSignalsReply *reply) {
    IdempotencyState state = s_begin_key(f);
    cr_assert_str_eq(state.state, "replay");
    cr_assert_str_eq(state.schema, "integration.v1.RouteSignalsReply");
    buf_t encoded = BUF_INIT;
    cr_assert_eq(message_encode(RouteSignalsReply_message(), reply, &encoded), OK);
    cr_assert_eq(state.payload->size, encoded.size);
    cr_assert_arr_eq(state.payload->bytes, encoded.data, encoded.size);
    buf_free(&encoded);
    message_release(IdempotencyState_message(), &state);
}

SIGNALS_TEST(the_answer_to_a_keyed_batch_is_recorded_with_its_signals) {
    RouteSignalRequest items[4] = {sample(NULL), sample("s-1"), sample("s-1"), sample(NULL)};
    items[3].strength = 9;
    RouteSignalsReply reply;
    s_expect_begin(f, "started");
    cr_assert(s_route_keyed(f, items, 4, &reply));
    cr_assert(reply.accepted == 2 && reply.duplicates == 1 && reply.rejected == 1);
    s_expect_replay(f, &reply);
    batch_free(&reply);
}

SIGNALS_TEST(a_keyed_batch_with_signals_stored_before_is_recorded_too) {
    RouteSignalRequest items[3] = {sample("s-0"), sample("s-1"), sample(NULL)};
    RouteSignalsReply reply = route_batch(f, items, 1);
    batch_free(&reply);
    s_expect_begin(f, "started");
    cr_assert(s_route_keyed(f, items, 3, &reply));
    expect_status(&reply, 0, "duplicate", "");
    expect_status(&reply, 1, "routed", "");
    expect_status(&reply, 2, "routed", "");
    cr_assert_eq(reply.results[1].seq, 2);
    cr_assert_eq(reply.results[2].seq, 3);
    s_expect_replay(f, &reply);
    batch_free(&reply);
    cr_assert_eq(stored_signals(f), 3);
}

SIGNALS_TEST(a_keyed_batch_with_conflicts_and_groups_is_recorded_whole) {
    RouteSignalRequest before = opinion("before", "AAPL", "buy", 3);
    route_as(f, &before, "routed");
    RouteSignalRequest items[5] = {opinion("one", "AAPL", "sell", 4), opinion("two", "AAPL", "buy", 2),
                                   opinion("three", "AAPL", "buy", 5), opinion("g-1", "IBM", "buy", 3),
                                   opinion("g-2", "AAPL", "sell", 1)};
    SET(&items[3], group_id, "g");
    SET(&items[4], group_id, "g");
    RouteSignalsReply reply;
    s_expect_begin(f, "started");
    cr_assert(s_route_keyed(f, items, 5, &reply));
    expect_status(&reply, 0, "routed", "");
    expect_status(&reply, 1, "rejected", "");
    expect_status(&reply, 2, "routed", "");
    expect_status(&reply, 3, "rejected", "");
    expect_status(&reply, 4, "rejected", "");
    cr_assert_gt(reply.results[2].conflicts_resolved_count, 0);
    s_expect_replay(f, &reply);
    uint64_t seq, first_seq = reply.results[0].seq;
    batch_free(&reply);
    expect_stored(f, "before", "superseded", "one");
    expect_stored(f, "one", "superseded", "three");
    Signal published = next_signal(f, "one", "superseded", &seq);
    cr_assert_eq(published.seq, first_seq);
    message_release(Signal_message(), &published);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
}

SIGNALS_TEST(an_answer_without_an_effect_is_left_to_the_gateway_to_record) {
    RouteSignalRequest items[1] = {sample("s-0")};
    RouteSignalsReply reply = route_batch(f, items, 1);
    batch_free(&reply);
    s_expect_begin(f, "started");
    cr_assert_not(s_route_keyed(f, items, 1, &reply));
    expect_status(&reply, 0, "duplicate", "");
    batch_free(&reply);
    s_expect_begin(f, "running");
}

SIGNALS_TEST(the_answer_to_a_keyed_signal_is_recorded_with_it) {
    RouteSignalRequest request = sample(NULL);
    RouteSignalReply reply = RouteSignalReply_init_zero;
    Envelope envelope = s_keyed(11);
    Fault fault = Fault_init_zero;
    s_expect_begin(f, "started");
    cr_assert_eq(bus_client_request(harness_of(f)->client, &rpc_SignalRouter_RouteSignal, &envelope, &request,
                                    &reply, &fault),
                 OK);
    cr_assert(envelope.answer_recorded);
    IdempotencyState state = s_begin_key(f);
    cr_assert_str_eq(state.state, "replay");
    RouteSignalReply recorded = RouteSignalReply_init_zero;
    cr_assert_eq(
        message_decode(RouteSignalReply_message(), state.payload->bytes, state.payload->size, &recorded), OK);
    cr_assert_eq(recorded.seq, reply.seq);
    cr_assert_eq(recorded.routed_signals[0].seq, reply.seq);
    cr_assert_eq(recorded.routing_time, reply.routing_time);
    cr_assert_str_eq(recorded.routing_id, reply.routing_id);
    route_free(&recorded);
    message_release(IdempotencyState_message(), &state);
    route_free(&reply);
}

/* ---- bodies that are none ---- */

TestSuite(signals_batch, .timeout = 60);

Test(signals_batch, an_empty_or_oversized_list_is_refused) {
    signals_fixture_t f;
    RouteSignalsReply reply;
    RouteSignalRequest *items = calloc(1001, sizeof *items);
    for (size_t i = 0; i < 1001; i++)
        items[i] = sample(NULL);
    signals_begin(&f, false);
    publish_running(&f);
    cr_assert_eq(try_batch(&f, NULL, 0, &reply), ERR_VALIDATION_FAILED);
    cr_assert_eq(try_batch(&f, items, 1001, &reply), ERR_VALIDATION_FAILED);
    cr_assert_eq(stored_signals(&f), 0);
    free(items);
    signals_end(&f);
}
