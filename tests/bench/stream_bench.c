/* From a POST to the subscriber: single signals at a fixed pace, and when each arrives on the stream.
 *
 *   bench-stream-bench HOST:PORT STREAM_URL RATE SECONDS BATCH
 *
 * Open loop: request i is due at i / RATE whatever the answers do; its latency counts from then on, so that a pause of
 * the service is charged to every signal that it delayed. BATCH signals a request. Prints JSON, times in milliseconds:
 * arrival since the request was due and since published_at_us (the begin of the commit), and the answer since the
 * request was due. */
#include "integration/v1/signals.pb.h"
#include "message/message.h"
#include "tables.gen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { CONNECTIONS = 32, SYMBOLS = 5000, WARM_SECONDS = 1, RECEIVE_MS = 5000, BATCH_MOST = 100 };

typedef struct {
    int fd;
    bool busy;
    size_t request; /* under way */
    size_t got;
    char answer[65536];
} connection_t;

typedef struct {
    double *items;
    size_t count;
} series_t;

typedef struct {
    const char *stream_url;
    size_t requests, batch, rate;
    int64_t begin_ns;
    series_t arrived, since_published, answered;
    atomic_bool listening;
    atomic_llong until_ns; /* the subscriber waits no longer; 0 = not known yet */
    size_t received, warm; /* signals; those of the warm-up are not measured */
    connection_t *connections;
} bench_t;

static void s_die(const char *what) {
    fprintf(stderr, "bench-stream-bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t s_now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t s_due_ns(const bench_t *self, size_t request) {
    return self->begin_ns + (int64_t)((double)request * 1e9 * (double)self->batch / (double)self->rate);
}

static void s_add(series_t *series, int64_t ns) {
    series->items[series->count++] = (double)ns / 1e6;
}

/* ---- the subscriber ---- */

static bool s_last_frame(void *socket) {
    int more = 0;
    size_t size = sizeof more;
    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    return !more;
}

/* False when nothing came in time. */
static bool s_receive(void *socket, zmq_msg_t frames[3]) {
    size_t count = 0;
    do {
        if (zmq_msg_recv(&frames[count < 2 ? count : 2], socket, 0) < 0)
            return false;
        count++;
    } while (!s_last_frame(socket));
    return count == 3;
}

static void s_take_signal(bench_t *self, zmq_msg_t frames[3]) {
    int64_t now_ns = s_now_ns(CLOCK_MONOTONIC), wall_us = s_now_ns(CLOCK_REALTIME) / 1000;
    StreamHeader header = StreamHeader_init_zero;
    Signal signal = Signal_init_zero;
    size_t number = 0;
    if (message_decode(StreamHeader_message(), zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]), &header) !=
            OK ||
        message_decode(Signal_message(), zmq_msg_data(&frames[2]), zmq_msg_size(&frames[2]), &signal) != OK ||
        sscanf(signal.signal_id, "bench-%*d-%zu", &number) != 1)
        s_die("what came is not one of our signals");
    message_release(Signal_message(), &signal);
    if (++self->received <= self->warm)
        return;
    s_add(&self->arrived, now_ns - s_due_ns(self, number / self->batch));
    s_add(&self->since_published, (wall_us - header.published_at_us) * 1000);
}

static bool s_is_late(bench_t *self) {
    long long until_ns = atomic_load(&self->until_ns);
    return until_ns && s_now_ns(CLOCK_MONOTONIC) > until_ns;
}

static void *s_subscribe(void *argument) {
    bench_t *self = argument;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    zmq_msg_t frames[3];
    for (int i = 0; i < 3; i++)
        zmq_msg_init(&frames[i]);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){RECEIVE_MS}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "signal/", 7);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "heartbeat", 9);
    if (zmq_connect(socket, self->stream_url) != 0)
        s_die("connect");
    while (self->received < self->requests * self->batch && !s_is_late(self) && s_receive(socket, frames)) {
        atomic_store(&self->listening, true); /* the first is a heartbeat */
        if (memcmp(zmq_msg_data(&frames[0]), "signal/", 7) == 0)
            s_take_signal(self, frames);
    }
    for (int i = 0; i < 3; i++)
        zmq_msg_close(&frames[i]);
    zmq_close(socket);
    zmq_ctx_term(context);
    return NULL;
}

/* ---- the senders ---- */

static void s_connect(connection_t *self, const char *address) {
    char host[64];
    int port, one = 1;
    if (sscanf(address, "%63[^:]:%d", host, &port) != 2)
        s_die("HOST:PORT");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &to.sin_addr);
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(self->fd, (struct sockaddr *)&to, sizeof to) != 0)
        s_die(address);
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(self->fd, F_SETFL, O_NONBLOCK);
}

static size_t s_write_signal(char *out, size_t size, size_t number) {
    return (size_t)snprintf(out, size,
                            "{\"signal_id\":\"bench-%d-%zu\",\"signal_type\":\"trend\",\"source\":\"bench\","
                            "\"target\":\"execution\",\"symbol\":\"S%zu\",\"side\":\"buy\",\"strength\":0.8,"
                            "\"confidence\":0.7}",
                            (int)getpid(), number, number % SYMBOLS);
}

static size_t s_write_body(const bench_t *self, char *out, size_t size, size_t request) {
    if (self->batch == 1)
        return s_write_signal(out, size, request);
    size_t used = (size_t)snprintf(out, size, "{\"signals\":[");
    for (size_t i = 0; i < self->batch; i++) {
        used += s_write_signal(out + used, size - used, request * self->batch + i);
        used += (size_t)snprintf(out + used, size - used, i + 1 < self->batch ? "," : "]}");
    }
    return used;
}

static void s_send(bench_t *self, connection_t *connection, size_t request) {
    static char body[BATCH_MOST * 256], text[BATCH_MOST * 256 + 256];
    size_t size = s_write_body(self, body, sizeof body, request);
    int length =
        snprintf(text, sizeof text,
                 "POST /api/v1/signals/route HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 size, body);
    if (write(connection->fd, text, (size_t)length) != length)
        s_die("write");
    connection->busy = true;
    connection->request = request;
    connection->got = 0;
}

/* True when the answer is whole. */
static bool s_read(connection_t *self) {
    ssize_t size = read(self->fd, self->answer + self->got, sizeof self->answer - 1 - self->got);
    if (size < 0 && errno == EAGAIN)
        return false;
    if (size <= 0)
        s_die("read");
    self->got += (size_t)size;
    self->answer[self->got] = '\0';
    const char *end = strstr(self->answer, "\r\n\r\n"),
               *length = strcasestr(self->answer, "\r\nContent-Length:");
    if (!end || !length || self->got < (size_t)(end + 4 - self->answer) + strtoul(length + 17, NULL, 10))
        return false;
    if (strncmp(self->answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "bench-stream-bench: %s\n", self->answer);
        exit(1);
    }
    return true;
}

static connection_t *s_idle(bench_t *self) {
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (!self->connections[i].busy)
            return &self->connections[i];
    return NULL;
}

static size_t s_take_answers(bench_t *self, int64_t wait_ns) {
    struct pollfd items[CONNECTIONS];
    size_t done = 0;
    for (size_t i = 0; i < CONNECTIONS; i++)
        items[i] =
            (struct pollfd){.fd = self->connections[i].busy ? self->connections[i].fd : -1, .events = POLLIN};
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    if (ppoll(items, CONNECTIONS, &wait, NULL) < 0)
        s_die("ppoll");
    for (size_t i = 0; i < CONNECTIONS; i++) {
        connection_t *connection = &self->connections[i];
        if (!items[i].revents || !s_read(connection))
            continue;
        connection->busy = false;
        done++;
        if (connection->request * self->batch >= self->warm)
            s_add(&self->answered, s_now_ns(CLOCK_MONOTONIC) - s_due_ns(self, connection->request));
    }
    return done;
}

static void s_run(bench_t *self) {
    self->begin_ns = s_now_ns(CLOCK_MONOTONIC) + 1000000;
    for (size_t sent = 0, answered = 0; answered < self->requests;) {
        connection_t *connection = sent < self->requests ? s_idle(self) : NULL;
        int64_t wait_ns =
            connection ? s_due_ns(self, sent) - s_now_ns(CLOCK_MONOTONIC) : RECEIVE_MS * 1000000LL;
        if (wait_ns <= 0)
            s_send(self, connection, sent++);
        answered += s_take_answers(self, wait_ns > 0 ? wait_ns : 0);
    }
}

/* ---- the account ---- */

static int s_compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static void s_print(const char *name, series_t *series, const char *end) {
    qsort(series->items, series->count, sizeof *series->items, s_compare);
    size_t last = series->count ? series->count - 1 : 0;
    printf("\"%s\":{\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}%s", name, series->items[last / 2],
           series->items[last * 99 / 100], series->items[last], end);
}

static series_t s_series(size_t most) {
    series_t series = {.items = calloc(most + 1, sizeof *series.items)};
    if (!series.items)
        s_die("memory");
    return series;
}

int main(int argc, char **argv) {
    bench_t self = {.stream_url = argc == 6 ? argv[2] : NULL};
    if (argc != 6 || (self.rate = strtoul(argv[3], NULL, 10)) == 0 ||
        (self.batch = strtoul(argv[5], NULL, 10)) == 0 || self.batch > BATCH_MOST) {
        fprintf(stderr, "usage: bench-stream-bench HOST:PORT STREAM_URL RATE SECONDS BATCH\n");
        return 2;
    }
    size_t seconds = strtoul(argv[4], NULL, 10) + WARM_SECONDS;
    self.requests = self.rate * seconds / self.batch;
    self.warm = self.rate * WARM_SECONDS;
    self.arrived = s_series(self.requests * self.batch);
    self.since_published = s_series(self.requests * self.batch);
    self.answered = s_series(self.requests);
    self.connections = calloc(CONNECTIONS, sizeof *self.connections);
    if (!self.connections)
        s_die("memory");
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    for (size_t i = 0; i < CONNECTIONS; i++)
        s_connect(&self.connections[i], argv[1]);
    pthread_t subscriber;
    pthread_create(&subscriber, NULL, s_subscribe, &self);
    while (!atomic_load(&self.listening))
        usleep(1000);
    s_run(&self);
    int64_t took_ns = s_now_ns(CLOCK_MONOTONIC) - self.begin_ns;
    atomic_store(&self.until_ns, s_now_ns(CLOCK_MONOTONIC) + RECEIVE_MS * 1000000LL);
    pthread_join(subscriber, NULL);
    printf("{\"signals_per_second\":%.0f,\"missing\":%zu,",
           (double)(self.requests * self.batch) * 1e9 / (double)took_ns,
           self.requests * self.batch - self.received);
    s_print("arrival", &self.arrived, ",");
    s_print("since_published", &self.since_published, ",");
    s_print("answer", &self.answered, "}\n");
    free(self.arrived.items);
    free(self.since_published.items);
    free(self.answered.items);
    free(self.connections);
    return 0;
}
