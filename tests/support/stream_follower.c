/* Subscriber programs and the account of what they have seen. */
#include "stream_follower.h"

#include "stream_client.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 700000, BATCH_MOST = 500, SEEN_MS = 60000 };

/* ---- the program ---- */

static const char *s_binary(follower_kind_t kind) {
    static char path[512];
    const char *source = getenv("TEST_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/deploy/examples/subscriber.py", source ? source : TEST_SOURCE_DIR);
    return kind == FOLLOWER_PYTHON ? path : kind == FOLLOWER_C ? "stream-subscriber" : "integration-cli";
}

void follower_start(follower_t *self, follower_kind_t kind, const instance_t *instance,
                    const char *const *more) {
    const char *arguments[32];
    size_t count = 0;
    follower_stop(self);
    if (kind == FOLLOWER_CLI)
        arguments[count++] = "tail";
    const char *const own[] = {"--json", "--url", instance->stream_url, "--replay-url", instance->replay_url};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        arguments[count++] = own[i];
    for (size_t i = 0; more && more[i] && count < 31; i++)
        arguments[count++] = more[i];
    arguments[count] = NULL;
    self->kind = kind;
    self->program = program_start(s_binary(kind), arguments, NULL);
}

void follower_stop(follower_t *self) {
    program_destroy(&self->program);
    seen_list_free(&self->seen);
    self->read_to = 0;
}

/* ---- what it has seen ---- */

static void s_add(seen_list_t *list, const seen_t *seen) {
    if ((list->count & (list->count - 1)) == 0) {
        list->items = realloc(list->items, (list->count ? list->count * 2 : 1) * sizeof *list->items);
        cr_assert(list->items);
    }
    list->items[list->count++] = *seen;
}

void seen_list_free(seen_list_t *self) {
    free(self->items);
    *self = (seen_list_t){0};
}

/* An epoch has more digits than a double. */
static uint64_t s_integer(json_t *json, const char *name) {
    json_t *value = json_object_get(json, name);
    cr_assert(json_is_integer(value), "no whole number in %s", name);
    return (uint64_t)json_integer_value(value);
}

static seen_t s_read_line(const char *line, size_t size) {
    json_t *json = json_loadb(line, size, 0, NULL);
    cr_assert(json, "not one JSON object a line: %.*s", (int)size, line);
    seen_t seen = {.epoch = s_integer(json, "epoch"),
                   .seq = s_integer(json, "seq"),
                   .topic_seq = s_integer(json, "topic_seq"),
                   .replay = json_is_true(json_object_get(json, "replay"))};
    snprintf(seen.topic, sizeof seen.topic, "%s", json_text_at(json, "topic"));
    snprintf(seen.signal_id, sizeof seen.signal_id, "%s", json_text_at(json, "payload.signal_id"));
    json_decref(json);
    return seen;
}

/* Reads on. Every line is read once: the output of one that lags is many megabytes, and is looked at often. */
static void s_read_on(follower_t *self) {
    size_t size;
    const char *start = program_out_from(self->program, self->read_to, &size), *line = start, *end;
    for (; (end = memchr(line, '\n', size - (size_t)(line - start))); line = end + 1) {
        seen_t seen = s_read_line(line, (size_t)(end - line));
        s_add(&self->seen, &seen);
    }
    self->read_to += (size_t)(line - start);
}

seen_list_t follower_seen(follower_t *self) {
    seen_list_t list = {0};
    s_read_on(self);
    for (size_t i = 0; i < self->seen.count; i++)
        s_add(&list, &self->seen.items[i]);
    return list;
}

bool follower_sees(follower_t *self, uint64_t seq, int ms) {
    long long deadline = program_now_ms() + ms;
    size_t looked = 0;
    for (;;) {
        s_read_on(self);
        for (; looked < self->seen.count; looked++)
            if (self->seen.items[looked].seq == seq)
                return true;
        if (!program_look_again(deadline) || !program_is_running(self->program))
            return false;
    }
}

void follower_await_seq(follower_t *self, uint64_t seq) {
    if (follower_sees(self, seq, SEEN_MS))
        return;
    const seen_list_t *seen = &self->seen;
    cr_assert_fail("seq %" PRIu64 " was not seen; of %zu the last is %" PRIu64 "; %s", seq, seen->count,
                   seen->count ? seen->items[seen->count - 1].seq : 0, program_err(self->program));
}

seen_list_t service_has(const instance_t *instance, const char *prefix) {
    seen_list_t list = {0};
    uint64_t after = 0;
    for (bool more = true; more;) {
        stream_replay_t replay;
        stream_replay(&replay, instance->replay_url, prefix, after, 10000, NULL);
        cr_assert_str_eq(replay.error, "");
        for (size_t i = 0; i < replay.count; i++) {
            const StreamHeader *header = &replay.messages[i].header;
            seen_t seen = {.epoch = header->epoch, .seq = header->seq, .topic_seq = header->topic_seq};
            snprintf(seen.topic, sizeof seen.topic, "%s", replay.messages[i].topic);
            s_add(&list, &seen);
            after = header->seq;
        }
        more = replay.end.more;
        stream_replay_free(&replay);
    }
    return list;
}

static int s_by_seq(const void *a, const void *b) {
    const seen_t *one = a, *other = b;
    return (one->seq > other->seq) - (one->seq < other->seq);
}

static int s_by_topic(const void *a, const void *b) {
    int order = strcmp(((const seen_t *)a)->topic, ((const seen_t *)b)->topic);
    return order ? order : s_by_seq(a, b);
}

/* As they came: `last` is the index of each topic's last one. */
static void s_expect_order(const seen_list_t *seen, bool whole) {
    size_t *last = calloc(seen->count ? seen->count : 1, sizeof *last), topics = 0;
    cr_assert(last);
    for (size_t i = 0; i < seen->count; i++) {
        const seen_t *item = &seen->items[i];
        cr_assert(!whole || i == 0 || item->seq > item[-1].seq, "seq %" PRIu64 " came after %" PRIu64,
                  item->seq, item[-1].seq);
        size_t topic = 0;
        while (topic < topics && strcmp(seen->items[last[topic]].topic, item->topic) != 0)
            topic++;
        cr_assert(topic == topics || item->topic_seq > seen->items[last[topic]].topic_seq,
                  "%s: topic_seq %" PRIu64 " came after %" PRIu64, item->topic, item->topic_seq,
                  seen->items[last[topic]].topic_seq);
        topics += topic == topics;
        last[topic] = i;
    }
    free(last);
}

void follower_expect_all(follower_t *self, const instance_t *instance, const char *prefix) {
    seen_list_t seen = follower_seen(self), has = service_has(instance, prefix);
    s_expect_order(&seen, !*prefix);
    qsort(seen.items, seen.count, sizeof *seen.items, s_by_topic);
    qsort(has.items, has.count, sizeof *has.items, s_by_topic);
    for (size_t i = 0; i < seen.count && i < has.count; i++)
        cr_assert(seen.items[i].seq == has.items[i].seq && seen.items[i].topic_seq == has.items[i].topic_seq,
                  "%s %" PRIu64 " was seen where %s %" PRIu64 " is; %s", seen.items[i].topic,
                  seen.items[i].seq, has.items[i].topic, has.items[i].seq, program_err(self->program));
    cr_assert_eq(seen.count, has.count, "%zu were seen of %zu; %s", seen.count, has.count,
                 program_err(self->program));
    seen_list_free(&seen);
    seen_list_free(&has);
}

/* ---- the service ---- */

static json_t *s_signal(const char *name, int number, int symbols, int bytes) {
    char signal_id[64], symbol[16];
    char *text = calloc(1, (size_t)bytes + 1);
    cr_assert(text);
    memset(text, 'x', (size_t)bytes);
    snprintf(signal_id, sizeof signal_id, "%s-%d", name, number);
    snprintf(symbol, sizeof symbol, "S%d", number % symbols);
    json_t *signal = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:{s:s}}", "signal_id", signal_id,
                               "signal_type", "load", "source", "load", "target", "desk", "symbol", symbol,
                               "side", "buy", "strength", 0.5, "confidence", 0.5, "data", "text", text);
    free(text);
    cr_assert(signal);
    return signal;
}

static void s_route_batch(instance_t *self, json_t *signals) {
    json_t *body = json_pack("{s:O}", "signals", signals);
    char *text = json_dumps(body, JSON_COMPACT);
    const rest_reply_t *reply = rest_post_ok(&self->rest, "/api/v1/signals/route", text);
    cr_assert_eq(json_array_size(rest_at(reply, "data.results")), json_array_size(signals));
    free(text);
    json_decref(body);
}

uint64_t instance_route_many(instance_t *self, const char *name, int count, int symbols, int bytes) {
    int each = BATCH_BYTES / (bytes + 300);
    each = each > BATCH_MOST ? BATCH_MOST : each;
    for (int from = 0; from < count; from += each) {
        json_t *signals = json_array();
        for (int i = from; i < count && i < from + each; i++)
            json_array_append_new(signals, s_signal(name, i, symbols, bytes));
        s_route_batch(self, signals);
        json_decref(signals);
    }
    stream_replay_t end;
    stream_replay(&end, self->replay_url, "none/", 0, 1, NULL);
    cr_assert_str_eq(end.error, "");
    uint64_t last = end.end.last_seq;
    stream_replay_free(&end);
    return last;
}

void instance_keep_addresses(instance_t *self) {
    char setting[128];
    snprintf(setting, sizeof setting, "INTEGRATION_STREAM_URL=%s", self->stream_url);
    instance_set(self, setting);
    snprintf(setting, sizeof setting, "INTEGRATION_REPLAY_URL=%s", self->replay_url);
    instance_set(self, setting);
}
