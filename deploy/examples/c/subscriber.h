/* A subscriber of the signal stream that misses nothing and sees nothing twice: SUB for what is live, DEALER for what
 * is to be replayed, both with CURVE when keys are given. One thread.
 *
 * ../README.md explains the protocol. */
#ifndef SUBSCRIBER_H
#define SUBSCRIBER_H

#include "integration/v1/stream.pb.h"
#include <czmq.h>

typedef struct {
    const char *url, *replay_url;
    const char *prefix;     /* of the topics; "" = all */
    bool has_after_seq;     /* begin after that seq, not now */
    uint64_t after_seq;     /* 0 = all that is kept */
    uint64_t epoch;         /* of after_seq; 0 = whatever it is */
    int queue;              /* messages that ZeroMQ keeps while one is being handled */
    const char *server_key; /* file with the server's public certificate; NULL = no CURVE */
    const char *client_key; /* file with the own secret certificate */
} subscriber_options_t;

typedef struct {
    const char *topic;
    StreamHeader header; /* seq, topic_seq, epoch, schema, ... */
    const uint8_t *payload;
    size_t size;
} subscriber_message_t;

typedef struct subscriber_s subscriber_t;

/* `options` and its texts are borrowed until the end. NULL when it cannot begin; stderr says why. */
subscriber_t *subscriber_new(const subscriber_options_t *options);
void subscriber_destroy(subscriber_t **self_p);

/* The next message, once each: within a topic in order, and for a subscriber of everything in the order of seq. It
 * holds until the next call. False when none came within `ms`, or the process was interrupted. */
bool subscriber_next(subscriber_t *self, int ms, subscriber_message_t *message);

/* True when every message of ours up to this seq was given out. */
bool subscriber_has_all_up_to(const subscriber_t *self, uint64_t seq);

/* Milliseconds since anything was heard, heartbeats included. */
int64_t subscriber_silent_ms(const subscriber_t *self);

#endif
