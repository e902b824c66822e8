/* A detected conflict as it is stored, published and answered. Pure. */
#pragma once

#include "base/buf.h"
#include "signals/rules/conflict.h"

#define CONFLICT_SIGNALS_MOST 100 /* listed, with the newcomer */

/* A newcomer and all that it contradicts in one way in one scope. */
typedef struct {
    const candidate_t *newcomer;
    const scope_key_t *scope;
    conflict_type_t type;
    const candidate_t **rivals; /* best first, at least one */
    size_t count;
    double resource_sum; /* of the newcomer and the rivals, for CONFLICT_RESOURCE */
} clash_t;

/* Appends the figures that make it a conflict: "priority 5 is 2 or more away from that of a (3) and 4 more". */
void clash_describe(const clash_t *self, buf_t *out);
/* Appends "portfolio/AAPL", "portfolio/-" for the target alone. */
void scope_describe(const scope_key_t *scope, buf_t *out);
/* Fills a zeroed conflict that is open. Its id follows from newcomer, scope and type. */
void clash_report(const clash_t *self, int64_t now_ms, Conflict *conflict);
