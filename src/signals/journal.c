/* What failed is undone first, newest first: so each finds the index as it left it. */
#include "signals/journal.h"

#include "base/array.h"
#include <stdlib.h>
#include <string.h>

typedef enum { CHANGE_ADD, CHANGE_HIDE, CHANGE_FIGURES } change_kind_t;

typedef struct change_s {
    uint8_t kind;       /* change_kind_t */
    bool was_allocated; /* of CHANGE_FIGURES: before it */
    uint32_t unit;
    active_t *active;
    double strength, resources; /* the same */
} change_t;

static void s_note(journal_t *self, change_t change) {
    self->changes = array_grow(self->changes, self->count, &self->capacity, 64, sizeof *self->changes);
    self->changes[self->count++] = change;
}

void journal_add(journal_t *self, uint32_t unit, const candidate_t *candidate,
                 const candidate_scopes_t *scopes) {
    active_t *active = scope_index_add(self->index, candidate, scopes->keys, scopes->count);
    s_note(self, (change_t){.kind = CHANGE_ADD, .unit = unit, .active = active});
}

void journal_hide(journal_t *self, uint32_t unit, active_t *active) {
    scope_index_hide(self->index, active);
    s_note(self, (change_t){.kind = CHANGE_HIDE, .unit = unit, .active = active});
}

void journal_adjust(journal_t *self, uint32_t unit, const adjustment_t *to) {
    active_t *active = active_of(to->of);
    const candidate_t *before = active_candidate(active);
    s_note(self, (change_t){.kind = CHANGE_FIGURES,
                            .unit = unit,
                            .active = active,
                            .was_allocated = before->has_allocation,
                            .strength = before->strength,
                            .resources = before->resources});
    active_keep(active);
    if (to->has_strength)
        active_set_strength(self->index, active, to->strength);
    if (to->has_allocation) {
        active_set_resources(self->index, active, to->allocation);
        active_set_allocated(active, true);
    }
}

bool journal_hid(const journal_t *self, uint32_t unit, const active_t *active) {
    for (size_t i = self->count; i-- > 0 && self->changes[i].unit == unit;)
        if (self->changes[i].kind == CHANGE_HIDE && self->changes[i].active == active)
            return true;
    return false;
}

static bool s_stored(const StoreWritten *written, uint32_t unit) {
    return written && unit < written->units_count && strcmp(written->units[unit].code, "OK") == 0;
}

static void s_undo(journal_t *self, change_t *change) {
    switch ((change_kind_t)change->kind) {
    case CHANGE_ADD: scope_index_remove(self->index, &change->active); break;
    case CHANGE_HIDE: scope_index_show(self->index, change->active); break;
    case CHANGE_FIGURES:
        active_set_strength(self->index, change->active, change->strength);
        active_set_resources(self->index, change->active, change->resources);
        active_set_allocated(change->active, change->was_allocated);
        active_release(change->active);
        break;
    }
}

static void s_number(active_t *active, const StoreUnitResult *unit) {
    uint64_t seq = active_candidate(active)->seq;
    if (!seq_is_mark(seq))
        return;
    assert_always(seq_mark_op(seq) < unit->ops_count);
    active_set_seq(active, unit->ops[seq_mark_op(seq)].seq);
}

size_t journal_settle(journal_t *self, const StoreWritten *written) {
    size_t gone = 0;
    for (size_t i = self->count; i-- > 0;)
        if (!s_stored(written, self->changes[i].unit))
            s_undo(self, &self->changes[i]);
    for (change_t *change = self->changes; change < self->changes + self->count; change++) {
        if (!s_stored(written, change->unit))
            continue;
        if (change->kind == CHANGE_ADD)
            s_number(change->active, &written->units[change->unit]);
        else if (change->kind == CHANGE_HIDE) {
            scope_index_remove(self->index, &change->active);
            gone++;
        } else {
            active_release(change->active);
        }
    }
    free(self->changes);
    *self = (journal_t){.index = self->index};
    return gone;
}
