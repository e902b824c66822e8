/* Running civetweb. */
#include "gateway/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/dispatch.h"
#include "gateway/linger.h"
#include "gateway/tls.h"
#include "gateway/wake.h"
#include <civetweb.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMITS_CAPACITY 4096
#define MAX_HEAD_BYTES  "32768"

struct gateway_s {
    shared_t shared;
    struct mg_context *server;
    bool tls_failed;
    pthread_t starter; /* what civetweb says on this thread is about the start */
    char reason[512];  /* civetweb's messages before that */
    char url[96];
    int port;
};

/* ---- callbacks of civetweb ---- */

static void *s_init_thread(const struct mg_context *context, int thread_type) {
    gateway_t *self = mg_get_user_data(context);
    if (thread_type != 1) /* master and helpers carry no requests */
        return NULL;
    log_set_component("gateway");
    return worker_new(&self->shared);
}

static void s_exit_thread(const struct mg_context *context, int thread_type, void *thread_pointer) {
    (void)context;
    (void)thread_type;
    worker_t *worker = thread_pointer;
    worker_destroy(&worker);
}

static int s_init_connection(const struct mg_connection *conn, void **conn_data) {
    (void)conn_data;
    worker_t *worker = mg_get_thread_pointer(conn);
    atomic_fetch_add(&worker->shared->connections, 1);
    worker->has_connection = true;
    return 0;
}

/* Also called for a connection whose TLS handshake failed, which was never counted. */
static void s_connection_close(const struct mg_connection *conn) {
    worker_t *worker = mg_get_thread_pointer(conn);
    if (worker && worker->has_connection)
        atomic_fetch_sub(&worker->shared->connections, 1);
    if (worker)
        worker->has_connection = false;
}

static int s_begin_request(struct mg_connection *conn) {
    exchange_t exchange;
    exchange_begin(&exchange, mg_get_thread_pointer(conn), conn);
    dispatch(&exchange);
    linger(&exchange);
    return exchange.status;
}

/* civetweb says "Malformed message" also when its buffer is full. */
static const char *s_refusal(const char *message) {
    if (strcmp(message, "Malformed message") == 0)
        return "the request line and headers are broken, incomplete, or longer than " MAX_HEAD_BYTES " bytes";
    return message;
}

/* civetweb takes the words of the request line apart, and stops at a method that it does not know; the version then lacks
 * its "HTTP/". */
static bool s_is_method_unknown(const exchange_t *exchange, int status, const char *message) {
    const struct mg_request_info *info = exchange->info;
    return status == 400 && strcmp(message, "Bad request") == 0 && info->request_method &&
           info->request_uri && info->http_version && isdigit((unsigned char)*info->http_version) &&
           exchange->method == HTTP_METHOD_COUNT;
}

/* What civetweb refuses before there is a request: bad syntax, an unknown method, headers that are too large. */
static int s_http_error(struct mg_connection *conn, int status, const char *message) {
    worker_t *worker = mg_get_thread_pointer(conn);
    if (!worker || !mg_get_request_info(conn))
        return 1;
    exchange_t exchange;
    exchange_begin(&exchange, worker, conn);
    if (s_is_method_unknown(&exchange, status, message)) {
        dispatch_refuse_method(&exchange, exchange.info->request_uri);
        return 0;
    }
    switch (status) {
    case 505: dispatch_refuse(&exchange, ERR_HTTP_VERSION, NULL); break;
    case 500: dispatch_refuse(&exchange, ERR_INTERNAL, NULL); break;
    default: dispatch_refuse(&exchange, ERR_MALFORMED_REQUEST, s_refusal(message)); break;
    }
    return 0;
}

static int s_log_message(const struct mg_connection *conn, const char *message) {
    gateway_t *self = mg_get_user_data(mg_get_context(conn));
    if (!self || !pthread_equal(pthread_self(), self->starter)) {
        log_debug("civetweb", LOG_STR("message", message)); /* peers that break off, bad handshakes */
        return 1;
    }
    size_t at = strlen(self->reason);
    snprintf(self->reason + at, sizeof self->reason - at, "%s%s", at ? "; " : "", message);
    return 1;
}

static int s_init_ssl(void *ssl_context, void *user_data) {
    gateway_t *self = user_data;
    const config_t *config = atomic_load(&self->shared.config);
    if (tls_load(ssl_context, config->tls_cert, config->tls_key))
        return 1;
    self->tls_failed = true;
    return -1;
}

/* ---- life ---- */

static const char *s_address(const config_t *config) {
    return strcmp(config->host, "localhost") == 0 ? "127.0.0.1" : config->host;
}

static struct mg_context *s_start_server(gateway_t *self, const config_t *config) {
    char ports[80], threads[16];
    snprintf(ports, sizeof ports, "%s:%lld%s", s_address(config), (long long)config->port,
             self->shared.tls ? "s" : "");
    snprintf(threads, sizeof threads, "%lld", (long long)config->http_threads);
    const char *options[] = {
        "listening_ports", ports, "num_threads", threads, "enable_keep_alive", "yes", "keep_alive_timeout_ms",
        "15000", "request_timeout_ms", "30000", "tcp_nodelay", "1", "connection_queue", "256",
        "listen_backlog", "1024", "max_request_size", MAX_HEAD_BYTES,
        /* Paths are decoded by segment, by us. */
        "decode_url", "no", "enable_auth_domain_check", "no", "enable_directory_listing", "no",
        /* Else civetweb answers preflights itself, with a star. */
        "access_control_allow_origin", "", "access_control_allow_methods", "", "access_control_allow_headers",
        "", NULL};
    struct mg_callbacks callbacks = {.begin_request = s_begin_request,
                                     .http_error = s_http_error,
                                     .log_message = s_log_message,
                                     .init_thread = s_init_thread,
                                     .exit_thread = s_exit_thread,
                                     .init_connection = s_init_connection,
                                     .connection_close = s_connection_close,
                                     .init_ssl = self->shared.tls ? s_init_ssl : NULL};
    return mg_start(&callbacks, self, options);
}

static void s_set_url(gateway_t *self, const config_t *config) {
    struct mg_server_port bound = {0};
    self->port = mg_get_server_ports(self->server, 1, &bound) == 1 ? bound.port : (int)config->port;
    snprintf(self->url, sizeof self->url, "%s://%s:%d", self->shared.tls ? "https" : "http",
             s_address(config), self->port);
}

static void s_destroy(gateway_t **self_p) {
    gateway_t *self = *self_p;
    router_destroy(&self->shared.router);
    limits_destroy(&self->shared.limits);
    gate_destroy(&self->shared.gate);
    stats_destroy(&self->shared.stats);
    free(self);
    *self_p = NULL;
    mg_exit_library();
}

static gateway_t *s_new(const config_t *config) {
    gateway_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->starter = pthread_self();
    shared_t *shared = &self->shared;
    atomic_store(&shared->config, config);
    shared->router = router_new(rpcs_all);
    shared->limits = limits_new(LIMITS_CAPACITY);
    shared->gate = gate_new((int)config->max_in_flight);
    shared->stats = stats_new();
    shared->started_us = clock_mono_us();
    shared->tls = *config->tls_cert != '\0';
    /* One worker serves one connection for as long as it is kept: some must stay free for newcomers. */
    shared->connections_soft_max = (int)(config->http_threads - (config->http_threads + 7) / 8);
    return self;
}

static err_t s_explain_failure(const gateway_t *self, const config_t *config) {
    if (self->tls_failed)
        return ERR_BAD_CONFIG;
    log_error("cannot listen; is the port taken? See INTEGRATION_HOST and INTEGRATION_PORT",
              LOG_STR("host", config->host), LOG_INT("port", config->port), LOG_STR("reason", self->reason));
    return ERR_IO;
}

err_t gateway_start(gateway_t **self_p, const config_t *config) {
    if (strcmp(config->auth, "off") == 0)
        log_warning("INTEGRATION_AUTH is off: everyone who can connect is admitted with scope admin");
    bool tls = *config->tls_cert != '\0';
    mg_init_library(tls ? MG_FEATURES_TLS : MG_FEATURES_DEFAULT);
    gateway_t *self = s_new(config);
    self->server = s_start_server(self, config);
    if (!self->server) {
        err_t err = s_explain_failure(self, config);
        s_destroy(&self);
        return err;
    }
    s_set_url(self, config);
    *self_p = self;
    return OK;
}

const char *gateway_url(const gateway_t *self) {
    return self->url;
}

int gateway_port(const gateway_t *self) {
    return self->port;
}

void gateway_reload(gateway_t *self, const config_t *config) {
    atomic_store(&self->shared.config, config);
}

void gateway_close(gateway_t *self) {
    gate_close(self->shared.gate);
}

bool gateway_drain(gateway_t *self, int64_t deadline_us) {
    gateway_close(self);
    return gate_wait_empty(self->shared.gate, deadline_us);
}

void gateway_stop(gateway_t **self_p) {
    gateway_t *self = *self_p;
    if (!self)
        return;
    wake_t *wake = wake_start(self->port);
    mg_stop(self->server);
    wake_stop(&wake);
    s_destroy(self_p);
}
