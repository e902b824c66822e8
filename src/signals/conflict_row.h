/* A conflict as rows of the store. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "store/store.h"

/* Adds the ops that store the conflict with who took part in it, and publish it, to the present unit. Returns how
 * many. */
size_t conflict_row_write(store_write_t *write, const Conflict *conflict, const char *newcomer_id,
                          const char *traceparent);
/* The same for an open one that is resolved now; exactly one row must come of it. */
void conflict_row_resolve(store_write_t *write, const Conflict *conflict, int64_t now_ms,
                          const char *traceparent);

/* Fills a zeroed conflict (message_release frees it) from CONFLICT_COLUMNS. ERR_INTERNAL when it is none. */
ERR_MUST_USE
err_t conflict_row_read(const store_row_t *row, Conflict *conflict);
/* The signal whose arrival made it. Borrowed. */
const char *conflict_row_newcomer(const store_row_t *row);

/* Resolves an open conflict whose newcomer has ended otherwise, for that reason. `winner_id` may be NULL. */
void conflict_close(Conflict *conflict, const char *strategy, const char *winner_id, const char *newcomer_id,
                    int64_t now_ms, const char *reason);
