/* Inside the PostgreSQL engine: the connection, and what its parts share. */
#pragma once

#include "store/engine.h"
#include <libpq-fe.h>

/* Types of the schema. */
enum { PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT2 = 21, PG_INT4 = 23, PG_TEXT = 25, PG_FLOAT8 = 701 };

typedef struct {
    char name[16];
    int params;
    Oid types[STATEMENT_MAX_PARAMS];
} pg_prepared_t;

typedef struct {
    engine_t base;
    PGconn *connection;
    bool begin_pending; /* BEGIN goes out with what comes next */
    size_t made;
    buf_t columns[STATEMENT_MAX_PARAMS]; /* arrays of a statement for many rows */
    pg_prepared_t *prepared[STATEMENT_INDEX_MAX];
    pg_prepared_t *bulk[STATEMENT_INDEX_MAX];
} pg_engine_t;

/* ---- engine_postgres.c ---- */

/* Connection lost, or silent for too long: it is of no more use. */
err_t pg_lost(pg_engine_t *self, const char *what);
/* The code of a failed result, by its SQLSTATE. */
err_t pg_refused(pg_engine_t *self, const PGresult *result, const char *what);
/* Sends what waits and takes the next result; NULL at the end of a query. */
err_t pg_result(pg_engine_t *self, int64_t deadline_us, PGresult **result);
/* The one result of a query sent, its end taken; ERR_* when it failed. */
err_t pg_only_result(pg_engine_t *self, const char *what, PGresult **result);
err_t pg_prepare(pg_engine_t *self, const statement_t *statement, const pg_prepared_t **out);
/* The same for arrays of rows. */
err_t pg_prepare_bulk(pg_engine_t *self, const statement_t *statement, const pg_prepared_t **out);
int64_t pg_deadline_us(void);

/* ---- postgres_run.c ---- */
err_t pg_run(engine_t *base, engine_op_t *ops, size_t count, size_t *failed);

/* ---- postgres_value.c: binary formats ---- */

/* Parameters of one execution, as libpq takes them. */
typedef struct {
    const char *values[STATEMENT_MAX_PARAMS];
    int lengths[STATEMENT_MAX_PARAMS];
    int formats[STATEMENT_MAX_PARAMS];
    char numbers[STATEMENT_MAX_PARAMS][8];
} pg_params_t;

/* False when value `*wrong` does not fit its type. */
bool pg_params_fill(pg_params_t *self, const pg_prepared_t *prepared, const value_t *values, int *wrong);
/* Arrays: begun with the type, values added, ended with their count. */
void pg_array_begin(buf_t *out, Oid type);
bool pg_array_add(buf_t *out, Oid type, const value_t *value);
void pg_array_end(buf_t *out, size_t count);
const char *pg_type_name(Oid type); /* NULL for one that the schema does not use */
bool pg_read_column(const PGresult *result, int row, int column, value_t *value);
