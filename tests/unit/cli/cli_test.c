/* The command line, and messages as text. */
#include "cli/print.h"

#include "tables.gen.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

static bool s_read(options_t *options, int argc, char *const *argv) {
    cr_redirect_stderr();
    return options_read(options, argc, argv);
}

#define READ(options, ...)                                                         \
    s_read(options, (int)(sizeof(char *[]){"tail", __VA_ARGS__} / sizeof(char *)), \
           (char *[]){"tail", __VA_ARGS__, NULL})

Test(options, have_the_addresses_of_the_service_as_defaults, .timeout = 10) {
    options_t options;
    cr_assert(READ(&options, "--json"));
    cr_expect_str_eq(options.url, "tcp://127.0.0.1:5556");
    cr_expect_str_eq(options.replay_url, "tcp://127.0.0.1:5557");
    cr_expect_str_eq(options.prefix, "");
    cr_expect(options.json);
    cr_expect_not(options.has_from_seq);
}

Test(options, are_read_by_name, .timeout = 10) {
    options_t options;
    cr_assert(READ(&options, "--from-seq", "12", "--count=3", "--prefix", "signal/", "--timeout", "7"));
    cr_expect(options.has_from_seq);
    cr_expect_eq(options.from_seq, 12);
    cr_expect_eq(options.count, 3);
    cr_expect_eq(options.timeout_s, 7);
    cr_expect_str_eq(options.prefix, "signal/");
}

Test(options, that_are_not_valid_are_refused, .timeout = 10) {
    options_t options;
    cr_expect_not(READ(&options, "--from-seq", "-1"));
    cr_expect_not(READ(&options, "--count", "many"));
    cr_expect_not(READ(&options, "--limit", ""));
    cr_expect_not(READ(&options, "--after", "99999999999999999999"));
    cr_expect_not(READ(&options, "--timeout", "0"));
    cr_expect_not(READ(&options, "--nonsense"));
    cr_expect_not(READ(&options, "--curve-server-key", "server.key"));
    char prefix[200] = {0};
    memset(prefix, 'a', 161);
    cr_expect_not(READ(&options, "--prefix", prefix));
}

static received_t s_message(const char *topic, const message_t *type, const void *value) {
    received_t message = {
        .header = {.epoch = 2, .seq = 7, .topic_seq = 3, .published_at_us = 1767576600123456}};
    buf_t bytes = BUF_INIT;
    MESSAGE_PUT(message.topic, topic);
    MESSAGE_PUT(message.header.schema, type->schema);
    cr_assert_eq(message_encode(type, value, &bytes), OK);
    message.payload_size = bytes.size;
    message.payload = buf_steal(&bytes);
    return message;
}

static void s_expect(received_t *message, void (*print)(const received_t *, buf_t *), const char *expected) {
    buf_t out = BUF_INIT;
    print(message, &out);
    cr_expect_str_eq(buf_str(&out), expected);
    buf_free(&out);
    received_free(message);
}

static received_t s_signal(void) {
    Signal signal = {
        .strength = 0.8, .confidence = 0.71, .priority = 4, .has_symbol = true, .has_side = true};
    MESSAGE_PUT(signal.symbol, "AAPL");
    MESSAGE_PUT(signal.side, "buy");
    MESSAGE_PUT(signal.status, "routed");
    MESSAGE_PUT(signal.signal_type, "analysis");
    MESSAGE_PUT(signal.source, "strategy");
    return s_message("signal/execution/AAPL", Signal_message(), &signal);
}

Test(print, a_signal_is_one_line_with_what_matters, .timeout = 10) {
    received_t message = s_signal();
    s_expect(
        &message, print_line,
        "2026-01-05T01:30:00.123Z #7 signal/execution/AAPL buy  AAPL strength=0.800 confidence=0.710 priority=4 "
        "routed analysis from strategy\n");
}

Test(print, anything_else_shows_the_fields_that_are_set, .timeout = 10) {
    CycleEvent cycle = {.attempts = 2, .has_success = true, .success = true};
    MESSAGE_PUT(cycle.status, "completed");
    received_t message = s_message("cycle/completed/c1", CycleEvent_message(), &cycle);
    message.header.replay = true;
    s_expect(
        &message, print_line,
        "2026-01-05T01:30:00.123Z #7 cycle/completed/c1 status=\"completed\" attempts=2 success=true (replay)\n");
}

Test(print, an_unknown_message_shows_its_schema_and_size, .timeout = 10) {
    received_t message = s_signal();
    size_t size = message.payload_size;
    char expected[160];
    MESSAGE_PUT(message.header.schema, "integration.v9.Signal");
    snprintf(expected, sizeof expected,
             "2026-01-05T01:30:00.123Z #7 signal/execution/AAPL (integration.v9.Signal, %zu bytes)\n", size);
    s_expect(&message, print_line, expected);
}

Test(print, as_json_header_and_payload_are_one_object, .timeout = 10) {
    Heartbeat heartbeat = {.last_seq = 5};
    received_t message = s_message("a\"b", Heartbeat_message(), &heartbeat);
    s_expect(
        &message, print_json,
        "{\"topic\":\"a\\\"b\",\"epoch\":2,\"seq\":7,\"topic_seq\":3,\"published_at_us\":1767576600123456,"
        "\"schema\":\"integration.v1.Heartbeat\",\"traceparent\":\"\",\"replay\":false,"
        "\"payload\":{\"last_seq\":5}}\n");
}

Test(print, a_payload_that_is_json_already_is_taken_as_it_is, .timeout = 10) {
    received_t message = s_signal();
    free(message.payload);
    message.payload =
        strdup("{\"strength\":0.5,\"symbol\":\"X\",\"timestamp\":\"2026-01-05T01:30:00.123Z\"}");
    message.payload_size = strlen(message.payload);
    buf_t out = BUF_INIT;
    print_json(&message, &out);
    cr_expect(strstr(buf_str(&out), "\"payload\":{\"strength\":0.5,\"symbol\":\"X\",\"timestamp\""), "%s",
              buf_str(&out));
    buf_clear(&out);
    print_line(&message, &out);
    cr_expect(strstr(buf_str(&out), " X strength=0.500"), "%s", buf_str(&out));
    buf_free(&out);
    received_free(&message);
}
