/* The three frames of a bus message on raw zmq sockets. Private to src/bus.
 *
 * topic (with its NUL, so that a receiver reads it in place and a subscription can end exactly there),
 * Envelope, payload. Frames belong to one thread. */
#pragma once

#include "bus/bus.h"
#include <zmq.h>

#define BUS_IN_ENDPOINT     "inproc://bus.in"
#define BUS_EVENTS_ENDPOINT "inproc://bus.events"

/* What a client subscribes to after a change of its subscriptions; the broker answers on it when it has seen it,
 * and a pipe keeps its order, so the change is in force by then. See client.c. */
#define BUS_ACK_PREFIX "ack/"

typedef struct {
    zmq_msg_t topic, envelope, payload;
} frames_t;

/* Fills the frames. ERR_INTERNAL when the topic is too long or the envelope cannot be encoded. */
ERR_MUST_USE
err_t frames_make(frames_t *self, const char *topic, const Envelope *envelope, const void *payload,
                  size_t payload_size);
void frames_close(frames_t *self);
/* A zmq_msg_t may not be copied as bytes. `to` is uninitialised, `from` is closed. */
void frames_move(frames_t *to, frames_t *from);

/* Receives one message. ERR_AGAIN: nothing there (in RCVTIMEO, or at once with ZMQ_DONTWAIT). ERR_PROTOCOL: it
 * had another form and was dropped. */
ERR_MUST_USE
err_t frames_recv(frames_t *self, void *socket, int flags);

/* Sends without waiting. OK: the frames were taken. ERR_OVERLOADED: no room, the frames are still the caller's. */
ERR_MUST_USE
err_t frames_send(frames_t *self, void *socket);

const char *frames_topic(frames_t *self);
ERR_MUST_USE
err_t frames_envelope(frames_t *self, Envelope *out);
