/* One request and its answer, on the worker thread that carries it from begin to end; and what a worker keeps. */
#pragma once

#include "base/buf.h"
#include "base/ids.h"
#include "bus/bus.h"
#include "gateway/auth.h"
#include "gateway/gate.h"
#include "gateway/headers.h"
#include "gateway/limits.h"
#include "gateway/router.h"
#include "gateway/stats.h"
#include <stdatomic.h>
#include <time.h>

struct mg_connection;
struct mg_request_info;

#define REQUEST_ID_SIZE 129

/* What all workers share: constant while the server runs, but for the configuration behind its atomic pointer. */
typedef struct {
    _Atomic(const config_t *) config; /* replaced by gateway_reload; the owner keeps old ones alive */
    router_t *router;
    limits_t *limits;
    gate_t *gate;
    stats_t *stats;
    int64_t started_us; /* monotonic */
    bool tls;
    atomic_int connections;
    int connections_soft_max; /* above it, keep-alive is refused so that waiting connections get a worker */
} shared_t;

/* What one worker thread keeps between requests. */
typedef struct {
    shared_t *shared;
    bus_client_t *bus; /* NULL when the bus could not be joined */
    worker_stats_t *stats;
    bool has_connection; /* counted in shared->connections */
    buf_t body;          /* of the request */
    buf_t content;       /* of the answer */
    buf_t lines;         /* further header lines of the answer */
    buf_t out;           /* head and content, written at once */
    time_t date_at;      /* what `date` says */
    char date[32];
} worker_t;

worker_t *worker_new(shared_t *shared);
void worker_destroy(worker_t **self_p);

typedef struct {
    worker_t *worker;
    struct mg_connection *conn;
    const struct mg_request_info *info;
    const config_t *config;
    int64_t started_us;
    headers_t headers;
    http_method_t method; /* HTTP_METHOD_COUNT: one that no route takes */
    const char *method_name, *path;
    bool head;         /* HEAD: the answer goes without its content */
    bool body_unread;  /* something of the body may still be on the connection */
    bool close;        /* the connection ends with this answer */
    bool refused_body; /* more of the body than was read may still be coming */
    char request_id[REQUEST_ID_SIZE];
    char traceparent[TRACEPARENT_SIZE];
    auth_principal_t principal;
    router_match_t match;
    uri_path_t segments;
    const rpc_t *rpc; /* NULL until the route is known */

    /* The answer. */
    int status;
    const char *content_type;
    const char *csp; /* Content-Security-Policy; NULL = nothing may be loaded */
    bool replayed;
    int64_t dated_ms; /* of the first request of an Idempotency-Key, which dates its answers; else 0 */
} exchange_t;

/* Takes method, path, ids and headers of the request on `conn`. */
void exchange_begin(exchange_t *self, worker_t *worker, struct mg_connection *conn);

/* Answers with the response message, with a fault, or with a document already in worker->content. */
void exchange_succeed(exchange_t *self, const void *response, Outcome outcome);
void exchange_fail(exchange_t *self, const Fault *fault);
void exchange_document(exchange_t *self, int status, const char *content_type);

/* Writes head and content in one go, counts and logs. Called by the three above. */
void exchange_write(exchange_t *self);
