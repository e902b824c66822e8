/* The tier in Redis: packed values under one prefix, over one blocking connection with time-outs.
 *
 * After any error the connection is closed and made again after a pause that grows from 0.2 to 10 seconds; until then
 * every call is ERR_CACHE_UNAVAILABLE at once. Only keys that begin with REDIS_TIER_PREFIX are touched. One thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "services/latency.h"
#include <stdint.h>

#define REDIS_TIER_PREFIX "integration:"

typedef struct {
    uint64_t hits, misses, errors, connects;
    latency_t latency; /* of an exchange */
} redis_tier_stats_t;

typedef struct redis_tier_s redis_tier_t;

/* `url` is redis://[[user]:password@]host[:port][/db], user and password percent-encoded; NULL when it is not. Each
 * exchange takes at most `timeout_ms`, connecting too. Does not connect. */
redis_tier_t *redis_tier_new(const char *url, int timeout_ms);
void redis_tier_destroy(redis_tier_t **self_p);

/* To be called every second or so: connects when it is time, and sees whether a quiet connection still lives. */
void redis_tier_tend(redis_tier_t *self);
bool redis_tier_is_up(const redis_tier_t *self);
const char *redis_tier_reason(const redis_tier_t *self); /* why it is not up */
const redis_tier_stats_t *redis_tier_stats(const redis_tier_t *self);

/* Appends the packed value. *ttl_ms is what is left of its time; 0 = not known. */
ERR_MUST_USE
err_t redis_tier_get(redis_tier_t *self, const char *key, buf_t *packed, bool *found, int64_t *ttl_ms);
ERR_MUST_USE
err_t redis_tier_put(redis_tier_t *self, const char *key, const void *packed, size_t size, int64_t ttl_ms);

/* Told of each key that a sweep removed: without the prefix, and the memory that it took in Redis. */
typedef void(redis_tier_removed_fn)(void *context, const char *key, size_t bytes);

/* One step of removing what matches (glob.h): *cursor is 0 at first and again when all was seen. */
ERR_MUST_USE
err_t redis_tier_sweep(redis_tier_t *self, const char *pattern, uint64_t *cursor,
                       redis_tier_removed_fn *removed, void *context);
