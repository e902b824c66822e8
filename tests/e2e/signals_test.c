/* Signals from REST to the history and the stream: duplicates, refusals, batches, paging, order, replay, CURVE. */
#include "signals_fixture.h"

/* ---- one signal ---- */

TestSuite(route, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(route, tells_what_became_of_it) {
    const rest_reply_t *reply = s_route("sig-1", "AAPL", "bullish");
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "routed");
    cr_expect_str_eq(rest_text(reply, "data.signal_id"), "sig-1");
    cr_expect(*rest_text(reply, "data.routing_id"));
    cr_expect(rest_number(reply, "data.seq") > 0);
    cr_expect_str_eq(rest_text(reply, "data.source_layer"), "e2e");
    cr_expect_str_eq(rest_text(reply, "data.target_layer"), "desk");
    cr_expect_str_eq(rest_text(reply, "data.routed_signals.0.side"), "buy");
    cr_expect_eq(rest_number(reply, "data.routed_signals.0.priority"), 3);
    cr_expect_eq(json_array_size(rest_at(reply, "data.conflicts_detected")), 0);
    cr_expect(rest_number(reply, "data.routing_time") >= 0);
    cr_expect(json_is_false(rest_at(reply, "data.duplicate")));
}

Test(route, the_same_signal_again_gets_the_first_answer) {
    const rest_reply_t *reply = s_route("sig-1", "AAPL", "buy");
    cr_assert_status(reply, 200);
    char routing_id[64];
    snprintf(routing_id, sizeof routing_id, "%s", rest_text(reply, "data.routing_id"));
    double seq = rest_number(reply, "data.seq");
    reply = s_route("sig-1", "AAPL", "buy");
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "duplicate");
    cr_expect(json_is_true(rest_at(reply, "data.duplicate")));
    cr_expect_str_eq(rest_text(reply, "data.routing_id"), routing_id);
    cr_expect_eq(rest_number(reply, "data.seq"), seq);
    cr_expect_str_eq(rest_text(s_route("sig-1", "AAPL", "LONG"), "data.status"), "duplicate",
                     "buy by another name");
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY), "data.total"), 1);
}

Test(route, a_reused_id_is_409) {
    cr_assert_status(s_route("sig-1", "AAPL", "buy"), 200);
    const rest_reply_t *reply = s_route("sig-1", "AAPL", "sell");
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SIGNAL_ID_REUSED");
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY), "data.total"), 1);
}

Test(route, a_dedup_key_is_of_its_source) {
    static const char form[] = "{\"signal_type\":\"t\",\"source\":\"%s\",\"target\":\"desk\",\"strength\":%s,"
                               "\"confidence\":1,\"dedup_key\":\"k\"}";
    const char *const sources[] = {"a", "a", "a", "b"}, *const strengths[] = {"1", "1", "0.5", "0.5"};
    const int expected[] = {200, 200, 409, 200};
    for (int i = 0; i < 4; i++) {
        char body[256];
        snprintf(body, sizeof body, form, sources[i], strengths[i]);
        const rest_reply_t *reply = rest_post(s_rest, ROUTE, body);
        cr_expect_status(reply, expected[i]);
        if (i == 1)
            cr_expect_str_eq(rest_text(reply, "data.status"), "duplicate");
    }
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY), "data.total"), 2);
}

Test(route, one_that_has_expired_is_422) {
    const rest_reply_t *reply = s_route_at("expiry_time", -10);
    cr_expect_status(reply, 422);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SIGNAL_EXPIRED");
    cr_expect_status(s_route_at("expiry_time", 60), 200);
}

Test(route, one_from_the_future_is_400) {
    cr_expect(rest_problem(s_route_at("timestamp", 400), "timestamp"));
    cr_expect_status(s_route_at("timestamp", 200), 200);
}

Test(route, what_is_free_form_comes_back_as_it_was) {
    cr_assert_status(
        rest_post(s_rest, ROUTE,
                  "{\"signal_id\":\"free\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"desk\","
                  "\"strength\":0.1,\"confidence\":1,\"horizon\":\"1d\",\"source_seq\":9007199254740993,"
                  "\"data\":{\"\\u4f60\":[1,{\"x\":null}]},\"metadata\":{\"colour\":\"blue\"}}"),
        200);
    const rest_reply_t *reply = rest_get_ok(s_rest, "/api/v1/signals/free");
    cr_expect(json_is_null(rest_at(reply, "data.signal.data.\xe4\xbd\xa0.1.x")));
    cr_expect_str_eq(rest_text(reply, "data.signal.metadata.colour"), "blue");
    cr_expect_str_eq(rest_text(reply, "data.signal.horizon"), "1d");
    cr_expect(strstr(buf_str(&reply->body), "\"source_seq\":9007199254740993"), "%s", buf_str(&reply->body));
}

Test(route, a_free_form_number_keeps_all_its_digits) {
    cr_assert_status(
        rest_post(s_rest, ROUTE,
                  "{\"signal_id\":\"big\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"desk\","
                  "\"strength\":0.1,\"confidence\":1,\"data\":{\"n\":12345678901234567890}}"),
        200);
    const rest_reply_t *reply = rest_get_ok(s_rest, "/api/v1/signals/big");
    cr_expect(strstr(buf_str(&reply->body), "12345678901234567890"), "%s", buf_str(&reply->body));
}

Test(route, the_trail_of_a_signal_is_found_by_its_id) {
    long long seq = instance_route(&s_instance, "sig-7", "desk", "AAPL", "buy");
    const rest_reply_t *reply = rest_get_ok(s_rest, "/api/v1/signals/sig-7");
    cr_expect_str_eq(rest_text(reply, "data.signal.status"), "routed");
    cr_expect_eq(rest_number(reply, "data.signal.seq"), seq);
    cr_expect(json_array_size(rest_at(reply, "data.steps")) > 0);
    cr_expect_status(rest_get(s_rest, "/api/v1/signals/sig-8"), 404);
}

/* ---- many in one body ---- */

TestSuite(batch, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(batch, bad_items_do_not_sink_the_others) {
    char body[2048];
    snprintf(
        body, sizeof body,
        "{\"signals\":["
        "{\"signal_id\":\"b1\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1},"
        "{\"signal_id\":\"b2\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":7,\"confidence\":1},"
        "{\"signal_id\":\"b1\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1},"
        "{\"signal_id\":\"b4\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1,"
        "\"expiry_time\":\"%s\"},"
        "{\"signal_id\":\"b5\",\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1}]}",
        s_in_seconds(-60));
    static const char *const statuses[] = {"routed", "invalid", "duplicate", "expired", "routed"};
    const rest_reply_t *reply = rest_post_ok(s_rest, ROUTE, body);
    cr_assert_eq(json_array_size(rest_at(reply, "data.results")), 5);
    for (int i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "data.results.%d.status", i);
        cr_expect_str_eq(rest_text(reply, path), statuses[i], "item %d", i);
    }
    cr_expect_eq(rest_number(reply, "data.accepted"), 2);
    cr_expect_eq(rest_number(reply, "data.rejected"), 2);
    cr_expect_eq(rest_number(reply, "data.duplicates"), 1);
    cr_expect(strstr(rest_text(reply, "data.results.1.details.0.field"), "strength"));
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY), "data.total"), 2);
}

Test(batch, a_group_is_accepted_or_rejected_together) {
    static const char item[] = "{\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":%s,"
                               "\"confidence\":1,\"group_id\":\"%s\"}";
    char items[4][200], body[1024];
    const char *const strengths[] = {"1", "9", "1", "1"}, *const groups[] = {"g1", "g1", "g2", "g2"};
    for (int i = 0; i < 4; i++)
        snprintf(items[i], sizeof items[i], item, strengths[i], groups[i]);
    snprintf(body, sizeof body, "{\"signals\":[%s,%s,%s,%s]}", items[0], items[1], items[2], items[3]);
    const rest_reply_t *reply = rest_post_ok(s_rest, ROUTE, body);
    cr_expect_eq(rest_number(reply, "data.accepted"), 2);
    cr_expect_eq(rest_number(reply, "data.rejected"), 2);
    cr_expect_str_neq(rest_text(reply, "data.results.0.status"), "routed");
    cr_expect_str_eq(rest_text(reply, "data.results.2.status"), "routed");
}

/* ---- history ---- */

TestSuite(history, .init = s_setup, .fini = s_teardown, .timeout = 60);

static void s_fill_history(void) {
    for (int i = 0; i < 10; i++) {
        char signal_id[16];
        snprintf(signal_id, sizeof signal_id, "h%d", i);
        instance_route(&s_instance, signal_id, i % 2 ? "odd" : "even", i < 4 ? "AAPL" : "MSFT", "buy");
    }
}

Test(history, is_newest_first_unless_told_otherwise) {
    s_fill_history();
    const rest_reply_t *reply = rest_get_ok(s_rest, HISTORY);
    cr_expect_str_eq(rest_text(reply, "data.history.0.signal_id"), "h9");
    cr_expect_eq(rest_number(reply, "data.total"), 10);
    cr_expect_str_eq(rest_text(rest_get_ok(s_rest, HISTORY "?order=asc"), "data.history.0.signal_id"), "h0");
}

Test(history, filters_narrow_it) {
    s_fill_history();
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?symbol=AAPL"), "data.total"), 4);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?target=odd"), "data.total"), 5);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?target=odd&symbol=AAPL"), "data.total"), 2);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?status=expired"), "data.total"), 0);
    cr_expect_eq(
        rest_number(rest_get_ok(s_rest, HISTORY "?side=long&source=e2e&signal_type=analysis"), "data.total"),
        10);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?to=2020-01-01T00:00:00Z"), "data.total"), 0);
    cr_expect_status(rest_get(s_rest, HISTORY "?status=gone"), 400);
    cr_expect_status(rest_get(s_rest, HISTORY "?side=up"), 400);
}

Test(history, after_seq_gives_what_is_newer) {
    s_fill_history();
    char path[96];
    const rest_reply_t *reply = rest_get_ok(s_rest, "/api/v1/signals/h6");
    snprintf(path, sizeof path, HISTORY "?order=asc&after_seq=%.0f", rest_number(reply, "data.signal.seq"));
    reply = rest_get_ok(s_rest, path);
    cr_expect_eq(json_array_size(rest_at(reply, "data.history")), 3);
    cr_expect_str_eq(rest_text(reply, "data.history.0.signal_id"), "h7");
}

Test(history, a_cursor_walks_through_it_without_gap_or_double_while_it_grows) {
    char path[256] = HISTORY "?limit=3", cursor[160];
    int expected = 9;
    s_fill_history();
    for (;;) {
        const rest_reply_t *reply = rest_get_ok(s_rest, path);
        json_t *page = rest_at(reply, "data.history"), *signal;
        size_t index;
        json_array_foreach (page, index, signal)
            cr_expect_eq(atoi(json_text_at(signal, "signal_id") + 1), expected--);
        snprintf(cursor, sizeof cursor, "%s", rest_text(reply, "data.next_cursor"));
        if (!*cursor)
            break;
        instance_route(&s_instance, NULL, "late", "IBM", "sell");
        snprintf(path, sizeof path, HISTORY "?limit=3&cursor=%s", cursor);
    }
    cr_expect_eq(expected, -1);
}

Test(history, offset_skips) {
    s_fill_history();
    const rest_reply_t *reply = rest_get_ok(s_rest, HISTORY "?limit=2&offset=8");
    cr_expect_eq(json_array_size(rest_at(reply, "data.history")), 2);
    cr_expect_str_eq(rest_text(reply, "data.history.1.signal_id"), "h0");
}

/* ---- stream ---- */

TestSuite(stream, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(stream, a_signal_has_its_topic_header_and_payload) {
    stream_message_t message;
    s_subscribe("signal/");
    long long seq = instance_route(&s_instance, "live-1", "desk", "AAPL", "sell");
    stream_client_next(s_stream, &message);
    cr_expect_str_eq(message.topic, "signal/desk/AAPL");
    cr_expect_eq(message.header.seq, seq);
    cr_expect_eq(message.header.topic_seq, 1);
    cr_expect(message.header.epoch > 0);
    cr_expect(message.header.published_at_us > 1600000000000000);
    cr_expect_not(message.header.replay);
    Signal *signal = stream_signal(&message);
    cr_expect_str_eq(signal->signal_id, "live-1");
    cr_expect_str_eq(signal->status, "routed");
    cr_expect_str_eq(signal->side, "sell");
    cr_expect_float_eq(signal->confidence, 0.75, 1e-12);
    cr_expect_eq(signal->seq, (uint64_t)seq);
    stream_signal_free(&signal);
    stream_message_free(&message);
}

Test(stream, a_signal_without_symbol_has_a_dash) {
    stream_message_t message;
    s_subscribe("signal/");
    instance_route(&s_instance, NULL, "desk", NULL, NULL);
    stream_client_next(s_stream, &message);
    cr_expect_str_eq(message.topic, "signal/desk/-");
    stream_message_free(&message);
}

Test(stream, seq_rises_by_one_and_topic_seq_within_its_topic) {
    uint64_t seq = 0, topic_seqs[2] = {0, 0};
    s_subscribe("");
    for (int i = 0; i < 20; i++)
        instance_route(&s_instance, NULL, "desk", i % 3 ? "AAPL" : "MSFT", "buy");
    for (int i = 0; i < 20;) {
        stream_message_t message;
        stream_client_next(s_stream, &message);
        cr_expect(seq == 0 || message.header.seq == seq + 1, "%s: %llu after %llu", message.topic,
                  (unsigned long long)message.header.seq, (unsigned long long)seq);
        seq = message.header.seq;
        if (strncmp(message.topic, "signal/", 7) == 0) {
            uint64_t *topic_seq = &topic_seqs[strcmp(message.topic, "signal/desk/AAPL") == 0];
            cr_expect_eq(message.header.topic_seq, ++*topic_seq);
            i++;
        }
        stream_message_free(&message);
    }
}

Test(stream, duplicates_and_refusals_are_not_published) {
    stream_message_t message;
    s_subscribe("signal/");
    instance_route(&s_instance, "one", "desk", "AAPL", "buy");
    s_route("one", "AAPL", "buy");
    s_route("one", "AAPL", "sell");
    s_route("bad one", "aapl", "buy");
    instance_route(&s_instance, "two", "desk", "AAPL", "buy");
    for (int i = 0; i < 2; i++) {
        stream_client_next(s_stream, &message);
        Signal *signal = stream_signal(&message);
        cr_expect_str_eq(signal->signal_id, i ? "two" : "one");
        stream_signal_free(&signal);
        stream_message_free(&message);
    }
}

Test(stream, heartbeats_tell_the_last_seq) {
    Heartbeat heartbeat = Heartbeat_init_zero;
    long long seq = instance_route(&s_instance, NULL, "desk", "AAPL", "buy");
    s_stream = stream_client_new(s_instance.stream_url, "nothing/", NULL);
    stream_client_await_heartbeat(s_stream, &heartbeat);
    cr_expect(heartbeat.last_seq >= (uint64_t)seq);
}

Test(stream, replay_fills_what_a_late_subscriber_missed) {
    stream_replay_t replay;
    long long first = instance_route(&s_instance, "r1", "desk", "AAPL", "buy");
    instance_route(&s_instance, "r2", "desk", "MSFT", "buy");
    instance_route(&s_instance, "r3", "other", "AAPL", "buy");
    stream_replay(&replay, s_instance.replay_url, "signal/desk/", 0, 0, NULL);
    cr_assert_eq(replay.count, 2);
    cr_expect_eq(replay.messages[0].header.seq, (uint64_t)first);
    cr_expect_str_eq(replay.messages[1].topic, "signal/desk/MSFT");
    cr_expect_not(replay.end.more);
    cr_expect(replay.end.last_seq >= (uint64_t)first + 2);
    stream_replay_free(&replay);
    stream_replay(&replay, s_instance.replay_url, "signal/", (uint64_t)first, 1, NULL);
    cr_assert_eq(replay.count, 1);
    cr_expect_str_eq(replay.messages[0].topic, "signal/desk/MSFT");
    cr_expect(replay.end.more);
    stream_replay_free(&replay);
}

Test(stream, replay_reaches_back_over_a_restart_in_the_same_epoch) {
    stream_replay_t replay;
    stream_message_t message;
    s_subscribe("signal/");
    instance_route(&s_instance, "r1", "desk", "AAPL", "buy");
    stream_client_next(s_stream, &message);
    instance_kill(&s_instance);
    s_start();
    long long second = instance_route(&s_instance, "r2", "desk", "AAPL", "buy");
    stream_replay(&replay, s_instance.replay_url, "signal/", 0, 0, NULL);
    cr_assert_eq(replay.count, 2);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(replay.messages[i].header.epoch, message.header.epoch);
    cr_expect_eq(replay.messages[0].header.seq, message.header.seq);
    cr_expect_eq(replay.messages[1].header.seq, (uint64_t)second);
    cr_expect_eq(replay.messages[1].header.topic_seq, 2);
    cr_expect_eq(replay.messages[0].payload_size, message.payload_size);
    cr_expect(memcmp(replay.messages[0].payload, message.payload, message.payload_size) == 0);
    stream_replay_free(&replay);
    stream_message_free(&message);
}

Test(stream, a_replay_request_that_is_none_is_refused) {
    char kind[16], text[256];
    stream_replay_raw(s_instance.replay_url, "\xff\xff\xff nonsense", 12, kind, text);
    cr_expect_str_eq(kind, "error");
    cr_expect(*text);
}

Test(stream, cli_tail_follows_what_is_live) {
    s_cli = program_start("integration-cli",
                          LIST("tail", "--url", s_instance.stream_url, "--replay-url", s_instance.replay_url,
                               "--json", "--prefix", "signal/", "--from-seq", "0", "--count", "3"),
                          NULL);
    instance_route(&s_instance, "t1", "desk", "AAPL", "buy");
    program_line(s_cli, "\"t1\"");
    instance_route(&s_instance, "t2", "desk", "AAPL", "buy");
    instance_route(&s_instance, "t3", "desk", "AAPL", "buy");
    json_t *line = json_loads(program_line(s_cli, "\"t2\""), 0, NULL);
    cr_expect_str_eq(json_text_at(line, "topic"), "signal/desk/AAPL");
    cr_expect_str_eq(json_text_at(line, "payload.side"), "buy");
    json_decref(line);
    program_line(s_cli, "\"t3\"");
    cr_expect_eq(program_wait(s_cli), 0);
}

Test(stream, cli_replay_prints_what_was_published) {
    int status;
    instance_route(&s_instance, "p1", "desk", "AAPL", "buy");
    instance_route(&s_instance, "p2", "desk", "MSFT", "sell");
    s_cli = program_run("integration-cli",
                        LIST("replay", "--replay-url", s_instance.replay_url, "--prefix", "signal/desk/MSFT"),
                        NULL, &status);
    cr_expect_eq(status, 0);
    cr_expect(strstr(program_out(s_cli), "signal/desk/MSFT"));
    cr_expect_not(strstr(program_out(s_cli), "signal/desk/AAPL"));
}

/* ---- format and encryption ---- */

TestSuite(formats, .init = s_open, .fini = s_teardown, .timeout = 60);

Test(formats, json_payloads_are_the_signal_object) {
    stream_message_t message;
    instance_set(&s_instance, "INTEGRATION_STREAM_FORMAT=json");
    s_start();
    s_subscribe("signal/");
    instance_route(&s_instance, "j1", "desk", "AAPL", "buy");
    stream_client_next(s_stream, &message);
    json_t *payload = json_loads(message.payload, 0, NULL);
    cr_assert(payload, "%s", message.payload);
    cr_expect_str_eq(message.header.schema, "integration.v1.Signal");
    cr_expect_str_eq(json_text_at(payload, "signal_id"), "j1");
    cr_expect_str_eq(json_text_at(payload, "status"), "routed");
    cr_expect(strchr(json_text_at(payload, "timestamp"), 'T'));
    json_decref(payload);
    stream_message_free(&message);
}

/* The Z85 text behind `name = "` in a certificate. */
static void s_read_key(const char *path, const char *name, char key[41]) {
    char line[256], wanted[32];
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s is missing", path);
    snprintf(wanted, sizeof wanted, "%s = \"", name);
    *key = '\0';
    while (fgets(line, sizeof line, file)) {
        char *at = strstr(line, wanted);
        if (at)
            snprintf(key, 41, "%.40s", at + strlen(wanted));
    }
    fclose(file);
    cr_assert_eq(strlen(key), 40, "%s holds no %s", path, name);
}

typedef struct {
    char server[41], public[41], secret[41];
    stream_keys_t keys;
} client_keys_t;

static void s_make_client(client_keys_t *self, const char *name) {
    int status;
    char file[80];
    program_destroy(&s_cli);
    s_cli =
        program_run("integration-cli",
                    LIST("curve-keygen", instance_path(&s_instance, "curve/clients"), name), NULL, &status);
    cr_assert_eq(status, 0, "%s", program_err(s_cli));
    snprintf(file, sizeof file, "curve/clients/%s.key_secret", name);
    s_read_key(instance_path(&s_instance, file), "public-key", self->public);
    s_read_key(instance_path(&s_instance, file), "secret-key", self->secret);
    cr_assert_eq(remove(instance_path(&s_instance, file)), 0);
    self->keys = (stream_keys_t){self->server, self->public, self->secret};
}

static void s_start_with_curve(void) {
    char setting[160];
    snprintf(setting, sizeof setting, "INTEGRATION_CURVE_DIR=%s", instance_path(&s_instance, "curve"));
    instance_set(&s_instance, setting);
    cr_assert_eq(mkdir(instance_path(&s_instance, "curve"), 0700), 0);
    cr_assert_eq(mkdir(instance_path(&s_instance, "curve/clients"), 0700), 0);
}

Test(formats, curve_admits_the_listed_client_and_nobody_else) {
    client_keys_t known, unknown;
    stream_message_t message;
    stream_replay_t replay;
    s_start_with_curve();
    s_make_client(&known, "desk");
    s_make_client(&unknown, "stranger");
    cr_assert_eq(remove(instance_path(&s_instance, "curve/clients/stranger.key")), 0);
    s_start();
    s_read_key(instance_path(&s_instance, "curve/server.key"), "public-key", known.server);
    memcpy(unknown.server, known.server, sizeof unknown.server);
    s_stream = stream_client_new(s_instance.stream_url, "signal/", &known.keys);
    s_stranger = stream_client_new(s_instance.stream_url, "signal/", &unknown.keys);
    stream_client_await_heartbeat(s_stream, NULL);
    instance_route(&s_instance, "secret", "desk", "AAPL", "buy");
    stream_client_next(s_stream, &message);
    cr_expect_str_eq(message.topic, "signal/desk/AAPL");
    stream_message_free(&message);
    stream_replay(&replay, s_instance.replay_url, "signal/", 0, 0, &known.keys);
    cr_expect_eq(replay.count, 1);
    stream_replay_free(&replay);
    cr_expect_not(stream_client_hears(s_stranger, 1500), "an unknown client was admitted");
    stream_client_destroy(&s_stranger);
    s_stranger = stream_client_new(s_instance.stream_url, "signal/", NULL);
    cr_expect_not(stream_client_hears(s_stranger, 1500), "a client without keys was admitted");
}
