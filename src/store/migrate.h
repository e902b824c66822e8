/* Bringing the schema up to date, and seeing that it is the one this program knows. */
#pragma once

#include "migrations.gen.h"
#include "store/engine.h"

/* Applies what is missing, each migration in a transaction of its own and under a lock, so that two programs that
 * start at once do it once. Makes what the schema needs to begin with: its name on PostgreSQL, the epoch.
 * ERR_SCHEMA_NEWER when the database holds a migration that is not in the list, or another text of one that is. */
ERR_MUST_USE
err_t migrate(engine_t *engine, const migration_t *migrations, size_t count, buf_t *why);

/* The newest version in the list for this engine. */
int migrate_newest(const engine_t *engine, const migration_t *migrations, size_t count);

/* For readers: ERR_STORE_UNAVAILABLE until the schema is at that version. */
ERR_MUST_USE
err_t migrate_check(engine_t *engine, int version, buf_t *why);
