/* HTTP on an actor's loop: see http_client.h. libcurl asks for descriptors and one timer; the callbacks only
 * note what it wants, the loop calls back into curl_multi_socket_action. */
#include "services/http_client.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define RETRY_AFTER_MAX_S 86400

typedef http_exchange_t exchange_t;

/* The connections that were opened since the start or the last reset. A pool that was reset lives on, out of use,
 * until its last exchange has ended. */
typedef struct pool_s {
    struct pool_s *next; /* in http_client_s.retired */
    http_client_t *client;
    CURLM *multi;
    uint64_t timer; /* 0 = none */
    size_t exchanges;
} pool_t;

struct http_exchange_s {
    exchange_t *next, *previous; /* in http_client_s.exchanges */
    pool_t *pool;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    buf_t response;
    bool once, sent; /* `sent`: it has gone out, when it may do so once */
    bool too_large;
    bool replayed;
    int64_t started_us;
    http_done_fn *done;
    void *context;
    char error[CURL_ERROR_SIZE];
};

struct http_client_s {
    actor_t *actor;
    pool_t *pool;    /* new exchanges go here */
    pool_t *retired; /* each has exchanges */
    http_client_options_t options;
    exchange_t *exchanges;
    size_t exchange_count;
    size_t open_sockets;
};

static void s_check_finished(pool_t *self);

static void s_on_timer(actor_t *actor, void *context) {
    (void)actor;
    pool_t *self = context;
    self->timer = 0;
    int running;
    curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    s_check_finished(self);
}

static int s_timer_wanted(CURLM *multi, long timeout_ms, void *context) {
    (void)multi;
    pool_t *self = context;
    actor_t *actor = self->client->actor;
    actor_timer_cancel(actor, &self->timer);
    if (timeout_ms >= 0)
        self->timer = actor_timer_once(actor, timeout_ms, s_on_timer, self);
    return 0;
}

static void s_on_fd(actor_t *actor, void *context, short revents);

/* The descriptor is the context: actor_poll_fd gives no other way to know it, and one client has few. */
typedef struct {
    pool_t *pool;
    curl_socket_t fd;
} watch_t;

static int s_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context) {
    (void)easy;
    pool_t *self = context;
    watch_t *watch = socket_context;
    if (what == CURL_POLL_REMOVE) {
        actor_unpoll_fd(self->client->actor, fd);
        curl_multi_assign(self->multi, fd, NULL);
        free(watch);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        assert_always(watch);
        watch->pool = self;
        watch->fd = fd;
        curl_multi_assign(self->multi, fd, watch);
    }
    short events = (short)((what & CURL_POLL_IN ? ZMQ_POLLIN : 0) | (what & CURL_POLL_OUT ? ZMQ_POLLOUT : 0));
    actor_poll_fd(self->client->actor, fd, events, s_on_fd, watch);
    return 0;
}

static void s_on_fd(actor_t *actor, void *context, short revents) {
    (void)actor;
    watch_t *watch = context; /* may be freed by the action */
    pool_t *self = watch->pool;
    int flags = (revents & ZMQ_POLLIN ? CURL_CSELECT_IN : 0) |
                (revents & ZMQ_POLLOUT ? CURL_CSELECT_OUT : 0) |
                (revents & ZMQ_POLLERR ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(self->multi, watch->fd, flags, &running);
    s_check_finished(self);
}

static curl_socket_t s_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    http_client_t *self = context;
    curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    self->open_sockets += fd != CURL_SOCKET_BAD;
    return fd;
}

static int s_close_socket(void *context, curl_socket_t fd) {
    http_client_t *self = context;
    self->open_sockets--;
    return close(fd);
}

/* ---- Pools ---- */

static pool_t *s_pool_new(http_client_t *client) {
    pool_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->client = client;
    self->multi = curl_multi_init();
    if (!self->multi) {
        free(self);
        return NULL;
    }
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, s_socket_wanted);
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, s_timer_wanted);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)client->options.pool_size);
    curl_multi_setopt(self->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)client->options.pool_size);
    curl_multi_setopt(self->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)(client->options.pool_size + 1) / 2);
    return self;
}

static void s_pool_free(pool_t *self) {
    curl_multi_cleanup(self->multi); /* may still ask for a timer */
    actor_timer_cancel(self->client->actor, &self->timer);
    free(self);
}

/* Frees the retired pools without exchanges. Not to be called from within libcurl. */
static void s_free_retired(http_client_t *self) {
    for (pool_t **at = &self->retired; *at;) {
        pool_t *pool = *at;
        if (pool->exchanges > 0) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        s_pool_free(pool);
    }
}

static void s_global_init(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

http_client_t *http_client_new(actor_t *actor, const http_client_options_t *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_global_init);
    http_client_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    self->options = *options;
    self->pool = s_pool_new(self);
    if (!self->pool) {
        free(self);
        return NULL;
    }
    return self;
}

static void s_exchange_free(exchange_t *exchange) {
    http_client_t *self = exchange->pool->client;
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        self->exchanges = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    self->exchange_count--;
    exchange->pool->exchanges--;
    curl_multi_remove_handle(exchange->pool->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    free(exchange->body);
    buf_free(&exchange->response);
    free(exchange);
}

void http_client_destroy(http_client_t **self_p) {
    http_client_t *self = *self_p;
    if (!self)
        return;
    while (self->exchanges) {
        exchange_t *exchange = self->exchanges;
        http_response_t response = {.err = ERR_SHUTTING_DOWN, .body = "", .error = "the adapter is stopping"};
        http_done_fn *done = exchange->done;
        void *context = exchange->context;
        s_exchange_free(exchange);
        done(self->actor, context, &response);
    }
    s_free_retired(self);
    s_pool_free(self->pool);
    free(self);
    *self_p = NULL;
}

void http_client_reset_connections(http_client_t *self) {
    pool_t *fresh = s_pool_new(self);
    if (!fresh)
        return; /* libcurl is out of memory: the old pool is better than none */
    self->pool->next = self->retired;
    self->retired = self->pool;
    self->pool = fresh;
    s_free_retired(self);
}

static size_t s_on_body(char *bytes, size_t size, size_t count, void *context) {
    exchange_t *exchange = context;
    size_t total = size * count;
    if (exchange->response.size + total > exchange->pool->client->options.response_cap) {
        exchange->too_large = true;
        return 0; /* ends the transfer */
    }
    buf_append(&exchange->response, bytes, total);
    return total;
}

static bool s_header_is(const char *line, size_t size, const char *name, const char **value,
                        size_t *value_size) {
    size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    *value = line + length + 1;
    *value_size = size - length - 1;
    while (*value_size > 0 && (**value == ' ' || **value == '\t'))
        (*value)++, (*value_size)--;
    return true;
}

static size_t s_on_header(char *line, size_t size, size_t count, void *context) {
    exchange_t *exchange = context;
    size_t total = size * count;
    const char *value;
    size_t value_size;
    if (s_header_is(line, total, "Idempotent-Replayed", &value, &value_size))
        exchange->replayed = value_size >= 4 && strncasecmp(value, "true", 4) == 0;
    return total;
}

/* libcurl repeats a request by itself when a kept connection ends before the first byte of an answer; the server may
 * have carried it out. It asks here before each time. */
static int s_before_sending(void *context, char *peer, char *own, int peer_port, int own_port) {
    exchange_t *exchange = context;
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    if (exchange->once && exchange->sent)
        return CURL_PREREQFUNC_ABORT;
    exchange->sent = true;
    return CURL_PREREQFUNC_OK;
}

static void s_add_header(exchange_t *exchange, const char *name, const char *value) {
    if (!value || !*value)
        return;
    buf_t line = BUF_INIT;
    buf_printf(&line, "%s: %s", name, value);
    exchange->headers = curl_slist_append(exchange->headers, buf_str(&line));
    buf_free(&line);
}

static void s_set_headers(exchange_t *exchange, const http_request_t *request) {
    char deadline[24], key[UUID_SIZE];
    snprintf(deadline, sizeof deadline, "%lld", (long long)request->timeout_ms);
    ids_uuid7(key);
    bool has_key = request->idempotency_key && *request->idempotency_key;
    if (request->body)
        s_add_header(exchange, "Content-Type", "application/json");
    else /* libcurl would name a form for a POST without a body */
        exchange->headers = curl_slist_append(exchange->headers, "Content-Type:");
    s_add_header(exchange, "Accept", "application/json");
    s_add_header(exchange, "Idempotency-Key", has_key ? request->idempotency_key : key);
    s_add_header(exchange, "traceparent", request->traceparent);
    s_add_header(exchange, "X-Request-ID",
                 request->request_id && *request->request_id ? request->request_id : key);
    s_add_header(exchange, "X-Deadline-Ms", deadline);
    exchange->headers = curl_slist_append(exchange->headers, "Expect:"); /* no 100-continue round trip */
    curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static void s_set_method(exchange_t *exchange, const http_request_t *request) {
    CURL *easy = exchange->easy;
    if (request->body) {
        exchange->body = strdup(request->body);
        assert_always(exchange->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(exchange->body));
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    }
    if (strcmp(request->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void s_set_options(exchange_t *exchange, const http_request_t *request) {
    http_client_t *self = exchange->pool->client;
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* an id may be ".." */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (self->options.ca_file && *self->options.ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, self->options.ca_file);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)self->options.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment's proxies are not for these services */
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, s_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, s_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, s_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, s_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, self);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, s_before_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
    s_set_method(exchange, request);
    s_set_headers(exchange, request);
}

http_exchange_t *http_client_send(http_client_t *self, const http_request_t *request, http_done_fn *done,
                                  void *context) {
    assert_always(request->timeout_ms > 0);
    exchange_t *exchange = calloc(1, sizeof *exchange);
    assert_always(exchange);
    exchange->pool = self->pool;
    exchange->done = done;
    exchange->context = context;
    exchange->once = request->once;
    exchange->started_us = clock_mono_us();
    exchange->easy = curl_easy_init();
    assert_always(exchange->easy);
    s_set_options(exchange, request);
    exchange->next = self->exchanges;
    if (self->exchanges)
        self->exchanges->previous = exchange;
    self->exchanges = exchange;
    self->exchange_count++;
    self->pool->exchanges++;
    curl_multi_add_handle(self->pool->multi, exchange->easy);
    return exchange;
}

/* A retired pool that is left without exchanges is freed when the next exchange ends: this may be called from within
 * a done function, while the pool is being read. */
void http_client_abort(http_exchange_t **exchange_p) {
    if (*exchange_p)
        s_exchange_free(*exchange_p);
    *exchange_p = NULL;
}

void http_client_hand_over(http_exchange_t *exchange, http_done_fn *done, void *context) {
    exchange->done = done;
    exchange->context = context;
}

size_t http_client_in_use(const http_client_t *self) {
    return self->exchange_count < self->open_sockets ? self->exchange_count : self->open_sockets;
}

size_t http_client_idle(const http_client_t *self) {
    return self->open_sockets - http_client_in_use(self);
}

static err_t s_err_of(const exchange_t *exchange, CURLcode code) {
    switch (code) {
    case CURLE_OK: return OK;
    case CURLE_OPERATION_TIMEDOUT: return ERR_DEADLINE_EXCEEDED;
    case CURLE_WRITE_ERROR: return exchange->too_large ? ERR_PROTOCOL : ERR_SERVICE_UNAVAILABLE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_BAD_CONTENT_ENCODING: return ERR_PROTOCOL;
    default: return ERR_SERVICE_UNAVAILABLE;
    }
}

/* 0 = not said, or over. */
static int64_t s_retry_after_ms(CURL *easy) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 ? (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * INT64_C(1000) : 0;
}

static void s_finish(http_client_t *self, exchange_t *exchange, CURLcode code) {
    long status = 0;
    char too_large[64];
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    snprintf(too_large, sizeof too_large, "the body is larger than %zu bytes", self->options.response_cap);
    http_response_t response = {
        .err = s_err_of(exchange, code),
        .status = code == CURLE_OK ? (int)status : 0,
        .body = buf_str(&exchange->response),
        .size = exchange->response.size,
        .retry_after_ms = s_retry_after_ms(exchange->easy),
        .replayed = exchange->replayed,
        .duration_us = clock_mono_us() - exchange->started_us,
        .error = exchange->too_large ? too_large
                                     : (exchange->error[0] ? exchange->error : curl_easy_strerror(code)),
    };
    if (response.err == OK)
        response.error = "";
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        response.error = "the connection ended before an answer";
    exchange->done(self->actor, exchange->context, &response);
    s_exchange_free(exchange);
}

static void s_check_finished(pool_t *self) {
    http_client_t *client = self->client;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(self->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        exchange_t *exchange = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        s_finish(client, exchange, code);
    }
    s_free_retired(client);
}
