/* The cache's tables and handlers; see cache.h. */
#include "cache/cache.h"

#include "base/clock.h"
#include "base/log.h"
#include "bus/fault.h"
#include "cache/entries.h"
#include "cache/pack.h"
#include "cache/redis_tier.h"
#include "integration/v1/cache.pb.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEND_MS = 1000 };

typedef struct clear_s clear_t;

typedef struct {
    actor_t *actor;
    entries_t *entries;
    redis_tier_t *redis; /* NULL = no second tier */
    clear_t *clears;     /* under way */
    uint64_t hits, misses, local_hits, local_misses;
    uint64_t raw_bytes, stored_bytes; /* of what was compressed */
    buf_t packed, value;              /* used again for each call */
} cache_t;

/* Removing from Redis goes page by page, so that other calls get their turn. In cache_t.clears until answered. */
struct clear_s {
    clear_t *next;
    cache_t *owner;
    call_t *call;
    char *pattern;
    uint64_t cursor;
    CacheClearReply reply;
};

static int64_t s_now_ms(void) {
    return clock_mono_us() / 1000;
}

static err_t s_check_key(call_t *call, const char *key) {
    size_t length = key ? strlen(key) : 0;
    if (length > 0 && length <= CACHE_KEY_MOST)
        return OK;
    call_problem(call, "key", "must be 1 to %d bytes, got %zu", CACHE_KEY_MOST, length);
    return ERR_VALIDATION_FAILED;
}

static int64_t s_ttl_ms(const cache_t *self, int64_t asked_ms) {
    return asked_ms > 0 ? asked_ms : actor_config(self->actor)->cache_ttl_seconds * 1000;
}

/* ---- Get ---- */

/* The packed value, from whichever tier has it; *ttl_ms is what is left of its time. */
static bool s_look_up(cache_t *self, const char *key, const void **packed, size_t *size, int64_t *ttl_ms) {
    int64_t now_ms = s_now_ms(), expires_ms = 0;
    bool found = entries_get(self->entries, key, now_ms, packed, size, &expires_ms);
    self->local_hits += found;
    self->local_misses += !found;
    *ttl_ms = expires_ms - now_ms;
    if (found || !self->redis)
        return found;
    buf_clear(&self->packed);
    if (redis_tier_get(self->redis, key, &self->packed, &found, ttl_ms) != OK || !found)
        return false;
    *packed = self->packed.data;
    *size = self->packed.size;
    if (*ttl_ms > 0)
        entries_put(self->entries, key, *packed, *size, now_ms + *ttl_ms, now_ms);
    return true;
}

static err_t s_get(actor_t *actor, call_t *call, const void *request, void *response) {
    cache_t *self = actor_state(actor);
    const CacheGetRequest *input = request;
    CacheGetReply *reply = response;
    const void *packed;
    size_t size;
    err_t err = s_check_key(call, input->key);
    if (err != OK)
        return err;
    buf_clear(&self->value);
    reply->found = s_look_up(self, input->key, &packed, &size, &reply->ttl_ms) &&
                   pack_open(packed, size, CACHE_VALUE_MOST, &self->value) == OK;
    self->hits += reply->found;
    self->misses += !reply->found;
    if (reply->found)
        reply->value = message_bytes(buf_str(&self->value), self->value.size);
    else
        reply->ttl_ms = 0;
    return OK;
}

/* ---- Put ---- */

static void s_count_compression(cache_t *self, size_t raw_size) {
    if (!pack_is_compressed(self->packed.data, self->packed.size))
        return;
    self->raw_bytes += raw_size;
    self->stored_bytes += self->packed.size;
}

static err_t s_put(actor_t *actor, call_t *call, const void *request, void *response) {
    cache_t *self = actor_state(actor);
    const CachePutRequest *input = request;
    CachePutReply *reply = response;
    size_t size = input->value ? input->value->size : 0;
    const void *bytes = input->value ? input->value->bytes : NULL;
    int64_t now_ms = s_now_ms(), ttl_ms = s_ttl_ms(self, input->ttl_ms);
    err_t err = s_check_key(call, input->key);
    if (err == OK && input->ttl_ms < 0) {
        call_problem(call, "ttl_ms", "must not be negative, got %lld", (long long)input->ttl_ms);
        err = ERR_VALIDATION_FAILED;
    }
    if (err != OK || size > CACHE_VALUE_MOST)
        return err;
    buf_clear(&self->packed);
    pack_value(bytes, size, (size_t)actor_config(actor)->cache_compress_min_bytes, &self->packed);
    s_count_compression(self, size);
    reply->stored =
        entries_put(self->entries, input->key, self->packed.data, self->packed.size, now_ms + ttl_ms, now_ms);
    if (reply->stored && self->redis &&
        redis_tier_put(self->redis, input->key, self->packed.data, self->packed.size, ttl_ms) != OK)
        actor_count(actor, "redis_puts_missed_total", "Values that Redis was not there to take.", 1);
    return OK;
}

/* ---- Clear ---- */

static void s_clear_free(clear_t *self) {
    clear_t **link = &self->owner->clears;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    free(self->pattern);
    free(self);
}

/* A key that both tiers had counts once, with the bytes of both. */
static void s_on_removed(void *context, const char *key, size_t bytes) {
    clear_t *self = context;
    size_t freed;
    entries_drop(self->owner->entries, key, &freed);
    self->reply.cleared_entries++;
    self->reply.freed_bytes += bytes + freed;
}

static void s_clear_fail(clear_t *self, err_t err, const char *why) {
    call_explain(self->call, err, "%llu entries were dropped, then: %s",
                 (unsigned long long)self->reply.cleared_entries, why);
    call_fail(self->owner->actor, &self->call, err);
    s_clear_free(self);
}

static void s_clear_end(clear_t *self) {
    size_t freed;
    self->reply.cleared_entries += entries_clear(self->owner->entries, self->pattern, &freed);
    self->reply.freed_bytes += freed;
    call_reply(self->owner->actor, &self->call, &self->reply);
    s_clear_free(self);
}

static void s_clear_step(actor_t *actor, void *context) {
    clear_t *self = context;
    cache_t *owner = self->owner;
    int64_t deadline_us = call_envelope(self->call)->deadline_us;
    err_t err = redis_tier_sweep(owner->redis, self->pattern, &self->cursor, s_on_removed, self);
    if (err != OK)
        s_clear_fail(self, err, redis_tier_reason(owner->redis));
    else if (self->cursor == 0)
        s_clear_end(self);
    else if (deadline_us && clock_mono_us() >= deadline_us)
        s_clear_fail(self, ERR_DEADLINE_EXCEEDED, "the time for the rest is over");
    else
        actor_timer_once(actor, 0, s_clear_step, self);
}

static err_t s_clear(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    cache_t *self = actor_state(actor);
    const CacheClearRequest *input = request;
    clear_t *clear = calloc(1, sizeof *clear);
    assert_always(clear);
    clear->owner = self;
    clear->call = call;
    clear->pattern = message_strdup(input->pattern && *input->pattern ? input->pattern : "*");
    clear->next = self->clears;
    self->clears = clear;
    if (self->redis)
        s_clear_step(actor, clear);
    else
        s_clear_end(clear);
    return ERR_PENDING;
}

/* ---- GetStats ---- */

static void s_fill_remote(const cache_t *self, CacheRemoteTier *out) {
    MESSAGE_PUT(out->backend, self->redis ? "redis" : "none");
    if (!self->redis)
        return;
    const redis_tier_stats_t *stats = redis_tier_stats(self->redis);
    out->has_available = out->has_hits = out->has_misses = out->has_errors = true;
    out->available = redis_tier_is_up(self->redis);
    out->hits = stats->hits;
    out->misses = stats->misses;
    out->errors = stats->errors;
    int64_t now_us = clock_mono_us();
    out->has_p50_ms = out->has_p99_ms = latency_count(&stats->latency, now_us) > 0;
    out->p50_ms = latency_quantile_ms(&stats->latency, now_us, 0.5);
    out->p99_ms = latency_quantile_ms(&stats->latency, now_us, 0.99);
}

static void s_fill_compression(const cache_t *self, Compression *out) {
    MESSAGE_PUT(out->algorithm, "zstd");
    out->raw_bytes = self->raw_bytes;
    out->stored_bytes = self->stored_bytes;
    out->has_ratio = self->raw_bytes > 0;
    out->ratio = self->raw_bytes ? (double)self->stored_bytes / (double)self->raw_bytes : 0;
}

static err_t s_get_stats(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    (void)request;
    const cache_t *self = actor_state(actor);
    const config_t *config = actor_config(actor);
    CacheStats *stats = response;
    uint64_t lookups = self->hits + self->misses;
    stats->hits = self->hits;
    stats->misses = self->misses;
    stats->evictions = entries_evicted(self->entries);
    stats->total_size = entries_bytes(self->entries);
    stats->max_size = (uint64_t)config->cache_max_bytes;
    stats->has_hit_rate = lookups > 0;
    stats->hit_rate = lookups ? (double)self->hits / (double)lookups : 0;
    stats->entries = entries_count(self->entries);
    MESSAGE_PUT(stats->policy, config->cache_policy);
    stats->has_tiers = stats->has_compression = stats->tiers.has_l1 = stats->tiers.has_l2 = true;
    stats->tiers.l1 = (CacheLocalTier){.hits = self->local_hits,
                                       .misses = self->local_misses,
                                       .entries = stats->entries,
                                       .size = stats->total_size,
                                       .max_size = stats->max_size};
    s_fill_remote(self, &stats->tiers.l2);
    s_fill_compression(self, &stats->compression);
    return OK;
}

/* ---- Life ---- */

static void s_tend(actor_t *actor, void *context) {
    (void)actor;
    cache_t *self = context;
    entries_expire(self->entries, s_now_ms());
    if (self->redis)
        redis_tier_tend(self->redis);
}

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    const config_t *config = actor_config(actor);
    evict_t policy;
    redis_tier_t *redis = *config->redis_url ? redis_tier_new(config->redis_url, CACHE_REDIS_MS) : NULL;
    if (!entries_policy(config->cache_policy, &policy) || (*config->redis_url && !redis)) {
        log_critical("CACHE_POLICY or REDIS_URL is not usable");
        redis_tier_destroy(&redis);
        return ERR_BAD_CONFIG;
    }
    cache_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    self->redis = redis;
    self->entries = entries_new((size_t)config->cache_max_bytes, policy);
    actor_set_state(actor, self);
    s_tend(actor, self);
    actor_timer_every(actor, TEND_MS, s_tend, self);
    return OK;
}

static void s_stop(actor_t *actor) {
    cache_t *self = actor_state(actor);
    while (self->clears)
        s_clear_free(self->clears); /* the loop answers their calls */
    entries_destroy(&self->entries);
    redis_tier_destroy(&self->redis);
    buf_free(&self->packed);
    buf_free(&self->value);
    free(self);
    actor_set_state(actor, NULL);
}

static void s_metric(ComponentStatus *status, const char *kind, const char *name, const char *help,
                     double value) {
    status_add_metric(status, kind, name, help, value, NULL, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const cache_t *self = actor_state(actor);
    if (self->redis && !redis_tier_is_up(self->redis)) {
        buf_t reason = BUF_INIT;
        buf_printf(&reason, "redis: %s", redis_tier_reason(self->redis));
        status_set(status, "degraded", buf_str(&reason));
        buf_free(&reason);
    }
    s_metric(status, "counter", "hits_total", "Look-ups that a tier answered.", (double)self->hits);
    s_metric(status, "counter", "misses_total", "Look-ups that none answered.", (double)self->misses);
    s_metric(status, "counter", "evictions_total", "Entries dropped to make room.",
             (double)entries_evicted(self->entries));
    s_metric(status, "gauge", "entries", "Entries in the process.", (double)entries_count(self->entries));
    s_metric(status, "gauge", "bytes", "Bytes that they take.", (double)entries_bytes(self->entries));
    s_metric(status, "gauge", "redis_up", "1 while Redis is connected.",
             self->redis && redis_tier_is_up(self->redis));
}

static const actor_command_t s_commands[] = {
    {&rpc_Cache_Get, s_get},
    {&rpc_Cache_Put, s_put},
    {&rpc_Cache_Clear, s_clear},
    {&rpc_Cache_GetStats, s_get_stats},
    {NULL, NULL},
};

const actor_class_t cache_class = {
    .name = "cache",
    .commands = s_commands,
    .start = s_start,
    .stop = s_stop,
    .describe = s_describe,
};
