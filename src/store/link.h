/* An actor's connection to the database: opened, lost, opened again with growing pauses. Owned by one thread. */
#pragma once

#include "migrations.gen.h"
#include "store/engine.h"

/* What the store actors take as `args`; NULL = the migrations of the program. */
typedef struct {
    const migration_t *migrations;
    size_t count;
} store_schema_t;

typedef struct {
    store_config_t config;
    store_schema_t schema;
    bool reading;
    engine_t *engine; /* NULL while there is none */
    buf_t reason;     /* why there is none */
    int schema_version;
    int64_t retry_ms, retry_at_us;
    uint64_t opened;
} link_t;

#define LINK_RETRY_LEAST_MS 200
#define LINK_RETRY_MOST_MS  5000

/* Reads the configuration; does not connect. */
ERR_MUST_USE
err_t link_init(link_t *self, const config_t *config, const store_schema_t *schema, bool reading);
void link_free(link_t *self);

/* Connects; the writer brings the schema up to date, a reader looks whether it is. ERR_STORE_UNAVAILABLE: try again
 * at retry_at_us. Others are for good: a schema that is newer, a database that another process owns. */
ERR_MUST_USE
err_t link_open(link_t *self);
/* Closes after a failure; the reason is the engine's error unless given. */
void link_close(link_t *self, const char *reason);
const char *link_engine_name(const link_t *self);
