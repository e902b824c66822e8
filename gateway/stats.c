/* Request figures. */
#include "gateway/stats.h"

#include "base/err.h"
#include "gateway/prometheus.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_COUNT = 5, BUCKET_COUNT = 12 };

/* Upper bounds in microseconds; the last bucket is open. */
static const int64_t s_bounds_us[BUCKET_COUNT - 1] = {250,   500,    1000,   2500,    5000,    10000,
                                                      25000, 100000, 500000, 2500000, 10000000};

typedef struct {
    atomic_uint_fast64_t answers[CLASS_COUNT]; /* 1xx to 5xx */
    atomic_uint_fast64_t sum_us;
} route_stats_t;

/* Written by one thread, read by any. */
struct worker_stats_s {
    worker_stats_t *next;
    atomic_uint_fast64_t buckets[BUCKET_COUNT];
    route_stats_t routes[]; /* one per rpc, in the order of rpcs_all, and one for no route */
};

struct stats_s {
    pthread_mutex_t lock; /* of the list */
    worker_stats_t *workers;
    size_t routes;
};

stats_t *stats_new(void) {
    stats_t *self = calloc(1, sizeof *self);
    assert_always(self);
    pthread_mutex_init(&self->lock, NULL);
    self->routes = rpcs_count + 1;
    return self;
}

void stats_destroy(stats_t **self_p) {
    stats_t *self = *self_p;
    if (!self)
        return;
    while (self->workers) {
        worker_stats_t *worker = self->workers;
        self->workers = worker->next;
        free(worker);
    }
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

worker_stats_t *stats_worker(stats_t *self) {
    worker_stats_t *worker = calloc(1, sizeof *worker + self->routes * sizeof(route_stats_t));
    assert_always(worker);
    pthread_mutex_lock(&self->lock);
    worker->next = self->workers;
    self->workers = worker;
    pthread_mutex_unlock(&self->lock);
    return worker;
}

static void s_add(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static size_t s_route_index(const rpc_t *rpc) {
    for (size_t i = 0; i < rpcs_count; i++)
        if (rpcs_all[i] == rpc)
            return i;
    return rpcs_count;
}

void stats_count(worker_stats_t *self, const rpc_t *rpc, int status, int64_t duration_us) {
    route_stats_t *route = &self->routes[s_route_index(rpc)];
    int klass = status / 100 - 1;
    s_add(&route->answers[klass >= 0 && klass < CLASS_COUNT ? klass : CLASS_COUNT - 1], 1);
    s_add(&route->sum_us, (uint64_t)duration_us);
    int bucket = 0;
    while (bucket < BUCKET_COUNT - 1 && duration_us > s_bounds_us[bucket])
        bucket++;
    s_add(&self->buckets[bucket], 1);
}

/* One counter added up over the workers; `offset` is its place in worker_stats_t. */
static uint64_t s_sum(const stats_t *self, size_t offset) {
    uint64_t sum = 0;
    for (worker_stats_t *worker = self->workers; worker; worker = worker->next)
        sum += atomic_load_explicit((atomic_uint_fast64_t *)((char *)worker + offset), memory_order_relaxed);
    return sum;
}

static size_t s_route_offset(size_t route) {
    return offsetof(worker_stats_t, routes) + route * sizeof(route_stats_t);
}

static uint64_t s_answers(const stats_t *self, size_t route, int klass) {
    return s_sum(self, s_route_offset(route) + offsetof(route_stats_t, answers) +
                           (size_t)klass * sizeof(atomic_uint_fast64_t));
}

static void s_write_routes(const stats_t *self, buf_t *out) {
    prometheus_head(out, "http_requests_total", "counter", "Answers by route and status class");
    for (size_t i = 0; i < self->routes; i++) {
        const http_binding_t *http = i < rpcs_count ? rpcs_all[i]->http : NULL;
        const char *name = i < rpcs_count ? rpcs_all[i]->name : "none";
        for (int klass = 0; klass < CLASS_COUNT; klass++) {
            uint64_t answers = s_answers(self, i, klass);
            if (answers == 0 || (!http && i < rpcs_count))
                continue;
            buf_printf(out, PROMETHEUS_PREFIX "http_requests_total{route=\"%s\",status=\"%dxx\"} %llu\n",
                       name, klass + 1, (unsigned long long)answers);
        }
    }
}

static void s_write_durations(const stats_t *self, buf_t *out) {
    prometheus_head(out, "http_request_duration_seconds", "histogram", "Time from request to answer");
    uint64_t count = 0, sum_us = 0;
    for (int i = 0; i < BUCKET_COUNT; i++) {
        count += s_sum(self, offsetof(worker_stats_t, buckets) + (size_t)i * sizeof(atomic_uint_fast64_t));
        buf_append_str(out, PROMETHEUS_PREFIX "http_request_duration_seconds_bucket{le=\"");
        if (i < BUCKET_COUNT - 1)
            buf_printf(out, "%g", (double)s_bounds_us[i] / 1e6);
        else
            buf_append_str(out, "+Inf");
        buf_printf(out, "\"} %llu\n", (unsigned long long)count);
    }
    for (size_t i = 0; i < self->routes; i++)
        sum_us += s_sum(self, s_route_offset(i) + offsetof(route_stats_t, sum_us));
    buf_printf(out, PROMETHEUS_PREFIX "http_request_duration_seconds_sum %.6f\n", (double)sum_us / 1e6);
    buf_printf(out, PROMETHEUS_PREFIX "http_request_duration_seconds_count %llu\n",
               (unsigned long long)count);
}

void stats_write(const stats_t *self, buf_t *out) {
    pthread_mutex_lock((pthread_mutex_t *)&self->lock);
    s_write_routes(self, out);
    s_write_durations(self, out);
    pthread_mutex_unlock((pthread_mutex_t *)&self->lock);
}

uint64_t stats_total(const stats_t *self) {
    uint64_t total = 0;
    pthread_mutex_lock((pthread_mutex_t *)&self->lock);
    for (int i = 0; i < BUCKET_COUNT; i++)
        total += s_sum(self, offsetof(worker_stats_t, buckets) + (size_t)i * sizeof(atomic_uint_fast64_t));
    pthread_mutex_unlock((pthread_mutex_t *)&self->lock);
    return total;
}
