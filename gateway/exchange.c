/* Beginning an exchange, and writing its answer. */
#include "gateway/exchange.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/cors.h"
#include "gateway/envelope.h"
#include <civetweb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOW_US              1000000
#define KEPT_BUFFER_BYTES    262144
#define CONTENT_TYPE_JSON    "application/json"
#define CONTENT_TYPE_RFC9457 "application/problem+json"

worker_t *worker_new(shared_t *shared) {
    worker_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->shared = shared;
    self->bus = bus_client_new();
    self->stats = stats_worker(shared->stats);
    return self;
}

void worker_destroy(worker_t **self_p) {
    worker_t *self = *self_p;
    if (!self)
        return;
    bus_client_destroy(&self->bus);
    buf_free(&self->body);
    buf_free(&self->content);
    buf_free(&self->lines);
    buf_free(&self->out);
    free(self);
    *self_p = NULL;
}

/* Keeps a worker's memory small after one large request. */
static void s_reset(buf_t *buf) {
    if (buf->capacity > KEPT_BUFFER_BYTES)
        buf_free(buf);
    else
        buf_clear(buf);
}

static void s_take_ids(exchange_t *self) {
    const char *id = self->headers.request_id;
    if (id && header_is_token(id))
        memcpy(self->request_id, id, strlen(id) + 1);
    else
        ids_uuid7(self->request_id);
    const char *parent = self->headers.traceparent;
    if (parent && ids_traceparent_valid(parent))
        ids_traceparent_child(parent, self->traceparent);
    else
        ids_traceparent(self->traceparent);
}

/* As civetweb decides it, so that the header we send says what will happen. */
static bool s_client_keeps_alive(const exchange_t *self) {
    if (self->headers.connection)
        return header_list_has(self->headers.connection, "keep-alive");
    return self->info->http_version && strcmp(self->info->http_version, "1.1") == 0;
}

void exchange_begin(exchange_t *self, worker_t *worker, struct mg_connection *conn) {
    /* Not memset as a whole: the path's buffer is large and written before it is read. */
    memset(&self->headers, 0, sizeof self->headers);
    shared_t *shared = worker->shared;
    self->worker = worker;
    self->conn = conn;
    self->info = mg_get_request_info(conn);
    self->config = atomic_load(&shared->config);
    self->started_us = clock_mono_us();
    for (int i = 0; i < self->info->num_headers; i++)
        headers_take(&self->headers, self->info->http_headers[i].name, self->info->http_headers[i].value);
    self->method_name = self->info->request_method ? self->info->request_method : "";
    self->method = router_method(self->method_name);
    self->head = strcmp(self->method_name, "HEAD") == 0;
    self->path = self->info->local_uri_raw ? self->info->local_uri_raw : "";
    self->body_unread = self->headers.content_length || self->headers.transfer_encoding;
    self->close =
        !s_client_keeps_alive(self) || atomic_load(&shared->connections) > shared->connections_soft_max;
    self->principal = (auth_principal_t){.name = "anonymous"};
    self->rpc = NULL;
    self->csp = NULL;
    self->replayed = false;
    self->dated_ms = 0;
    self->match = (router_match_t){0};
    s_take_ids(self);
    s_reset(&worker->body);
    s_reset(&worker->content);
    s_reset(&worker->lines);
    s_reset(&worker->out);
}

/* The Date of the answer, made once a second. */
static const char *s_date(worker_t *worker, int64_t now_ms) {
    time_t now = (time_t)(now_ms / 1000);
    if (now != worker->date_at) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(worker->date, sizeof worker->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        worker->date_at = now;
    }
    return worker->date;
}

static void s_line(buf_t *out, const char *name, const char *value) {
    buf_append_str(out, name);
    buf_append_str(out, value);
    buf_append(out, "\r\n", 2);
}

/* X-Response-Time: 0.003s */
static void s_response_time(buf_t *out, int64_t duration_us) {
    char text[40];
    size_t at = sizeof text;
    uint64_t micros = duration_us > 0 ? (uint64_t)duration_us : 0;
    uint64_t whole = micros / 1000000, part = micros % 1000000;
    for (int i = 0; i < 6; i++, part /= 10)
        text[--at] = (char)('0' + part % 10);
    text[--at] = '.';
    do
        text[--at] = (char)('0' + whole % 10);
    while (whole /= 10);
    buf_append_str(out, "X-Response-Time: ");
    /* Milliseconds: the last three digits are cut. */
    buf_append(out, text + at, sizeof text - at - 3);
    buf_append(out, "s\r\n", 3);
}

static void s_security_lines(exchange_t *self, buf_t *out) {
    buf_append_str(out, "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
                        "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\n");
    s_line(out,
           "Content-Security-Policy: ", self->csp ? self->csp : "default-src 'none'; frame-ancestors 'none'");
    if (self->worker->shared->tls)
        buf_append_str(out, "Strict-Transport-Security: max-age=31536000\r\n");
}

static void s_write_head(exchange_t *self, buf_t *out, int64_t duration_us) {
    worker_t *worker = self->worker;
    buf_append_str(out, "HTTP/1.1 ");
    json_write_int(out, self->status);
    buf_append_char(out, ' ');
    s_line(out, mg_get_response_code_text(self->conn, self->status), "");
    s_line(out, "Date: ", s_date(worker, clock_wall_ms()));
    if (self->status != 204) {
        s_line(out, "Content-Type: ", self->content_type);
        buf_append_str(out, "Content-Length: ");
        json_write_uint(out, worker->content.size);
        buf_append(out, "\r\n", 2);
    }
    s_line(out, "Connection: ", self->close ? "close" : "keep-alive");
    s_line(out, "X-Request-ID: ", self->request_id);
    s_response_time(out, duration_us);
    s_line(out, "traceparent: ", self->traceparent);
    s_security_lines(self, out);
    cors_headers(out, self->config->cors_origins, self->headers.origin);
    buf_append(out, buf_str(&worker->lines), worker->lines.size);
    buf_append(out, "\r\n", 2);
}

static void s_log(const exchange_t *self, int64_t duration_us) {
    log_level_t level = self->status >= 500 ? LOG_WARNING : duration_us >= SLOW_US ? LOG_INFO : LOG_DEBUG;
    LOG_AT(level, "request", LOG_STR("method", self->method_name), LOG_STR("path", self->path),
           LOG_INT("status", self->status), LOG_NUM("duration_ms", (double)duration_us / 1000.0),
           LOG_STR("principal", self->principal.name), LOG_STR("remote", self->info->remote_addr));
}

void exchange_write(exchange_t *self) {
    worker_t *worker = self->worker;
    int64_t duration_us = clock_mono_us() - self->started_us;
    if (gate_closed(worker->shared->gate)) /* stopping: there will be no next request */
        self->close = true;
    if (self->close)
        mg_disable_connection_keep_alive(self->conn);
    s_write_head(self, &worker->out, duration_us);
    if (!self->head && self->status != 204)
        buf_append(&worker->out, buf_str(&worker->content), worker->content.size);
    /* Before the answer is out: who has it finds it counted. */
    stats_count(worker->stats, self->rpc, self->status, duration_us);
    /* A peer that went away has no use for the answer; civetweb ends the connection. */
    (void)mg_write(self->conn, worker->out.data, worker->out.size);
    s_log(self, duration_us);
}

static int64_t s_answer_ms(const exchange_t *self) {
    return self->dated_ms ? self->dated_ms : clock_wall_ms();
}

void exchange_succeed(exchange_t *self, const void *response, Outcome outcome) {
    worker_t *worker = self->worker;
    const http_binding_t *http = self->rpc->http;
    self->status = envelope_status(self->rpc, outcome);
    self->content_type = CONTENT_TYPE_JSON;
    envelope_success(&worker->content, self->rpc, response, s_answer_ms(self));
    buf_t text = BUF_INIT;
    if (http->total_field)
        envelope_field_text(&text, self->rpc->response(), response, http->total_field);
    if (text.size)
        s_line(&worker->lines, "X-Total-Count: ", buf_str(&text));
    buf_clear(&text);
    if ((self->status == 201 || self->status == 202) && envelope_location(&text, self->rpc, response))
        s_line(&worker->lines, "Location: ", buf_str(&text));
    buf_free(&text);
    if (self->replayed)
        s_line(&worker->lines, "Idempotent-Replay: ", "true");
    exchange_write(self);
}

static uint32_t s_retry_after(const Fault *fault, int status) {
    if (fault->retry_after_seconds > 0)
        return fault->retry_after_seconds;
    return status == 503 || status == 429 ? 1 : 0;
}

static void s_failure_lines(exchange_t *self, const Fault *fault) {
    buf_t *lines = &self->worker->lines;
    uint32_t retry_after = s_retry_after(fault, self->status);
    if (retry_after > 0)
        buf_printf(lines, "Retry-After: %u\r\n", retry_after);
    if (self->status == 401)
        buf_append_str(lines, "WWW-Authenticate: Bearer realm=\"integration\"\r\n");
    if (self->status == 405) {
        char allow[ROUTER_ALLOW_SIZE];
        router_allow(self->match.methods, allow);
        s_line(lines, "Allow: ", allow);
    }
    if (self->replayed)
        s_line(lines, "Idempotent-Replay: ", "true");
}

void exchange_fail(exchange_t *self, const Fault *fault) {
    self->status = err_http_status(err_from_name(fault->code));
    s_failure_lines(self, fault);
    buf_t *content = &self->worker->content;
    buf_clear(content);
    if (header_accepts_problem(self->headers.accept)) {
        self->content_type = CONTENT_TYPE_RFC9457;
        envelope_problem(content, fault, self->request_id, self->path, s_answer_ms(self));
    } else {
        self->content_type = CONTENT_TYPE_JSON;
        envelope_error(content, fault, self->request_id, s_answer_ms(self));
    }
    exchange_write(self);
}

void exchange_document(exchange_t *self, int status, const char *content_type) {
    self->status = status;
    self->content_type = content_type;
    exchange_write(self);
}
