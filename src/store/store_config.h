/* Which database: read from the configuration. */
#pragma once

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"

typedef enum { STORE_SQLITE, STORE_POSTGRES } store_kind_t;

typedef struct {
    store_kind_t kind;
    char *path; /* of the SQLite file; NULL for PostgreSQL */
    char *url;  /* of PostgreSQL; NULL for SQLite */
} store_config_t;

/* DATABASE_URL when set, else integration.db in the data directory. ERR_BAD_CONFIG, with the reason in `why`, for
 * an URL of another kind. */
ERR_MUST_USE
err_t store_config_read(store_config_t *self, const config_t *config, buf_t *why);
void store_config_free(store_config_t *self);
