/* The store under test: its two actors over a real bus, on SQLite in a temporary directory or on a PostgreSQL server
 * of the test's own. Each test of a suite runs on both. */
#pragma once

#include "base/clock.h"
#include "harness.h"
#include "postgres.h"
#include "routes.gen.h"
#include "store/group.h"
#include "store/link.h"
#include "store/store_actor.h"
#include "store/store_private.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    harness_t harness;
    config_t config;
    postgres_t *postgres; /* NULL on SQLite */
    char dir[64];
    bus_client_t *events; /* subscribed to evt/store/ */
    actor_handle_t *writer, *reader;
} fixture_t;

/* A test on both engines. */
#define STORE_TEST(name)                         \
    static void s_##name(fixture_t *f);          \
    Test(store_sqlite, name, .timeout = 60) {    \
        fixture_run(false, s_##name);            \
    }                                            \
    Test(store_postgres, name, .timeout = 120) { \
        fixture_run(true, s_##name);             \
    }                                            \
    static void s_##name(fixture_t *f)

static inline void fixture_start_actors(fixture_t *f, const store_schema_t *schema) {
    f->writer = harness_actor(&f->harness, &store_writer_class, &f->config, schema);
    f->reader = harness_actor(&f->harness, &store_reader_class, &f->config, schema);
}

static inline void fixture_stop_actors(fixture_t *f) {
    harness_stop_actor(&f->harness, f->reader, HARNESS_MS);
    harness_stop_actor(&f->harness, f->writer, HARNESS_MS);
    f->reader = f->writer = NULL;
}

/* Everything but the actors; PostgreSQL's cluster is made, and not started. */
static inline void fixture_begin(fixture_t *f, bool on_postgres) {
    *f = (fixture_t){0};
    strcpy(f->dir, "/tmp/integration-store-XXXXXX");
    cr_assert(mkdtemp(f->dir));
    harness_start(&f->harness);
    f->events = bus_client_new();
    cr_assert(f->events && bus_client_subscribe(f->events, "evt/store/") == OK);
    f->config.data_dir = f->dir;
    if (on_postgres) {
        f->postgres = postgres_new();
        f->config.database_url = (char *)postgres_url(f->postgres);
    }
}

static inline void fixture_end(fixture_t *f) {
    char command[128];
    bus_client_destroy(&f->events);
    harness_stop(&f->harness);
    postgres_destroy(&f->postgres);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

static inline void fixture_run(bool on_postgres, void (*body)(fixture_t *f)) {
    fixture_t f;
    fixture_begin(&f, on_postgres);
    if (on_postgres)
        postgres_start(f.postgres);
    fixture_start_actors(&f, NULL);
    body(&f);
    fixture_end(&f);
}

/* ---- writing ---- */

/* Sends the write to that component and takes it. */
static inline err_t commit_to(fixture_t *f, const char *component, store_write_t **write,
                              StoreWritten *written, Fault *fault) {
    Envelope envelope = harness_envelope(20000);
    StoreWrite message = store_write_take(write);
    Fault own = Fault_init_zero;
    *written = (StoreWritten)StoreWritten_init_zero;
    err_t err = bus_client_request_to(f->harness.client, component, &rpc_StoreWriter_Write, &envelope,
                                      &message, written, fault ? fault : &own);
    message_release(Fault_message(), &own);
    message_release(StoreWrite_message(), &message);
    return err;
}

static inline StoreWritten commit(fixture_t *f, store_write_t **write) {
    StoreWritten written;
    Fault fault = Fault_init_zero;
    err_t err = commit_to(f, "store", write, &written, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault.message ? fault.message : "");
    return written;
}

static inline void written_free(StoreWritten *written) {
    message_release(StoreWritten_message(), written);
}

/* Adds an op that sets a system state and publishes it (as an IdempotencyState, which has room for text). */
static inline size_t add_state(store_write_t *write, const char *topic, const char *key, const char *value) {
    IdempotencyState payload = IdempotencyState_init_zero;
    payload.state = message_strdup(value);
    size_t op = store_write_op(write, "system_state_set", "ssi", key, value, (int64_t)1);
    if (topic)
        store_write_event(write, topic, IdempotencyState_message(), &payload, NULL);
    message_release(IdempotencyState_message(), &payload);
    return op;
}

/* A signal with an event on signal/<target>/<symbol>. */
static inline void add_signal(store_write_t *write, const char *id, const char *symbol, const char *source,
                              int64_t received_at) {
    char topic[BUS_TOPIC_SIZE];
    IdempotencyState payload = IdempotencyState_init_zero;
    snprintf(topic, sizeof topic, "signal/execution/%s", symbol);
    store_write_op(write, "signal_insert", "issssssddisssiiisssssissiin", (int64_t)0, id, "analysis", source,
                   "execution", symbol, "buy", 0.5, 0.75, (int64_t)3, "1d", NULL, NULL, (int64_t)7,
                   received_at, received_at + 300000, "{\"a\":1}", "{}", "routed", NULL, "routing-1",
                   (int64_t)-5, NULL, NULL, received_at, received_at);
    store_write_expect(write, 1);
    store_write_event(write, topic, IdempotencyState_message(), &payload, NULL);
    store_write_seq(write, 0, 0);
}

/* ---- reading ---- */

static inline err_t try_query(fixture_t *f, StoreRows *rows, uint32_t max_rows, const char *statement,
                              const char *format, va_list args) {
    StoreQuery query = StoreQuery_init_zero;
    buf_t params = BUF_INIT;
    Fault fault = Fault_init_zero;
    store_params_encode(&params, format, args);
    cr_assert(MESSAGE_SET(query.statement, statement));
    query.params = message_bytes(buf_str(&params), params.size);
    query.max_rows = max_rows;
    *rows = (StoreRows)StoreRows_init_zero;
    err_t err = harness_request(&f->harness, &rpc_StoreReader_Query, &query, rows, &fault);
    if (err != OK)
        fprintf(stderr, "query %s: %s: %s\n", statement, err_name(err), fault.message ? fault.message : "");
    message_release(Fault_message(), &fault);
    message_release(StoreQuery_message(), &query);
    buf_free(&params);
    return err;
}

static inline StoreRows query(fixture_t *f, uint32_t max_rows, const char *statement, const char *format,
                              ...) {
    StoreRows rows;
    va_list args;
    va_start(args, format);
    cr_assert_eq(try_query(f, &rows, max_rows, statement, format, args), OK);
    va_end(args);
    return rows;
}

static inline void rows_free(StoreRows *rows) {
    message_release(StoreRows_message(), rows);
}

static inline int64_t row_int(const StoreRows *rows, size_t row, size_t column) {
    cr_assert_lt(row, rows->rows_count);
    store_row_t *decoded = store_row_new(rows->rows[row]);
    cr_assert(decoded);
    int64_t value = store_row_int(decoded, column);
    store_row_destroy(&decoded);
    return value;
}

/* The value of a system state, to be freed; NULL when there is none. */
static inline char *state_of(fixture_t *f, const char *key) {
    StoreRows rows = query(f, 10, "system_state_get", "s", key);
    char *value = NULL;
    if (rows.rows_count) {
        store_row_t *row = store_row_new(rows.rows[0]);
        value = message_strdup(store_row_text(row, 0));
        store_row_destroy(&row);
    }
    rows_free(&rows);
    return value;
}

static inline bool state_is(fixture_t *f, const char *key, const char *wanted) {
    char *value = state_of(f, key);
    bool is = value && wanted ? strcmp(value, wanted) == 0 : value == wanted;
    free(value);
    return is;
}

static inline StoreState get_state(fixture_t *f) {
    StoreStateRequest request = StoreStateRequest_init_zero;
    StoreState state = StoreState_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_GetState, &request, &state, NULL), OK);
    return state;
}

/* The next event of that topic, decoded into a zeroed struct of its type; others are passed over. */
static inline void next_event(fixture_t *f, const char *topic, const message_t *type, void *event) {
    int64_t deadline_us = harness_deadline(20000);
    for (bool found = false; !found;) {
        bus_message_t message;
        cr_assert_eq(bus_client_recv(f->events, &message, deadline_us), OK, "no event on %s", topic);
        found = strcmp(message.topic, topic) == 0;
        if (found)
            cr_assert_eq(message_decode(type, message.payload, message.payload_size, event), OK);
        bus_message_close(&message);
    }
}

/* Waits until the store says that it is (not) available. */
static inline void wait_available(fixture_t *f, bool available) {
    for (;;) {
        StoreState state = StoreState_init_zero;
        next_event(f, STORE_TOPIC_STATE, StoreState_message(), &state);
        bool is = state.available;
        message_release(StoreState_message(), &state);
        if (is == available)
            return;
    }
}
