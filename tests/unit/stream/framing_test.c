/* The frames of a stream message. */
#include "stream/framing.h"

#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdlib.h>

static CommittedEvent s_event(const message_t *message, const void *value) {
    CommittedEvent event = {.seq = 300, .topic_seq = 4, .published_at_us = 5};
    buf_t bytes = BUF_INIT;
    MESSAGE_PUT(event.topic, "signal/execution/AAPL");
    MESSAGE_PUT(event.schema, message->schema);
    MESSAGE_PUT(event.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    cr_assert_eq(message_encode(message, value, &bytes), OK);
    event.payload = message_bytes(buf_str(&bytes), bytes.size);
    buf_free(&bytes);
    return event;
}

static void s_release(framing_t *framing, CommittedEvent *event) {
    framing_free(framing);
    message_release(CommittedEvent_message(), event);
}

Test(framing, the_header_tells_of_the_event, .timeout = 10) {
    framing_t framing = {0};
    CycleEvent cycle = CycleEvent_init_zero;
    CommittedEvent event = s_event(CycleEvent_message(), &cycle);
    StreamHeader header = StreamHeader_init_zero;
    cr_assert_eq(framing_encode(&framing, 9, &event, true), OK);
    cr_assert_eq(message_decode(StreamHeader_message(), framing.header.data, framing.header.size, &header),
                 OK);
    cr_expect_eq(header.epoch, 9);
    cr_expect_eq(header.seq, 300);
    cr_expect_eq(header.topic_seq, 4);
    cr_expect_eq(header.published_at_us, 5);
    cr_expect_str_eq(header.schema, "integration.v1.CycleEvent");
    cr_expect_str_eq(header.traceparent, event.traceparent);
    cr_expect(header.replay);
    s_release(&framing, &event);
}

Test(framing, a_signal_without_a_seq_gets_it_and_keeps_all_else, .timeout = 10) {
    framing_t framing = {0};
    Signal signal = {.strength = 0.25}, back = Signal_init_zero;
    CommittedEvent event = s_event(Signal_message(), &signal);
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_assert_eq(message_decode(Signal_message(), framing.payload.data, framing.payload.size, &back), OK);
    cr_expect_eq(back.seq, 300);
    cr_expect_eq(back.strength, 0.25);
    message_release(Signal_message(), &back);
    s_release(&framing, &event);
}

Test(framing, a_later_event_of_a_signal_keeps_the_seq_of_the_signal, .timeout = 10) {
    framing_t framing = {0};
    Signal signal = {.seq = 17}, back = Signal_init_zero;
    MESSAGE_PUT(signal.status, "superseded");
    CommittedEvent event = s_event(Signal_message(), &signal);
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_assert_eq(message_decode(Signal_message(), framing.payload.data, framing.payload.size, &back), OK);
    cr_expect_eq(back.seq, 17);
    message_release(Signal_message(), &back);
    s_release(&framing, &event);
}

Test(framing, a_message_without_a_seq_stays_as_it_is, .timeout = 10) {
    framing_t framing = {0};
    CycleEvent cycle = {.attempts = 2};
    CommittedEvent event = s_event(CycleEvent_message(), &cycle);
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_assert_eq(framing.payload.size, event.payload->size);
    cr_expect_arr_eq(framing.payload.data, event.payload->bytes, event.payload->size);
    s_release(&framing, &event);
}

Test(framing, a_seq_that_is_a_varint_is_filled_in_too, .timeout = 10) {
    framing_t framing = {0};
    CycleSignal signal = CycleSignal_init_zero, back = CycleSignal_init_zero;
    CommittedEvent event = s_event(CycleSignal_message(), &signal);
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_assert_eq(message_decode(CycleSignal_message(), framing.payload.data, framing.payload.size, &back),
                 OK);
    cr_expect_eq(back.seq, 300);
    message_release(CycleSignal_message(), &back);
    s_release(&framing, &event);
}

Test(framing, as_json_the_payload_is_text_with_the_seq_in_it, .timeout = 10) {
    framing_t framing = {.format = framing_format("json")};
    Signal signal = {.strength = 0.25};
    CommittedEvent event = s_event(Signal_message(), &signal);
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_expect(strstr(buf_str(&framing.payload), "\"strength\":0.25"));
    cr_expect(strstr(buf_str(&framing.payload), "\"seq\":300"));
    s_release(&framing, &event);
}

Test(framing, as_json_a_payload_that_cannot_be_read_is_null_and_an_error, .timeout = 10) {
    framing_t framing = {.format = FRAMING_JSON};
    CommittedEvent event = {.seq = 1, .payload = message_bytes("\xff\xff", 2)};
    MESSAGE_PUT(event.schema, "integration.v1.Signal");
    cr_expect_eq(framing_encode(&framing, 9, &event, false), ERR_PROTOCOL);
    cr_expect_str_eq(buf_str(&framing.payload), "null");
    MESSAGE_PUT(event.schema, "integration.v1.NoSuchMessage");
    cr_expect_eq(framing_encode(&framing, 9, &event, false), ERR_PROTOCOL);
    s_release(&framing, &event);
}

Test(framing, an_event_without_payload_has_an_empty_one, .timeout = 10) {
    framing_t framing = {0};
    CommittedEvent event = {.seq = 1};
    MESSAGE_PUT(event.schema, "integration.v1.CycleEvent");
    cr_assert_eq(framing_encode(&framing, 9, &event, false), OK);
    cr_expect_eq(framing.payload.size, 0);
    s_release(&framing, &event);
}

Test(framing, a_heartbeat_has_seq_0_and_the_last_seq_in_it, .timeout = 10) {
    framing_t framing = {0};
    StreamHeader header = StreamHeader_init_zero;
    Heartbeat heartbeat = Heartbeat_init_zero;
    framing_encode_heartbeat(&framing, 9, 77, 123);
    cr_assert_eq(message_decode(StreamHeader_message(), framing.header.data, framing.header.size, &header),
                 OK);
    cr_assert_eq(message_decode(Heartbeat_message(), framing.payload.data, framing.payload.size, &heartbeat),
                 OK);
    cr_expect_eq(header.seq, 0);
    cr_expect_eq(header.topic_seq, 0);
    cr_expect_eq(header.epoch, 9);
    cr_expect_eq(header.published_at_us, 123);
    cr_expect_eq(heartbeat.last_seq, 77);
    framing.format = FRAMING_JSON;
    framing_encode_heartbeat(&framing, 9, 77, 123);
    cr_expect_str_eq(buf_str(&framing.payload), "{\"last_seq\":77}");
    framing_free(&framing);
}

static const char *s_read(const ReplayRequest *request, size_t frames, ReplayRequest *out) {
    static buf_t bytes;
    buf_clear(&bytes);
    cr_assert_eq(message_encode(ReplayRequest_message(), request, &bytes), OK);
    const char *problem = framing_read_request(buf_str(&bytes), bytes.size, frames, out);
    buf_free(&bytes);
    return problem;
}

Test(framing, a_request_without_limit_gets_1000, .timeout = 10) {
    ReplayRequest out;
    cr_expect_null(s_read(&(ReplayRequest){.after_seq = 5}, 1, &out));
    cr_expect_eq(out.limit, 1000);
    cr_expect_eq(out.after_seq, 5);
    cr_expect_null(s_read(&(ReplayRequest){.limit = 10000}, 1, &out));
    cr_expect_eq(out.limit, 10000);
}

Test(framing, a_bad_request_is_told_what_is_wrong, .timeout = 10) {
    ReplayRequest out;
    cr_expect_not_null(strstr(s_read(&(ReplayRequest){.limit = 10001}, 1, &out), "10000"));
    cr_expect_not_null(strstr(s_read(&(ReplayRequest){.after_seq = UINT64_MAX}, 1, &out), "after_seq"));
    cr_expect_not_null(strstr(s_read(&(ReplayRequest){0}, 2, &out), "one frame"));
    cr_expect_not_null(strstr(s_read(&(ReplayRequest){0}, 0, &out), "one frame"));
    cr_expect_not_null(strstr(framing_read_request("\xff", 1, 1, &out), "ReplayRequest"));
}
