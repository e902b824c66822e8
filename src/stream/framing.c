/* The frames of a stream message. */
#include "stream/framing.h"

#include "message/json_codec.h"
#include "tables.gen.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

framing_format_t framing_format(const char *word) {
    return strcmp(word, "json") == 0 ? FRAMING_JSON : FRAMING_PROTOBUF;
}

void framing_free(framing_t *self) {
    buf_free(&self->header);
    buf_free(&self->payload);
    buf_free(&self->joined);
}

static const message_t *s_message(framing_t *self, const char *schema) {
    if (!self->message || strcmp(self->message->schema, schema) != 0)
        self->message = message_find(schema);
    return self->message;
}

static void s_append_varint(buf_t *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        buf_append_char(out, (char)(value | 0x80));
    buf_append_char(out, (char)value);
}

/* Of a field that comes twice the last one counts: what is put before a message fills in what it leaves out. */
static void s_append_seq(buf_t *out, const message_t *message, uint64_t seq) {
    const field_t *field = message ? message_field(message, "seq", 3) : NULL;
    if (!field || field->type != FIELD_UINT64 || field->cardinality == CARDINALITY_REPEATED)
        return;
    if (field->wire == WIRE_FIXED64) {
        uint64_t little = htole64(seq);
        s_append_varint(out, (uint64_t)field->tag << 3 | 1);
        buf_append(out, &little, sizeof little);
    } else if (field->wire == WIRE_VARINT) {
        s_append_varint(out, (uint64_t)field->tag << 3);
        s_append_varint(out, seq);
    }
}

static err_t s_to_json(const message_t *message, const buf_t *encoded, buf_t *out) {
    void *value = message ? message_new(message) : NULL;
    err_t err = value ? message_decode(message, buf_str(encoded), encoded->size, value) : ERR_PROTOCOL;
    if (err == OK)
        json_encode(message, value, out);
    else
        buf_append_str(out, "null");
    if (value)
        message_free(message, &value);
    return err;
}

static err_t s_encode_payload(framing_t *self, const CommittedEvent *event) {
    const message_t *message = s_message(self, event->schema);
    buf_t *joined = self->format == FRAMING_JSON ? &self->joined : &self->payload;
    buf_clear(&self->joined);
    buf_clear(&self->payload);
    s_append_seq(joined, message, event->seq);
    if (event->payload)
        buf_append(joined, event->payload->bytes, event->payload->size);
    return self->format == FRAMING_JSON ? s_to_json(message, joined, &self->payload) : OK;
}

static void s_encode_header(framing_t *self, const StreamHeader *header) {
    buf_clear(&self->header);
    /* Its texts were UTF-8 and of this length when they were read. */
    assert_always(message_encode(StreamHeader_message(), header, &self->header) == OK);
}

err_t framing_encode(framing_t *self, uint64_t epoch, const CommittedEvent *event, bool replay) {
    StreamHeader header = {.epoch = epoch,
                           .seq = event->seq,
                           .topic_seq = event->topic_seq,
                           .published_at_us = event->published_at_us,
                           .replay = replay};
    if (!MESSAGE_SET(header.schema, event->schema) || !MESSAGE_SET(header.traceparent, event->traceparent))
        return ERR_PROTOCOL;
    s_encode_header(self, &header);
    return s_encode_payload(self, event);
}

void framing_encode_heartbeat(framing_t *self, uint64_t epoch, uint64_t last_seq, int64_t now_us) {
    StreamHeader header = {.epoch = epoch, .published_at_us = now_us};
    Heartbeat heartbeat = {.last_seq = last_seq};
    assert_always(MESSAGE_SET(header.schema, Heartbeat_message()->schema));
    s_encode_header(self, &header);
    buf_clear(&self->payload);
    if (self->format == FRAMING_JSON)
        json_encode(Heartbeat_message(), &heartbeat, &self->payload);
    else
        assert_always(message_encode(Heartbeat_message(), &heartbeat, &self->payload) == OK);
}

const char *framing_read_request(const void *bytes, size_t size, size_t frames, ReplayRequest *request) {
    *request = (ReplayRequest)ReplayRequest_init_zero;
    if (frames != 1)
        return "a request is one frame: ReplayRequest";
    if (message_decode(ReplayRequest_message(), bytes, size, request) != OK)
        return "not a ReplayRequest, or its prefix is longer than 160 bytes";
    if (request->after_seq > INT64_MAX)
        return "after_seq is beyond every seq";
    if (request->limit > STREAM_LIMIT_MOST)
        return "limit must be 10000 at most";
    if (request->limit == 0)
        request->limit = STREAM_LIMIT;
    return NULL;
}
