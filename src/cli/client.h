/* The connections of a subscriber: SUB to the stream, DEALER to the replay socket, both with CURVE when keys are
 * given. One thread. */
#pragma once

#include "cli/options.h"
#include "integration/v1/stream.pb.h"
#include "stream/certificate.h"
#include <stddef.h>

typedef struct {
    void *context, *sub, *monitor, *dealer; /* NULL = not open */
    const options_t *options;
    bool has_curve;
    certificate_t server, own;
    uint32_t connections; /* of the SUB socket, since it was opened */
} client_t;

/* A message of the stream. */
typedef struct {
    char topic[161];
    StreamHeader header;
    char *payload;
    size_t payload_size;
} received_t;
void received_free(received_t *self);

/* Reads the key files; problems go to stderr. ERR_BAD_CONFIG, ERR_INTERNAL. */
ERR_MUST_USE
err_t client_open(client_t *self, const options_t *options);
void client_close(client_t *self);

/* Connects to the stream and subscribes to the prefix and the heartbeat. */
ERR_MUST_USE
err_t client_subscribe(client_t *self);
/* The next message without waiting. ERR_AGAIN: there is none. ERR_PROTOCOL: what came is none. */
ERR_MUST_USE
err_t client_receive(client_t *self, received_t *message);
/* True once for each time that the connection came back after it was lost. */
bool client_reconnected(client_t *self);

/* Asks for a replay, on a connection of its own: what comes is of this request alone. */
ERR_MUST_USE
err_t client_ask(client_t *self, uint64_t after, uint32_t limit);
void client_ask_no_more(client_t *self);

typedef enum { ANSWER_NONE, ANSWER_MESSAGE, ANSWER_END, ANSWER_ERROR, ANSWER_GARBAGE } answer_t;
/* The next answer without waiting. With ANSWER_ERROR, `message->payload` is the text. Free the message always. */
answer_t client_answer(client_t *self, received_t *message, ReplayEnd *end);
