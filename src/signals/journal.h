/* Changes of the scope index that take effect at once and wait for their write: made final when it is stored, undone
 * when it is not. One thread; nothing else may remove from the index meanwhile. */
#pragma once

#include "integration/v1/store.pb.h"
#include "signals/index/scope_index.h"
#include "signals/rules/strategy.h"
#include "store/store.h"

/* Until its write is answered, a signal added by it has for its seq the mark of the op that stores it. */
static inline bool seq_is_mark(uint64_t seq) {
    return (seq & 0xffff0000ffff0000ULL) == STORE_SEQ_OF(0);
}
static inline uint32_t seq_mark_unit(uint64_t mark) {
    return (uint32_t)(mark >> 32 & 0xffff) - 1;
}
static inline uint32_t seq_mark_op(uint64_t mark) {
    return (uint32_t)(mark & 0xffff);
}

typedef struct { /* begins as {.index = ...} */
    scope_index_t *index;
    struct change_s *changes;
    size_t count, capacity;
} journal_t;

/* `unit` is that of the write. candidate->seq is a mark (STORE_SEQ_OF_UNIT) or the seq that it has already. */
void journal_add(journal_t *self, uint32_t unit, const candidate_t *candidate,
                 const candidate_scopes_t *scopes);
void journal_hide(journal_t *self, uint32_t unit, active_t *active);
/* `to` must be of a signal of the index. */
void journal_adjust(journal_t *self, uint32_t unit, const adjustment_t *to);
/* Whether the unit has hidden it. */
bool journal_hid(const journal_t *self, uint32_t unit, const active_t *active);

/* Once, when the write is answered; NULL: nothing of it is stored. Frees the journal. Returns how many signals that it
 * had hidden are gone for good. */
size_t journal_settle(journal_t *self, const StoreWritten *written);
