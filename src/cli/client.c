/* The connections of a subscriber. */
#include "cli/client.h"

#include "stream/framing.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    RECEIVE_HWM = 100000,
    HEARTBEAT_MS = 5000,
    HEARTBEAT_TIMEOUT_MS = 10000,
    RECONNECT_MS = 100,
    RECONNECT_MOST_MS = 2000
};

#define MONITOR_ADDRESS "inproc://stream-connection"

void received_free(received_t *self) {
    free(self->payload);
    self->payload = NULL;
    self->payload_size = 0;
}

/* ---- opening ---- */

static err_t s_load_key(certificate_t *key, const char *option, const char *path, bool secret) {
    err_t err = certificate_load(key, path);
    if (err != OK)
        fprintf(stderr, "%s: %s %s\n", option, path,
                err == ERR_BAD_CONFIG ? "is not a certificate" : "cannot be read");
    else if (secret && !key->has_secret)
        fprintf(stderr, "%s: %s holds no secret key\n", option, path);
    return err == OK && (!secret || key->has_secret) ? OK : ERR_BAD_CONFIG;
}

err_t client_open(client_t *self, const options_t *options) {
    *self = (client_t){.options = options, .has_curve = options->server_key != NULL};
    if (self->has_curve) {
        err_t err = s_load_key(&self->server, "--curve-server-key", options->server_key, false);
        if (err == OK)
            err = s_load_key(&self->own, "--curve-client-key", options->client_key, true);
        if (err != OK)
            return err;
    }
    self->context = zmq_ctx_new();
    return self->context ? OK : ERR_INTERNAL;
}

static void s_close_socket(void **socket) {
    if (*socket)
        zmq_close(*socket);
    *socket = NULL;
}

void client_close(client_t *self) {
    s_close_socket(&self->monitor);
    s_close_socket(&self->sub);
    s_close_socket(&self->dealer);
    if (self->context)
        zmq_ctx_term(self->context);
    self->context = NULL;
    certificate_wipe(&self->own);
}

static void s_set(void *socket, int option, int value) {
    assert_always(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static void *s_socket(const client_t *self, int type) {
    void *socket = zmq_socket(self->context, type);
    assert_always(socket);
    s_set(socket, ZMQ_LINGER, 0);
    s_set(socket, ZMQ_RCVHWM, RECEIVE_HWM);
    s_set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    s_set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    s_set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    s_set(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    if (!self->has_curve)
        return socket;
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, self->server.public_key, CERTIFICATE_KEY_SIZE);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, self->own.public_key, CERTIFICATE_KEY_SIZE);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->own.secret_key, CERTIFICATE_KEY_SIZE);
    return socket;
}

static err_t s_connect(void *socket, const char *option, const char *url) {
    if (zmq_connect(socket, url) == 0)
        return OK;
    fprintf(stderr, "%s: %s: %s\n", option, url, zmq_strerror(zmq_errno()));
    return ERR_BAD_CONFIG;
}

err_t client_subscribe(client_t *self) {
    self->sub = s_socket(self, ZMQ_SUB);
    self->monitor = zmq_socket(self->context, ZMQ_PAIR);
    assert_always(self->monitor);
    zmq_socket_monitor(self->sub, MONITOR_ADDRESS, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    zmq_connect(self->monitor, MONITOR_ADDRESS);
    const char *prefix = self->options->prefix;
    zmq_setsockopt(self->sub, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    zmq_setsockopt(self->sub, ZMQ_SUBSCRIBE, STREAM_HEARTBEAT, strlen(STREAM_HEARTBEAT));
    return s_connect(self->sub, "--url", self->options->url);
}

/* ---- receiving ---- */

typedef struct {
    zmq_msg_t frames[3];
    size_t count;
} parts_t;

static void s_close_parts(parts_t *parts) {
    for (size_t i = 0; i < 3; i++)
        zmq_msg_close(&parts->frames[i]);
}

/* The frames of a message; those beyond the third are counted only. False when there is no message. */
static bool s_receive_parts(void *socket, parts_t *parts) {
    parts->count = 0;
    for (size_t i = 0; i < 3; i++)
        zmq_msg_init(&parts->frames[i]);
    for (bool more = true; more; parts->count++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return false;
        }
        more = zmq_msg_more(&frame);
        if (parts->count < 3)
            zmq_msg_move(&parts->frames[parts->count], &frame);
        zmq_msg_close(&frame);
    }
    return true;
}

static void s_take_payload(received_t *message, zmq_msg_t *frame) {
    message->payload_size = zmq_msg_size(frame);
    message->payload = malloc(message->payload_size + 1);
    assert_always(message->payload);
    memcpy(message->payload, zmq_msg_data(frame), message->payload_size);
    message->payload[message->payload_size] = '\0';
}

static err_t s_take_message(parts_t *parts, received_t *message) {
    zmq_msg_t *topic = &parts->frames[0], *header = &parts->frames[1];
    message->header = (StreamHeader)StreamHeader_init_zero;
    if (parts->count != 3 || zmq_msg_size(topic) >= sizeof message->topic ||
        message_decode(StreamHeader_message(), zmq_msg_data(header), zmq_msg_size(header),
                       &message->header) != OK)
        return ERR_PROTOCOL;
    memcpy(message->topic, zmq_msg_data(topic), zmq_msg_size(topic));
    message->topic[zmq_msg_size(topic)] = '\0';
    s_take_payload(message, &parts->frames[2]);
    return OK;
}

err_t client_receive(client_t *self, received_t *message) {
    parts_t parts;
    *message = (received_t){0};
    err_t err = ERR_AGAIN;
    if (s_receive_parts(self->sub, &parts))
        err = s_take_message(&parts, message);
    s_close_parts(&parts);
    return err;
}

bool client_reconnected(client_t *self) {
    bool again = false;
    parts_t parts;
    while (s_receive_parts(self->monitor, &parts)) {
        s_close_parts(&parts);
        again = self->connections++ > 0 || again;
    }
    s_close_parts(&parts);
    return again;
}

/* ---- replay ---- */

err_t client_ask(client_t *self, uint64_t after, uint32_t limit) {
    ReplayRequest request = {.after_seq = after, .limit = limit};
    buf_t bytes = BUF_INIT;
    client_ask_no_more(self);
    self->dealer = s_socket(self, ZMQ_DEALER);
    assert_always(MESSAGE_SET(request.prefix, self->options->prefix));
    err_t err = message_encode(ReplayRequest_message(), &request, &bytes);
    if (err == OK)
        err = s_connect(self->dealer, "--replay-url", self->options->replay_url);
    if (err == OK && zmq_send(self->dealer, buf_str(&bytes), bytes.size, ZMQ_DONTWAIT) < 0)
        err = ERR_IO;
    buf_free(&bytes);
    return err;
}

void client_ask_no_more(client_t *self) {
    s_close_socket(&self->dealer);
}

static bool s_is(zmq_msg_t *frame, const char *word) {
    return zmq_msg_size(frame) == strlen(word) && memcmp(zmq_msg_data(frame), word, strlen(word)) == 0;
}

static answer_t s_read_answer(parts_t *parts, received_t *message, ReplayEnd *end) {
    zmq_msg_t *first = &parts->frames[0], *second = &parts->frames[1];
    if (parts->count == 3)
        return s_take_message(parts, message) == OK ? ANSWER_MESSAGE : ANSWER_GARBAGE;
    if (parts->count == 2 && s_is(first, STREAM_ERROR)) {
        s_take_payload(message, second);
        return ANSWER_ERROR;
    }
    bool is_end = parts->count == 2 && s_is(first, STREAM_END) &&
                  message_decode(ReplayEnd_message(), zmq_msg_data(second), zmq_msg_size(second), end) == OK;
    return is_end ? ANSWER_END : ANSWER_GARBAGE;
}

answer_t client_answer(client_t *self, received_t *message, ReplayEnd *end) {
    parts_t parts;
    *message = (received_t){0};
    *end = (ReplayEnd)ReplayEnd_init_zero;
    answer_t answer = ANSWER_NONE;
    if (s_receive_parts(self->dealer, &parts))
        answer = s_read_answer(&parts, message, end);
    s_close_parts(&parts);
    return answer;
}
