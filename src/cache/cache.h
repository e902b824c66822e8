/* The cache: values by key for a time, in this process and, where REDIS_URL is set, in Redis behind it.
 *
 * A value is packed (pack.h) once and kept the same way in both tiers. A look-up that the process cannot answer asks
 * Redis and keeps what it gets for the time that is left. While Redis is away the cache goes on without it and is
 * degraded; a value that was put meanwhile may then be hidden by an older one in Redis, once the process has dropped
 * it and until that one's time is over. Nothing but keys under our prefix is ever touched in Redis.
 *
 * This actor blocks on Redis, at most CACHE_REDIS_MS an exchange.
 *
 * Takes     Get, Put, Clear, GetStats
 * Owns      the entries and the connection to Redis */
#pragma once

#include "actor/actor.h"

#define CACHE_KEY_MOST   512 /* bytes */
#define CACHE_VALUE_MOST (64u << 20)
#define CACHE_REDIS_MS   250

extern const actor_class_t cache_class;
