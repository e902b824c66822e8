/* The entries in the process: by key, bounded in bytes, each for a time. Pure: the clock is the caller's.
 *
 * What makes room, once those whose time is over are gone:
 *   lru       the one that was used longest ago
 *   lfu       the one that was used least often, of equals the one used longest ago
 *   ttl       the one whose time ends first
 *   adaptive  LFU with dynamic ageing (Arlitt et al., "Evaluating content management techniques for Web proxy
 *             caches", 1999): at each use an entry counts its uses on top of what the last one that went had, so
 *             that what was used often long ago does not stay for ever
 * Putting counts as a use. Finding a place costs O(log n). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { EVICT_LRU, EVICT_LFU, EVICT_TTL, EVICT_ADAPTIVE } evict_t;

typedef struct entries_s entries_t;

/* False when the word is none of lru, lfu, ttl, adaptive. */
bool entries_policy(const char *word, evict_t *policy);

entries_t *entries_new(size_t max_bytes, evict_t policy);
void entries_destroy(entries_t **self_p);

/* Bytes that an entry takes of the bound, its book-keeping included. */
size_t entries_cost(size_t key_length, size_t size);

/* Keeps a copy until `expires_ms` (of any clock, not negative), in place of what the key had. False, and the key is gone, when it is larger than
 * the bound. */
bool entries_put(entries_t *self, const char *key, const void *value, size_t size, int64_t expires_ms,
                 int64_t now_ms);
/* A use. The value is borrowed until the next call that is not const. */
bool entries_get(entries_t *self, const char *key, int64_t now_ms, const void **value, size_t *size,
                 int64_t *expires_ms);
/* False when there was none. *freed is its cost. */
bool entries_drop(entries_t *self, const char *key, size_t *freed);
/* All that match (glob.h); returns how many. */
size_t entries_clear(entries_t *self, const char *pattern, size_t *freed);
/* Those whose time is over; returns how many. */
size_t entries_expire(entries_t *self, int64_t now_ms);

size_t entries_count(const entries_t *self);
size_t entries_bytes(const entries_t *self);
uint64_t entries_evicted(const entries_t *self); /* to make room, before their time */
