/* The frames of a stream message: topic, StreamHeader, payload. Pure; each thread has its own framing_t. */
#pragma once

#include "base/buf.h"
#include "integration/v1/store.pb.h"
#include "integration/v1/stream.pb.h"
#include "message/message.h"

typedef enum { FRAMING_PROTOBUF, FRAMING_JSON } framing_format_t;

typedef struct {
    framing_format_t format;
    buf_t header, payload; /* the frames made last; memory kept */
    buf_t joined;
    const message_t *message; /* of the schema met last */
} framing_t;

framing_format_t framing_format(const char *word); /* "protobuf" or "json" */
void framing_free(framing_t *self);

/* Makes header and payload of an event. A payload whose message has a field `seq` and says 0 there gets the event's
 * seq into it; one that tells of something published before names that event's. As JSON, a payload that cannot be
 * read becomes null, and the error is ERR_PROTOCOL. */
ERR_MUST_USE
err_t framing_encode(framing_t *self, uint64_t epoch, const CommittedEvent *event, bool replay);
/* Makes header and payload of the heartbeat; its own seq and topic_seq are 0. */
void framing_encode_heartbeat(framing_t *self, uint64_t epoch, uint64_t last_seq, int64_t now_us);

#define STREAM_HEARTBEAT  "heartbeat"
#define STREAM_END        "end"
#define STREAM_ERROR      "error"
#define STREAM_LIMIT      1000 /* of a replay that names none */
#define STREAM_LIMIT_MOST 10000

/* Reads what a peer sent to the replay socket; `frames` counts the frames of the message. NULL when it is a valid
 * request, with its limit filled in; else what is wrong with it. */
const char *framing_read_request(const void *bytes, size_t size, size_t frames, ReplayRequest *request);
