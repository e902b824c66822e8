/* protobuf wire format: against protoc as the reference, and what is refused. */
#include "message/message.h"
#include "random_message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(wire, .timeout = 60);

/* Encodes text format with protoc. */
static size_t s_reference(const char *schema, const char *file, const char *text, char *out, size_t room) {
    char input[] = "/tmp/wire-test-XXXXXX", command[1024];
    int fd = mkstemp(input);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(command, sizeof command, "protoc -I %s/proto -I /usr/include --encode=%s integration/v1/%s < %s",
             TEST_SOURCE_DIR, schema, file, input);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    size_t size = fread(out, 1, room, pipe);
    cr_assert_eq(pclose(pipe), 0, "%s", command);
    unlink(input);
    return size;
}

/* protoc's bytes are decoded, and encoded again are protoc's bytes. */
static void s_agrees(const message_t *message, const char *file, const char *text) {
    char reference[4096];
    size_t size = s_reference(message->schema, file, text, reference, sizeof reference);
    void *value = message_new(message);
    buf_t out = BUF_INIT;
    cr_assert_eq(message_decode(message, reference, size, value), OK, "%s", message->name);
    cr_assert_eq(message_encode(message, value, &out), OK);
    cr_assert_eq(out.size, size, "%s: %zu bytes, protoc makes %zu", message->name, out.size, size);
    cr_assert_eq(memcmp(out.data, reference, size), 0, "%s", message->name);
    buf_free(&out);
    message_free(message, &value);
}

Test(wire, agrees_with_protoc) {
    s_agrees(
        Envelope_message(), "bus.proto",
        "message_id: 18446744073709551615 correlation_id: 1 reply_topic: 'inbox/1' deadline_us: -5 "
        "traceparent: 't' principal { name: 'n' scope: 'admin' } outcome: OUTCOME_ACCEPTED body_hash: 3");
    s_agrees(StoreOp_message(), "store.proto",
             "statement: 's' params: '\\000\\377x' expect_rows: -1 event { topic: 't' payload: 'abc' }");
    s_agrees(
        StoreRow_message(), "store.proto",
        "values { integer: -1 } values { real: 0.1 } values { text: '' } values { blob: 'b' } values { null: true }");
    s_agrees(
        Signal_message(), "signals.proto",
        "signal_id: 'é' strength: 1e-300 confidence: -0.0 timestamp: -1 priority: -5 symbol: '' source_seq: 0 "
        "data: '{}' seq: 18446744073709551615 decision { strategy: 'none' winner_signal_id: '' }");
    s_agrees(
        Decision_message(), "signals.proto",
        "loser_signal_ids: 'a' loser_signal_ids: '' scores { score: 1 priority: 2 } scores {} reasons: 'r'");
    s_agrees(Empty_message(), "bus.proto", "");
}

Test(wire, a_message_larger_than_the_first_guess_agrees_too) {
    buf_t text = BUF_INIT;
    buf_append_str(&text, "strategy: 's' reasons: '");
    for (int i = 0; i < 300; i++)
        buf_append_char(&text, 'x');
    buf_append_str(&text, "'");
    for (int i = 0; i < 20; i++)
        buf_append_str(&text, " scores { signal_id: 'abcdefghijklmnopqrstuvwxyz' score: 0.5 }");
    s_agrees(Decision_message(), "signals.proto", buf_str(&text));
    buf_free(&text);
}

Test(wire, bytes_and_lists_are_not_limited_to_16_bits) {
    enum { LARGE = 200000 };
    char *content = malloc(LARGE);
    memset(content, 'x', LARGE);
    StoreOp op = {.params = message_bytes(content, LARGE)}, back = StoreOp_init_zero;
    buf_t wire = BUF_INIT;
    cr_assert_eq(message_encode(StoreOp_message(), &op, &wire), OK);
    cr_assert_eq(message_decode(StoreOp_message(), wire.data, wire.size, &back), OK);
    cr_assert_eq(back.params->size, LARGE);
    StoreRow row = {.values = message_list(LARGE, sizeof *row.values), .values_count = LARGE}, again = {0};
    buf_clear(&wire);
    cr_assert_eq(message_encode(StoreRow_message(), &row, &wire), OK);
    cr_assert_eq(message_decode(StoreRow_message(), wire.data, wire.size, &again), OK);
    cr_assert_eq(again.values_count, LARGE);
    message_release(StoreRow_message(), &row);
    message_release(StoreRow_message(), &again);
    message_release(StoreOp_message(), &op);
    message_release(StoreOp_message(), &back);
    buf_free(&wire);
    free(content);
}

static err_t s_decode_fault(const char *bytes, size_t size, Fault *fault) {
    return message_decode(Fault_message(), bytes, size, fault);
}

Test(wire, what_is_not_the_message_is_refused) {
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {{"\x0a", 1},             /* no length */
                {"\x0a\x05zz", 4},       /* cut short */
                {"\x08\x01", 2},         /* a number where text must be */
                {"\x00\x01", 2},         /* field 0 */
                {"\x0b", 1},             /* a group */
                {"\x0a\x02\xc3\x28", 4}, /* not UTF-8 */
                {"\x0a\x03"
                 "a\0b",
                 5},                                                      /* a NUL in text */
                {"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a varint without end */
                {"\x1a\x03\x0a\x05z", 5}}; /* a part that is longer than its whole */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Fault fault = Fault_init_zero;
        cr_assert_eq(s_decode_fault(rows[i].bytes, rows[i].size, &fault), ERR_PROTOCOL, "row %zu", i);
    }
}

Test(wire, text_that_a_static_field_cannot_hold_is_refused) {
    Envelope envelope = Envelope_init_zero;
    enum { CAPACITY = sizeof envelope.schema };
    char bytes[2 + CAPACITY] = {(char)(Envelope_schema_tag << 3 | 2), CAPACITY - 1};
    _Static_assert(CAPACITY < 128, "the length is one byte");
    memset(bytes + 2, 'x', CAPACITY);
    cr_assert_eq(message_decode(Envelope_message(), bytes, 1 + CAPACITY, &envelope), OK);
    bytes[1] = CAPACITY;
    message_release(Envelope_message(), &envelope);
    cr_assert_eq(message_decode(Envelope_message(), bytes, 2 + CAPACITY, &envelope), ERR_PROTOCOL);
}

Test(wire, unknown_fields_are_skipped_and_the_last_value_counts) {
    Fault fault = Fault_init_zero;
    const char bytes[] = "\x0a\x01"
                         "a"
                         "\xf8\x06\x7f"
                         "\xfa\x06\x02zz"
                         "\xf9\x06"
                         "12345678"
                         "\xfd\x06"
                         "1234"
                         "\x0a\x01"
                         "b";
    cr_assert_eq(s_decode_fault(bytes, sizeof bytes - 1, &fault), OK);
    cr_assert_str_eq(fault.code, "b");
    message_release(Fault_message(), &fault);
}

Test(wire, the_last_member_of_a_oneof_counts) {
    Value value = Value_init_zero;
    const char bytes[] = "\x1a\x01"
                         "a"
                         "\x22\x01"
                         "b"
                         "\x1a\x01"
                         "c"
                         "\x08\x07";
    cr_assert_eq(message_decode(Value_message(), bytes, sizeof bytes - 1, &value), OK);
    cr_assert_eq(value.which_kind, Value_integer_tag);
    cr_assert_eq(value.kind.integer, 7);
    message_release(Value_message(), &value);
}

Test(wire, text_that_is_not_utf8_is_not_sent) {
    Fault fault = {.message = message_strdup("a\xff")};
    buf_t out = BUF_INIT;
    buf_append_str(&out, "before");
    cr_assert_eq(message_encode(Fault_message(), &fault, &out), ERR_PROTOCOL);
    cr_assert_str_eq(buf_str(&out), "before");
    buf_free(&out);
    message_release(Fault_message(), &fault);
}

Test(wire, encode_into_takes_exactly_the_room_there_is) {
    Principal principal = {.name = "someone", .scope = "read"};
    buf_t wire = BUF_INIT;
    cr_assert_eq(message_encode(Principal_message(), &principal, &wire), OK);
    for (size_t room = 0; room <= wire.size; room++) {
        char *bytes = malloc(room + 1);
        size_t size = 0;
        err_t err = message_encode_into(Principal_message(), &principal, bytes, room, &size);
        cr_assert_eq(err, room == wire.size ? OK : ERR_PROTOCOL, "room %zu", room);
        free(bytes);
    }
    buf_free(&wire);
}

Test(wire, messages_are_found_by_their_full_name) {
    for (size_t i = 0; i < messages_count; i++)
        cr_assert_eq(message_find(messages_all[i]->schema), messages_all[i]);
    cr_assert_null(message_find("integration.v1.Nothing"));
    cr_assert_null(message_find(""));
}

Test(wire, static_text_is_set_whole_or_not_at_all) {
    char field[4] = "abc";
    cr_assert(MESSAGE_SET(field, "xyz"));
    cr_assert_not(MESSAGE_SET(field, "long"));
    cr_assert_str_eq(field, "xyz");
}
