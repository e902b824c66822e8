/* The tier in Redis: see redis_tier.h. Commands go as argument vectors only: no value is ever formatted into one. */
#include "cache/redis_tier.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/url.h"
#include "cache/glob.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_LEAST_MS = 200, RETRY_MOST_MS = 10000, QUIET_US = 5000000, DEFAULT_PORT = 6379, ARGS_MOST = 8 };

#define SWEEP_COUNT "200"

struct redis_tier_s {
    char *host, *user, *password, *db; /* user, password, db: NULL = none */
    int port, timeout_ms;
    redisContext *context; /* NULL while there is no connection */
    int64_t retry_ms, retry_at_us, used_at_us;
    buf_t reason;
    redis_tier_stats_t stats;
};

/* ---- The URL ---- */

/* Percent-decoded; NULL when the part is empty. */
static char *s_decode(url_part_t part) {
    buf_t out = BUF_INIT;
    for (size_t i = 0; i < part.length; i++) {
        bool escape = part.text[i] == '%' && i + 2 < part.length && hex_digit(part.text[i + 1]) >= 0 &&
                      hex_digit(part.text[i + 2]) >= 0;
        buf_append_char(&out, escape ? (char)(hex_digit(part.text[i + 1]) * 16 + hex_digit(part.text[i + 2]))
                                     : part.text[i]);
        i += escape ? 2 : 0;
    }
    if (out.size > 0)
        return buf_steal(&out);
    buf_free(&out);
    return NULL;
}

redis_tier_t *redis_tier_new(const char *url, int timeout_ms) {
    url_t parts;
    if (!url_parse(url, &parts) || !url_scheme_is(&parts, "redis") || parts.host.length == 0 ||
        parts.port == 0 || parts.port < -1)
        return NULL;
    redis_tier_t *self = calloc(1, sizeof *self);
    assert_always(self);
    if (parts.path.length > 0) { /* without its slash */
        parts.path.text++;
        parts.path.length--;
    }
    self->host = s_decode(parts.host);
    self->user = s_decode(parts.user);
    self->password = s_decode(parts.password);
    self->db = s_decode(parts.path);
    self->port = parts.port > 0 ? parts.port : DEFAULT_PORT;
    self->timeout_ms = timeout_ms;
    self->retry_ms = RETRY_LEAST_MS;
    buf_append_str(&self->reason, "not connected yet");
    return self;
}

void redis_tier_destroy(redis_tier_t **self_p) {
    redis_tier_t *self = *self_p;
    if (!self)
        return;
    if (self->context)
        redisFree(self->context);
    free(self->host);
    free(self->user);
    free(self->password);
    free(self->db);
    buf_free(&self->reason);
    free(self);
    *self_p = NULL;
}

/* ---- Exchanges ---- */

static err_t s_lost(redis_tier_t *self, const char *what, const char *reason) {
    bool was_up = self->context != NULL;
    buf_clear(&self->reason);
    buf_printf(&self->reason, "%s: %s", what, reason);
    if (self->context)
        redisFree(self->context);
    self->context = NULL;
    self->stats.errors++;
    self->retry_at_us = clock_mono_us() + self->retry_ms * 1000;
    self->retry_ms = self->retry_ms * 2 < RETRY_MOST_MS ? self->retry_ms * 2 : RETRY_MOST_MS;
    if (was_up)
        log_warning("redis is not usable", LOG_STR("host", self->host), LOG_INT("port", self->port),
                    LOG_STR("reason", buf_str(&self->reason)));
    return ERR_CACHE_UNAVAILABLE;
}

static err_t s_lost_context(redis_tier_t *self, const char *what) {
    char reason[sizeof self->context->errstr];
    snprintf(reason, sizeof reason, "%s", self->context->errstr);
    return s_lost(self, what, reason);
}

typedef struct {
    const char *text;
    size_t length;
} arg_t;

#define ARG(string) \
    { (string), strlen(string) }

static err_t s_append(redis_tier_t *self, const arg_t *args, int count) {
    const char *texts[ARGS_MOST];
    size_t lengths[ARGS_MOST];
    assert_always(count <= ARGS_MOST);
    for (int i = 0; i < count; i++) {
        texts[i] = args[i].text;
        lengths[i] = args[i].length;
    }
    if (redisAppendCommandArgv(self->context, count, texts, lengths) == REDIS_OK)
        return OK;
    return s_lost_context(self, args[0].text);
}

/* The next reply, of a type that is no error; the caller frees it. NULL when the connection is lost. */
static redisReply *s_reply(redis_tier_t *self, const char *what) {
    void *reply = NULL;
    if (redisGetReply(self->context, &reply) != REDIS_OK) {
        s_lost_context(self, what);
        return NULL;
    }
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        s_lost(self, what, ((redisReply *)reply)->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

static void s_exchanged(redis_tier_t *self, int64_t started_us) {
    self->used_at_us = clock_mono_us();
    latency_record(&self->stats.latency, self->used_at_us, self->used_at_us - started_us);
}

static err_t s_exchange(redis_tier_t *self, const arg_t *args, int count, redisReply **reply) {
    int64_t started_us = clock_mono_us();
    err_t err = s_append(self, args, count);
    *reply = err == OK ? s_reply(self, args[0].text) : NULL;
    if (!*reply)
        return ERR_CACHE_UNAVAILABLE;
    s_exchanged(self, started_us);
    return OK;
}

/* An exchange of which only the success matters. */
static err_t s_do(redis_tier_t *self, const arg_t *args, int count) {
    redisReply *reply;
    err_t err = s_exchange(self, args, count, &reply);
    if (err == OK)
        freeReplyObject(reply);
    return err;
}

/* ---- Connecting ---- */

static err_t s_log_in(redis_tier_t *self) {
    err_t err = OK;
    if (self->password && self->user)
        err = s_do(self, (arg_t[]){ARG("AUTH"), ARG(self->user), ARG(self->password)}, 3);
    else if (self->password)
        err = s_do(self, (arg_t[]){ARG("AUTH"), ARG(self->password)}, 2);
    if (err == OK && self->db)
        err = s_do(self, (arg_t[]){ARG("SELECT"), ARG(self->db)}, 2);
    if (err == OK)
        err = s_do(self, (arg_t[]){ARG("PING")}, 1);
    return err;
}

static void s_connect(redis_tier_t *self) {
    struct timeval timeout = {.tv_sec = self->timeout_ms / 1000, .tv_usec = self->timeout_ms % 1000 * 1000};
    self->context = redisConnectWithTimeout(self->host, self->port, timeout);
    assert_always(self->context);
    if (self->context->err || redisSetTimeout(self->context, timeout) != REDIS_OK) {
        s_lost_context(self, "connect");
        return;
    }
    if (s_log_in(self) != OK)
        return;
    self->retry_ms = RETRY_LEAST_MS;
    self->stats.connects++;
    buf_clear(&self->reason);
    log_info("redis connected", LOG_STR("host", self->host), LOG_INT("port", self->port));
}

static void s_ping(redis_tier_t *self) {
    if (s_do(self, (arg_t[]){ARG("PING")}, 1) != OK)
        log_debug("a quiet connection to redis was lost");
}

void redis_tier_tend(redis_tier_t *self) {
    int64_t now_us = clock_mono_us();
    if (!self->context && now_us >= self->retry_at_us)
        s_connect(self);
    else if (self->context && now_us - self->used_at_us > QUIET_US)
        s_ping(self);
}

bool redis_tier_is_up(const redis_tier_t *self) {
    return self->context != NULL;
}

const char *redis_tier_reason(const redis_tier_t *self) {
    return buf_str(&self->reason);
}

const redis_tier_stats_t *redis_tier_stats(const redis_tier_t *self) {
    return &self->stats;
}

/* Connected, or it is time to try and that went well. */
static err_t s_ready(redis_tier_t *self) {
    if (!self->context)
        redis_tier_tend(self);
    return self->context ? OK : ERR_CACHE_UNAVAILABLE;
}

/* ---- Values ---- */

static void s_key(const char *key, buf_t *out) {
    buf_append_str(out, REDIS_TIER_PREFIX);
    buf_append_str(out, key);
}

/* Two commands in one exchange; the caller frees both replies when OK. */
static err_t s_exchange_two(redis_tier_t *self, const arg_t *first, int first_count, const arg_t *second,
                            int second_count, redisReply *replies[2]) {
    int64_t started_us = clock_mono_us();
    err_t err = s_append(self, first, first_count);
    if (err == OK)
        err = s_append(self, second, second_count);
    replies[0] = err == OK ? s_reply(self, first[0].text) : NULL;
    replies[1] = replies[0] ? s_reply(self, second[0].text) : NULL;
    if (replies[1]) {
        s_exchanged(self, started_us);
        return OK;
    }
    if (replies[0])
        freeReplyObject(replies[0]);
    return ERR_CACHE_UNAVAILABLE;
}

err_t redis_tier_get(redis_tier_t *self, const char *key, buf_t *packed, bool *found, int64_t *ttl_ms) {
    redisReply *replies[2];
    buf_t name = BUF_INIT;
    *found = false;
    *ttl_ms = 0;
    err_t err = s_ready(self);
    s_key(key, &name);
    if (err == OK)
        err = s_exchange_two(self, (arg_t[]){ARG("GET"), {name.data, name.size}}, 2,
                             (arg_t[]){ARG("PTTL"), {name.data, name.size}}, 2, replies);
    buf_free(&name);
    if (err != OK)
        return err;
    const redisReply *value = replies[0], *ttl = replies[1];
    *found = value->type == REDIS_REPLY_STRING;
    if (*found)
        buf_append(packed, value->str, value->len);
    if (ttl->type == REDIS_REPLY_INTEGER && ttl->integer > 0)
        *ttl_ms = ttl->integer;
    self->stats.hits += *found;
    self->stats.misses += !*found;
    freeReplyObject(replies[0]);
    freeReplyObject(replies[1]);
    return OK;
}

err_t redis_tier_put(redis_tier_t *self, const char *key, const void *packed, size_t size, int64_t ttl_ms) {
    char ttl[24];
    buf_t name = BUF_INIT;
    err_t err = s_ready(self);
    s_key(key, &name);
    snprintf(ttl, sizeof ttl, "%lld", (long long)ttl_ms);
    const arg_t args[] = {ARG("SET"), {buf_str(&name), name.size}, {packed, size}, ARG("PX"), ARG(ttl)};
    if (err == OK)
        err = s_do(self, args, 5);
    buf_free(&name);
    return err;
}

/* ---- Sweeping ---- */

static err_t s_remove(redis_tier_t *self, const redisReply *key, redis_tier_removed_fn *removed,
                      void *context) {
    arg_t name = {key->str, key->len};
    redisReply *replies[2]; /* the bytes (none when it is gone already), how many were removed */
    err_t err = s_exchange_two(self, (arg_t[]){ARG("MEMORY"), ARG("USAGE"), name}, 3,
                               (arg_t[]){ARG("UNLINK"), name}, 2, replies);
    if (err != OK)
        return err;
    if (replies[1]->integer > 0)
        removed(context, key->str + sizeof REDIS_TIER_PREFIX - 1, (size_t)replies[0]->integer);
    freeReplyObject(replies[0]);
    freeReplyObject(replies[1]);
    return OK;
}

static err_t s_remove_page(redis_tier_t *self, const redisReply *page, uint64_t *cursor,
                           redis_tier_removed_fn *removed, void *context) {
    err_t err = OK;
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2 ||
        page->element[0]->type != REDIS_REPLY_STRING || page->element[1]->type != REDIS_REPLY_ARRAY)
        return s_lost(self, "SCAN", "the reply is no page");
    *cursor = strtoull(page->element[0]->str, NULL, 10);
    for (size_t i = 0; i < page->element[1]->elements && err == OK; i++) {
        const redisReply *key = page->element[1]->element[i];
        if (key->type == REDIS_REPLY_STRING &&
            strncmp(key->str, REDIS_TIER_PREFIX, sizeof REDIS_TIER_PREFIX - 1) == 0)
            err = s_remove(self, key, removed, context);
    }
    return err;
}

err_t redis_tier_sweep(redis_tier_t *self, const char *pattern, uint64_t *cursor,
                       redis_tier_removed_fn *removed, void *context) {
    char from[24];
    buf_t match = BUF_INIT;
    redisReply *page;
    err_t err = s_ready(self);
    snprintf(from, sizeof from, "%llu", (unsigned long long)*cursor);
    buf_append_str(&match, REDIS_TIER_PREFIX);
    glob_for_redis(pattern, &match);
    const arg_t args[] = {ARG("SCAN"),  ARG(from),       ARG("MATCH"), {buf_str(&match), match.size},
                          ARG("COUNT"), ARG(SWEEP_COUNT)};
    if (err == OK)
        err = s_exchange(self, args, 6, &page);
    if (err == OK) {
        err = s_remove_page(self, page, cursor, removed, context);
        freeReplyObject(page);
    }
    buf_free(&match);
    return err;
}
