/* SUB and DEALER on plain ZeroMQ. */
#include "stream_client.h"

#include "message/message.h"
#include "program.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { FRAMES_MOST = 4 };

struct stream_client_s {
    void *context, *sub;
};

/* ---- frames ---- */

typedef struct {
    char *bytes[FRAMES_MOST];
    size_t sizes[FRAMES_MOST];
    int count;
} frames_t;

static void s_free_frames(frames_t *self) {
    for (int i = 0; i < self->count; i++)
        free(self->bytes[i]);
    *self = (frames_t){0};
}

static void s_take_frame(void *socket, frames_t *frames) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    cr_assert(zmq_msg_recv(&part, socket, 0) >= 0 && frames->count < FRAMES_MOST);
    size_t size = zmq_msg_size(&part);
    char *copy = calloc(1, size + 1);
    cr_assert(copy);
    memcpy(copy, zmq_msg_data(&part), size);
    frames->bytes[frames->count] = copy;
    frames->sizes[frames->count++] = size;
    zmq_msg_close(&part);
}

static bool s_receive(void *socket, int ms, frames_t *frames) {
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    *frames = (frames_t){0};
    if (zmq_poll(&item, 1, ms) != 1)
        return false;
    int more;
    do {
        size_t size = sizeof more;
        s_take_frame(socket, frames);
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    } while (more);
    return true;
}

static void *s_socket(void *context, int kind, const char *url, const stream_keys_t *keys) {
    void *socket = zmq_socket(context, kind);
    int zero = 0;
    cr_assert(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
    if (keys) {
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server_public, 41), 0);
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public, 41), 0);
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret, 41), 0);
    }
    cr_assert_eq(zmq_connect(socket, url), 0, "%s: %s", url, zmq_strerror(zmq_errno()));
    return socket;
}

/* ---- messages ---- */

void stream_message_free(stream_message_t *self) {
    free(self->payload);
    *self = (stream_message_t){0};
}

static void s_read_message(frames_t *frames, stream_message_t *message) {
    *message = (stream_message_t){0};
    cr_assert_eq(frames->count, 3, "a message has %d frames, not topic, header, payload", frames->count);
    cr_assert(frames->sizes[0] < sizeof message->topic);
    memcpy(message->topic, frames->bytes[0], frames->sizes[0]);
    cr_assert_eq(message_decode(StreamHeader_message(), frames->bytes[1], frames->sizes[1], &message->header),
                 OK);
    message->payload = frames->bytes[2];
    message->payload_size = frames->sizes[2];
    frames->count = 2;
    s_free_frames(frames);
}

Signal *stream_signal(const stream_message_t *self) {
    Signal *signal = message_new(Signal_message());
    cr_assert_str_eq(self->header.schema, "integration.v1.Signal");
    cr_assert_eq(message_decode(Signal_message(), self->payload, self->payload_size, signal), OK);
    return signal;
}

void stream_signal_free(Signal **signal_p) {
    void *value = *signal_p;
    message_free(Signal_message(), &value);
    *signal_p = NULL;
}

/* ---- live ---- */

stream_client_t *stream_client_new(const char *url, const char *prefix, const stream_keys_t *keys) {
    stream_client_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    cr_assert(*url, "the stream is off");
    self->context = zmq_ctx_new();
    self->sub = s_socket(self->context, ZMQ_SUB, url, keys);
    zmq_setsockopt(self->sub, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    zmq_setsockopt(self->sub, ZMQ_SUBSCRIBE, "heartbeat", strlen("heartbeat"));
    return self;
}

void stream_client_destroy(stream_client_t **self_p) {
    stream_client_t *self = *self_p;
    if (!self)
        return;
    zmq_close(self->sub);
    zmq_ctx_term(self->context);
    free(self);
    *self_p = NULL;
}

/* The next message of either kind. */
static bool s_next(stream_client_t *self, long long deadline, bool heartbeat, stream_message_t *message) {
    for (;;) {
        frames_t frames;
        long long left = deadline - program_now_ms();
        if (!s_receive(self->sub, left > 0 ? (int)left : 0, &frames))
            return false;
        s_read_message(&frames, message);
        if ((strcmp(message->topic, "heartbeat") == 0) == heartbeat)
            return true;
        cr_assert(!heartbeat, "%s came while a heartbeat was waited for", message->topic);
        stream_message_free(message);
    }
}

bool stream_client_next_within(stream_client_t *self, int ms, stream_message_t *message) {
    return s_next(self, program_now_ms() + ms, false, message);
}

void stream_client_next(stream_client_t *self, stream_message_t *message) {
    cr_assert(stream_client_next_within(self, STREAM_MS, message), "nothing came on the stream");
}

bool stream_client_hears(stream_client_t *self, int ms) {
    stream_message_t message;
    if (!s_next(self, program_now_ms() + ms, true, &message))
        return false;
    stream_message_free(&message);
    return true;
}

void stream_client_await_heartbeat(stream_client_t *self, Heartbeat *heartbeat) {
    stream_message_t message;
    cr_assert(s_next(self, program_now_ms() + STREAM_MS, true, &message), "no heartbeat came");
    cr_expect_eq(message.header.seq, 0);
    if (heartbeat && message.payload_size > 0 && message.payload[0] != '{')
        cr_assert_eq(message_decode(Heartbeat_message(), message.payload, message.payload_size, heartbeat),
                     OK);
    stream_message_free(&message);
}

/* ---- replay ---- */

static void s_ask(void *dealer, const char *prefix, uint64_t after_seq, uint32_t limit) {
    uint8_t bytes[256];
    ReplayRequest request = ReplayRequest_init_zero;
    size_t size;
    cr_assert(MESSAGE_SET(request.prefix, prefix));
    request.after_seq = after_seq;
    request.limit = limit;
    cr_assert_eq(message_encode_into(ReplayRequest_message(), &request, bytes, sizeof bytes, &size), OK);
    cr_assert(zmq_send(dealer, bytes, size, 0) >= 0);
}

/* False at the end of the replay. */
static bool s_take_answer(stream_replay_t *self, frames_t *frames) {
    if (frames->count == 3) {
        self->messages = realloc(self->messages, (self->count + 1) * sizeof *self->messages);
        cr_assert(self->messages);
        s_read_message(frames, &self->messages[self->count]);
        cr_expect(self->messages[self->count++].header.replay);
        return true;
    }
    cr_assert_eq(frames->count, 2);
    if (strcmp(frames->bytes[0], "error") == 0)
        snprintf(self->error, sizeof self->error, "%s", frames->bytes[1]);
    else {
        cr_assert_str_eq(frames->bytes[0], "end");
        cr_assert_eq(message_decode(ReplayEnd_message(), frames->bytes[1], frames->sizes[1], &self->end), OK);
    }
    s_free_frames(frames);
    return false;
}

void stream_replay(stream_replay_t *self, const char *url, const char *prefix, uint64_t after_seq,
                   uint32_t limit, const stream_keys_t *keys) {
    void *context = zmq_ctx_new();
    void *dealer = s_socket(context, ZMQ_DEALER, url, keys);
    frames_t frames;
    *self = (stream_replay_t){0};
    s_ask(dealer, prefix, after_seq, limit);
    do
        cr_assert(s_receive(dealer, STREAM_MS, &frames), "the replay does not end");
    while (s_take_answer(self, &frames));
    zmq_close(dealer);
    zmq_ctx_term(context);
}

void stream_replay_free(stream_replay_t *self) {
    for (size_t i = 0; i < self->count; i++)
        stream_message_free(&self->messages[i]);
    free(self->messages);
    *self = (stream_replay_t){0};
}

void stream_replay_raw(const char *url, const void *bytes, size_t size, char kind[16], char text[256]) {
    void *context = zmq_ctx_new();
    void *dealer = s_socket(context, ZMQ_DEALER, url, NULL);
    frames_t frames;
    cr_assert(zmq_send(dealer, bytes, size, 0) >= 0);
    cr_assert(s_receive(dealer, STREAM_MS, &frames), "no answer");
    cr_assert_eq(frames.count, 2);
    snprintf(kind, 16, "%s", frames.bytes[0]);
    snprintf(text, 256, "%s", frames.bytes[1]);
    s_free_frames(&frames);
    zmq_close(dealer);
    zmq_ctx_term(context);
}
