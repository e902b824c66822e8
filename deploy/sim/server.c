/* The HTTP listener of one service over civetweb: reads requests, applies faults, sends replies. */
#include "server.h"

#include "control.h"
#include "socket_of.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_SIZE = 1024, POLL_MS = 20, HUGE_CHUNK = 65536 };

struct server {
    service_t *service;
    struct mg_context *context;
    atomic_int port; /* a free one is known only when civetweb listens, and its workers serve by then */
    atomic_bool stopping;
    atomic_int hanging;
};

/* One request on its connection. */
typedef struct {
    server_t *server;
    struct mg_connection *conn;
    const struct mg_request_info *info;
    request_t request;
    fault_action_t fault;
    int64_t seq;
} exchange_t;

static bool s_wants_close(const exchange_t *x) {
    const char *connection = mg_get_header(x->conn, "Connection");
    if (connection && strcasecmp(connection, "close") == 0)
        return true;
    bool keep_alive = connection && strcasecmp(connection, "keep-alive") == 0;
    return atomic_load(&x->server->stopping) || (!keep_alive && strcmp(x->info->http_version, "1.1") != 0);
}

static size_t s_head(const exchange_t *x, const reply_t *reply, long long length, bool close, char *out) {
    char date[64];
    struct tm tm;
    time_t now = time(NULL);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    size_t used = (size_t)snprintf(out, HEAD_SIZE, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: %s\r\n",
                                   reply->status, mg_get_response_code_text(x->conn, reply->status), date,
                                   close ? "close" : "keep-alive");
    if (reply->retry_after > 0)
        used += (size_t)snprintf(out + used, HEAD_SIZE - used, "Retry-After: %d\r\n", reply->retry_after);
    if (reply->allow[0])
        used += (size_t)snprintf(out + used, HEAD_SIZE - used, "Allow: %s\r\n", reply->allow);
    if (reply->replayed)
        used += (size_t)snprintf(out + used, HEAD_SIZE - used, "Idempotent-Replayed: true\r\n");
    if (reply->status != 204)
        used += (size_t)snprintf(out + used, HEAD_SIZE - used,
                                 "Content-Type: application/json\r\nContent-Length: %lld\r\n", length);
    return used + (size_t)snprintf(out + used, HEAD_SIZE - used, "\r\n");
}

/* Head and body in one write, cut after `sent` bytes of the body. */
static void s_send(exchange_t *x, const reply_t *reply, long long length, size_t sent, bool close) {
    char head[HEAD_SIZE];
    size_t head_size = s_head(x, reply, length, close, head);
    char *whole = malloc(head_size + sent);
    if (!whole)
        abort();
    memcpy(whole, head, head_size);
    if (sent)
        memcpy(whole + head_size, reply->text, sent);
    mg_write(x->conn, whole, head_size + sent);
    free(whole);
}

static void s_send_reply(exchange_t *x, const reply_t *reply, bool close) {
    size_t size = reply->text ? strlen(reply->text) : 0;
    s_send(x, reply, (long long)size, size, close || s_wants_close(x));
}

/* Closes without a (further) byte. */
static void s_reset(exchange_t *x) {
    int fd = socket_of(x->server->port, x->info->remote_port);
    if (fd >= 0)
        socket_reset(fd);
}

/* Waits for `ms` (negative: for ever), until the faults are cleared or the server stops; true when the client has left
 * meanwhile and `watch` was asked for. */
static bool s_wait(exchange_t *x, int64_t ms, bool watch) {
    int fd = watch ? socket_of(x->server->port, x->info->remote_port) : -1;
    int64_t end = clock_ms() + ms;
    while (!atomic_load(&x->server->stopping) &&
           !faults_cleared_since(x->server->service->faults, x->fault.generation)) {
        int64_t left = ms < 0 ? POLL_MS : end - clock_ms();
        if (left <= 0)
            return false;
        if (socket_peer_left(fd, left < POLL_MS ? (int)left : POLL_MS) && watch)
            return true;
    }
    return false;
}

/* true when the request needs no answer any more. */
static bool s_hang(exchange_t *x) {
    bool fits = atomic_fetch_add(&x->server->hanging, 1) < SERVER_HANGING_MAX;
    bool left = !fits || s_wait(x, -1, true);
    atomic_fetch_sub(&x->server->hanging, 1);
    if (!fits)
        s_reset(x);
    return left;
}

static void s_send_huge(exchange_t *x) {
    static const char start[] = "{\"success\":true,\"status\":\"success\",\"data\":{\"filler\":\"";
    char *chunk = malloc(HUGE_CHUNK);
    if (!chunk)
        abort();
    memset(chunk, 'x', HUGE_CHUNK);
    memcpy(chunk, start, sizeof start - 1);
    s_send(x, &(reply_t){.status = 200}, x->fault.huge_bytes, 0, true);
    for (int64_t left = x->fault.huge_bytes; left > 0 && !atomic_load(&x->server->stopping);) {
        int64_t size = left < HUGE_CHUNK ? left : HUGE_CHUNK;
        if (mg_write(x->conn, chunk, (size_t)size) != size)
            break;
        left -= size;
        memset(chunk, 'x', sizeof start - 1);
    }
    free(chunk);
}

static const char *s_fault_name(const fault_action_t *fault) {
    static const char *const names[] = {NULL, "status", "reset", "garbage", "half_body", "huge_bytes"};
    return fault->spoil != SPOIL_NONE ? names[fault->spoil]
           : fault->hang              ? "hang"
           : fault->latency_ms        ? "latency"
                                      : NULL;
}

static reply_t s_fault_reply(const exchange_t *x) {
    reply_t reply = reply_error(x->fault.status, x->fault.status == 503 ? "SERVICE_UNAVAILABLE" : "FAULT",
                                "answered by a fault that is switched on", NULL);
    reply.retry_after = x->fault.retry_after;
    reply_render(&reply);
    return reply;
}

static void s_note(exchange_t *x, int status, bool replayed) {
    reqlog_close(x->server->service->log, x->seq, status, replayed, s_fault_name(&x->fault));
}

/* Sends the reply, or what a fault makes of it. Returns whether the connection must be closed. */
static bool s_answer(exchange_t *x, const reply_t *reply) {
    size_t size = reply->text ? strlen(reply->text) : 0;
    switch (x->fault.spoil) {
    case SPOIL_NONE:
    case SPOIL_STATUS:
        s_note(x, reply->status, reply->replayed);
        s_send_reply(x, reply, false);
        return s_wants_close(x);
    case SPOIL_GARBAGE:
        s_note(x, 200, reply->replayed);
        s_send_reply(x, &(reply_t){.status = 200, .text = "<html><body>It works!</body></html>"}, false);
        return s_wants_close(x);
    case SPOIL_HALF_BODY:
        s_note(x, reply->status, reply->replayed);
        s_send(x, reply, (long long)size, size / 2, true);
        return true;
    case SPOIL_HUGE:
        s_note(x, 200, reply->replayed);
        s_send_huge(x);
        return true;
    case SPOIL_RESET: break;
    }
    s_note(x, 0, reply->replayed);
    s_reset(x);
    return true;
}

/* Handles the request now, or not at all when a fault stands in for its effect. */
static reply_t s_effect(exchange_t *x) {
    bool handled = x->fault.spoil == SPOIL_NONE || x->fault.after_effect;
    reply_t reply = {0};
    if (handled)
        reply = service_respond(x->server->service, &x->request);
    if (x->fault.spoil == SPOIL_STATUS || (!handled && x->fault.spoil == SPOIL_HALF_BODY)) {
        reply_clear(&reply);
        if (x->fault.spoil == SPOIL_HALF_BODY)
            x->fault.status = 200;
        reply = s_fault_reply(x);
    }
    return reply;
}

static bool s_serve(exchange_t *x) {
    service_t *service = x->server->service;
    x->seq = reqlog_open(service->log, &x->request);
    x->fault = faults_take(service->faults, x->request.method, x->request.path);
    if (x->fault.latency_ms > 0)
        s_wait(x, x->fault.latency_ms, false);
    if (x->fault.hang && !x->fault.after_effect && s_hang(x)) {
        s_note(x, 0, false);
        return true;
    }
    reply_t reply = s_effect(x);
    bool close = true;
    if (x->fault.hang && x->fault.after_effect && s_hang(x))
        s_note(x, 0, reply.replayed);
    else
        close = s_answer(x, &reply);
    reply_clear(&reply);
    return close;
}

typedef enum { READ_OK, READ_BROKEN, READ_TOO_LARGE } read_t;

static read_t s_read_body(struct mg_connection *conn, long long declared, char **out, size_t *size) {
    size_t room = declared > 0 && declared <= SERVER_BODY_MAX ? (size_t)declared + 1 : 4096, used = 0;
    if (declared > SERVER_BODY_MAX)
        return READ_TOO_LARGE;
    char *body = malloc(room);
    for (int got = 1; body && got > 0; used += (size_t)got) {
        if (used + 1 >= room) {
            if ((long long)used == declared)
                break;
            room *= 2;
            char *larger = used > SERVER_BODY_MAX ? NULL : realloc(body, room);
            if (!larger) {
                free(body);
                return READ_TOO_LARGE;
            }
            body = larger;
        }
        got = mg_read(conn, body + used, room - used - 1);
        if (got < 0)
            break;
    }
    if (!body)
        abort();
    body[used] = 0;
    *out = body;
    *size = used;
    return declared > 0 && (long long)used < declared ? READ_BROKEN : READ_OK;
}

static void s_fill(exchange_t *x, const char *body, size_t body_size) {
    struct mg_connection *conn = x->conn;
    const char *uri = x->info->request_uri[0] == '/' ? x->info->request_uri : x->info->local_uri;
    x->request = (request_t){.method = x->info->request_method,
                             .path = uri ? uri : "",
                             .query = x->info->query_string ? x->info->query_string : "",
                             .body = body,
                             .body_size = body_size,
                             .content_type = mg_get_header(conn, "Content-Type"),
                             .idempotency_key = mg_get_header(conn, "Idempotency-Key"),
                             .traceparent = mg_get_header(conn, "traceparent"),
                             .request_id = mg_get_header(conn, "X-Request-ID"),
                             .deadline_ms = mg_get_header(conn, "X-Deadline-Ms"),
                             .peer_port = x->info->remote_port};
}

static bool s_refuse_body(exchange_t *x) {
    reply_t reply = reply_error(413, "PAYLOAD_TOO_LARGE", "body: must have at most 4 MiB", NULL);
    reply_render(&reply);
    s_send_reply(x, &reply, true);
    reply_clear(&reply);
    return true;
}

static bool s_control(exchange_t *x) {
    reply_t reply = control_respond(x->server->service, &x->request);
    s_send_reply(x, &reply, false);
    reply_clear(&reply);
    return s_wants_close(x);
}

/* civetweb asks this before it does anything of its own; a positive return means that all is done. */
static int s_on_request(struct mg_connection *conn) {
    const struct mg_request_info *info = mg_get_request_info(conn);
    exchange_t x = {.server = info->user_data, .conn = conn, .info = info};
    char *body = NULL;
    size_t size = 0;
    bool close = true;
    switch (s_read_body(conn, info->content_length, &body, &size)) {
    case READ_BROKEN: break;
    case READ_TOO_LARGE: close = s_refuse_body(&x); break;
    case READ_OK:
        s_fill(&x, body, size);
        close = control_is_for(&x.request) ? s_control(&x) : s_serve(&x);
        break;
    }
    free(body);
    if (close)
        mg_disable_connection_keep_alive(conn);
    return 200;
}

/* What civetweb refuses by itself (a malformed request, an unknown method) is JSON too. */
static int s_on_error(struct mg_connection *conn, int status, const char *text) {
    exchange_t x = {.conn = conn, .info = mg_get_request_info(conn)};
    x.server = x.info->user_data;
    reply_t reply = reply_error(status, "BAD_REQUEST", text ? text : "", NULL);
    reply_render(&reply);
    s_send(&x, &reply, (long long)strlen(reply.text), strlen(reply.text), true);
    reply_clear(&reply);
    mg_disable_connection_keep_alive(conn);
    return 0;
}

static int s_on_log(const struct mg_connection *conn, const char *message) {
    (void)conn;
    (void)message;
    return 1;
}

/* civetweb does not say why it cannot listen, so try it. */
static const char *s_why(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    inet_pton(AF_INET, host, &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool free_now = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    const char *why = free_now ? "no memory or threads left" : strerror(errno);
    close(fd);
    return why;
}

static bool s_listen(server_t *self, const char *host, int port, char *error, size_t error_size) {
    char listen[128], workers[16];
    snprintf(listen, sizeof listen, "%s:%d", host, port);
    snprintf(workers, sizeof workers, "%d", SERVER_WORKERS);
    const char *options[] = {"listening_ports",
                             listen,
                             "num_threads",
                             workers,
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "10000",
                             "request_timeout_ms",
                             "30000",
                             "tcp_nodelay",
                             "1",
                             "access_control_allow_origin",
                             "",
                             "access_control_allow_methods",
                             "",
                             NULL};
    struct mg_callbacks callbacks = {
        .begin_request = s_on_request, .http_error = s_on_error, .log_message = s_on_log};
    struct mg_init_data init = {.callbacks = &callbacks, .user_data = self, .configuration_options = options};
    self->context = mg_start2(&init, NULL);
    struct mg_server_port bound = {0};
    if (self->context && mg_get_server_ports(self->context, 1, &bound) == 1) {
        self->port = bound.port;
        return true;
    }
    snprintf(error, error_size, "cannot listen on port %d of %s for %s: %s", port, host,
             self->service->class->name, s_why(host, port));
    return false;
}

server_t *server_new(service_t *service, const char *host, int port, char *error, size_t error_size) {
    server_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->service = service;
    self->port = port;
    if (!s_listen(self, host, port, error, error_size))
        server_destroy(&self);
    return self;
}

void server_destroy(server_t **self_p) {
    server_t *self = *self_p;
    if (!self)
        return;
    atomic_store(&self->stopping, true);
    if (self->context) {
        socket_end_reading(self->port);
        mg_stop(self->context);
    }
    free(self);
    *self_p = NULL;
}

int server_port(const server_t *self) {
    return self->port;
}
