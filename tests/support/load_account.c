/* The account of a load: what was acknowledged against the history and the stream. */
#include "load_private.h"

#include "stream_client.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AWAIT_MS = 60000 };

#define STRENGTH_APART 0.3
#define PRIORITY_APART 2
#define ROUNDING       1e-9

static void s_send_rest(load_t *self, instance_t *instance) {
    long long deadline = program_now_ms() + AWAIT_MS;
    for (int i = 0; i < LOAD_CLIENTS; i++) {
        load_client_t *client = &self->clients[i];
        load_client_repeat(client, &instance->rest);
        while (client->pending && program_look_again(deadline))
            load_client_send(client, &instance->rest);
        cr_assert(!client->pending, "not acknowledged: %s", client->pending);
        cr_assert(!*client->problem, "an answer that must not be: %s", client->problem);
    }
}

/* ---- the history ---- */

static uint64_t s_seq(json_t *signal) {
    return (uint64_t)json_integer_value(json_object_get(signal, "seq"));
}

/* Of the history: signals by signal_id. */
static json_t *s_history(instance_t *instance) {
    json_t *signals = json_object();
    char path[256] = "/api/v1/signals/history?limit=200&order=asc";
    uint64_t seq = 0;
    while (*path) {
        const rest_reply_t *reply = rest_get_ok(&instance->rest, path);
        json_t *signal;
        size_t index;
        json_array_foreach (rest_at(reply, "data.history"), index, signal) {
            const char *signal_id = json_text_at(signal, "signal_id");
            cr_assert(!json_object_get(signals, signal_id), "%s is in the history twice", signal_id);
            cr_assert_gt(s_seq(signal), seq, "%s is out of order or has the seq of another", signal_id);
            seq = s_seq(signal);
            json_object_set(signals, signal_id, signal);
        }
        const char *cursor = rest_text(reply, "data.next_cursor");
        snprintf(path, sizeof path, *cursor ? "/api/v1/signals/history?limit=200&order=asc&cursor=%s" : "%s",
                 cursor);
    }
    return signals;
}

static void s_expect_as_acknowledged(const acknowledged_t *acknowledged, json_t *signal) {
    const char *signal_id = acknowledged->signal_id, *status = json_text_at(signal, "status");
    cr_assert(signal, "%s was acknowledged and is lost", signal_id);
    cr_assert_eq(s_seq(signal), acknowledged->seq, "%s was acknowledged with another seq", signal_id);
    if (strcmp(acknowledged->status, "duplicate") == 0)
        return;
    bool since = strcmp(acknowledged->status, "routed") == 0 && strcmp(status, "superseded") == 0;
    cr_assert(since || strcmp(status, acknowledged->status) == 0, "%s was acknowledged as %s and is %s",
              signal_id, acknowledged->status, status);
}

static void s_expect_acknowledged(const load_t *self, json_t *signals) {
    size_t count = 0;
    for (int i = 0; i < LOAD_CLIENTS; i++) {
        const load_client_t *client = &self->clients[i];
        for (size_t k = 0; k < client->count; k++, count++)
            s_expect_as_acknowledged(&client->list[k], json_object_get(signals, client->list[k].signal_id));
    }
    cr_assert_eq(json_object_size(signals), count, "%zu signals are there, %zu were sent",
                 json_object_size(signals), count);
}

static bool s_same_text(json_t *left, json_t *right, const char *field) {
    return strcmp(json_text_at(left, field), json_text_at(right, field)) == 0;
}

static void s_expect_winner(json_t *signals, json_t *signal) {
    const char *signal_id = json_text_at(signal, "signal_id");
    json_t *winner = json_object_get(signals, json_text_at(signal, "superseded_by"));
    cr_assert(winner, "%s was superseded by a signal that is not there", signal_id);
    cr_assert_gt(s_seq(winner), s_seq(signal), "%s was superseded by an older one", signal_id);
    cr_assert(s_same_text(winner, signal, "target") && s_same_text(winner, signal, "symbol"),
              "%s was superseded by one of another scope", signal_id);
    cr_assert_str_neq(json_text_at(winner, "status"), "rejected", "%s was superseded by a loser", signal_id);
}

static load_account_t s_count(json_t *signals) {
    load_account_t account = {0};
    const char *signal_id;
    json_t *signal;
    json_object_foreach (signals, signal_id, signal) {
        const char *status = json_text_at(signal, "status");
        account.routed += strcmp(status, "routed") == 0;
        account.rejected += strcmp(status, "rejected") == 0;
        account.superseded += strcmp(status, "superseded") == 0;
        if (strcmp(status, "superseded") == 0)
            s_expect_winner(signals, signal);
        else
            cr_assert_str_eq(json_text_at(signal, "superseded_by"), "", "%s is %s", signal_id, status);
    }
    cr_assert_eq(account.routed + account.rejected + account.superseded, json_object_size(signals));
    return account;
}

/* ---- what holds between signals ---- */

/* The entry of this name, a new list when there is none. */
static json_t *s_list_of(json_t *lists, const char *name) {
    json_t *list = json_object_get(lists, name);
    if (!list) {
        list = json_array();
        json_object_set_new(lists, name, list);
    }
    return list;
}

static bool s_contradict(json_t *left, json_t *right) {
    double strength = json_number_at(left, "strength") - json_number_at(right, "strength");
    double priority = json_number_at(left, "priority") - json_number_at(right, "priority");
    return !s_same_text(left, right, "side") || fabs(strength) > STRENGTH_APART + ROUNDING ||
           fabs(priority) >= PRIORITY_APART;
}

static void s_expect_peace_within(json_t *scope) {
    json_t *left, *right;
    size_t i, k;
    json_array_foreach (scope, i, left)
        json_array_foreach (scope, k, right)
            cr_assert(!s_contradict(left, right), "%s and %s are both active",
                      json_text_at(left, "signal_id"), json_text_at(right, "signal_id"));
}

/* Only of contested scopes, the others hold thousands that are all alike. */
static void s_expect_peace(json_t *signals) {
    json_t *scopes = json_object(), *signal, *scope;
    const char *name;
    json_object_foreach (signals, name, signal)
        if (strcmp(json_text_at(signal, "status"), "routed") == 0 &&
            strcmp(json_text_at(signal, "target"), "contested") == 0)
            json_array_append(s_list_of(scopes, json_text_at(signal, "symbol")), signal);
    json_object_foreach (scopes, name, scope)
        s_expect_peace_within(scope);
    json_decref(scopes);
}

static bool s_is_rejected(json_t *signal) {
    return strcmp(json_text_at(signal, "status"), "rejected") == 0;
}

static void s_expect_groups_as_one(json_t *signals) {
    json_t *groups = json_object(), *signal, *group;
    const char *name;
    size_t i;
    json_object_foreach (signals, name, signal)
        if (*json_text_at(signal, "group_id"))
            json_array_append(s_list_of(groups, json_text_at(signal, "group_id")), signal);
    json_object_foreach (groups, name, group)
        json_array_foreach (group, i, signal)
            cr_assert_eq(s_is_rejected(signal), s_is_rejected(json_array_get(group, 0)), "group %s", name);
    json_decref(groups);
}

/* ---- the stream ---- */

typedef struct {
    uint64_t epoch, seq; /* of the message before */
    json_t *topics;      /* the last topic_seq of each */
    json_t *signals;     /* seq, status and superseded_by of each, as last published */
} stream_account_t;

static void s_take_header(stream_account_t *self, const stream_message_t *message) {
    const StreamHeader *header = &message->header;
    uint64_t topic_seq = (uint64_t)json_integer_value(json_object_get(self->topics, message->topic));
    cr_assert_eq(header->seq, self->seq + 1, "%" PRIu64 " follows %" PRIu64, header->seq, self->seq);
    cr_assert_eq(header->topic_seq, topic_seq + 1, "%s: %" PRIu64 " follows %" PRIu64, message->topic,
                 header->topic_seq, topic_seq);
    cr_assert(header->seq == 1 || header->epoch == self->epoch, "another epoch at %" PRIu64, header->seq);
    self->seq = header->seq;
    self->epoch = header->epoch;
    json_object_set_new(self->topics, message->topic, json_integer((json_int_t)header->topic_seq));
}

static json_t *s_brief(uint64_t seq, const char *status, const char *superseded_by) {
    return json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)seq, "status", status, "superseded_by",
                     superseded_by);
}

static void s_take_signal(stream_account_t *self, const Signal *signal, uint64_t event_seq) {
    json_t *before = json_object_get(self->signals, signal->signal_id);
    if (before) {
        cr_assert_eq(s_seq(before), signal->seq, "%s changed its seq", signal->signal_id);
        cr_assert(strcmp(json_text_at(before, "status"), "routed") == 0 &&
                      strcmp(signal->status, "superseded") == 0 && *signal->superseded_by,
                  "%s was published as %s and then as %s", signal->signal_id, json_text_at(before, "status"),
                  signal->status);
    } else {
        cr_assert_eq(signal->seq, event_seq, "%s was not published under its seq", signal->signal_id);
    }
    json_object_set_new(self->signals, signal->signal_id,
                        s_brief(signal->seq, signal->status, signal->superseded_by));
}

static void s_take_message(stream_account_t *self, const stream_message_t *message) {
    s_take_header(self, message);
    if (strcmp(message->header.schema, "integration.v1.Signal") != 0)
        return;
    Signal *signal = stream_signal(message);
    s_take_signal(self, signal, message->header.seq);
    stream_signal_free(&signal);
}

static void s_read_stream(stream_account_t *self, const instance_t *instance) {
    stream_replay_t replay;
    for (bool more = true; more;) {
        stream_replay(&replay, instance->replay_url, "", self->seq, 10000, NULL);
        cr_assert_str_eq(replay.error, "");
        more = replay.end.more;
        for (size_t i = 0; i < replay.count; i++)
            s_take_message(self, &replay.messages[i]);
        stream_replay_free(&replay);
    }
}

/* Returns the last seq. */
static uint64_t s_expect_on_stream(json_t *signals, const instance_t *instance) {
    stream_account_t stream = {.topics = json_object(), .signals = json_object()};
    const char *signal_id;
    json_t *signal;
    s_read_stream(&stream, instance);
    cr_assert_eq(json_object_size(stream.signals), json_object_size(signals),
                 "%zu on the stream up to %" PRIu64 ", %zu in the history", json_object_size(stream.signals),
                 stream.seq, json_object_size(signals));
    json_object_foreach (signals, signal_id, signal) {
        json_t *stored =
            s_brief(s_seq(signal), json_text_at(signal, "status"), json_text_at(signal, "superseded_by"));
        cr_assert(json_equal(stored, json_object_get(stream.signals, signal_id)),
                  "%s is not what was published last", signal_id);
        json_decref(stored);
    }
    json_decref(stream.topics);
    json_decref(stream.signals);
    return stream.seq;
}

load_account_t load_verify(load_t *self, instance_t *instance) {
    s_send_rest(self, instance);
    json_t *signals = s_history(instance);
    s_expect_acknowledged(self, signals);
    s_expect_groups_as_one(signals);
    s_expect_peace(signals);
    load_account_t account = s_count(signals);
    account.last_seq = s_expect_on_stream(signals, instance);
    json_decref(signals);
    return account;
}
