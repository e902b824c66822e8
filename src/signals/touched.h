/* Which units of the write being built have changed the active signals of a scope other than by adding to them: what
 * is decided about the scope later in this write holds only if they are stored. One thread. */
#pragma once

#include "signals/rules/candidate.h"
#include <stddef.h>
#include <stdint.h>

#define TOUCHED_NONE UINT32_MAX

typedef struct { /* begins as TOUCHED_INIT */
    struct touched_slot_s *slots;
    size_t size, count;
    uint32_t
        everywhere; /* the last unit that changed a signal of scopes that are not known; or TOUCHED_NONE */
} touched_t;

#define TOUCHED_INIT \
    { .everywhere = TOUCHED_NONE }

void touched_free(touched_t *self);
/* `unit` must depend on the one that was noted for the scope before, whose place it takes. */
void touched_set(touched_t *self, const scope_key_t *scope, uint32_t unit);
/* The unit noted for the scope, or TOUCHED_NONE. Scopes of equal hash share an entry: to depend on a unit too many
 * does no harm. */
uint32_t touched_by(const touched_t *self, const scope_key_t *scope);
