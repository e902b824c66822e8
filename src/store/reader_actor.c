/* store-reader: runs named queries on its own connection. */
#include "store/store_actor.h"

#include "base/clock.h"
#include "base/log.h"
#include "integration/v1/store.pb.h"
#include "routes.gen.h"
#include "store/history.h"
#include "store/link.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 10000, MAX_BYTES = 32 * 1024 * 1024 };

typedef struct {
    link_t link;
    history_t *history;
    buf_t row;
} reader_t;

/* ---- rows into the response ---- */

typedef struct {
    reader_t *reader;
    StoreRows *rows;
    size_t most, bytes, capacity;
} collect_t;

static bool s_collect(void *context, const value_t *values, size_t count) {
    collect_t *self = context;
    StoreRows *rows = self->rows;
    buf_t *row = &self->reader->row;
    if (rows->rows_count >= self->most || self->bytes > MAX_BYTES) {
        rows->more = true;
        return false;
    }
    buf_clear(row);
    for (size_t i = 0; i < count; i++)
        value_encode(row, &values[i]);
    if (rows->rows_count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 32;
        rows->rows = realloc(rows->rows, self->capacity * sizeof(pb_bytes_array_t *));
        assert_always(rows->rows);
    }
    rows->rows[rows->rows_count++] = message_bytes(buf_str(row), row->size);
    self->bytes += row->size;
    return true;
}

static void s_drop_rows(StoreRows *rows) {
    message_release(StoreRows_message(), rows);
}

/* ---- the query ---- */

static err_t s_connect(reader_t *self, bool now) {
    if (self->link.engine)
        return OK;
    if (!now && clock_mono_us() < self->link.retry_at_us)
        return ERR_STORE_UNAVAILABLE;
    err_t err = link_open(&self->link);
    if (err == OK)
        log_info("store-reader connected", LOG_STR("engine", link_engine_name(&self->link)));
    return err;
}

typedef struct {
    const statement_t *statement;
    value_t values[STATEMENT_MAX_PARAMS];
    size_t count;
} query_t;

static err_t s_read_query(reader_t *self, call_t *call, const StoreQuery *request, query_t *query) {
    value_t params[STATEMENT_MAX_PARAMS];
    size_t count;
    if (!value_decode_row(request->params ? request->params->bytes : NULL,
                          request->params ? request->params->size : 0, params, STATEMENT_MAX_PARAMS, &count))
        return call_explain(call, ERR_INTERNAL, "%s: the parameters cannot be read", request->statement);
    if (history_is(request->statement)) {
        query->statement =
            history_statement(self->history, request->statement, params, count, query->values, &query->count);
        return query->statement
                   ? OK
                   : call_explain(call, ERR_INTERNAL, "%s: wrong parameters", request->statement);
    }
    query->statement = statement_find(request->statement);
    query->count = count;
    memcpy(query->values, params, count * sizeof *params);
    return query->statement ? OK : call_explain(call, ERR_INTERNAL, "no statement %s", request->statement);
}

static err_t s_run_once(reader_t *self, const query_t *query, uint32_t max_rows, StoreRows *rows) {
    collect_t collect = {.reader = self, .rows = rows, .most = max_rows};
    if (max_rows == 0 || max_rows > MAX_ROWS)
        collect.most = MAX_ROWS;
    err_t err =
        engine_query(self->link.engine, query->statement, query->values, query->count, s_collect, &collect);
    if (err != OK)
        s_drop_rows(rows);
    return err;
}

static err_t s_refuse_down(reader_t *self, call_t *call) {
    call_retry_after(call, 1);
    return call_explain(call, ERR_STORE_UNAVAILABLE, "the store is not reachable: %s",
                        buf_str(&self->link.reason));
}

/* A query changes nothing; so when the connection turns out to be lost, it is run once more on a new one. */
static err_t s_query(actor_t *actor, call_t *call, const void *request_, void *response) {
    reader_t *self = actor_state(actor);
    const StoreQuery *request = request_;
    query_t query = {0};
    err_t err = s_read_query(self, call, request, &query);
    if (err != OK)
        return err;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (s_connect(self, attempt > 0) != OK)
            return s_refuse_down(self, call);
        err = s_run_once(self, &query, request->max_rows, response);
        if (err == OK || self->link.engine->alive)
            break;
        log_warning("store-reader lost its connection",
                    LOG_STR("reason", buf_str(&self->link.engine->error)));
        link_close(&self->link, NULL);
    }
    actor_count(actor, "queries_total", "Queries run.", 1);
    if (err == OK)
        return OK;
    if (!self->link.engine)
        return s_refuse_down(self, call);
    log_error("query failed", LOG_STR("statement", request->statement),
              LOG_STR("reason", buf_str(&self->link.engine->error)));
    if (err == ERR_STORE_UNAVAILABLE)
        call_retry_after(call, 1);
    return call_explain(call, err, "%s", buf_str(&self->link.engine->error));
}

/* The writer is connected again: no need to wait any longer. */
static void s_on_state(actor_t *actor, const bus_message_t *message, const void *event) {
    reader_t *self = actor_state(actor);
    (void)message;
    if (((const StoreState *)event)->available)
        self->link.retry_at_us = 0;
}

static void s_stop(actor_t *actor) {
    reader_t *self = actor_state(actor);
    if (!self)
        return;
    link_free(&self->link);
    history_destroy(&self->history);
    buf_free(&self->row);
    free(self);
    actor_set_state(actor, NULL);
}

static err_t s_start(actor_t *actor, const void *args) {
    reader_t *self = calloc(1, sizeof *self);
    assert_always(self);
    actor_set_state(actor, self);
    self->history = history_new();
    err_t err = link_init(&self->link, actor_config(actor), args, true);
    if (err != OK)
        s_stop(actor); /* the loop stops only what has started */
    else if (s_connect(self, true) != OK)
        log_warning("store-reader waits for the store", LOG_STR("reason", buf_str(&self->link.reason)));
    return err;
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const reader_t *self = actor_state(actor);
    if (self->link.engine)
        return;
    assert_always(MESSAGE_SET(status->status, "degraded"));
    free(status->reason);
    status->reason = message_strdup(buf_str(&self->link.reason));
}

static const actor_command_t s_commands[] = {{&rpc_StoreReader_Query, s_query}, {NULL, NULL}};
static const actor_event_t s_events[] = {{STORE_TOPIC_STATE, StoreState_message, s_on_state},
                                         {NULL, NULL, NULL}};

const actor_class_t store_reader_class = {
    .name = "store-reader",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .describe = s_describe,
};
