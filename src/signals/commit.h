/* Group commit: the items to be stored of all requests at hand go into one write. The actor's thread. */
#pragma once

#include "signals/signals_state.h"

/* Adds the OPEN items of the request, which must have one; they become WRITING. Afterwards, STORED, LOOKUP (their
 * unit conflicted) or REFUSED, and the request is advanced. */
void commit_add(actor_t *actor, route_t *route);

/* Sends what was added, as far as writes under way allow. */
void commit_flush(actor_t *actor);

/* Frees requests that were never sent. */
void commit_stop(signals_t *state);
