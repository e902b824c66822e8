/* Numbered migrations, recorded with their checksums in schema_migrations. */
#include "store/migrate.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include <inttypes.h>
#include <string.h>

#define TABLE                                                                                        \
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, " \
    "checksum BIGINT NOT NULL, applied_at BIGINT NOT NULL);"

/* The schema may belong to somebody who alone may make one: it is made only when it is not there. The lock goes
 * with the transaction. */
#define POSTGRES_LOCK \
    "SET LOCAL lock_timeout TO '0'; SET LOCAL statement_timeout TO '0'; SELECT pg_advisory_xact_lock(hashtext('integration.schema'));"
#define POSTGRES_SCHEMA                                                                        \
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'integration') THEN " \
    "CREATE SCHEMA integration; END IF; END $$;"

typedef struct {
    engine_t *engine;
    const migration_t *migrations;
    size_t count;
    buf_t *why;
    int version; /* the newest applied */
    err_t err;
} migrate_t;

static bool s_is_for(const engine_t *engine, const migration_t *migration) {
    const char *name = engine->klass->remote ? "postgres" : "sqlite";
    return !*migration->engine || strcmp(migration->engine, name) == 0;
}

static const migration_t *s_find(const migrate_t *self, int version) {
    for (size_t i = 0; i < self->count; i++)
        if (self->migrations[i].version == version && s_is_for(self->engine, &self->migrations[i]))
            return &self->migrations[i];
    return NULL;
}

int migrate_newest(const engine_t *engine, const migration_t *migrations, size_t count) {
    int newest = 0;
    for (size_t i = 0; i < count; i++)
        if (migrations[i].version > newest && s_is_for(engine, &migrations[i]))
            newest = migrations[i].version;
    return newest;
}

static int64_t s_checksum(const migration_t *migration) {
    return (int64_t)ids_hash64(migration->sql, strlen(migration->sql));
}

static bool s_check_applied(void *context, const value_t *values, size_t count) {
    migrate_t *self = context;
    assert_always(count == 3);
    int version = (int)values[0].integer;
    const migration_t *known = s_find(self, version);
    if (!known || s_checksum(known) != values[2].integer) {
        buf_printf(self->why, "the database has migration %d (%.*s), %s", version, (int)values[1].size,
                   values[1].bytes,
                   known ? "made by another text than this program's" : "which this program does not know");
        self->err = ERR_SCHEMA_NEWER;
        return false;
    }
    self->version = version;
    return true;
}

/* Within a transaction that holds the lock. */
static err_t s_read_version(migrate_t *self) {
    self->version = 0;
    self->err = OK;
    err_t err = engine_query(self->engine, statement_find("schema_versions"), NULL, 0, s_check_applied, self);
    return err != OK ? err : self->err;
}

static err_t s_run_sql(migrate_t *self, const migration_t *migration) {
    static const char portable[] = "BIGINT PRIMARY KEY";
    const char *own = self->engine->klass->big_primary_key, *from = migration->sql;
    buf_t sql = BUF_INIT;
    for (const char *at; (at = strstr(from, portable)); from = at + strlen(portable)) {
        buf_append(&sql, from, (size_t)(at - from));
        buf_append_str(&sql, own);
    }
    buf_append_str(&sql, from);
    err_t err = engine_script(self->engine, buf_str(&sql));
    buf_free(&sql);
    return err;
}

static err_t s_apply(migrate_t *self, const migration_t *migration) {
    const value_t row[] = {VALUE_OF_INT(migration->version), value_text(migration->name),
                           VALUE_OF_INT(s_checksum(migration)), VALUE_OF_INT(clock_wall_ms())};
    int64_t affected;
    err_t err = s_run_sql(self, migration);
    if (err == OK)
        err = engine_run_one(self->engine, "schema_version_insert", row, 4, &affected);
    if (err == OK)
        log_info("migration applied", LOG_INT("version", migration->version),
                 LOG_STR("name", migration->name));
    return err;
}

/* The epoch tells one store from another: it is made once, with the store. */
static err_t s_make_epoch(migrate_t *self) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, (ids_random64() >> 1) | 1);
    const value_t row[] = {value_text("epoch"), value_text(text)};
    int64_t affected;
    return engine_run_one(self->engine, "meta_insert", row, 2, &affected);
}

/* One transaction: the next migration, or, when there is none, the epoch. */
static err_t s_step(migrate_t *self, bool *done) {
    engine_t *engine = self->engine;
    err_t err = engine_begin(engine);
    if (err == OK && engine->klass->remote)
        err = engine_script(engine, POSTGRES_LOCK POSTGRES_SCHEMA);
    if (err == OK)
        err = engine_script(engine, TABLE);
    if (err == OK)
        err = s_read_version(self);
    if (err == OK) {
        const migration_t *next = s_find(self, self->version + 1);
        *done = !next;
        err = next ? s_apply(self, next) : s_make_epoch(self);
    }
    if (err == OK)
        err = engine_commit(engine);
    else
        engine_rollback(engine);
    return err == ERR_AGAIN ? ERR_STORE_UNAVAILABLE : err; /* whatever came of it is seen at the next try */
}

err_t migrate(engine_t *engine, const migration_t *migrations, size_t count, buf_t *why) {
    migrate_t self = {.engine = engine, .migrations = migrations, .count = count, .why = why};
    bool done = false;
    err_t err = OK;
    buf_clear(why);
    engine->patient = true;
    while (err == OK && !done)
        err = s_step(&self, &done);
    engine->patient = false;
    if (err != OK && why->size == 0)
        buf_printf(why, "migration %d: %s", self.version + 1, buf_str(&engine->error));
    return err;
}

static bool s_last_version(void *context, const value_t *values, size_t count) {
    (void)count;
    *(int *)context = (int)values[0].integer;
    return true;
}

err_t migrate_check(engine_t *engine, int version, buf_t *why) {
    int found = 0;
    buf_clear(why);
    err_t err = engine_query(engine, statement_find("schema_versions"), NULL, 0, s_last_version, &found);
    if (err == OK && found == version)
        return OK;
    buf_printf(why, "the schema is at version %d, not %d", found, version);
    return ERR_STORE_UNAVAILABLE;
}
