/* Figures of the gateway itself: requests by route and status class, time taken. Every worker counts for itself;
 * a reader adds them up. */
#pragma once

#include "base/buf.h"
#include "message/route.h"
#include <stdint.h>

typedef struct stats_s stats_t;               /* of the gateway */
typedef struct worker_stats_s worker_stats_t; /* of one worker thread */

stats_t *stats_new(void);
/* Frees the workers' figures too. */
void stats_destroy(stats_t **self_p);

/* Figures for a new worker thread; they stay when the thread ends. Any thread. */
worker_stats_t *stats_worker(stats_t *self);

/* Counts an answer. `rpc` NULL: no route was found. On the worker's thread. */
void stats_count(worker_stats_t *self, const rpc_t *rpc, int status, int64_t duration_us);

/* Appends everything as Prometheus text. Any thread. */
void stats_write(const stats_t *self, buf_t *out);
/* Requests answered so far. Any thread. */
uint64_t stats_total(const stats_t *self);
