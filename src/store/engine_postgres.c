/* The PostgreSQL engine: one connection, statements prepared once on it, everything in binary.
 *
 * The socket is non-blocking and every wait has a deadline; a connection that is lost or does not answer is given
 * up, and the actor makes another. */
#include "store/engine_postgres.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MADE = 256 };
#define PATIENCE_US INT64_C(3600000000)

static pg_engine_t *s_self(engine_t *base) {
    return (pg_engine_t *)base;
}

/* The server ends a statement first; this is for one that is not heard of any more. */
int64_t pg_deadline_us(void) {
    return clock_mono_us() + (ENGINE_STATEMENT_SECONDS + 2) * 1000000LL;
}

/* ---- errors and results ---- */

err_t pg_lost(pg_engine_t *self, const char *what) {
    const char *text = PQerrorMessage(self->connection);
    self->base.alive = false;
    return engine_fail(&self->base, ERR_STORE_UNAVAILABLE, "%s: %.*s", what, (int)strcspn(text, "\n"),
                       *text ? text : "no answer from the server");
}

static err_t s_code_of(const char *state) {
    static const char *const unavailable[] = {"08", "25", "40", "53", "55", "57", "58"};
    if (strncmp(state, "23", 2) == 0)
        return ERR_CONFLICT;
    for (size_t i = 0; i < sizeof unavailable / sizeof *unavailable; i++)
        if (strncmp(state, unavailable[i], 2) == 0)
            return ERR_STORE_UNAVAILABLE;
    return ERR_INTERNAL;
}

err_t pg_refused(pg_engine_t *self, const PGresult *result, const char *what) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!state || PQstatus(self->connection) == CONNECTION_BAD)
        return pg_lost(self, what);
    if (strcmp(state, "25006") == 0) /* a server that only reads: a replica after a failover */
        self->base.alive = false;
    return engine_fail(&self->base, s_code_of(state), "%s: %s (%s)", what, text ? text : "refused", state);
}

err_t pg_result(pg_engine_t *self, int64_t deadline_us, PGresult **result) {
    *result = NULL;
    for (;;) {
        int flushing = PQflush(self->connection);
        if (flushing < 0)
            return pg_lost(self, "send");
        if (!PQisBusy(self->connection))
            break;
        int64_t left_us = deadline_us - clock_mono_us();
        struct pollfd poller = {.fd = PQsocket(self->connection), .events = POLLIN};
        if (flushing)
            poller.events |= POLLOUT;
        int ready = left_us > 0 ? poll(&poller, 1, (int)(left_us / 1000) + 1) : 0;
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return pg_lost(self, "wait");
        if (!PQconsumeInput(self->connection))
            return pg_lost(self, "receive");
    }
    *result = PQgetResult(self->connection);
    return OK;
}

static bool s_is_good(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

err_t pg_only_result(pg_engine_t *self, const char *what, PGresult **result) {
    int64_t deadline_us = self->base.patient ? clock_mono_us() + PATIENCE_US : pg_deadline_us();
    err_t err = OK;
    *result = NULL;
    for (;;) { /* a script has one result a statement: the last, or the one that failed, stays */
        PGresult *next;
        err_t waited = pg_result(self, deadline_us, &next);
        if (waited != OK || !next) {
            err = waited != OK ? waited : err;
            break;
        }
        if (err == OK && !s_is_good(next))
            err = pg_refused(self, next, what);
        PQclear(*result);
        *result = next;
    }
    if (err == OK && !*result)
        err = pg_lost(self, what);
    if (err != OK) {
        PQclear(*result);
        *result = NULL;
    }
    return err;
}

static err_t s_execute(pg_engine_t *self, const char *sql, PGresult **result) {
    *result = NULL;
    if (!PQsendQuery(self->connection, sql))
        return pg_lost(self, "send");
    return pg_only_result(self, "script", result);
}

static err_t s_flush_begin(pg_engine_t *self) {
    PGresult *result;
    if (!self->begin_pending)
        return OK;
    self->begin_pending = false;
    err_t err = s_execute(self, "BEGIN", &result);
    PQclear(result);
    return err;
}

static err_t s_script(engine_t *base, const char *sql) {
    pg_engine_t *self = s_self(base);
    PGresult *result;
    err_t err = s_flush_begin(self);
    if (err != OK)
        return err;
    err = s_execute(self, sql, &result);
    PQclear(result);
    return err;
}

/* ---- transactions ---- */

static err_t s_begin(engine_t *base) {
    if (!base->alive)
        return ERR_STORE_UNAVAILABLE;
    s_self(base)->begin_pending = true;
    return OK;
}

static void s_rollback(engine_t *base) {
    pg_engine_t *self = s_self(base);
    bool began = !self->begin_pending;
    self->begin_pending = false;
    if (began && base->alive && PQtransactionStatus(self->connection) != PQTRANS_IDLE &&
        s_script(base, "ROLLBACK") != OK)
        base->alive = false;
}

/* Once COMMIT is sent, only the server's word ends it: a lost connection leaves the outcome open. */
static err_t s_commit(engine_t *base) {
    pg_engine_t *self = s_self(base);
    PGresult *result;
    if (self->begin_pending) {
        self->begin_pending = false;
        return OK;
    }
    err_t err = s_execute(self, "COMMIT", &result);
    if (err == OK && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        err = engine_fail(base, ERR_CONFLICT, "the transaction had failed");
    PQclear(result);
    return err != OK && !base->alive ? ERR_AGAIN : err;
}

/* ---- prepared statements ---- */

static void s_free_prepared(pg_engine_t *self, size_t from) {
    for (size_t i = from; i < STATEMENT_INDEX_MAX; i++) {
        free(self->prepared[i]);
        free(self->bulk[i]);
        self->prepared[i] = self->bulk[i] = NULL;
    }
}

/* Too many made statements: all of them go, also on the server. */
static err_t s_forget_made(pg_engine_t *self) {
    buf_t sql = BUF_INIT;
    PGresult *result;
    for (size_t i = statement_count(); i < STATEMENT_INDEX_MAX; i++)
        if (self->prepared[i])
            buf_printf(&sql, "DEALLOCATE %s;", self->prepared[i]->name);
    err_t err = s_execute(self, buf_str(&sql), &result);
    PQclear(result);
    buf_free(&sql);
    s_free_prepared(self, statement_count());
    self->made = 0;
    return err;
}

/* Prepares and asks the server for the parameters' types. */
static err_t s_prepare_sql(pg_engine_t *self, const char *what, const char *sql, pg_prepared_t *made) {
    PGresult *result;
    if (!PQsendPrepare(self->connection, made->name, sql, 0, NULL))
        return pg_lost(self, what);
    err_t err = pg_only_result(self, what, &result);
    PQclear(result);
    if (err != OK)
        return err;
    if (!PQsendDescribePrepared(self->connection, made->name))
        return pg_lost(self, what);
    err = pg_only_result(self, what, &result);
    if (err != OK)
        return err;
    made->params = PQnparams(result);
    assert_always(made->params <= STATEMENT_MAX_PARAMS);
    for (int i = 0; i < made->params; i++)
        made->types[i] = PQparamtype(result, i);
    PQclear(result);
    return OK;
}

static err_t s_prepare_in(pg_engine_t *self, pg_prepared_t **slot, char mark, uint32_t index,
                          const char *what, const char *sql) {
    pg_prepared_t *made = calloc(1, sizeof *made);
    assert_always(made);
    snprintf(made->name, sizeof made->name, "%c%u", mark, index);
    err_t err = s_prepare_sql(self, what, sql, made);
    if (err == OK)
        *slot = made;
    else
        free(made);
    return err;
}

err_t pg_prepare(pg_engine_t *self, const statement_t *statement, const pg_prepared_t **out) {
    pg_prepared_t **slot = &self->prepared[statement->index];
    err_t err = OK;
    if (!*slot && statement->index >= statement_count() && self->made++ == KEPT_MADE)
        err = s_forget_made(self);
    if (err == OK && !*slot)
        err = s_prepare_in(self, slot, 's', statement->index, statement->name, statement->postgres);
    *out = *slot;
    return err;
}

/* INSERT ... VALUES ($1, ...) rest  becomes  INSERT ... SELECT unnest($1::type[]), ... rest: in the list of columns,
 * where the arrays go side by side; as tables in FROM each of them would be written out first. Without DO NOTHING,
 * which makes each row dearer: one that is there undoes the transaction, and where only some of the rows were inserted
 * the group is run again anyway. */
static bool s_bulk_sql(const statement_t *statement, const pg_prepared_t *single, buf_t *sql) {
    const char *values = strstr(statement->postgres, "VALUES ("), *rest = values ? strchr(values, ')') : NULL;
    if (!rest)
        return false;
    buf_append(sql, statement->postgres, (size_t)(values - statement->postgres));
    for (int i = 0; i < single->params; i++) {
        const char *type = pg_type_name(single->types[i]);
        if (!type)
            return false;
        buf_printf(sql, "%s unnest($%d::%s[])", i ? "," : "SELECT", i + 1, type);
    }
    if (strcmp(rest + 1, " ON CONFLICT DO NOTHING") != 0)
        buf_append_str(sql, rest + 1);
    return true;
}

err_t pg_prepare_bulk(pg_engine_t *self, const statement_t *statement, const pg_prepared_t **out) {
    pg_prepared_t **slot = &self->bulk[statement->index];
    const pg_prepared_t *single;
    buf_t sql = BUF_INIT;
    err_t err = pg_prepare(self, statement, &single);
    if (err == OK && !*slot) {
        assert_always(s_bulk_sql(statement, single, &sql)); /* the catalogue's test prepares each */
        err = s_prepare_in(self, slot, 'b', statement->index, statement->name, buf_str(&sql));
    }
    buf_free(&sql);
    *out = *slot;
    return err;
}

/* ---- queries ---- */

static err_t s_give_rows(pg_engine_t *self, const statement_t *statement, const PGresult *result,
                         engine_row_fn *row, void *context) {
    value_t columns[STATEMENT_MAX_PARAMS];
    int width = PQnfields(result);
    assert_always(width <= STATEMENT_MAX_PARAMS);
    for (int r = 0; r < PQntuples(result); r++) {
        for (int c = 0; c < width; c++)
            if (!pg_read_column(result, r, c, &columns[c]))
                return engine_fail(&self->base, ERR_INTERNAL, "%s: column %d is of type %u", statement->name,
                                   c, PQftype(result, c));
        if (!row(context, columns, (size_t)width))
            break;
    }
    return OK;
}

static err_t s_query(engine_t *base, const statement_t *statement, const value_t *values, size_t count,
                     engine_row_fn *row, void *context) {
    pg_engine_t *self = s_self(base);
    const pg_prepared_t *prepared;
    pg_params_t params;
    PGresult *result;
    int wrong = 0;
    err_t err = s_flush_begin(self);
    if (err == OK)
        err = pg_prepare(self, statement, &prepared);
    if (err != OK)
        return err;
    if ((size_t)prepared->params != count)
        return engine_fail(base, ERR_INTERNAL, "%s takes %d parameters, not %zu", statement->name,
                           prepared->params, count);
    if (!pg_params_fill(&params, prepared, values, &wrong))
        return engine_fail(base, ERR_INTERNAL, "%s: parameter %d is not of its type", statement->name,
                           wrong + 1);
    if (!PQsendQueryPrepared(self->connection, prepared->name, (int)count, params.values, params.lengths,
                             params.formats, 1))
        return pg_lost(self, statement->name);
    err = pg_only_result(self, statement->name, &result);
    if (err == OK)
        err = s_give_rows(self, statement, result, row, context);
    PQclear(result);
    return err;
}

/* ---- opening ---- */

static void s_close(engine_t *base) {
    pg_engine_t *self = s_self(base);
    PQfinish(self->connection);
    s_free_prepared(self, 0);
    for (int i = 0; i < STATEMENT_MAX_PARAMS; i++)
        buf_free(&self->columns[i]);
    free(self);
}

static void s_notice(void *context, const char *message) {
    (void)context;
    log_debug("postgresql notice", LOG_STR("notice", message));
}

#define SETTINGS                                                                                     \
    "SET search_path TO integration; SET synchronous_commit TO on; SET statement_timeout TO '10s'; " \
    "SET lock_timeout TO '5s'; SET idle_in_transaction_session_timeout TO '30s'; SET jit TO off; "   \
    "SET client_min_messages TO warning; "

/* Plans that know the parameters: a common symbol and a rare one want different ones. And none in parallel: history.c
 * counts on rows in the order in which a nested loop makes them. */
#define READING                                                                           \
    "SET default_transaction_read_only TO on; SET plan_cache_mode TO force_custom_plan; " \
    "SET max_parallel_workers_per_gather TO 0;"

/* What the URL says goes over what is said here, but for the encoding. */
static PGconn *s_connect(const char *url) {
    static const char *const keys[] = {"application_name",
                                       "connect_timeout",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       "tcp_user_timeout",
                                       "dbname",
                                       "client_encoding",
                                       NULL};
    const char *const values[] = {"integration-service", "2", "5", "2", "3", "10000", url, "UTF8", NULL};
    return PQconnectdbParams(keys, values, 1);
}

static const engine_class_t s_class = {
    .name = "postgresql",
    .remote = true,
    .big_primary_key = "BIGINT PRIMARY KEY",
    .close = s_close,
    .begin = s_begin,
    .run = pg_run,
    .commit = s_commit,
    .rollback = s_rollback,
    .query = s_query,
    .script = s_script,
};

err_t engine_postgres_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why) {
    pg_engine_t *self = calloc(1, sizeof *self);
    assert_always(self);
    engine_t *base = &self->base;
    base->klass = &s_class;
    base->alive = true;
    self->connection = s_connect(config->url);
    err_t err = PQstatus(self->connection) == CONNECTION_OK ? OK : pg_lost(self, "connect");
    if (err == OK) {
        PQsetNoticeProcessor(self->connection, s_notice, NULL);
        err = PQsetnonblocking(self->connection, 1) == 0
                  ? s_script(base, reading ? SETTINGS READING : SETTINGS)
                  : pg_lost(self, "connect");
    }
    if (err != OK) {
        buf_append_str(why, buf_str(&base->error));
        err = ERR_STORE_UNAVAILABLE;
        engine_close(&base);
    }
    *self_p = base;
    return err;
}
