/* Admission to the stream by CURVE: the server's key pair, the allow-list, and the ZAP handler that ZeroMQ asks
 * about every client that connects. Part of the stream actor, on its thread.
 *
 * ZeroMQ admits everybody while nobody answers at the ZAP address, so this opens before the sockets and closes
 * after them. */
#pragma once

#include "actor/actor.h"
#include "stream/allow_list.h"
#include <time.h>

typedef struct {
    void *zap; /* REP at the ZAP address; NULL = no CURVE */
    char *clients_dir;
    certificate_t server;
    allow_list_t allowed;
    struct timespec read_at; /* time of the directory when it was read */
    int64_t read_us;         /* monotonic; 0 = not read yet */
    refusals_t refusals;
    uint64_t admitted, refused;
} curve_t;

/* Makes `dir`, dir/clients and the key pair when missing; reads the allow-list. Failures are logged. */
ERR_MUST_USE
err_t curve_open(curve_t *self, actor_t *actor, const char *dir);
void curve_close(curve_t *self, actor_t *actor);
/* Makes the socket a CURVE server; before it is bound. */
ERR_MUST_USE
err_t curve_apply(const curve_t *self, void *socket);
/* Reads the allow-list again, as happens by itself when a client connects after clients/ has changed. A client that
 * is connected stays so until its connection ends. */
void curve_reload(curve_t *self);
