/* The active signals by scope, in memory: what a newcomer is held against. A cache of the table signals (routed and
 * not expired), rebuilt at start. Its costs depend on the signals of one scope only.
 *
 * Changes of a group that is being stored are provisional: hidden signals come back, added ones go, when it fails.
 * A signal past its expiry_time is not seen any more; it is dropped, at that call or a later one, unless it is hidden,
 * kept, or not stored yet (its seq is 0 or above INT64_MAX): a pointer to one of those stays good while it is so.
 * Pointers to others, and lists, are good until the next change or the next call with a later now_ms.
 * One thread. */
#pragma once

#include "signals/rules/candidate.h"
#include <stddef.h>

typedef struct scope_index_s scope_index_t;
typedef struct active_s active_t; /* one active signal; owned by the index */

scope_index_t *scope_index_new(void);
void scope_index_destroy(scope_index_t **self_p);

/* Copies the candidate and enters it in each of its scopes, which must differ. */
active_t *scope_index_add(scope_index_t *self, const candidate_t *candidate, const scope_key_t *scopes,
                          size_t count);
void scope_index_remove(scope_index_t *self, active_t **active_p);
/* Out of sight and still there, until scope_index_show or scope_index_remove. */
void scope_index_hide(scope_index_t *self, active_t *active);
void scope_index_show(scope_index_t *self, active_t *active);

const candidate_t *active_candidate(const active_t *active);
/* The other way; the candidate must be one of the index. */
active_t *active_of(const candidate_t *candidate);
/* Keeps it from being dropped; does not count how often. */
void active_keep(active_t *active);
void active_release(active_t *active);
void active_set_seq(active_t *active, uint64_t seq);
void active_set_strength(scope_index_t *self, active_t *active, double strength);
void active_set_resources(scope_index_t *self, active_t *active, double resources);
/* Whether its resources are an allocation. */
void active_set_allocated(active_t *active, bool allocated);

/* False: no signal of the scope can contradict the candidate. True: perhaps. Cheap whatever the size of the scope,
 * except that a suspicion may look at all of its signals to make sure. */
bool scope_index_suspects(scope_index_t *self, const scope_key_t *scope, const candidate_t *candidate,
                          int64_t now_ms);
/* The signals of the scope in sight that have not expired, in no order; NULL when there are none. */
const candidate_t *const *scope_index_active(scope_index_t *self, const scope_key_t *scope, int64_t now_ms,
                                             size_t *count);
/* NULL when it is not in sight in the scope. */
active_t *scope_index_find(scope_index_t *self, const scope_key_t *scope, const char *signal_id);

/* Starts fetching what the next calls for these scopes touch: worth it before several signals are handled one after
 * the other. Changes nothing. */
void scope_index_prefetch(const scope_index_t *self, const scope_key_t *scopes, size_t count);

/* Drops what has expired, the soonest first; at most `most`. Returns how many. */
size_t scope_index_expire(scope_index_t *self, int64_t now_ms, size_t most);
size_t scope_index_count(
    const scope_index_t *self); /* not hidden; with those past expiry and not dropped yet */
size_t scope_index_scopes(const scope_index_t *self);
size_t scope_index_bytes(const scope_index_t *self); /* of memory, all told */
