/* The index: see scope_index.h. */
#include "signals/index/scope_index_private.h"

#include "base/err.h"
#include "base/ids.h"
#include "signals/index/text_hash.h"
#include <stdlib.h>
#include <string.h>

scope_index_t *scope_index_new(void) {
    scope_index_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->seed = ids_random64();
    return self;
}

/* Links go with the first of their scopes that is met. */
static void s_free_scope(scope_index_t *self, scope_t *scope) {
    for (uint32_t i = 0; i < scope->count + scope->aside; i++) {
        active_t *active = active_from(scope->members[i]);
        if (active->link_count > 1)
            free(active->links);
        active->link_count = 0;
    }
    scope_members_free(self, scope);
}

static void s_free_scopes(scope_index_t *self) {
    for (uint32_t i = 0; self->scopes.slots && i <= self->scopes.mask; i++)
        if (self->scopes.slots[i].handle)
            s_free_scope(self, slabs_at(&self->scope_slabs, self->scopes.slots[i].handle));
}

void scope_index_destroy(scope_index_t **self_p) {
    scope_index_t *self = *self_p;
    if (!self)
        return;
    s_free_scopes(self);
    handle_table_free(&self->scopes);
    handle_table_free(&self->sources);
    slabs_free(&self->scope_slabs);
    slabs_free(&self->member_slabs);
    slabs_free(&self->active_slabs);
    slabs_free(&self->source_slabs);
    expiry_heap_free(&self->expiry);
    free(self);
    *self_p = NULL;
}

/* ---- one signal ---- */

const candidate_t *active_candidate(const active_t *active) {
    return &active->candidate;
}

active_t *active_of(const candidate_t *candidate) {
    return active_from(candidate);
}

uint32_t active_id_hash(const scope_index_t *self, const char *id) {
    return (uint32_t)text_hash(self->seed, id, strlen(id));
}

static size_t s_links_bytes(uint32_t count) {
    return count > 1 ? count * sizeof(link_place_t) + sizeof(size_t) : 0;
}

static active_t *s_new_active(scope_index_t *self, const candidate_t *candidate, uint32_t link_count) {
    size_t id_size = strlen(candidate->signal_id) + 1;
    uint32_t handle;
    active_t *active = slabs_take(&self->active_slabs, sizeof *active + id_size, &handle);
    *active = (active_t){.candidate = *candidate, .link_count = link_count, .handle = handle};
    memcpy(active->id, candidate->signal_id, id_size);
    active->source = source_table_take(self, candidate->source);
    active->candidate.signal_id = active->id;
    active->candidate.source = source_table_name(self, active->source);
    if (link_count > 1) {
        active->links = calloc(link_count, sizeof *active->links);
        assert_always(active->links);
        self->extra_bytes += s_links_bytes(link_count);
    }
    return active;
}

active_t *scope_index_add(scope_index_t *self, const candidate_t *candidate, const scope_key_t *scopes,
                          size_t count) {
    active_t *active = s_new_active(self, candidate, (uint32_t)count);
    for (uint32_t i = 0; i < count; i++)
        scope_members_add(self, scope_table_get(self, &scopes[i]), active, i);
    expiry_heap_add(&self->expiry, active->handle, candidate->expiry_time);
    self->count++;
    return active;
}

void scope_index_remove(scope_index_t *self, active_t **active_p) {
    active_t *active = *active_p;
    self->count -= !(active->flags & ACTIVE_HIDDEN);
    for (uint32_t i = 0; i < active->link_count; i++) {
        scope_t *scope = active_scope(active, i);
        scope_members_remove(self, scope, active);
        if (scope->count + scope->aside == 0)
            scope_table_drop(self, scope);
    }
    if (active->link_count > 1)
        free(active->links);
    self->extra_bytes -= s_links_bytes(active->link_count);
    expiry_heap_remove(&self->expiry, active->handle);
    source_table_give(self, active->source);
    slabs_give(&self->active_slabs, active->handle);
    *active_p = NULL;
}

static void s_set_flag(active_t *active, uint8_t flag) {
    if (active->flags == 0)
        for (uint32_t i = 0; i < active->link_count; i++)
            scope_members_put_aside(active_scope(active, i), active);
    active->flags |= flag;
}

void scope_index_hide(scope_index_t *self, active_t *active) {
    assert_always(!(active->flags & ACTIVE_HIDDEN));
    s_set_flag(active, ACTIVE_HIDDEN);
    self->count--;
}

void scope_index_show(scope_index_t *self, active_t *active) {
    assert_always(active->flags & ACTIVE_HIDDEN);
    active->flags &= (uint8_t)~ACTIVE_HIDDEN;
    self->count++;
    if (active->flags == 0)
        for (uint32_t i = 0; i < active->link_count; i++)
            scope_members_bring_back(self, active_scope(active, i), active);
}

void active_set_seq(active_t *active, uint64_t seq) {
    active->candidate.seq = seq;
}

void active_keep(active_t *active) {
    active->kept = true;
}

void active_release(active_t *active) {
    active->kept = false;
}

/* Taken out and put back, so that the bounds follow. */
static void s_change(scope_index_t *self, active_t *active, double strength, double resources) {
    bool in_sight = active->flags == 0;
    for (uint32_t i = 0; in_sight && i < active->link_count; i++)
        scope_members_put_aside(active_scope(active, i), active);
    active->candidate.strength = strength;
    active->candidate.resources = resources;
    for (uint32_t i = 0; in_sight && i < active->link_count; i++)
        scope_members_bring_back(self, active_scope(active, i), active);
}

void active_set_strength(scope_index_t *self, active_t *active, double strength) {
    s_change(self, active, strength, active->candidate.resources);
}

void active_set_resources(scope_index_t *self, active_t *active, double resources) {
    s_change(self, active, active->candidate.strength, resources);
}

void active_set_allocated(active_t *active, bool allocated) {
    active->candidate.has_allocation = allocated;
}

/* ---- asking ---- */

/* A small scope: it can be looked at. */
static bool s_is_late(const scope_t *scope, const candidate_t *candidate, const char *source) {
    for (uint32_t i = 0; i < scope->count; i++) {
        const candidate_t *other = scope->members[i];
        int64_t seq = other->has_source_seq ? other->source_seq : INT64_MIN;
        if (other->source == source && scope_bounds_is_late(candidate, other->timestamp, seq))
            return true;
    }
    return false;
}

static bool s_suspect_timing(const scope_index_t *self, const scope_t *scope, const candidate_t *candidate) {
    if (!scope_bounds_is_late(candidate, scope->bounds.newest, scope->bounds.newest_seq))
        return false;
    uint32_t handle = source_table_find(self, candidate->source);
    if (!handle)
        return false;
    const char *source = source_table_name(self, handle);
    if (!scope->large)
        return s_is_late(scope, candidate, source);
    const source_mark_t *mark = source_marks_of(scope->large->marks, source);
    return mark && scope_bounds_is_late(candidate, mark->newest, mark->newest_seq);
}

static bool s_may_drop(const active_t *active) {
    uint64_t seq = active->candidate.seq;
    return seq != 0 && seq <= INT64_MAX && !(active->flags & ACTIVE_HIDDEN) && !active->kept;
}

/* Rids the scope of what has expired, and makes its bounds exact; NULL when nothing is left of it. */
static scope_t *s_tidy(scope_index_t *self, scope_t *scope, int64_t now_ms) {
    for (uint32_t i = 0; i < scope->count;) {
        active_t *active = active_from(scope->members[i]);
        if (active->candidate.expiry_time > now_ms) {
            i++;
        } else if (!s_may_drop(active)) {
            s_set_flag(active, ACTIVE_GONE);
        } else {
            bool is_last = scope->count + scope->aside == 1;
            scope_index_remove(self, &active);
            if (is_last)
                return NULL;
        }
    }
    scope_members_tighten(self, scope);
    return scope;
}

static bool s_is_untidy(const scope_t *scope, int64_t now_ms) {
    return scope->bounds.loose || scope->bounds.soonest <= now_ms;
}

static bool s_suspect(const scope_index_t *self, const scope_t *scope, const candidate_t *candidate) {
    return scope->count > 0 && (s_suspect_timing(self, scope, candidate) ||
                                scope_bounds_suspect(&scope->bounds, candidate, scope->count));
}

/* A suspicion counts only once the bounds are exact: whoever acts on one looks at every signal anyway. */
bool scope_index_suspects(scope_index_t *self, const scope_key_t *key, const candidate_t *candidate,
                          int64_t now_ms) {
    scope_t *scope = scope_table_find(self, key);
    if (!scope || !s_suspect(self, scope, candidate))
        return false;
    if (!s_is_untidy(scope, now_ms))
        return true;
    scope = s_tidy(self, scope, now_ms);
    return scope && s_suspect(self, scope, candidate);
}

const candidate_t *const *scope_index_active(scope_index_t *self, const scope_key_t *key, int64_t now_ms,
                                             size_t *count) {
    enum { AHEAD = 16 };
    scope_t *scope = scope_table_find(self, key);
    for (uint32_t i = 0; scope && i < scope->count && i < AHEAD; i++)
        __builtin_prefetch(scope->members[i]);
    if (scope && s_is_untidy(scope, now_ms))
        scope = s_tidy(self, scope, now_ms);
    *count = scope ? scope->count : 0;
    return *count ? (const candidate_t *const *)scope->members : NULL;
}

active_t *scope_index_find(scope_index_t *self, const scope_key_t *key, const char *signal_id) {
    scope_t *scope = scope_table_find(self, key);
    return scope ? scope_members_find(self, scope, signal_id) : NULL;
}

/* ---- expiry and size ---- */

enum { TOGETHER = 32, LOOK_AGAIN_MS = 1000 };

/* Takes out of the heap what is to be dropped, and starts fetching it; returns how many. */
static size_t s_take_expired(scope_index_t *self, int64_t now_ms, size_t most, active_t *expired[TOGETHER]) {
    const expiry_item_t *top;
    size_t count = 0;
    while (count < most && (top = expiry_heap_top(&self->expiry)) && top->expiry <= now_ms) {
        active_t *active = slabs_at(&self->active_slabs, top->handle);
        expiry_heap_remove(&self->expiry, top->handle);
        prefetch(active, sizeof *active);
        expired[count++] = active;
    }
    return count;
}

/* The scopes, then the places in their lists, then the signals at the ends of the lists, which take the places of those
 * that go. Signals of several scopes are few. */
static void s_fetch_scopes(active_t *const *actives, size_t count) {
    const scope_t *scopes[TOGETHER];
    for (size_t i = 0; i < count; i++) {
        scopes[i] = actives[i]->link_count == 1 ? actives[i]->scope : NULL;
        if (scopes[i])
            prefetch(scopes[i], offsetof(scope_t, first_members));
    }
    for (size_t i = 0; i < count; i++)
        if (scopes[i] && scopes[i]->count) {
            prefetch(&scopes[i]->members[actives[i]->place], 1);
            prefetch(&scopes[i]->members[scopes[i]->count - 1], 1);
        }
    for (size_t i = 0; i < count; i++)
        if (scopes[i] && scopes[i]->count)
            prefetch(&active_from(scopes[i]->members[scopes[i]->count - 1])->place, 1);
}

/* In groups, so that their cache misses overlap. */
size_t scope_index_expire(scope_index_t *self, int64_t now_ms, size_t most) {
    active_t *expired[TOGETHER];
    size_t dropped = 0, count;
    while ((count = s_take_expired(self, now_ms, most - dropped < TOGETHER ? most - dropped : TOGETHER,
                                   expired))) {
        s_fetch_scopes(expired, count);
        for (size_t i = 0; i < count; i++) {
            if (!s_may_drop(expired[i])) {
                expiry_heap_add(&self->expiry, expired[i]->handle, now_ms + LOOK_AGAIN_MS);
                continue;
            }
            scope_index_remove(self, &expired[i]);
            dropped++;
        }
    }
    return dropped;
}

size_t scope_index_count(const scope_index_t *self) {
    return self->count;
}

size_t scope_index_scopes(const scope_index_t *self) {
    return self->scopes.count;
}

size_t scope_index_bytes(const scope_index_t *self) {
    return sizeof *self + handle_table_bytes(&self->scopes) + handle_table_bytes(&self->sources) +
           slabs_bytes(&self->scope_slabs) + slabs_bytes(&self->member_slabs) +
           slabs_bytes(&self->active_slabs) + slabs_bytes(&self->source_slabs) +
           expiry_heap_bytes(&self->expiry) + self->extra_bytes;
}
