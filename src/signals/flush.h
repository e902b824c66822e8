/* One write of the router under construction: what waits is decided, one signal after the other, against the index,
 * which is changed at once (journal.h), and put into units. Begun only when no other write is under way: then the index
 * says what is committed. */
#pragma once

#include "signals/signals_state.h"
#include "store/store.h"

typedef struct flush_s flush_t;

flush_t *flush_new(signals_t *state, int64_t now_ms);
void flush_destroy(flush_t **self_p); /* with its routes; what it changed is undone */

/* Decides the OPEN items of the request and takes it over. Those that found room become WRITING, or SIMULATED, or
 * REFUSED; one without an Idempotency-Key may be taken in part. */
void flush_add(flush_t *self, route_t *route);
/* No further request is to be added. */
bool flush_full(const flush_t *self);
size_t flush_signals(const flush_t *self); /* to be stored */

/* The write, to be sent; once. */
store_write_t *flush_take_write(flush_t *self);
/* When it is answered (`written` NULL: nothing is stored): index and items are settled. `why` not, or NULL. */
void flush_settle(flush_t *self, err_t err, const StoreWritten *written, const char *why);
/* The last request, when it has more signals than there was room for and waits for nothing else; else NULL. It is no
 * longer the flush's. */
route_t *flush_take_rest(flush_t *self);
/* The requests, one after the other; NULL after the last. */
route_t *flush_next_route(flush_t *self);
