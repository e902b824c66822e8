/* The receiving end of a signal route. */
#include "target.h"

#include "program.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS_MOST = 32768, REQUEST_SIZE = 65536, LOOK_MS = 20 };

struct target_s {
    int port, listener;
    target_answer_fn *answer;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* released, or a connection ended */
    bool ends, released;
    size_t connections;
    target_request_t *requests[REQUESTS_MOST];
    size_t count;
};

typedef struct {
    target_t *target;
    int fd;
} connection_t;

/* ---- one request ---- */

const char *target_header(const target_request_t *request, const char *name) {
    static char values[4][512];
    static unsigned next;
    char *value = values[next++ % 4];
    size_t length = strlen(name);
    *value = '\0';
    for (const char *line = strstr(request->head, "\r\n"); line && line[2] != '\r';
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *at = line + 3 + length + strspn(line + 3 + length, " ");
            snprintf(value, sizeof values[0], "%.*s", (int)strcspn(at, "\r"), at);
        }
    return value;
}

static char *s_find_header(const char *head, const char *name) {
    const char *at = strcasestr(head, name);
    at = at ? at + strlen(name) + strspn(at + strlen(name), " ") : "";
    return strndup(at, strcspn(at, "\r"));
}

static const char *s_text(json_t *body, const char *field) {
    const char *text = json_string_value(json_object_get(body, field));
    return text ? text : "";
}

/* False when the peer closed. */
static bool s_receive(int fd, char *bytes, char **body) {
    size_t size = 0, wanted = REQUEST_SIZE;
    *body = NULL;
    while (size < wanted) {
        ssize_t got = recv(fd, bytes + size, REQUEST_SIZE - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        bytes[size] = '\0';
        char *end = strstr(bytes, "\r\n\r\n");
        if (!end || *body)
            continue;
        char *length = s_find_header(bytes, "\r\nContent-Length:");
        *body = end + 4;
        wanted = (size_t)(*body - bytes) + strtoul(length, NULL, 10);
        free(length);
    }
    return true;
}

static target_request_t *s_request_new(const char *bytes, const char *body) {
    target_request_t *self = calloc(1, sizeof *self);
    self->head = strndup(bytes, (size_t)(body - bytes));
    self->body = json_loads(body, 0, NULL);
    self->at_ms = program_now_ms();
    self->key = s_find_header(self->head, "\r\nIdempotency-Key:");
    self->signal_id = s_text(self->body, "signal_id");
    self->symbol = s_text(self->body, "symbol");
    return self;
}

/* 0: it hung, and is not answered. */
static int s_judge(target_t *self, const target_request_t *request, size_t index, char headers[256]) {
    pthread_mutex_lock(&self->lock);
    bool answers = self->answer && !self->released;
    pthread_mutex_unlock(&self->lock);
    int status = answers ? self->answer(request, index, headers) : 200;
    pthread_mutex_lock(&self->lock);
    while (status == 0 && !self->released)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    return status;
}

static size_t s_keep(target_t *self, target_request_t *request) {
    pthread_mutex_lock(&self->lock);
    size_t index = self->count;
    if (index < REQUESTS_MOST)
        self->requests[self->count++] = request;
    pthread_mutex_unlock(&self->lock);
    return index;
}

static void *s_serve(void *context) {
    connection_t *connection = context;
    target_t *self = connection->target;
    char *bytes = malloc(REQUEST_SIZE + 1), *body, reply[512];
    if (s_receive(connection->fd, bytes, &body)) {
        char headers[256] = "";
        target_request_t *request = s_request_new(bytes, body);
        size_t index = s_keep(self, request);
        int status = s_judge(self, request, index, headers);
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 %d Told\r\nContent-Length: 2\r\nConnection: close\r\n%s\r\n{}", status, headers);
        if (status)
            (void)send(connection->fd, reply, strlen(reply), MSG_NOSIGNAL);
    }
    close(connection->fd);
    free(bytes);
    free(connection);
    pthread_mutex_lock(&self->lock);
    self->connections--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- the server ---- */

static void s_accept(target_t *self) {
    int fd = accept(self->listener, NULL, NULL);
    if (fd < 0)
        return;
    pthread_t thread;
    connection_t *connection = malloc(sizeof *connection);
    *connection = (connection_t){self, fd};
    pthread_mutex_lock(&self->lock);
    self->connections++;
    pthread_mutex_unlock(&self->lock);
    if (pthread_create(&thread, NULL, s_serve, connection) != 0)
        abort(); /* criterion checks on the main thread only */
    pthread_detach(thread);
}

static bool s_ends(target_t *self) {
    pthread_mutex_lock(&self->lock);
    bool ends = self->ends;
    pthread_mutex_unlock(&self->lock);
    return ends;
}

static void *s_run(void *context) {
    target_t *self = context;
    while (!s_ends(self)) {
        struct pollfd look = {.fd = self->listener, .events = POLLIN};
        if (poll(&look, 1, LOOK_MS) == 1)
            s_accept(self);
    }
    return NULL;
}

target_t *target_start(target_answer_fn *answer) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    target_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    self->answer = answer;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(self->listener >= 0 && bind(self->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
              listen(self->listener, 128) == 0 &&
              getsockname(self->listener, (struct sockaddr *)&at, &size) == 0);
    self->port = ntohs(at.sin_port);
    cr_assert_eq(pthread_create(&self->thread, NULL, s_run, self), 0);
    return self;
}

void target_release(target_t *self) {
    pthread_mutex_lock(&self->lock);
    self->released = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void s_request_free(target_request_t *request) {
    free(request->head);
    free((char *)request->key);
    json_decref(request->body);
    free(request);
}

void target_stop(target_t **self_p) {
    target_t *self = *self_p;
    if (!self)
        return;
    target_release(self);
    pthread_mutex_lock(&self->lock);
    self->ends = true;
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    close(self->listener);
    pthread_mutex_lock(&self->lock);
    while (self->connections)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < self->count; i++)
        s_request_free(self->requests[i]);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self);
    *self_p = NULL;
}

int target_port(const target_t *self) {
    return self->port;
}

/* ---- what came ---- */

size_t target_count(target_t *self) {
    return target_count_of(self, "");
}

size_t target_count_of(target_t *self, const char *symbol) {
    pthread_mutex_lock(&self->lock);
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += !*symbol || strcmp(self->requests[i]->symbol, symbol) == 0;
    pthread_mutex_unlock(&self->lock);
    return count;
}

const target_request_t *target_at(target_t *self, size_t index) {
    pthread_mutex_lock(&self->lock);
    const target_request_t *request = index < self->count ? self->requests[index] : NULL;
    pthread_mutex_unlock(&self->lock);
    cr_assert(request, "no request %zu came", index);
    return request;
}

void target_await(target_t *self, size_t count) {
    long long deadline = program_now_ms() + TARGET_MS;
    while (target_count(self) < count)
        if (!program_look_again(deadline))
            cr_assert_fail("%zu requests came, not %zu", target_count(self), count);
}
