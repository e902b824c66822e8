/* Group commit: the writes of the router, one at a time. What waits while one is under way goes into the next. The
 * actor's thread. */
#pragma once

#include "signals/signals_state.h"

/* Puts the request, which must have OPEN items, in the queue. Afterwards its items are STORED, LOOKUP (their unit
 * conflicted), SIMULATED or REFUSED, or OPEN when there was no room for all, and the request is advanced. */
void commit_add(actor_t *actor, route_t *route);

/* Begins the next write when none is under way. */
void commit_flush(actor_t *actor);

/* Calls `fn` once no write is under way, and lets none begin until commit_alone_end: what the index holds is then
 * committed, and the caller may change both. One caller at a time. */
typedef void(commit_alone_fn)(actor_t *actor, void *context);
void commit_alone(actor_t *actor, commit_alone_fn *fn, void *context);
void commit_alone_end(actor_t *actor);

/* The call ApplySystemState: answered as soon as no write is under way that was decided before it. ERR_OVERLOADED when
 * as many as there may be wait already. */
ERR_MUST_USE
err_t commit_confirm(actor_t *actor, call_t *call, ApplySystemStateReply *reply);

/* Whether a write that ended so may have been stored, or may be yet: then the index is to be read anew. */
bool commit_outcome_unknown(err_t err);

/* Frees requests that were never sent. */
void commit_stop(signals_t *state);
