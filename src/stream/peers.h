/* Counting the peers of a listening socket by its monitor events. One thread, the socket's. */
#pragma once

#include "base/err.h"
#include <stdint.h>

typedef struct {
    void *monitor;     /* the PAIR that events come from; to be polled */
    uint32_t admitted; /* connected, handshake done */
    uint32_t failed;   /* handshake failed, not disconnected yet */
} peers_t;

/* Watches `socket`. */
ERR_MUST_USE
err_t peers_open(peers_t *self, void *socket);
void peers_close(peers_t *self, void *socket);
/* Takes in what has happened. */
void peers_read(peers_t *self);
/* One event (ZMQ_EVENT_...), as peers_read takes it. */
void peers_event(peers_t *self, int event);
