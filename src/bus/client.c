/* A thread's access to the bus: a PUSH and an XSUB for events, an inbox for commands and replies.
 *
 * XSUB, not SUB: that one would drop the messages at hand that a prefix just unsubscribed from had brought.
 *
 * A change of subscriptions is acknowledged by the broker before the call returns. Being sent before a message is
 * not enough: of two threads that wake the same socket at a time, libzmq may let the second one's message through
 * before the first one's subscription is seen (measured: 4 of 1600 first replies lost). What arrives meanwhile is
 * kept and received first. */
#include "bus/client.h"
#include "bus/broker.h"
#include "bus/fault.h"
#include "bus/frames.h"
#include "bus/inbox.h"
#include "bus/post.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "tables.gen.h"
#include <czmq.h>
#include <poll.h>

struct bus_client_s {
    char inbox_topic[32];          /* "inbox/<16 hex>/" */
    char commands[BUS_TOPIC_SIZE]; /* the prefix of those that are taken; "" = none */
    inbox_t *inbox;
    bool inbox_last; /* the last message came from there: the socket is next, when it has something */
    void *push, *sub;
    int sub_fd;        /* tells that something happened to sub, which then is to be read to its end */
    bool sub_is_empty; /* it was read to its end, and sub_fd has told nothing since */
    int unlooked;      /* messages received since sub_fd was looked at */
    buf_t encoded;     /* the payload under construction, memory kept */

    uint64_t acks;  /* asked for so far */
    frames_t *kept; /* what came while an acknowledgement was awaited */
    size_t kept_count, kept_next, kept_capacity;
};

enum {
    ENCODED_KEPT_BYTES = 1 << 20, /* a buffer above this is given back after the message */
    FOREVER_MS = 1 << 30,
    ACK_ATTEMPTS = 20,
    ACK_ATTEMPT_MS = 250,
    LOOK_EVERY = 64 /* messages, of an inbox that is never empty */
};

static int s_timeout_ms(int64_t deadline_us) {
    int64_t left_us = deadline_us - clock_mono_us();
    if (left_us <= 0)
        return 0;
    int64_t left_ms = (left_us + 999) / 1000;
    return left_ms > FOREVER_MS ? FOREVER_MS : (int)left_ms;
}

static void s_keep(bus_client_t *self, frames_t *frames) {
    if (self->kept_count == self->kept_capacity) {
        size_t capacity = self->kept_capacity ? self->kept_capacity * 2 : 16;
        frames_t *grown = malloc(capacity * sizeof *grown);
        assert_always(grown);
        for (size_t i = self->kept_next; i < self->kept_count; i++)
            frames_move(&grown[i], &self->kept[i]);
        free(self->kept);
        self->kept = grown;
        self->kept_capacity = capacity;
    }
    frames_move(&self->kept[self->kept_count++], frames);
}

static bool s_take_kept(bus_client_t *self, frames_t *frames) {
    if (self->kept_next == self->kept_count)
        return false;
    frames_move(frames, &self->kept[self->kept_next++]);
    if (self->kept_next == self->kept_count)
        self->kept_next = self->kept_count = 0;
    return true;
}

static bool s_is_ack(frames_t *frames) {
    return strncmp(frames_topic(frames), BUS_ACK_PREFIX, sizeof BUS_ACK_PREFIX - 1) == 0;
}

/* From the socket; until the deadline (0 = do not wait). */
static err_t s_recv_socket(bus_client_t *self, frames_t *frames, int64_t deadline_us) {
    err_t err = frames_recv(frames, self->sub, ZMQ_DONTWAIT);
    int timeout_ms = err == ERR_AGAIN && deadline_us ? s_timeout_ms(deadline_us) : 0;
    if (timeout_ms == 0)
        return err;
    zmq_setsockopt(self->sub, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    return frames_recv(frames, self->sub, 0);
}

static err_t s_await_acks(bus_client_t *self, const char *topic) {
    int64_t deadline_us = clock_mono_us() + ACK_ATTEMPT_MS * 1000;
    for (bool found = false; !found;) {
        frames_t frames;
        err_t err = s_recv_socket(self, &frames, deadline_us);
        if (err == ERR_PROTOCOL)
            continue;
        if (err != OK)
            return err;
        if (!s_is_ack(&frames)) {
            s_keep(self, &frames);
            continue;
        }
        found = strcmp(frames_topic(&frames), topic) == 0;
        frames_close(&frames);
    }
    return OK;
}

/* Subscriptions travel to the broker as messages: 1 (from now on) or 0 (no more), then the prefix. */
static err_t s_change(bus_client_t *self, char subscribe, const char *prefix, size_t size) {
    char bytes[1 + BUS_TOPIC_SIZE];
    if (size >= sizeof bytes)
        return ERR_INTERNAL;
    self->sub_is_empty = false; /* sending may take away what sub_fd was to tell */
    bytes[0] = subscribe;
    memcpy(bytes + 1, prefix, size);
    return zmq_send(self->sub, bytes, 1 + size, ZMQ_DONTWAIT) >= 0 ? OK : ERR_INTERNAL;
}

/* Returns when the broker has applied all changes made before. */
static err_t s_settle(bus_client_t *self) {
    err_t err = ERR_AGAIN;
    for (int i = 0; i < ACK_ATTEMPTS && err == ERR_AGAIN; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, BUS_ACK_PREFIX "%s%" PRIu64 "/", self->inbox_topic, ++self->acks);
        err = s_change(self, 1, topic, strlen(topic));
        if (err == OK)
            err = s_await_acks(self, topic);
        if (err == OK || err == ERR_AGAIN) {
            err_t ended = s_change(self, 0, topic, strlen(topic));
            err = ended == OK ? err : ended;
        }
    }
    return err == ERR_AGAIN ? ERR_DEADLINE_EXCEEDED : err;
}

/* With its NUL a topic matches itself alone; a prefix ends in a slash (or is empty) and goes without. */
static size_t s_subscription_size(const char *prefix) {
    size_t length = strlen(prefix);
    return length == 0 || prefix[length - 1] == '/' ? length : length + 1;
}

static bool s_is_commands(const char *prefix) {
    return strncmp(prefix, "cmd/", 4) == 0;
}

static err_t s_take_commands(bus_client_t *self, const char *prefix) {
    if (*self->commands || !MESSAGE_SET(self->commands, prefix))
        return ERR_INTERNAL;
    post_add(prefix, self->inbox);
    return OK;
}

err_t bus_client_subscribe(bus_client_t *self, const char *prefix) {
    if (s_is_commands(prefix))
        return s_take_commands(self, prefix);
    err_t err = s_change(self, 1, prefix, s_subscription_size(prefix));
    return err == OK ? s_settle(self) : err;
}

static void s_leave_commands(bus_client_t *self) {
    if (*self->commands)
        post_remove(self->commands, self->inbox);
    *self->commands = '\0';
}

void bus_client_unsubscribe(bus_client_t *self, const char *prefix) {
    if (s_is_commands(prefix)) {
        s_leave_commands(self);
        return;
    }
    err_t err = s_change(self, 0, prefix, s_subscription_size(prefix));
    if (err == OK)
        err = s_settle(self);
    if (err != OK)
        log_error("the bus did not acknowledge", LOG_STR("unsubscribed", prefix), LOG_ERRT(err));
}

static void *s_connect(int type, int hwm, const char *endpoint) {
    void *socket = zmq_socket(zsys_init(), type);
    if (!socket)
        return NULL;
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    /* inproc adds both ends' marks; the broker has set the other half. Subscriptions are never dropped. */
    int send_hwm = type == ZMQ_PUSH ? hwm / 2 : 0;
    int receive_hwm = hwm / 2;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &send_hwm, sizeof send_hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &receive_hwm, sizeof receive_hwm);
    if (zmq_connect(socket, endpoint) != 0) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

static int s_zmq_fd(void *socket) {
    int fd = -1;
    size_t size = sizeof fd;
    assert_always(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

bus_client_t *bus_client_new(void) {
    int hwm = broker_hwm();
    if (!hwm)
        return NULL;
    bus_client_t *self = calloc(1, sizeof *self);
    assert_always(self);
    snprintf(self->inbox_topic, sizeof self->inbox_topic, "inbox/%016" PRIx64 "/", ids_random64());
    self->push = s_connect(ZMQ_PUSH, hwm, BUS_IN_ENDPOINT);
    self->sub = s_connect(ZMQ_XSUB, hwm, BUS_EVENTS_ENDPOINT);
    self->inbox = inbox_new((size_t)hwm);
    if (self->push && self->sub && self->inbox) {
        self->sub_fd = s_zmq_fd(self->sub);
        post_add(self->inbox_topic, self->inbox);
    } else {
        bus_client_destroy(&self);
    }
    return self;
}

void bus_client_destroy(bus_client_t **self_p) {
    bus_client_t *self = *self_p;
    if (!self)
        return;
    s_leave_commands(self);
    post_remove(self->inbox_topic, self->inbox);
    inbox_destroy(&self->inbox);
    if (self->push)
        zmq_close(self->push);
    if (self->sub)
        zmq_close(self->sub);
    frames_t frames;
    while (s_take_kept(self, &frames))
        frames_close(&frames);
    free(self->kept);
    buf_free(&self->encoded);
    free(self);
    *self_p = NULL;
}

const char *bus_client_inbox(const bus_client_t *self) {
    return self->inbox_topic;
}

int bus_client_socket_fd(const bus_client_t *self) {
    return self->sub_fd;
}

int bus_client_inbox_fd(const bus_client_t *self) {
    return inbox_fd(self->inbox);
}

/* A send looks only now and then whether the broker has read on; the poll does look. */
static bool s_has_room(bus_client_t *self) {
    zmq_pollitem_t item = {.socket = self->push, .events = ZMQ_POLLOUT};
    return zmq_poll(&item, 1, 0) > 0;
}

err_t bus_client_send(bus_client_t *self, const char *topic, Envelope *envelope, const void *payload,
                      size_t payload_size) {
    if (!envelope->message_id)
        envelope->message_id = ids_next();
    frames_t frames;
    err_t err = frames_make(&frames, topic, envelope, payload, payload_size);
    if (err != OK)
        return err;
    if (topic[0] != 'e') {
        post_send(&frames);
        return OK;
    }
    err = frames_send(&frames, self->push);
    if (err == ERR_OVERLOADED && s_has_room(self))
        err = frames_send(&frames, self->push);
    if (err != OK)
        frames_close(&frames);
    return err;
}

err_t bus_client_send_message(bus_client_t *self, const char *topic, Envelope *envelope,
                              const message_t *message, const void *value) {
    if (!MESSAGE_SET(envelope->schema, message->schema))
        return ERR_INTERNAL;
    err_t err = message_encode(message, value, &self->encoded);
    if (err == OK)
        err = bus_client_send(self, topic, envelope, self->encoded.data, self->encoded.size);
    if (self->encoded.capacity > ENCODED_KEPT_BYTES)
        buf_free(&self->encoded);
    else
        buf_clear(&self->encoded);
    return err;
}

static err_t s_read_socket(bus_client_t *self, frames_t *frames) {
    if (self->sub_is_empty)
        return ERR_AGAIN;
    err_t err = frames_recv(frames, self->sub, ZMQ_DONTWAIT);
    while (err == OK && s_is_ack(frames)) { /* of an attempt given up */
        frames_close(frames);
        err = frames_recv(frames, self->sub, ZMQ_DONTWAIT);
    }
    self->sub_is_empty = err == ERR_AGAIN;
    return err;
}

/* In turn, so that neither keeps the other from being read. */
static err_t s_read_any(bus_client_t *self, frames_t *frames) {
    if (s_take_kept(self, frames))
        return OK;
    err_t err = self->inbox_last ? s_read_socket(self, frames) : ERR_AGAIN;
    self->inbox_last = err == ERR_AGAIN && inbox_take(self->inbox, frames);
    if (self->inbox_last)
        return OK;
    return err == ERR_AGAIN ? s_read_socket(self, frames) : err;
}

/* Until the time is over; 0 looks whether there is something. */
static void s_wait(bus_client_t *self, int timeout_ms) {
    struct pollfd fds[] = {{.fd = inbox_fd(self->inbox), .events = POLLIN},
                           {.fd = self->sub_fd, .events = POLLIN}};
    if (poll(fds, sizeof fds / sizeof *fds, timeout_ms) > 0 && fds[1].revents)
        self->sub_is_empty = false;
    self->unlooked = 0;
}

static err_t s_recv_frames(bus_client_t *self, frames_t *frames, int64_t deadline_us) {
    if (self->unlooked++ == LOOK_EVERY)
        s_wait(self, 0);
    err_t err = s_read_any(self, frames);
    for (int timeout_ms = 1; err == ERR_AGAIN && timeout_ms > 0; err = s_read_any(self, frames)) {
        timeout_ms = deadline_us ? s_timeout_ms(deadline_us) : 0;
        s_wait(self, timeout_ms);
    }
    return err;
}

static err_t s_open(frames_t *received, bus_message_t *message) {
    err_t err = frames_envelope(received, &message->envelope);
    if (err != OK) {
        frames_close(received);
        return err;
    }
    frames_t *frames = malloc(sizeof *frames);
    assert_always(frames);
    frames_move(frames, received);
    message->frames = frames;
    message->topic = frames_topic(frames);
    message->payload = zmq_msg_data(&frames->payload);
    message->payload_size = zmq_msg_size(&frames->payload);
    return OK;
}

err_t bus_client_recv(bus_client_t *self, bus_message_t *message, int64_t deadline_us) {
    *message = (bus_message_t){0};
    frames_t received;
    err_t err = s_recv_frames(self, &received, deadline_us);
    return err == OK ? s_open(&received, message) : err;
}

void bus_client_socket_ready(bus_client_t *self) {
    self->sub_is_empty = false;
}

err_t bus_client_next(bus_client_t *self, bus_message_t *message) {
    *message = (bus_message_t){0};
    frames_t received;
    err_t err = s_read_any(self, &received);
    return err == OK ? s_open(&received, message) : err;
}

void bus_message_close(bus_message_t *self) {
    if (self->frames) {
        frames_close(self->frames);
        free(self->frames);
    }
    self->frames = NULL;
    self->topic = NULL;
    self->payload = NULL;
    self->payload_size = 0;
}

err_t bus_message_decode(const bus_message_t *self, const message_t *expected, void *value, Fault *fault) {
    if (strcmp(self->envelope.schema, FAULT_SCHEMA) == 0) {
        err_t err = message_decode(Fault_message(), self->payload, self->payload_size, fault);
        return err == OK ? fault_err(fault) : err;
    }
    if (strcmp(self->envelope.schema, expected->schema) != 0)
        return ERR_PROTOCOL;
    return message_decode(expected, self->payload, self->payload_size, value);
}

/* The reply to `message_id`; whatever else comes (late replies to requests given up) is dropped. */
static err_t s_await(bus_client_t *self, uint64_t message_id, int64_t deadline_us, bus_message_t *reply) {
    for (;;) {
        err_t err = bus_client_recv(self, reply, deadline_us);
        if (err == ERR_AGAIN)
            return ERR_DEADLINE_EXCEEDED;
        if (err == ERR_PROTOCOL)
            continue;
        if (err != OK)
            return err;
        if (reply->envelope.correlation_id == message_id)
            return OK;
        bus_message_close(reply);
    }
}

static err_t s_request(bus_client_t *self, const char *topic, const rpc_t *rpc, Envelope *envelope,
                       const void *request, void *response, Fault *fault) {
    envelope->message_id = 0;
    if (!MESSAGE_SET(envelope->reply_topic, bus_client_inbox(self)))
        return ERR_INTERNAL;
    err_t err = bus_client_send_message(self, topic, envelope, rpc->request(), request);
    if (err != OK)
        return err;
    bus_message_t reply;
    err = s_await(self, envelope->message_id, envelope->deadline_us, &reply);
    if (err != OK)
        return err;
    err = bus_message_decode(&reply, rpc->response(), response, fault);
    envelope->outcome = reply.envelope.outcome;
    envelope->answer_recorded = reply.envelope.answer_recorded;
    bus_message_close(&reply);
    return err;
}

err_t bus_client_request_to(bus_client_t *self, const char *component, const rpc_t *rpc, Envelope *envelope,
                            const void *request, void *response, Fault *fault) {
    assert_always(envelope->deadline_us > 0);
    char topic[BUS_TOPIC_SIZE];
    int length = snprintf(topic, sizeof topic, "cmd/%s/%s", component, rpc->name);
    err_t err = length < (int)sizeof topic ? s_request(self, topic, rpc, envelope, request, response, fault)
                                           : ERR_INTERNAL;
    if (err != OK)
        fault_fill(fault, err);
    return err;
}

err_t bus_client_request(bus_client_t *self, const rpc_t *rpc, Envelope *envelope, const void *request,
                         void *response, Fault *fault) {
    return bus_client_request_to(self, rpc->component, rpc, envelope, request, response, fault);
}
