/* The cache over a real bus, with and without a real Redis behind it. */
#include "cache/cache.h"
#include "harness.h"
#include "redis.h"
#include "routes.gen.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    harness_t harness;
    config_t config;
    redis_t *redis;
    actor_handle_t *actor;
} cache_fixture_t;

static void s_start_actor(cache_fixture_t *f) {
    f->actor = harness_actor(&f->harness, &cache_class, &f->config, NULL);
}

static void s_begin(cache_fixture_t *f, const char *password, bool with_redis) {
    *f = (cache_fixture_t){0};
    f->config = (config_t){.cache_max_bytes = 1 << 20,
                           .cache_ttl_seconds = 300,
                           .cache_policy = (char *)"lru",
                           .cache_compress_min_bytes = 1024,
                           .redis_url = (char *)""};
    if (with_redis) {
        f->redis = redis_new(password);
        redis_start(f->redis);
        f->config.redis_url = (char *)redis_url(f->redis);
    }
    harness_start(&f->harness);
}

static void s_end(cache_fixture_t *f) {
    harness_stop(&f->harness);
    redis_destroy(&f->redis);
}

static err_t s_put(cache_fixture_t *f, const char *key, const char *value, size_t size, int64_t ttl_ms,
                   bool *stored) {
    CachePutRequest request = {
        .key = message_strdup(key), .value = message_bytes(value, size), .ttl_ms = ttl_ms};
    CachePutReply reply = CachePutReply_init_zero;
    err_t err = harness_request(&f->harness, &rpc_Cache_Put, &request, &reply, NULL);
    if (stored)
        *stored = reply.stored;
    message_release(CachePutRequest_message(), &request);
    return err;
}

static void s_put_text(cache_fixture_t *f, const char *key, const char *value) {
    bool stored;
    cr_assert_eq(s_put(f, key, value, strlen(value), 0, &stored), OK);
    cr_assert(stored);
}

static CacheGetReply s_get(cache_fixture_t *f, const char *key) {
    CacheGetRequest request = {.key = message_strdup(key)};
    CacheGetReply reply = CacheGetReply_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_Cache_Get, &request, &reply, NULL), OK);
    message_release(CacheGetRequest_message(), &request);
    return reply;
}

/* `value` NULL: it is not there. */
static void s_expect(cache_fixture_t *f, const char *key, const char *value) {
    CacheGetReply reply = s_get(f, key);
    cr_expect_eq(reply.found, value != NULL, "%s", key);
    if (reply.found && value) {
        cr_expect_eq(reply.value->size, strlen(value));
        cr_expect_arr_eq(reply.value->bytes, value, strlen(value));
    }
    message_release(CacheGetReply_message(), &reply);
}

static err_t s_clear(cache_fixture_t *f, const char *pattern, CacheClearReply *reply) {
    CacheClearRequest request = {.pattern = message_strdup(pattern)};
    *reply = (CacheClearReply)CacheClearReply_init_zero;
    err_t err = harness_request(&f->harness, &rpc_Cache_Clear, &request, reply, NULL);
    message_release(CacheClearRequest_message(), &request);
    return err;
}

static CacheStats s_stats(cache_fixture_t *f) {
    GetCacheStatsRequest request = GetCacheStatsRequest_init_zero;
    CacheStats stats = CacheStats_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_Cache_GetStats, &request, &stats, NULL), OK);
    return stats;
}

static void s_describe(cache_fixture_t *f, ComponentStatus *status) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    Fault fault = Fault_init_zero;
    *status = (ComponentStatus)ComponentStatus_init_zero;
    cr_assert_eq(bus_client_request_to(f->harness.client, "cache", &rpc_Actor_Describe, &envelope,
                                       &(DescribeRequest)DescribeRequest_init_zero, status, &fault),
                 OK);
}

static bool s_is(cache_fixture_t *f, const char *wanted) {
    ComponentStatus status;
    s_describe(f, &status);
    bool is = strcmp(status.status, wanted) == 0;
    message_release(ComponentStatus_message(), &status);
    return is;
}

static bool s_is_running(void *context) {
    return s_is(context, "running");
}

static bool s_is_degraded(void *context) {
    return s_is(context, "degraded");
}

Test(cache, gives_back_what_was_put, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, false);
    s_start_actor(&f);
    s_put_text(&f, "ds:one", "first");
    s_expect(&f, "ds:one", "first");
    s_expect(&f, "ds:two", NULL);
    CacheGetReply reply = s_get(&f, "ds:one");
    cr_expect(reply.ttl_ms > 290000 && reply.ttl_ms <= 300000, "the configured time, less what has passed");
    message_release(CacheGetReply_message(), &reply);
    cr_expect(s_is(&f, "running"));
    s_end(&f);
}

Test(cache, keeps_large_values_compressed, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, false);
    s_start_actor(&f);
    enum { SIZE = 100000 };
    char *large = malloc(SIZE + 1);
    memset(large, 'x', SIZE);
    large[SIZE] = '\0';
    s_put_text(&f, "large", large);
    s_expect(&f, "large", large);
    CacheStats stats = s_stats(&f);
    cr_expect_str_eq(stats.compression.algorithm, "zstd");
    cr_expect_eq(stats.compression.raw_bytes, SIZE);
    cr_expect_lt(stats.compression.stored_bytes, 1000);
    cr_expect(stats.compression.has_ratio);
    cr_expect_lt(stats.total_size, 2000);
    free(large);
    s_end(&f);
}

Test(cache, forgets_after_the_time_that_was_asked, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, false);
    s_start_actor(&f);
    cr_assert_eq(s_put(&f, "short", "v", 1, 1, NULL), OK);
    int64_t deadline_us = harness_deadline(HARNESS_MS);
    for (bool found = true; found;) {
        CacheGetReply reply = s_get(&f, "short");
        found = reply.found;
        message_release(CacheGetReply_message(), &reply);
        cr_assert(clock_mono_us() < deadline_us);
    }
    s_end(&f);
}

Test(cache, says_so_when_a_value_is_too_large, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, false);
    f.config.cache_max_bytes = 65536;
    f.config.cache_compress_min_bytes = 1 << 30;
    s_start_actor(&f);
    char *large = calloc(1, 70000);
    bool stored = true;
    cr_expect_eq(s_put(&f, "large", large, 70000, 0, &stored), OK);
    cr_expect_not(stored);
    free(large);
    s_end(&f);
}

Test(cache, refuses_keys_that_are_empty_or_too_long, .timeout = 60) {
    cache_fixture_t f;
    char key[CACHE_KEY_MOST + 2];
    s_begin(&f, NULL, false);
    s_start_actor(&f);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    cr_expect_eq(s_put(&f, "", "v", 1, 0, NULL), ERR_VALIDATION_FAILED);
    cr_expect_eq(s_put(&f, key, "v", 1, 0, NULL), ERR_VALIDATION_FAILED);
    key[CACHE_KEY_MOST] = '\0';
    cr_expect_eq(s_put(&f, key, "v", 1, 0, NULL), OK);
    cr_expect_eq(s_put(&f, "k", "v", 1, -1, NULL), ERR_VALIDATION_FAILED);
    s_end(&f);
}

Test(cache, counts_hits_misses_and_evictions, .timeout = 60) {
    cache_fixture_t f;
    char value[8000], key[16];
    s_begin(&f, NULL, false);
    f.config.cache_max_bytes = 65536;
    f.config.cache_compress_min_bytes = 1 << 30;
    s_start_actor(&f);
    CacheStats stats = s_stats(&f);
    cr_expect_not(stats.has_hit_rate, "no look-up yet");
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert_eq(s_put(&f, key, value, sizeof value, 0, NULL), OK);
    }
    CacheGetReply reply = s_get(&f, "k19");
    message_release(CacheGetReply_message(), &reply);
    s_expect(&f, "k0", NULL);
    s_expect(&f, "k1", NULL);
    stats = s_stats(&f);
    cr_expect_eq(stats.hits, 1);
    cr_expect_eq(stats.misses, 2);
    cr_expect_float_eq(stats.hit_rate, 1.0 / 3, 1e-9);
    cr_expect_eq(stats.evictions, 20 - stats.entries);
    cr_expect_leq(stats.total_size, 65536);
    cr_expect_str_eq(stats.policy, "lru");
    cr_expect_str_eq(stats.tiers.l2.backend, "none");
    cr_expect_not(stats.tiers.l2.has_available);
    cr_expect_eq(harness_metric(&f.harness, "cache", "hits_total"), 1);
    s_end(&f);
}

Test(cache, clears_by_pattern_or_all, .timeout = 60) {
    cache_fixture_t f;
    CacheClearReply reply;
    s_begin(&f, NULL, false);
    s_start_actor(&f);
    s_put_text(&f, "a:1", "v");
    s_put_text(&f, "a:2", "v");
    s_put_text(&f, "b:1", "v");
    cr_assert_eq(s_clear(&f, "a:?", &reply), OK);
    cr_expect_eq(reply.cleared_entries, 2);
    cr_expect_gt(reply.freed_bytes, 0);
    s_expect(&f, "b:1", "v");
    cr_assert_eq(s_clear(&f, "", &reply), OK);
    cr_expect_eq(reply.cleared_entries, 1);
    s_expect(&f, "b:1", NULL);
    s_end(&f);
}

Test(cache_redis, finds_in_redis_what_the_process_does_not_have, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    s_put_text(&f, "ds:one", "first");
    cr_expect_str_eq(redis_ask(f.redis, "GET integration:ds:one"), "pfirst");
    long long ttl_ms = atoll(redis_ask(f.redis, "PTTL integration:ds:one"));
    cr_expect(ttl_ms > 290000 && ttl_ms <= 300000);
    harness_stop_actor(&f.harness, f.actor, HARNESS_MS);
    s_start_actor(&f);
    s_expect(&f, "ds:one", "first");
    redis_ask(f.redis, "DEL integration:ds:one");
    s_expect(&f, "ds:one", "first"); /* now of the process */
    s_expect(&f, "ds:two", NULL);
    CacheStats stats = s_stats(&f);
    cr_expect_eq(stats.hits, 2);
    cr_expect_eq(stats.tiers.l1.hits, 1);
    cr_expect_eq(stats.tiers.l2.hits, 1);
    cr_expect_eq(stats.tiers.l2.misses, 1);
    cr_expect(stats.tiers.l2.available && stats.tiers.l2.has_p50_ms);
    s_end(&f);
}

Test(cache_redis, keeps_what_it_found_only_for_the_time_that_is_left, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    redis_ask(f.redis, "SET integration:k pv PX 60000");
    CacheGetReply reply = s_get(&f, "k");
    cr_expect(reply.found && reply.ttl_ms > 50000 && reply.ttl_ms <= 60000);
    message_release(CacheGetReply_message(), &reply);
    reply = s_get(&f, "k");
    cr_expect(reply.found && reply.ttl_ms > 50000 && reply.ttl_ms <= 60000);
    message_release(CacheGetReply_message(), &reply);
    s_end(&f);
}

Test(cache_redis, takes_what_is_no_value_of_ours_for_a_miss, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    redis_ask(f.redis, "SET integration:odd something-else");
    redis_ask(f.redis, "SET integration:bad zzzz");
    s_expect(&f, "odd", NULL);
    s_expect(&f, "bad", NULL);
    cr_expect(s_is(&f, "running"));
    s_end(&f);
}

Test(cache_redis, clears_both_tiers_and_nothing_that_is_not_ours, .timeout = 60) {
    cache_fixture_t f;
    CacheClearReply reply;
    char command[64];
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    redis_ask(f.redis, "SET foreign:a:1 v");
    redis_ask(f.redis, "SET integration v");
    redis_ask(f.redis, "LPUSH integration:a:list v");
    for (int i = 0; i < 500; i++) {
        snprintf(command, sizeof command, "SET integration:a:%d pv", i);
        redis_ask(f.redis, command);
    }
    s_put_text(&f, "a:1", "v");
    s_put_text(&f, "b:[1]", "v");
    cr_assert_eq(s_clear(&f, "a:*", &reply), OK);
    cr_expect_eq(reply.cleared_entries, 501, "a key of both tiers counts once");
    cr_expect_gt(reply.freed_bytes, 500);
    s_expect(&f, "a:1", NULL);
    s_expect(&f, "b:[1]", "v");
    cr_expect_str_eq(redis_ask(f.redis, "DBSIZE"), "3");
    cr_assert_eq(s_clear(&f, "b:[1]", &reply), OK);
    cr_expect_eq(reply.cleared_entries, 1);
    cr_expect_str_eq(redis_ask(f.redis, "GET foreign:a:1"), "v");
    cr_expect_str_eq(redis_ask(f.redis, "GET integration"), "v");
    s_end(&f);
}

Test(cache_redis, logs_in_with_the_password_of_the_url, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, "s3cret-word", true);
    s_start_actor(&f);
    cr_expect(s_is(&f, "running"));
    s_put_text(&f, "k", "v");
    cr_expect_str_eq(redis_ask(f.redis, "EXISTS integration:k"), "1");
    s_end(&f);
}

Test(cache_redis, decodes_the_password_of_the_url, .timeout = 60) {
    cache_fixture_t f;
    char url[128];
    s_begin(&f, "a/b@c%d", true);
    const char *port = strrchr(redis_url(f.redis), ':');
    snprintf(url, sizeof url, "redis://:a%%2Fb%%40c%%25d@127.0.0.1%s", port);
    f.config.redis_url = url;
    s_start_actor(&f);
    cr_expect(s_is(&f, "running"));
    s_end(&f);
}

Test(cache_redis, is_degraded_with_the_reason_when_the_password_is_wrong, .timeout = 60) {
    cache_fixture_t f;
    char url[128];
    ComponentStatus status;
    s_begin(&f, "right", true);
    const char *port = strrchr(redis_url(f.redis), ':');
    snprintf(url, sizeof url, "redis://:wrong@127.0.0.1%s", port);
    f.config.redis_url = url;
    s_start_actor(&f);
    s_describe(&f, &status);
    cr_expect_str_eq(status.status, "degraded");
    cr_expect(strstr(status.reason, "AUTH"), "%s", status.reason);
    cr_expect_not(strstr(status.reason, "wrong@"));
    message_release(ComponentStatus_message(), &status);
    s_put_text(&f, "k", "v");
    s_expect(&f, "k", "v");
    s_end(&f);
}

Test(cache_redis, goes_on_without_redis_and_takes_it_up_again, .timeout = 60) {
    cache_fixture_t f;
    CacheClearReply reply;
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    s_put_text(&f, "before", "v");
    redis_kill(f.redis);
    s_put_text(&f, "during", "v");
    harness_until(s_is_degraded, &f, "the cache is degraded");
    s_expect(&f, "before", "v");
    s_expect(&f, "during", "v");
    s_expect(&f, "none", NULL);
    cr_expect_eq(s_clear(&f, "*", &reply), ERR_CACHE_UNAVAILABLE, "it cannot say that all is gone");
    redis_start(f.redis);
    harness_until(s_is_running, &f, "the cache is connected again");
    s_put_text(&f, "after", "v");
    cr_expect_str_eq(redis_ask(f.redis, "EXISTS integration:after"), "1");
    CacheStats stats = s_stats(&f);
    cr_expect_gt(stats.tiers.l2.errors, 0);
    s_end(&f);
}

Test(cache_redis, that_hangs_holds_a_look_up_only_for_a_moment, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, true);
    s_start_actor(&f);
    s_put_text(&f, "local", "v");
    redis_pause(f.redis);
    int64_t started_us = clock_mono_us();
    for (int i = 0; i < 20; i++)
        s_expect(&f, "none", NULL);
    s_expect(&f, "local", "v");
    cr_expect_lt(clock_mono_us() - started_us, 3000000);
    cr_expect(s_is(&f, "degraded"));
    redis_resume(f.redis);
    harness_until(s_is_running, &f, "the cache is connected again");
    s_end(&f);
}

Test(cache_redis, that_is_not_there_at_the_start_is_no_obstacle, .timeout = 60) {
    cache_fixture_t f;
    s_begin(&f, NULL, true);
    redis_kill(f.redis);
    s_start_actor(&f);
    cr_expect(s_is(&f, "degraded"));
    s_put_text(&f, "k", "v");
    s_expect(&f, "k", "v");
    redis_start(f.redis);
    harness_until(s_is_running, &f, "the cache is connected");
    s_end(&f);
}
