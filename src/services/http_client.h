/* HTTP to one downstream service: libcurl's multi interface on an actor's loop.
 *
 * Requests never block; each ends in exactly one call of its done function, also when it is ended by
 * http_client_destroy (ERR_SHUTTING_DOWN), or in http_client_abort. Connections are pooled and reused; redirects are not
 * followed; TLS certificates are verified; a body above the cap is a protocol error. A kept connection may turn out to
 * have been closed by the server: when it ends before the first byte of an answer, the same request, key and all, is
 * sent over a fresh one, but for one that says `once`. Belongs to the actor's thread. */
#pragma once

#include "actor/actor.h"
#include <stddef.h>
#include <stdint.h>

typedef struct http_client_s http_client_t;
typedef struct http_exchange_s http_exchange_t; /* under way: from http_client_send until its done function */

/* A request; everything is copied. */
typedef struct {
    const char *method; /* GET, POST, PUT, DELETE */
    const char *url;
    const char *body;            /* JSON text; NULL = none */
    const char *idempotency_key; /* NULL or empty = a new one */
    const char *request_id;
    const char *traceparent;
    int64_t timeout_ms; /* of the whole exchange; > 0; sent as X-Deadline-Ms */
    bool once;          /* goes out once: whoever sends it counts how often */
} http_request_t;

/* What came of it; borrowed during the done call. */
typedef struct {
    err_t err;  /* OK: a status was received; else ERR_DEADLINE_EXCEEDED, ERR_SERVICE_UNAVAILABLE (connect,
                        * reset, half a body), ERR_PROTOCOL (too large, not HTTP, a certificate that
                        * is not trusted), ERR_SHUTTING_DOWN */
    int status; /* 0 without an answer */
    const char *body; /* NUL-terminated, "" when empty */
    size_t size;
    int64_t retry_after_ms; /* said in seconds or as a date; 0 = not said; a day at most */
    bool replayed;          /* Idempotent-Replayed: true */
    int64_t duration_us;
    const char *error; /* the library's words; "" when OK */
} http_response_t;

typedef void(http_done_fn)(actor_t *actor, void *context, const http_response_t *response);

typedef struct {
    int64_t
        pool_size; /* connections in all, half of them at most to one host (5 of the usual 10); what finds none
                        * free waits for one within its time-out */
    int64_t connect_timeout_ms;
    size_t response_cap; /* bytes of a body */
    const char *
        ca_file; /* PEM, trusted instead of the system's authorities; NULL or empty = the system's; borrowed */
} http_client_options_t;

/* NULL when libcurl cannot start. */
http_client_t *http_client_new(actor_t *actor, const http_client_options_t *options);
void http_client_destroy(http_client_t **self_p);

/* Sends; the done function is called on a later turn. */
http_exchange_t *http_client_send(http_client_t *self, const http_request_t *request, http_done_fn *done,
                                  void *context);

/* Ends the exchange without a word: its connection is closed, its done function is not called. */
void http_client_abort(http_exchange_t **exchange_p);

/* Another takes the answer, in place of whom http_client_send was told. */
void http_client_hand_over(http_exchange_t *exchange, http_done_fn *done, void *context);

/* Closes idle connections and forgets resolved names: the next request connects anew. Exchanges under way end on
 * their old connections, which are closed then. */
void http_client_reset_connections(http_client_t *self);

/* Connections with an exchange under way, and connections that are kept open without one. */
size_t http_client_in_use(const http_client_t *self);
size_t http_client_idle(const http_client_t *self);
