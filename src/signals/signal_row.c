/* The order of the columns is SIGNAL_COLUMNS'. */
#include "signals/signal_row.h"

#include "message/json_codec.h"
#include "signals/rules/decision.h"
#include "tables.gen.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMN_SEQ,
    COLUMN_SIGNAL_ID,
    COLUMN_SIGNAL_TYPE,
    COLUMN_SOURCE,
    COLUMN_TARGET,
    COLUMN_SYMBOL,
    COLUMN_SIDE,
    COLUMN_STRENGTH,
    COLUMN_CONFIDENCE,
    COLUMN_PRIORITY,
    COLUMN_HORIZON,
    COLUMN_GROUP_ID,
    COLUMN_DEDUP_KEY,
    COLUMN_SOURCE_SEQ,
    COLUMN_TIMESTAMP,
    COLUMN_EXPIRY_TIME,
    COLUMN_DATA,
    COLUMN_METADATA,
    COLUMN_STATUS,
    COLUMN_DECISION,
    COLUMN_ROUTING_ID,
    COLUMN_BODY_HASH,
    COLUMN_CYCLE_ID,
    COLUMN_SUPERSEDED_BY,
    COLUMN_RECEIVED_AT,
    COLUMN_UPDATED_AT,
    COLUMN_ALLOCATION,
    COLUMNS
};

/* Empty objects are most of them: they are not stored. */
static const char *s_object(const char *text) {
    return strcmp(text, "{}") == 0 ? NULL : text;
}

#define WHEN_SET(signal, field) ((signal)->has_##field ? (signal)->field : NULL)

/* The parameters of signal_insert before and after source_seq, the one number that may be null. */
#define HEAD_FORMAT "issssssddisss"
#define HEAD_VALUES(signal)                                                                         \
    (int64_t)0, (signal)->signal_id, (signal)->signal_type, (signal)->source, (signal)->target,     \
        WHEN_SET(signal, symbol), WHEN_SET(signal, side), (signal)->strength, (signal)->confidence, \
        (int64_t)(signal)->priority, WHEN_SET(signal, horizon), WHEN_SET(signal, group_id),         \
        WHEN_SET(signal, dedup_key)
#define TAIL_FORMAT "iisssssissiif"
#define TAIL_VALUES(signal, decision, body_hash)                                                        \
    (signal)->timestamp, (signal)->expiry_time, s_object((signal)->data), s_object((signal)->metadata), \
        (signal)->status, (decision), (signal)->routing_id, (int64_t)(body_hash),                       \
        WHEN_SET(signal, cycle_id), WHEN_SET(signal, superseded_by), (signal)->received_at,             \
        (signal)->received_at, (signal)->has_allocation ? (signal)->allocation : (double)NAN

static size_t s_insert(store_write_t *write, const Signal *signal, const char *decision, uint64_t body_hash) {
    if (signal->has_source_seq)
        return store_write_op(write, "signal_insert", HEAD_FORMAT "i" TAIL_FORMAT, HEAD_VALUES(signal),
                              signal->source_seq, TAIL_VALUES(signal, decision, body_hash));
    return store_write_op(write, "signal_insert", HEAD_FORMAT "n" TAIL_FORMAT, HEAD_VALUES(signal),
                          TAIL_VALUES(signal, decision, body_hash));
}

static char *s_append(char *at, const char *text) {
    size_t length = strlen(text);
    memcpy(at, text, length + 1);
    return at + length;
}

void signal_topic(char topic[SIGNAL_TOPIC_SIZE], const char *target, const char *symbol) {
    assert_always(strlen(target) + (symbol ? strlen(symbol) : 1) + sizeof "signal//" <= SIGNAL_TOPIC_SIZE);
    char *at = s_append(s_append(topic, "signal/"), target);
    s_append(s_append(at, "/"), symbol ? symbol : "-");
}

size_t signal_row_write(store_write_t *write, Signal *signal, const char *decision, uint64_t body_hash,
                        const char *traceparent) {
    char topic[SIGNAL_TOPIC_SIZE];
    signal_topic(topic, signal->target, WHEN_SET(signal, symbol));
    size_t op = s_insert(write, signal, decision, body_hash);
    store_write_expect(write, 1);
    signal->seq = STORE_SEQ_OF(op);
    store_write_event(write, topic, Signal_message(), signal, traceparent);
    store_write_seq(write, op, COLUMN_SEQ);
    return op;
}

static bool s_read_text(const store_row_t *row, size_t column, char *field, size_t capacity) {
    const char *text = store_row_text(row, column);
    return text && message_set(field, capacity, text);
}

#define READ_TEXT(row, column, signal, field) s_read_text(row, column, (signal)->field, sizeof(signal)->field)
#define READ_OPTIONAL(row, column, signal, field) \
    (store_row_is_null(row, column) || ((signal)->has_##field = READ_TEXT(row, column, signal, field)))

static char *s_read_object(const store_row_t *row, size_t column) {
    const char *text = store_row_text(row, column);
    return message_strdup(text ? text : "{}");
}

static bool s_read_strings(const store_row_t *row, Signal *signal) {
    return READ_TEXT(row, COLUMN_SIGNAL_ID, signal, signal_id) &&
           READ_TEXT(row, COLUMN_SIGNAL_TYPE, signal, signal_type) &&
           READ_TEXT(row, COLUMN_SOURCE, signal, source) && READ_TEXT(row, COLUMN_TARGET, signal, target) &&
           READ_TEXT(row, COLUMN_STATUS, signal, status) &&
           READ_TEXT(row, COLUMN_ROUTING_ID, signal, routing_id) &&
           READ_OPTIONAL(row, COLUMN_SYMBOL, signal, symbol) &&
           READ_OPTIONAL(row, COLUMN_SIDE, signal, side) &&
           READ_OPTIONAL(row, COLUMN_HORIZON, signal, horizon) &&
           READ_OPTIONAL(row, COLUMN_GROUP_ID, signal, group_id) &&
           READ_OPTIONAL(row, COLUMN_DEDUP_KEY, signal, dedup_key) &&
           READ_OPTIONAL(row, COLUMN_CYCLE_ID, signal, cycle_id) &&
           READ_OPTIONAL(row, COLUMN_SUPERSEDED_BY, signal, superseded_by);
}

DecisionSummary *signal_row_summary(const Decision *decision) {
    if (strcmp(decision->strategy, "none") == 0)
        return NULL;
    DecisionSummary *summary = message_new(DecisionSummary_message());
    memcpy(summary->strategy, decision->strategy, sizeof summary->strategy);
    memcpy(summary->rule_version, decision->rule_version, sizeof summary->rule_version);
    summary->has_winner_signal_id = decision->has_winner_signal_id;
    memcpy(summary->winner_signal_id, decision->winner_signal_id, sizeof summary->winner_signal_id);
    return summary;
}

/* A signal carries its decision only when there was a conflict to decide. */
static DecisionSummary *s_summary(const store_row_t *row) {
    Decision *decision = store_row_is_null(row, COLUMN_DECISION) ? NULL : signal_row_decision(row);
    DecisionSummary *summary = decision ? signal_row_summary(decision) : NULL;
    message_free(Decision_message(), (void **)&decision);
    return summary;
}

err_t signal_row_read(const store_row_t *row, Signal *signal) {
    if (store_row_columns(row) != COLUMNS || !s_read_strings(row, signal))
        return ERR_INTERNAL;
    signal->seq = (uint64_t)store_row_int(row, COLUMN_SEQ);
    signal->strength = store_row_double(row, COLUMN_STRENGTH);
    signal->confidence = store_row_double(row, COLUMN_CONFIDENCE);
    signal->priority = (int32_t)store_row_int(row, COLUMN_PRIORITY);
    signal->has_source_seq = !store_row_is_null(row, COLUMN_SOURCE_SEQ);
    signal->source_seq = store_row_int(row, COLUMN_SOURCE_SEQ);
    signal->timestamp = store_row_int(row, COLUMN_TIMESTAMP);
    signal->expiry_time = store_row_int(row, COLUMN_EXPIRY_TIME);
    signal->received_at = store_row_int(row, COLUMN_RECEIVED_AT);
    signal->has_allocation = !store_row_is_null(row, COLUMN_ALLOCATION);
    signal->allocation = store_row_double(row, COLUMN_ALLOCATION);
    signal->data = s_read_object(row, COLUMN_DATA);
    signal->metadata = s_read_object(row, COLUMN_METADATA);
    signal->decision = s_summary(row);
    return OK;
}

Decision *signal_row_decision(const store_row_t *row) {
    const char *text = store_row_text(row, COLUMN_DECISION);
    Decision *decision = message_new(Decision_message());
    problems_t problems = PROBLEMS_INIT;
    if (!text)
        decision_unopposed(decision);
    else if (json_decode(Decision_message(), text, strlen(text), decision, &problems) != OK)
        message_free(Decision_message(), (void **)&decision);
    problems_free(&problems);
    return decision;
}

uint64_t signal_row_body_hash(const store_row_t *row) {
    return (uint64_t)store_row_int(row, COLUMN_BODY_HASH);
}

int64_t signal_row_received_at(const store_row_t *row) {
    return store_row_int(row, COLUMN_RECEIVED_AT);
}

int64_t signal_row_updated_at(const store_row_t *row) {
    return store_row_int(row, COLUMN_UPDATED_AT);
}
