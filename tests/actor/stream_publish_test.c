/* Publishing: everything that is committed, once, in seq order. */
#include "stream_fixture.h"

STREAM_TEST(stream_publish, a_committed_event_comes_as_topic_header_payload) {
    start_stream(f);
    void *sub = subscribe(f, "");
    got_t got;
    commit_signals(f, "AAPL", 1, 1);
    next_message(sub, &got);
    cr_expect_str_eq(got.topic, "signal/execution/AAPL");
    cr_expect_eq(got.header.seq, 1);
    cr_expect_eq(got.header.topic_seq, 1);
    cr_expect_neq(got.header.epoch, 0);
    cr_expect_gt(got.header.published_at_us, 1600000000000000);
    cr_expect_str_eq(got.header.schema, "integration.v1.Signal");
    cr_expect_not(got.header.replay);
    Signal signal = Signal_init_zero;
    cr_assert_eq(message_decode(Signal_message(), got.payload, got.size, &signal), OK);
    cr_expect_eq(signal.seq, 1, "the seq is filled in");
    cr_expect_str_eq(signal.symbol, "AAPL");
    cr_expect_eq(signal.strength, 0.75);
    message_release(Signal_message(), &signal);
    zmq_close(sub);
}

STREAM_TEST(stream_publish, many_events_come_in_order_and_once) {
    enum { WRITES = 20, EACH = 250 };
    start_stream(f);
    void *sub = subscribe(f, "");
    for (int i = 0; i < WRITES; i++)
        commit_signals(f, i % 2 ? "ODD" : "EVEN", EACH, 1);
    got_t got;
    uint64_t topic_seq[2] = {0};
    for (uint64_t seq = 1; seq <= WRITES * EACH; seq++) {
        next_message(sub, &got);
        cr_assert_eq(got.header.seq, seq);
        bool odd = strcmp(got.topic, "signal/execution/ODD") == 0;
        cr_assert_eq(got.header.topic_seq, ++topic_seq[odd]);
    }
    zmq_close(sub);
}

/* Publishes on the bus as if the store had committed up to `seq`, all but the last of which got lost. */
static void s_announce_late_event(fixture_t *f, uint64_t seq) {
    StreamStats stats = stream_stats(f);
    CommittedEvent event = {.seq = seq, .topic_seq = seq};
    CommittedEvents events = {.epoch = stats.epoch, .events = &event, .events_count = 1};
    Envelope envelope = Envelope_init_zero;
    MESSAGE_PUT(event.topic, "signal/execution/LATE");
    MESSAGE_PUT(event.schema, "integration.v1.Signal");
    cr_assert_eq(bus_client_send_message(f->harness.client, STORE_TOPIC_COMMITTED, &envelope,
                                         CommittedEvents_message(), &events),
                 OK);
    message_release(StreamStats_message(), &stats);
}

STREAM_TEST(stream_publish, an_event_that_the_bus_did_not_bring_is_read_from_the_store_first) {
    start_stream(f);
    void *sub = subscribe(f, "");
    got_t got;
    s_announce_late_event(f, 3);
    commit_signals(f, "A", 2, 1);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        next_message(sub, &got);
        cr_assert_eq(got.header.seq, seq);
        cr_assert_str_eq(got.topic, "signal/execution/A");
    }
    cr_expect_geq(harness_metric(&f->harness, "stream", "caught_up_total"), 1);
    zmq_close(sub);
}

/* A row of the stream that no event on the bus told of, and the store's word that it is there. */
static void s_commit_silently(fixture_t *f) {
    StreamStats stats = stream_stats(f);
    store_write_t *write = store_write_new();
    store_write_op(write, "stream_event_insert", "iiissbs", (int64_t)1, (int64_t)1, (int64_t)1, "signal/x/y",
                   "integration.v1.Signal", "", (size_t)0, NULL);
    StoreWrite message = store_write_take(&write);
    StoreWritten written = StoreWritten_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_Write, &message, &written, NULL), OK);
    cr_assert_str_eq(written.units[0].code, "OK");
    Envelope envelope = Envelope_init_zero;
    StoreState state = {.available = true, .epoch = stats.epoch, .last_seq = 1};
    cr_assert_eq(bus_client_send_message(f->harness.client, STORE_TOPIC_STATE, &envelope,
                                         StoreState_message(), &state),
                 OK);
    message_release(StoreWritten_message(), &written);
    message_release(StoreWrite_message(), &message);
    message_release(StreamStats_message(), &stats);
}

STREAM_TEST(stream_publish, the_last_event_is_not_missed_either_when_the_bus_did_not_bring_it) {
    start_stream(f);
    void *sub = subscribe(f, "");
    got_t got;
    s_commit_silently(f);
    next_message(sub, &got);
    cr_expect_eq(got.header.seq, 1);
    cr_expect_str_eq(got.topic, "signal/x/y");
    zmq_close(sub);
}

static double s_published_after_restart(fixture_t *f, uint64_t up_to) {
    start_stream(f);
    wait_published(f, up_to);
    StreamStats stats = stream_stats(f);
    double published = (double)stats.published;
    message_release(StreamStats_message(), &stats);
    return published;
}

STREAM_TEST(stream_publish, what_was_committed_while_it_was_down_is_published_at_the_next_start) {
    commit_signals(f, "A", 1500, 1);
    cr_expect_eq(s_published_after_restart(f, 1500), 1500);
    stop_stream(f);
    commit_signals(f, "A", 7, 1);
    cr_expect_eq(s_published_after_restart(f, 1507), 7, "nothing twice after an orderly stop");
}

STREAM_TEST(stream_publish, it_begins_when_the_store_comes_up_after_it) {
    commit_signals(f, "A", 3, 1);
    harness_stop_actor(&f->harness, f->reader, HARNESS_MS);
    harness_stop_actor(&f->harness, f->writer, HARNESS_MS);
    start_stream(f);
    f->writer = harness_actor(&f->harness, &store_writer_class, &f->config, NULL);
    f->reader = harness_actor(&f->harness, &store_reader_class, &f->config, NULL);
    wait_published(f, 3);
}

STREAM_TEST(stream_publish, a_heartbeat_tells_the_last_seq_every_second) {
    commit_signals(f, "A", 5, 1);
    start_stream(f);
    wait_published(f, 5);
    void *sub = connect_socket(ZMQ_SUB, f->stream_url);
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "heartbeat", 9);
    got_t got;
    int64_t times[2];
    for (int i = 0; i < 2; i++) {
        cr_assert(receive(sub, &got));
        Heartbeat heartbeat = Heartbeat_init_zero;
        cr_assert_eq(message_decode(Heartbeat_message(), got.payload, got.size, &heartbeat), OK);
        cr_expect_eq(heartbeat.last_seq, 5);
        cr_expect_eq(got.header.seq, 0);
        cr_expect_str_eq(got.header.schema, "integration.v1.Heartbeat");
        times[i] = got.header.published_at_us;
    }
    cr_expect(times[1] - times[0] > 200000 && times[1] - times[0] < 10000000);
    zmq_close(sub);
}

STREAM_TEST(stream_publish, as_json_the_payload_is_the_messages_json) {
    f->config.stream_format = "json";
    start_stream(f);
    void *sub = subscribe(f, "signal/");
    got_t got;
    commit_signals(f, "AAPL", 1, 1);
    next_message(sub, &got);
    got.payload[got.size] = '\0';
    cr_expect_eq(got.payload[0], '{');
    cr_expect(strstr(got.payload, "\"symbol\":\"AAPL\""), "%s", got.payload);
    cr_expect(strstr(got.payload, "\"seq\":1,"), "%s", got.payload);
    cr_expect(strstr(got.payload, "\"data\":{\"text\":\"0\"}"), "%s", got.payload);
    cr_expect_str_eq(got.header.schema, "integration.v1.Signal");
    zmq_close(sub);
}

STREAM_TEST(stream_publish, a_subscriber_that_does_not_read_slows_nobody_and_can_have_it_all_again) {
    enum { WRITES = 40, EACH = 250, ALL = WRITES * EACH };
    start_stream(f);
    void *slow = zmq_socket(zsys_init(), ZMQ_SUB);
    zmq_setsockopt(slow, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(slow, ZMQ_RCVHWM, &(int){1}, sizeof(int));
    zmq_setsockopt(slow, ZMQ_SUBSCRIBE, "", 0);
    cr_assert_eq(zmq_connect(slow, f->stream_url), 0);
    void *sub = subscribe(f, "");
    for (int i = 0; i < WRITES; i++)
        commit_signals(f, "A", EACH, 3000);
    got_t got;
    for (uint64_t seq = 1; seq <= ALL; seq++) {
        next_message(sub, &got);
        cr_assert_eq(got.header.seq, seq);
    }
    cr_expect_lt(harness_metric(&f->harness, "stream", "handler_max_seconds"), 5.0);
    zmq_close(slow);
    zmq_close(sub);
}

static bool s_has_subscribers(void *context) {
    const wanted_t *wanted = context;
    StreamStats stats = stream_stats(wanted->f);
    bool is = stats.subscribers == wanted->value;
    message_release(StreamStats_message(), &stats);
    return is;
}

STREAM_TEST(stream_publish, connections_are_counted) {
    start_stream(f);
    void *first = subscribe(f, ""), *second = subscribe(f, "signal/");
    harness_until(s_has_subscribers, &(wanted_t){.f = f, .value = 2}, "two subscribers");
    zmq_close(first);
    harness_until(s_has_subscribers, &(wanted_t){.f = f, .value = 1}, "one subscriber");
    zmq_close(second);
    harness_until(s_has_subscribers, &(wanted_t){.f = f, .value = 0}, "no subscriber");
}

STREAM_TEST(stream_publish, port_0_is_a_free_port_that_is_told) {
    start_stream(f);
    cr_expect_eq(strncmp(f->stream_url, "tcp://127.0.0.1:", 16), 0, "%s", f->stream_url);
    cr_expect_gt(atoi(f->stream_url + 16), 0);
    cr_expect_str_neq(f->stream_url, f->replay_url);
}

STREAM_TEST(stream_publish, an_address_in_use_fails_the_start) {
    start_stream(f);
    config_t taken = f->config;
    taken.stream_url = f->stream_url;
    actor_handle_t *other = NULL;
    cr_expect_eq(actor_start(&other, &stream_class, "other", &taken, NULL), ERR_IO);
    taken.stream_url = "tcp://127.0.0.1:0";
    taken.replay_url = f->replay_url;
    cr_expect_eq(actor_start(&other, &stream_class, "other", &taken, NULL), ERR_IO);
}

STREAM_TEST(stream_publish, an_empty_address_turns_a_socket_off) {
    f->config.stream_url = "";
    f->config.replay_url = "";
    start_stream(f);
    commit_signals(f, "A", 2, 1);
    wait_published(f, 2);
    StreamStats stats = stream_stats(f);
    cr_expect_not(stats.enabled);
    cr_expect_eq(stats.published, 0);
    cr_expect_null(stats.stream_url);
    cr_expect_null(stats.replay_url);
    message_release(StreamStats_message(), &stats);
}
