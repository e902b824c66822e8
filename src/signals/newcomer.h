/* A newcomer at the scope index: whom it meets, and what is decided. The index is not changed. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "signals/index/scope_index.h"
#include "signals/rules/decision.h"

typedef struct { /* zeroed; points into itself: it must not move between newcomer_begin and newcomer_end */
    candidate_t candidate; /* borrows from the signal */
    candidate_scopes_t scopes;
    meeting_t *meetings; /* owned; the scopes where somebody may contradict it */
    size_t meeting_count;
} newcomer_t;

void newcomer_begin(newcomer_t *self, const Signal *signal);
void newcomer_end(newcomer_t *self);

/* NULL when it meets no rival. Else freed with verdict_free and free; it borrows from the newcomer and from the
 * index, until the next change of that. */
verdict_t *newcomer_judge(newcomer_t *self, scope_index_t *index, const policy_t *policy, int64_t now_ms);

/* The scope in which it met the rival. */
const scope_key_t *newcomer_scope_of(const newcomer_t *self, const candidate_t *rival);

/* Active signals in its scopes. */
size_t newcomer_count_active(const newcomer_t *self, scope_index_t *index, int64_t now_ms);
