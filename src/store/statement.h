/* The statement catalogue: SQL by name. The rows are in statements/; see all.def for how to add one.
 *
 * Constant after the first use; any thread. */
#pragma once

#include "store/value.h"

#define STATEMENT_MAX_PARAMS 32

typedef struct {
    const char *name;
    const char *sqlite;
    const char *postgres;
    bool bulk;
    uint32_t index; /* engines keep what they prepared under it; unique also for made statements */
} statement_t;

/* How many the catalogue holds; their indexes are below it. */
size_t statement_count(void);
const statement_t *statement_at(size_t index);
/* NULL when there is none. */
const statement_t *statement_find(const char *name);

/* Indexes from statement_count () up to this are for made statements (history.h). */
#define STATEMENT_INDEX_MAX 8192
