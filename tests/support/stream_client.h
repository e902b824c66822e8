/* A subscriber of the signal stream as any client would write it, on plain ZeroMQ: SUB to the stream, DEALER to the
 * replay socket. Checks itself with criterion. One thread. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "integration/v1/stream.pb.h"
#include <stdbool.h>
#include <stddef.h>

#define STREAM_MS 30000

typedef struct {
    char topic[192];
    StreamHeader header;
    char *payload; /* NUL past its end */
    size_t payload_size;
} stream_message_t;

void stream_message_free(stream_message_t *self);
/* The payload as a signal; freed by stream_signal_free. */
Signal *stream_signal(const stream_message_t *self);
void stream_signal_free(Signal **signal_p);

/* Keys of CURVE, Z85 text. */
typedef struct {
    const char *server_public, *public, *secret;
} stream_keys_t;

typedef struct stream_client_s stream_client_t;

/* Subscribes to topics that begin with `prefix`. Does not wait for the connection. `keys` NULL = none. */
stream_client_t *stream_client_new(const char *url, const char *prefix, const stream_keys_t *keys);
void stream_client_destroy(stream_client_t **self_p);
/* Waits for a heartbeat: what is published from then on arrives. */
void stream_client_await_heartbeat(stream_client_t *self, Heartbeat *heartbeat);
/* As above; false when there was none within `ms`. */
bool stream_client_hears(stream_client_t *self, int ms);
/* The next message that is no heartbeat. */
void stream_client_next(stream_client_t *self, stream_message_t *message);
/* False when there was none within `ms`. */
bool stream_client_next_within(stream_client_t *self, int ms, stream_message_t *message);

typedef struct {
    stream_message_t *messages;
    size_t count;
    ReplayEnd end;
    char error[256]; /* what was refused; empty = nothing */
} stream_replay_t;

/* Asks for a replay and reads it to its end. */
void stream_replay(stream_replay_t *self, const char *url, const char *prefix, uint64_t after_seq,
                   uint32_t limit, const stream_keys_t *keys);
void stream_replay_free(stream_replay_t *self);
/* One frame of any bytes to the replay socket; the two frames of the answer as text. */
void stream_replay_raw(const char *url, const void *bytes, size_t size, char kind[16], char text[256]);
