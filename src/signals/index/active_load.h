/* The scope index from the store: every signal that is routed and has not expired, page by page. */
#pragma once

#include "actor/actor.h"
#include "signals/index/scope_index.h"

/* Called once, on the actor's thread. When err is not OK the index holds a part, and is of no use; `reason` then
 * says more. */
typedef void(active_loaded_fn)(actor_t *actor, void *context, err_t err, const char *reason);

/* Fills an empty index, which must live until `done` was called; nothing else may change it meanwhile. Errors: those
 * of the store; ERR_INTERNAL when a row cannot be read; ERR_SHUTTING_DOWN. */
void active_load_begin(actor_t *actor, scope_index_t *index, int64_t now_ms, active_loaded_fn *done,
                       void *context);

/* Enters one row of the statement signals_active_slim: StoreRow, encoded. */
ERR_MUST_USE
err_t active_load_row(scope_index_t *index, const void *bytes, size_t size);
