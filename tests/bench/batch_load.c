/* Signals in batches: POSTs of many signals over a few kept connections, as fast as they are answered.
 *
 *   bench-batch-load HOST:PORT SECONDS CONNECTIONS SIGNALS
 *
 * SIGNALS a request, without signal_id; those of a symbol say the same, so that none has a rival. The bodies are made
 * before the clock starts, and of an answer only its counts are read: the cores are for the service. Prints JSON; times
 * in milliseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    BODIES = 16,
    SYMBOLS = 500,
    SIGNAL_ROOM = 320,
    HEAD_ROOM = 512,
    ANSWER_ROOM = 4 << 20,
    MOST = 1000000
};

typedef struct {
    char *bytes;
    size_t size;
} request_t;

typedef struct {
    struct sockaddr_in address;
    const request_t *requests;
    size_t first;
    double until;
    pthread_t thread;
    double *times; /* of each request */
    size_t count;
    unsigned long accepted, rejected;
} client_t;

static void s_die(const char *what) {
    fprintf(stderr, "bench-batch-load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *s_alloc(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory)
        s_die("memory");
    return memory;
}

static double s_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- requests ---- */

static size_t s_put_signal(char *at, size_t number) {
    static const char *const sources[] = {"macro", "portfolio", "strategy", "tactical"};
    static const char *const sides[] = {"buy", "sell"};
    size_t symbol = number % SYMBOLS;
    const char *side = sides[symbol % 2];
    return (size_t)sprintf(at,
                           "{\"signal_type\":\"analysis\",\"source\":\"%s\",\"target\":\"execution\","
                           "\"symbol\":\"%06zu.SH\",\"side\":\"%s\",\"strength\":%.2f,\"confidence\":%.2f,"
                           "\"priority\":3,\"data\":{\"reason\":\"bench\",\"weight\":%.3f}}",
                           sources[number % 4], 600000 + symbol, side, 0.7 + (double)(number % 10) / 100,
                           0.5 + (double)(number % 40) / 100, (double)(number % 1000) / 1000);
}

static request_t s_request(size_t index, size_t signals, const char *host) {
    char *body = s_alloc(signals + 1, SIGNAL_ROOM);
    size_t size = (size_t)sprintf(body, "{\"signals\":[");
    for (size_t i = 0; i < signals; i++) {
        if (i)
            body[size++] = ',';
        size += s_put_signal(body + size, index * signals + i);
    }
    size += (size_t)sprintf(body + size, "]}");
    request_t request = {.bytes = s_alloc(1, size + HEAD_ROOM)};
    request.size = (size_t)snprintf(request.bytes, HEAD_ROOM,
                                    "POST /api/v1/signals/route HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                                    "application/json\r\nContent-Length: %zu\r\n\r\n",
                                    host, size);
    memcpy(request.bytes + request.size, body, size);
    request.size += size;
    free(body);
    return request;
}

/* ---- a connection ---- */

static int s_connect(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        s_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void s_send(int fd, const request_t *request) {
    for (size_t sent = 0; sent < request->size;) {
        ssize_t n = write(fd, request->bytes + sent, request->size - sent);
        if (n <= 0)
            s_die("write");
        sent += (size_t)n;
    }
}

/* Bytes of the whole answer; 0 while its head is not complete. */
static size_t s_expected(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\nContent-Length:");
    if (!end)
        return 0;
    if (!length || length > end)
        s_die("an answer without Content-Length");
    return (size_t)(end + 4 - answer) + strtoul(length + sizeof "\r\nContent-Length:" - 1, NULL, 10);
}

static size_t s_receive(int fd, char *answer) {
    size_t got = 0, expected = 0;
    while (!expected || got < expected) {
        ssize_t n = read(fd, answer + got, ANSWER_ROOM - 1 - got);
        if (n <= 0)
            s_die("read");
        got += (size_t)n;
        answer[got] = '\0';
        expected = expected ? expected : s_expected(answer);
        if (expected >= ANSWER_ROOM)
            s_die("an answer that is too large");
    }
    return got;
}

/* The number behind the name, which stands in the answer's last part. */
static unsigned long s_number(const char *answer, size_t size, const char *name) {
    enum { TAIL = 1024 };
    const char *found = strstr(answer + (size > TAIL ? size - TAIL : 0), name);
    if (!found) {
        fprintf(stderr, "%.400s\n", answer);
        s_die("an answer without counts");
    }
    return strtoul(found + strlen(name), NULL, 10);
}

static void *s_run(void *argument) {
    client_t *self = argument;
    char *answer = s_alloc(1, ANSWER_ROOM);
    int fd = s_connect(&self->address);
    for (size_t next = self->first; self->count < MOST && s_seconds() < self->until; next++) {
        double begun = s_seconds();
        s_send(fd, &self->requests[next % BODIES]);
        size_t size = s_receive(fd, answer);
        self->times[self->count++] = (s_seconds() - begun) * 1e3;
        self->accepted += s_number(answer, size, "\"accepted\":");
        self->rejected += s_number(answer, size, "\"rejected\":");
    }
    close(fd);
    free(answer);
    return NULL;
}

/* ---- all ---- */

static int s_by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void s_report(client_t *clients, size_t connections, double seconds) {
    size_t count = 0;
    unsigned long accepted = 0, rejected = 0;
    for (size_t i = 0; i < connections; i++)
        count += clients[i].count;
    double *times = s_alloc(count + 1, sizeof *times);
    for (size_t i = 0, at = 0; i < connections; at += clients[i++].count) {
        memcpy(times + at, clients[i].times, clients[i].count * sizeof *times);
        accepted += clients[i].accepted;
        rejected += clients[i].rejected;
    }
    qsort(times, count, sizeof *times, s_by_size);
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double cpu = (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                 (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\":%zu,\"accepted\":%lu,\"rejected\":%lu,\"seconds\":%.3f,\"per_second\":%.0f,"
           "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"load_cpu_s\":%.3f}\n",
           count, accepted, rejected, seconds, (double)accepted / seconds, times[count / 2],
           times[count * 99 / 100], cpu);
    free(times);
}

static void s_measure(client_t *clients, size_t connections, double seconds) {
    double begun = s_seconds();
    for (size_t i = 0; i < connections; i++) {
        clients[i].until = begun + seconds;
        clients[i].times = s_alloc(MOST, sizeof *clients[i].times);
        if ((errno = pthread_create(&clients[i].thread, NULL, s_run, &clients[i])))
            s_die("thread");
    }
    for (size_t i = 0; i < connections; i++)
        pthread_join(clients[i].thread, NULL);
    s_report(clients, connections, s_seconds() - begun);
    for (size_t i = 0; i < connections; i++)
        free(clients[i].times);
}

int main(int count, char **arguments) {
    char host[64] = "";
    unsigned port = 0;
    if (count != 5 || sscanf(arguments[1], "%63[^:]:%u", host, &port) != 2) {
        fprintf(stderr, "usage: bench-batch-load HOST:PORT SECONDS CONNECTIONS SIGNALS\n");
        return 2;
    }
    size_t connections = strtoul(arguments[3], NULL, 10), signals = strtoul(arguments[4], NULL, 10);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || !connections || !signals)
        return 2;
    request_t requests[BODIES];
    for (size_t i = 0; i < BODIES; i++)
        requests[i] = s_request(i, signals, arguments[1]);
    client_t *clients = s_alloc(connections, sizeof *clients);
    for (size_t i = 0; i < connections; i++)
        clients[i] = (client_t){.address = address, .requests = requests, .first = i * BODIES / connections};
    s_measure(clients, connections, strtod(arguments[2], NULL));
    for (size_t i = 0; i < BODIES; i++)
        free(requests[i].bytes);
    free(clients);
    return 0;
}
