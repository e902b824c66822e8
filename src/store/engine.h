/* An engine: one connection to a database, seen the same over SQLite and PostgreSQL.
 *
 * Errors: ERR_STORE_UNAVAILABLE  the connection or the disk failed; `alive` says whether it can be used again
 *         ERR_CONFLICT           a constraint refused the statement
 *         ERR_INTERNAL           the statement itself is wrong; a defect
 *         ERR_AGAIN              only of commit: whether it took place is not known
 * `error` then holds the reason. Owned by one thread; calls block, with the limits below. */
#pragma once

#include "base/err.h"
#include "store/statement.h"
#include "store/store_config.h"

#define ENGINE_STATEMENT_SECONDS 10

typedef struct engine_s engine_t;

/* One execution of a statement that changes rows. */
typedef struct {
    const statement_t *statement;
    const value_t *values;
    size_t value_count;
    int64_t
        affected; /* out; -1: went along with others of its BULK statement, of which some affected nothing */
} engine_op_t;

/* A row of a query; false ends the query. Values are borrowed for the call. */
typedef bool(engine_row_fn)(void *context, const value_t *values, size_t count);

typedef struct {
    const char *name; /* "sqlite", "postgresql" */
    /* Over a connection: a round trip costs, a commit's outcome can be lost, and a failed statement undoes the
     * transaction unless it is behind a savepoint. */
    bool remote;
    const char *big_primary_key; /* how "BIGINT PRIMARY KEY" of the migrations is written here */
    void (*close)(engine_t *self);
    err_t (*begin)(engine_t *self);
    /* Executes in order (BULK statements may run earlier, and together); stops at the first that fails, whose index,
     * or that of the first that ran with it, goes to *failed. */
    err_t (*run)(engine_t *self, engine_op_t *ops, size_t count, size_t *failed);
    err_t (*commit)(engine_t *self);
    void (*rollback)(engine_t *self);
    err_t (*query)(engine_t *self, const statement_t *statement, const value_t *values, size_t count,
                   engine_row_fn *row, void *context);
    /* SQL text of any number of statements without parameters. */
    err_t (*script)(engine_t *self, const char *sql);
} engine_class_t;

struct engine_s {
    const engine_class_t *klass;
    bool alive;
    bool patient; /* statements take as long as they need: migrations */
    buf_t error;
};

/* Opens a connection. A reading one cannot change anything, and makes nothing that is missing. ERR_BAD_CONFIG when
 * another process owns the embedded database, ERR_STORE_UNAVAILABLE when it is not reachable; `why` says more. */
ERR_MUST_USE
err_t engine_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why);
void engine_close(engine_t **self_p);

/* Shorthands over klass. */
ERR_MUST_USE
err_t engine_begin(engine_t *self);
ERR_MUST_USE
err_t engine_run(engine_t *self, engine_op_t *ops, size_t count, size_t *failed);
ERR_MUST_USE
err_t engine_run_one(engine_t *self, const char *statement, const value_t *values, size_t count,
                     int64_t *affected);
ERR_MUST_USE
err_t engine_commit(engine_t *self);
void engine_rollback(engine_t *self);
ERR_MUST_USE
err_t engine_query(engine_t *self, const statement_t *statement, const value_t *values, size_t count,
                   engine_row_fn *row, void *context);
ERR_MUST_USE
err_t engine_script(engine_t *self, const char *sql);
/* Asks for the first column of the first row, an integer; `fallback` when there is no row. */
ERR_MUST_USE
err_t engine_query_int(engine_t *self, const char *statement, const value_t *values, size_t count,
                       int64_t fallback, int64_t *result);
ERR_MUST_USE
err_t engine_ping(engine_t *self);

/* The SQL of the statement for this engine. */
const char *engine_sql(const engine_t *self, const statement_t *statement);

/* For the engines. */
err_t engine_sqlite_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why);
err_t engine_postgres_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why);
err_t engine_fail(engine_t *self, err_t err, const char *format, ...) __attribute__((format(printf, 3, 4)));
