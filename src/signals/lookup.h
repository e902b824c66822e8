/* Finding the signal that has an id already. The actor's thread. */
#pragma once

#include "signals/signals_state.h"

/* Asks the store for the signal_id of a LOOKUP item, then for its source and dedup_key. The item becomes DUPLICATE or
 * REFUSED; when there is no such signal, OPEN, or REFUSED for what its `err` says. After the last lookup of the
 * request, it is advanced. False when the item has neither name, and was settled at once. */
bool lookup_begin(actor_t *actor, route_t *route, size_t index);
