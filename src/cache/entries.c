/* The entries in the process: a hash table, a heap of those that go first, a heap of those that expire first. */
#include "cache/entries.h"

#include "base/err.h"
#include "base/ids.h"
#include "cache/glob.h"
#include "cache/heap.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 256 };

typedef struct entry_s entry_t;
struct entry_s {
    heap_node_t victim; /* rank by policy, tie: when it was used last */
    heap_node_t expiry; /* rank: its time */
    entry_t *next;      /* in its bucket */
    uint64_t hash;
    uint64_t uses; /* putting is one */
    size_t size;
    char *key; /* one block with the value */
    char *value;
};

struct entries_s {
    evict_t policy;
    size_t max_bytes, bytes, count, bucket_count;
    entry_t **buckets;
    heap_t victims, expiries;
    uint64_t uses; /* the clock of "longest ago" */
    uint64_t age;  /* of adaptive: the rank of the last one that went */
    uint64_t evicted;
};

bool entries_policy(const char *word, evict_t *policy) {
    static const char *const words[] = {"lru", "lfu", "ttl", "adaptive"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], word) == 0) {
            *policy = (evict_t)i;
            return true;
        }
    }
    return false;
}

entries_t *entries_new(size_t max_bytes, evict_t policy) {
    entries_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->max_bytes = max_bytes;
    self->policy = policy;
    self->bucket_count = FIRST_BUCKETS;
    self->buckets = calloc(self->bucket_count, sizeof *self->buckets);
    assert_always(self->buckets);
    return self;
}

size_t entries_cost(size_t key_length, size_t size) {
    return sizeof(entry_t) + 4 * sizeof(void *) + key_length + 1 + size;
}

static size_t s_cost(const entry_t *entry) {
    return entries_cost(strlen(entry->key), entry->size);
}

/* ---- The table ---- */

static entry_t **s_link(const entries_t *self, const char *key, uint64_t hash) {
    entry_t **link = &self->buckets[hash & (self->bucket_count - 1)];
    while (*link && ((*link)->hash != hash || strcmp((*link)->key, key) != 0))
        link = &(*link)->next;
    return link;
}

static entry_t *s_find(const entries_t *self, const char *key) {
    return *s_link(self, key, ids_hash64(key, strlen(key)));
}

static void s_grow(entries_t *self) {
    size_t count = self->bucket_count * 2;
    entry_t **buckets = calloc(count, sizeof *buckets);
    assert_always(buckets);
    for (size_t i = 0; i < self->bucket_count; i++) {
        for (entry_t *entry = self->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            entry->next = buckets[entry->hash & (count - 1)];
            buckets[entry->hash & (count - 1)] = entry;
        }
    }
    free(self->buckets);
    self->buckets = buckets;
    self->bucket_count = count;
}

static void s_remove(entries_t *self, entry_t *entry) {
    *s_link(self, entry->key, entry->hash) = entry->next;
    heap_remove(&self->victims, &entry->victim);
    heap_remove(&self->expiries, &entry->expiry);
    self->bytes -= s_cost(entry);
    self->count--;
    free(entry->key);
    free(entry);
}

/* ---- Which one goes ---- */

static uint64_t s_rank(const entries_t *self, const entry_t *entry) {
    switch (self->policy) {
    case EVICT_LFU: return entry->uses;
    case EVICT_TTL: return entry->expiry.rank;
    case EVICT_ADAPTIVE: return entry->uses + self->age;
    default: return 0;
    }
}

static void s_use(entries_t *self, entry_t *entry) {
    entry->uses++;
    entry->victim.rank = s_rank(self, entry);
    entry->victim.tie = ++self->uses;
}

static entry_t *s_of_victim(heap_node_t *node) {
    return (entry_t *)(void *)((char *)node - offsetof(entry_t, victim));
}

static entry_t *s_of_expiry(heap_node_t *node) {
    return (entry_t *)(void *)((char *)node - offsetof(entry_t, expiry));
}

static void s_make_room(entries_t *self, size_t cost, int64_t now_ms) {
    if (self->bytes + cost > self->max_bytes)
        entries_expire(self, now_ms);
    while (self->bytes + cost > self->max_bytes) {
        entry_t *victim = s_of_victim(heap_top(&self->victims));
        self->age = victim->victim.rank;
        self->evicted++;
        s_remove(self, victim);
    }
}

/* ---- Use ---- */

static entry_t *s_new(const char *key, const void *value, size_t size) {
    size_t key_size = strlen(key) + 1;
    entry_t *entry = calloc(1, sizeof *entry);
    assert_always(entry);
    entry->key = malloc(key_size + size);
    assert_always(entry->key);
    entry->value = entry->key + key_size;
    memcpy(entry->key, key, key_size);
    if (size)
        memcpy(entry->value, value, size);
    entry->size = size;
    entry->hash = ids_hash64(key, key_size - 1);
    return entry;
}

static void s_insert(entries_t *self, entry_t *entry) {
    if (self->count >= self->bucket_count)
        s_grow(self);
    *s_link(self, entry->key, entry->hash) = entry;
    heap_add(&self->victims, &entry->victim);
    heap_add(&self->expiries, &entry->expiry);
    self->bytes += s_cost(entry);
    self->count++;
}

bool entries_put(entries_t *self, const char *key, const void *value, size_t size, int64_t expires_ms,
                 int64_t now_ms) {
    size_t cost = entries_cost(strlen(key), size);
    entry_t *old = s_find(self, key);
    uint64_t uses = old ? old->uses : 0;
    if (old)
        s_remove(self, old);
    if (cost > self->max_bytes)
        return false;
    s_make_room(self, cost, now_ms);
    entry_t *entry = s_new(key, value, size);
    entry->uses = uses;
    entry->expiry.rank = entry->expiry.tie = (uint64_t)expires_ms;
    s_use(self, entry);
    s_insert(self, entry);
    return true;
}

bool entries_get(entries_t *self, const char *key, int64_t now_ms, const void **value, size_t *size,
                 int64_t *expires_ms) {
    entry_t *entry = s_find(self, key);
    if (entry && (int64_t)entry->expiry.rank <= now_ms) {
        s_remove(self, entry);
        entry = NULL;
    }
    if (!entry)
        return false;
    s_use(self, entry);
    heap_moved(&self->victims, &entry->victim);
    *value = entry->value;
    *size = entry->size;
    *expires_ms = (int64_t)entry->expiry.rank;
    return true;
}

bool entries_drop(entries_t *self, const char *key, size_t *freed) {
    entry_t *entry = s_find(self, key);
    *freed = entry ? s_cost(entry) : 0;
    if (entry)
        s_remove(self, entry);
    return entry != NULL;
}

size_t entries_clear(entries_t *self, const char *pattern, size_t *freed) {
    size_t cleared = 0;
    *freed = 0;
    for (size_t i = 0; i < self->bucket_count; i++) {
        for (entry_t *entry = self->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            if (!glob_match(pattern, entry->key))
                continue;
            *freed += s_cost(entry);
            s_remove(self, entry);
            cleared++;
        }
    }
    return cleared;
}

size_t entries_expire(entries_t *self, int64_t now_ms) {
    size_t expired = 0;
    for (heap_node_t *top; (top = heap_top(&self->expiries)) && (int64_t)top->rank <= now_ms; expired++)
        s_remove(self, s_of_expiry(top));
    return expired;
}

void entries_destroy(entries_t **self_p) {
    entries_t *self = *self_p;
    size_t freed;
    if (!self)
        return;
    entries_clear(self, "*", &freed);
    heap_free(&self->victims);
    heap_free(&self->expiries);
    free(self->buckets);
    free(self);
    *self_p = NULL;
}

size_t entries_count(const entries_t *self) {
    return self->count;
}

size_t entries_bytes(const entries_t *self) {
    return self->bytes;
}

uint64_t entries_evicted(const entries_t *self) {
    return self->evicted;
}
