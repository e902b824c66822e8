/* The embedded engine: SQLite in WAL mode, every commit on the disk before it is answered.
 *
 * One writing connection in one process, kept to that by a lock file; any number of reading ones. */
#include "base/clock.h"
#include "store/engine.h"
#include "store/wal_checkpoint.h"
#include "store/wal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000, KEPT_MADE = 128, PROGRESS_STEPS = 20000 };
enum { MANY = 10 }; /* rows of a BULK statement in one execution */

typedef struct {
    sqlite3_stmt *stmt;
    uint8_t position[STATEMENT_MAX_PARAMS]; /* of $1, $2, ... among SQLite's own */
    int params;
} prepared_t;

typedef struct {
    engine_t base;
    sqlite3 *db;
    int lock;                     /* of the writer; -1 otherwise */
    wal_checkpoint_t *checkpoint; /* of the writer; may be NULL */
    size_t made;
    int64_t deadline_us;
    prepared_t prepared[STATEMENT_INDEX_MAX];
    sqlite3_stmt *many[STATEMENT_INDEX_MAX]; /* for MANY rows */
} sqlite_t;

static sqlite_t *s_self(engine_t *self) {
    return (sqlite_t *)self;
}

/* The code of an SQLite result; a disk that failed ends the connection, one that is full does not. */
static err_t s_error(sqlite_t *self, int code, const char *what) {
    static const int dead[] = {SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN, SQLITE_READONLY};
    static const int busy[] = {SQLITE_FULL,  SQLITE_BUSY,     SQLITE_LOCKED,
                               SQLITE_NOMEM, SQLITE_PROTOCOL, SQLITE_INTERRUPT};
    err_t err = (code & 0xff) == SQLITE_CONSTRAINT ? ERR_CONFLICT : ERR_INTERNAL;
    for (size_t i = 0; i < sizeof dead / sizeof *dead; i++)
        if ((code & 0xff) == dead[i]) {
            err = ERR_STORE_UNAVAILABLE;
            self->base.alive = false;
        }
    for (size_t i = 0; i < sizeof busy / sizeof *busy; i++)
        if ((code & 0xff) == busy[i])
            err = ERR_STORE_UNAVAILABLE;
    if ((code & 0xff) == SQLITE_FULL)
        return engine_fail(&self->base, err, "the disk is full (%s)", sqlite3_errmsg(self->db));
    return engine_fail(&self->base, err, "%s: %s", what, sqlite3_errmsg(self->db));
}

static err_t s_script(engine_t *base, const char *sql) {
    sqlite_t *self = s_self(base);
    int code = sqlite3_exec(self->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : s_error(self, code, "script");
}

/* ---- opening ---- */

/* Makes the directory of the file, and its parents, for the owner alone. */
static err_t s_make_directory(const char *path, buf_t *why) {
    buf_t part = BUF_INIT;
    err_t err = OK;
    for (const char *at = path; (at = strchr(at + 1, '/'));) {
        buf_clear(&part);
        buf_append(&part, path, (size_t)(at - path));
        if (mkdir(buf_str(&part), 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS) {
            buf_printf(why, "cannot make the directory %s: %s", buf_str(&part), strerror(errno));
            err = ERR_STORE_UNAVAILABLE;
            break;
        }
    }
    buf_free(&part);
    return err;
}

/* integration.db is locked by integration.lock. The kernel lets go of it when the process ends. */
static err_t s_take_lock(sqlite_t *self, const char *path, buf_t *why) {
    size_t length = strlen(path);
    bool has_suffix = length > 3 && strcmp(path + length - 3, ".db") == 0;
    buf_t name = BUF_INIT;
    err_t err = OK;
    buf_append(&name, path, has_suffix ? length - 3 : length);
    buf_append_str(&name, ".lock");
    self->lock = open(buf_str(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0) {
        buf_printf(why, "cannot open %s: %s", buf_str(&name), strerror(errno));
        err = ERR_STORE_UNAVAILABLE;
    } else if (flock(self->lock, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(why, "the database %s is in use by another process (%s is locked)", path, buf_str(&name));
        err = ERR_BAD_CONFIG;
    }
    buf_free(&name);
    return err;
}

static int s_progress(void *context) {
    const sqlite_t *self = context;
    return self->deadline_us && clock_mono_us() > self->deadline_us;
}

static err_t s_configure(sqlite_t *self, bool reading) {
    sqlite3_extended_result_codes(self->db, 1);
    sqlite3_busy_timeout(self->db, BUSY_MS);
    sqlite3_progress_handler(self->db, PROGRESS_STEPS, s_progress, self);
    if (reading)
        return s_script(&self->base, "PRAGMA query_only = ON; PRAGMA cache_size = -8192; "
                                     "PRAGMA temp_store = MEMORY;");
    /* Small pages and a small cache: a commit touches many pages by a few bytes each, and SQLite may walk through the
     * whole cache at its end. The log is not cut short, for overwriting it syncs in half the time of appending. */
    return s_script(&self->base,
                    "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                    "PRAGMA foreign_keys = ON; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY; "
                    "PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864;");
}

static void s_close(engine_t *base) {
    sqlite_t *self = s_self(base);
    for (size_t i = 0; i < STATEMENT_INDEX_MAX; i++)
        sqlite3_finalize(self->prepared[i].stmt);
    for (size_t i = 0; i < STATEMENT_INDEX_MAX; i++)
        sqlite3_finalize(self->many[i]);
    wal_checkpoint_destroy(&self->checkpoint);
    sqlite3_close(self->db);
    if (self->lock >= 0)
        close(self->lock);
    free(self);
}

/* ---- statements ---- */

static void s_forget_made(sqlite_t *self) {
    for (size_t i = statement_count(); i < STATEMENT_INDEX_MAX; i++) {
        sqlite3_finalize(self->prepared[i].stmt);
        self->prepared[i].stmt = NULL;
    }
    self->made = 0;
}

static err_t s_prepare(sqlite_t *self, const statement_t *statement, prepared_t **out) {
    prepared_t *prepared = *out = &self->prepared[statement->index];
    if (prepared->stmt)
        return OK;
    if (statement->index >= statement_count() && self->made++ == KEPT_MADE)
        s_forget_made(self);
    int code =
        sqlite3_prepare_v3(self->db, statement->sqlite, -1, SQLITE_PREPARE_PERSISTENT, &prepared->stmt, NULL);
    if (code != SQLITE_OK)
        return s_error(self, code, statement->name);
    prepared->params = sqlite3_bind_parameter_count(prepared->stmt);
    assert_always(prepared->params <= STATEMENT_MAX_PARAMS);
    for (int i = 0; i < prepared->params; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i + 1);
        prepared->position[i] = (uint8_t)sqlite3_bind_parameter_index(prepared->stmt, name);
        assert_always(prepared->position[i]);
    }
    return OK;
}

static int s_bind_value(sqlite3_stmt *stmt, int position, const value_t *value) {
    switch (value->kind) {
    case VALUE_INT: return sqlite3_bind_int64(stmt, position, value->integer);
    case VALUE_DOUBLE: return sqlite3_bind_double(stmt, position, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text64(stmt, position, value->size ? value->bytes : "", value->size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(stmt, position, value->size ? value->bytes : "", value->size,
                                   SQLITE_STATIC);
    case VALUE_NULL: break;
    }
    return sqlite3_bind_null(stmt, position);
}

static err_t s_bind(sqlite_t *self, const statement_t *statement, const value_t *values, size_t count,
                    sqlite3_stmt **stmt) {
    prepared_t *prepared;
    err_t err = s_prepare(self, statement, &prepared);
    if (err != OK)
        return err;
    if ((size_t)prepared->params != count)
        return engine_fail(&self->base, ERR_INTERNAL, "%s takes %d parameters, not %zu", statement->name,
                           prepared->params, count);
    *stmt = prepared->stmt;
    for (size_t i = 0; i < count; i++) {
        int code = s_bind_value(*stmt, prepared->position[i], &values[i]);
        if (code != SQLITE_OK)
            return s_error(self, code, statement->name);
    }
    return OK;
}

static void s_set_deadline(sqlite_t *self) {
    self->deadline_us = self->base.patient ? 0 : clock_mono_us() + ENGINE_STATEMENT_SECONDS * 1000000LL;
}

static err_t s_execute(sqlite_t *self, const statement_t *statement, sqlite3_stmt *stmt, int64_t *affected) {
    err_t err = OK;
    int code = sqlite3_step(stmt);
    if (code == SQLITE_DONE)
        *affected = sqlite3_changes64(self->db);
    else if (code == SQLITE_ROW)
        err = engine_fail(&self->base, ERR_INTERNAL, "%s returns rows", statement->name);
    else
        err = s_error(self, code, statement->name);
    sqlite3_reset(stmt);
    return err;
}

static err_t s_run_op(sqlite_t *self, engine_op_t *op) {
    sqlite3_stmt *stmt = NULL;
    err_t err = s_bind(self, op->statement, op->values, op->value_count, &stmt);
    return err == OK ? s_execute(self, op->statement, stmt, &op->affected) : err;
}

/* ---- many rows in one execution: what a statement costs by itself is shared ---- */

/* INSERT ... VALUES ($1, ..., $n) rest  becomes  INSERT ... VALUES (?, ...), (?, ...), ... rest */
static void s_many_sql(const statement_t *statement, int params, buf_t *sql) {
    const char *values = strstr(statement->sqlite, "VALUES ("), *rest = values ? strchr(values, ')') : NULL;
    assert_always(rest); /* the catalogue's test prepares each */
    buf_append(sql, statement->sqlite, (size_t)(values - statement->sqlite));
    for (int row = 0; row < MANY; row++) {
        buf_append_str(sql, row ? "), (" : "VALUES (");
        for (int i = 0; i < params; i++)
            buf_append_str(sql, i ? ", ?" : "?");
    }
    buf_append_str(sql, rest);
}

static err_t s_prepare_many(sqlite_t *self, const statement_t *statement, sqlite3_stmt **stmt) {
    prepared_t *single;
    buf_t sql = BUF_INIT;
    int code = SQLITE_OK;
    err_t err = s_prepare(self, statement, &single);
    if (err == OK && !self->many[statement->index]) {
        s_many_sql(statement, single->params, &sql);
        code = sqlite3_prepare_v3(self->db, buf_str(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                  &self->many[statement->index], NULL);
    }
    buf_free(&sql);
    *stmt = self->many[statement->index];
    return code == SQLITE_OK ? err : s_error(self, code, statement->name);
}

static err_t s_run_many(sqlite_t *self, engine_op_t *ops) {
    const statement_t *statement = ops->statement;
    sqlite3_stmt *stmt;
    int64_t affected = 0;
    int position = 0;
    err_t err = s_prepare_many(self, statement, &stmt);
    if (err != OK)
        return err;
    size_t params = (size_t)self->prepared[statement->index].params;
    for (int row = 0; row < MANY; row++) {
        if (ops[row].value_count != params)
            return engine_fail(&self->base, ERR_INTERNAL, "%s takes %zu parameters, not %zu", statement->name,
                               params, ops[row].value_count);
        for (size_t i = 0; i < params; i++) {
            int code = s_bind_value(stmt, ++position, &ops[row].values[i]);
            if (code != SQLITE_OK)
                return s_error(self, code, statement->name);
        }
    }
    err = s_execute(self, statement, stmt, &affected);
    for (int row = 0; row < MANY; row++)
        ops[row].affected = affected == MANY ? 1 : -1;
    return err;
}

static bool s_are_many(const engine_op_t *ops, size_t count) {
    if (count < MANY || !ops->statement->bulk)
        return false;
    for (size_t i = 1; i < MANY; i++)
        if (ops[i].statement != ops->statement)
            return false;
    return true;
}

static err_t s_run(engine_t *base, engine_op_t *ops, size_t count, size_t *failed) {
    sqlite_t *self = s_self(base);
    size_t step;
    s_set_deadline(self);
    for (*failed = 0; *failed < count; *failed += step) {
        engine_op_t *op = &ops[*failed];
        bool many = s_are_many(op, count - *failed);
        err_t err = many ? s_run_many(self, op) : s_run_op(self, op);
        step = many ? MANY : 1;
        if (err != OK)
            return err;
    }
    return OK;
}

static value_t s_column(sqlite3_stmt *stmt, int column) {
    value_t value = VALUE_NONE;
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER: return VALUE_OF_INT(sqlite3_column_int64(stmt, column));
    case SQLITE_FLOAT:
        value.kind = VALUE_DOUBLE;
        value.real = sqlite3_column_double(stmt, column);
        break;
    case SQLITE_TEXT:
        value = value_blob(sqlite3_column_text(stmt, column), (size_t)sqlite3_column_bytes(stmt, column));
        value.kind = VALUE_TEXT;
        break;
    case SQLITE_BLOB:
        value = value_blob(sqlite3_column_blob(stmt, column), (size_t)sqlite3_column_bytes(stmt, column));
        break;
    default: break;
    }
    return value;
}

static err_t s_query(engine_t *base, const statement_t *statement, const value_t *values, size_t count,
                     engine_row_fn *row, void *context) {
    sqlite_t *self = s_self(base);
    value_t columns[STATEMENT_MAX_PARAMS];
    sqlite3_stmt *stmt = NULL;
    err_t err = s_bind(self, statement, values, count, &stmt);
    if (err != OK)
        return err;
    s_set_deadline(self);
    int code, width = sqlite3_column_count(stmt);
    assert_always(width <= STATEMENT_MAX_PARAMS);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < width; i++)
            columns[i] = s_column(stmt, i);
        if (!row(context, columns, (size_t)width))
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        err = s_error(self, code, statement->name);
    sqlite3_reset(stmt);
    return err;
}

/* ---- transactions ---- */

static err_t s_begin(engine_t *base) {
    return s_script(base, "BEGIN IMMEDIATE");
}

static void s_rollback(engine_t *base) {
    sqlite_t *self = s_self(base);
    self->deadline_us = 0;
    if (!sqlite3_get_autocommit(self->db) && s_script(base, "ROLLBACK") != OK)
        self->base.alive = false;
}

/* A COMMIT that failed has not taken place: what is left of it is undone here, and its outcome so known. */
static err_t s_commit(engine_t *base) {
    s_self(base)->deadline_us = 0;
    err_t err = s_script(base, "COMMIT");
    if (err != OK)
        s_rollback(base);
    return err;
}

static const engine_class_t s_class = {
    .name = "sqlite",
    .remote = false,
    .big_primary_key = "INTEGER PRIMARY KEY",
    .close = s_close,
    .begin = s_begin,
    .run = s_run,
    .commit = s_commit,
    .rollback = s_rollback,
    .query = s_query,
    .script = s_script,
};

err_t engine_sqlite_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why) {
    sqlite_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->base.klass = &s_class;
    self->base.alive = true;
    self->lock = -1;
    engine_t *base = &self->base;
    err_t err = reading ? OK : s_make_directory(config->path, why);
    if (err == OK && !reading)
        err = s_take_lock(self, config->path, why);
    if (err == OK) {
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (reading ? 0 : SQLITE_OPEN_CREATE);
        const char *vfs = wal_file_vfs();
        int code = sqlite3_open_v2(config->path, &self->db, flags, reading ? NULL : vfs);
        if (code == SQLITE_OK)
            err = s_configure(self, reading);
        else
            err = s_error(self, code, "open");
        if (err == OK && !reading)
            self->checkpoint = wal_checkpoint_new(self->db, config->path);
        if (err != OK) {
            buf_printf(why, "%s: %s", config->path, buf_str(&base->error));
            err = ERR_STORE_UNAVAILABLE;
        }
    }
    if (err != OK)
        engine_close(&base);
    *self_p = base;
    return err;
}
