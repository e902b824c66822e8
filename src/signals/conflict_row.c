/* The row keeps the conflict as JSON, beside what it is found by. */
#include "signals/conflict_row.h"

#include "base/ids.h"
#include "message/json_codec.h"
#include "tables.gen.h"
#include <stdio.h>
#include <string.h>

enum { COLUMN_NEWCOMER = 7, COLUMN_DETAIL = 9, COLUMNS = 10, TOPIC_SIZE = 128 /* conflict/<64>/<32> */ };

static void s_publish(store_write_t *write, const Conflict *conflict, const char *traceparent) {
    char topic[TOPIC_SIZE];
    snprintf(topic, sizeof topic, "conflict/%s/%s", conflict->target,
             conflict->has_symbol ? conflict->symbol : "-");
    store_write_expect(write, 1);
    store_write_event(write, topic, Conflict_message(), conflict, traceparent);
}

size_t conflict_row_write(store_write_t *write, const Conflict *conflict, const char *newcomer_id,
                          const char *traceparent) {
    buf_t detail = BUF_INIT;
    const Resolution *resolution = conflict->resolution;
    json_encode(Conflict_message(), conflict, &detail);
    store_write_op(write, "conflict_insert", "sssssissts", conflict->conflict_id, conflict->conflict_type,
                   conflict->severity, conflict->target, conflict->has_symbol ? conflict->symbol : NULL,
                   conflict->detected_at, conflict->status, newcomer_id,
                   resolution ? resolution->timestamp : (int64_t)0, buf_str(&detail));
    buf_free(&detail);
    s_publish(write, conflict, traceparent);
    for (size_t i = 0; i < conflict->signals_count; i++)
        store_write_op(write, "conflict_signal_insert", "ss", conflict->conflict_id,
                       conflict->signals[i].signal_id);
    return 1 + conflict->signals_count;
}

void conflict_row_resolve(store_write_t *write, const Conflict *conflict, int64_t now_ms,
                          const char *traceparent) {
    buf_t detail = BUF_INIT;
    json_encode(Conflict_message(), conflict, &detail);
    store_write_op(write, "conflict_resolve", "ssi", conflict->conflict_id, buf_str(&detail), now_ms);
    buf_free(&detail);
    s_publish(write, conflict, traceparent);
}

err_t conflict_row_read(const store_row_t *row, Conflict *conflict) {
    const char *text = store_row_columns(row) == COLUMNS ? store_row_text(row, COLUMN_DETAIL) : NULL;
    problems_t problems = PROBLEMS_INIT;
    err_t err =
        text ? json_decode(Conflict_message(), text, strlen(text), conflict, &problems) : ERR_INTERNAL;
    problems_free(&problems);
    return err == OK ? OK : ERR_INTERNAL;
}

const char *conflict_row_newcomer(const store_row_t *row) {
    return store_row_text(row, COLUMN_NEWCOMER);
}

void conflict_close(Conflict *conflict, const char *strategy, const char *winner_id, const char *newcomer_id,
                    int64_t now_ms, const char *reason) {
    Resolution *resolution = conflict->resolution = message_new(Resolution_message());
    char id[UUID_SIZE];
    ids_uuid7(id);
    MESSAGE_PUT(conflict->status, "resolved");
    MESSAGE_PUT(resolution->resolution_id, id);
    MESSAGE_PUT(resolution->conflict_id, conflict->conflict_id);
    MESSAGE_PUT(resolution->conflict_type, conflict->conflict_type);
    MESSAGE_PUT(resolution->strategy, strategy);
    MESSAGE_PUT(resolution->resolution_result, "success");
    if ((resolution->has_winner_signal_id = winner_id != NULL))
        MESSAGE_PUT(resolution->winner_signal_id, winner_id);
    resolution->loser_signal_ids = message_list(1, sizeof *resolution->loser_signal_ids);
    resolution->loser_signal_ids[0] = message_strdup(newcomer_id);
    resolution->loser_signal_ids_count = 1;
    resolution->reason = message_strdup(reason);
    resolution->timestamp = now_ms;
}
