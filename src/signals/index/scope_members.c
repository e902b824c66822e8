/* The signals of one scope: a dense list, those in sight in front. */
#include "signals/index/scope_index_private.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>

/* A scope is large from LARGE_FROM signals on, for then looking at all of them to find one costs more than tables;
 * until it is down to LARGE_UNTIL. */
enum { LARGE_FROM = 32, LARGE_UNTIL = 8, AHEAD = 6 };

/* ---- the list ---- */

static size_t s_size(uint32_t capacity) {
    return capacity * sizeof(candidate_t *);
}

static const candidate_t **s_take_list(scope_index_t *index, scope_t *self, uint32_t capacity,
                                       uint32_t *handle) {
    *handle = 0;
    if (capacity <= SCOPE_FIRST)
        return self->first_members;
    if (s_size(capacity) <= SLABS_SIZE_MAX)
        return slabs_take(&index->member_slabs, s_size(capacity), handle);
    const candidate_t **list = malloc(s_size(capacity));
    assert_always(list);
    index->extra_bytes += s_size(capacity);
    return list;
}

static void s_give_list(scope_index_t *index, scope_t *self) {
    if (self->members_handle) {
        slabs_give(&index->member_slabs, self->members_handle);
    } else if (self->members && self->members != self->first_members) {
        index->extra_bytes -= s_size(self->capacity);
        free(self->members);
    }
    self->members = NULL;
}

static void s_resize(scope_index_t *index, scope_t *self, uint32_t capacity) {
    uint32_t handle, total = self->count + self->aside;
    const candidate_t **list = s_take_list(index, self, capacity, &handle);
    if (total)
        memcpy(list, self->members, s_size(total));
    s_give_list(index, self);
    self->members = list;
    self->members_handle = handle;
    self->capacity = capacity;
}

static uint32_t *s_place_of(const scope_t *scope, active_t *active) {
    if (active->link_count == 1)
        return &active->place;
    for (uint32_t i = 0; i < active->link_count; i++)
        if (active->links[i].scope == scope)
            return &active->links[i].place;
    assert_always(!"a signal of another scope");
    return NULL;
}

static void s_put(scope_t *self, const candidate_t *candidate, uint32_t place) {
    self->members[place] = candidate;
    *s_place_of(self, active_from(candidate)) = place;
}

static void s_swap(scope_t *self, uint32_t a, uint32_t b) {
    const candidate_t *candidate = self->members[a];
    if (a == b)
        return;
    s_put(self, self->members[b], a);
    s_put(self, candidate, b);
}

/* ---- large scopes ---- */

static size_t s_large_bytes(const scope_large_t *large) {
    return large ? sizeof *large + source_marks_bytes(large->marks) + handle_table_bytes(&large->ids) : 0;
}

static void s_make_marks(scope_t *self) {
    source_marks_destroy(&self->large->marks);
    self->large->marks = source_marks_new();
    for (uint32_t i = 0; i < self->count; i++)
        source_marks_add(self->large->marks, self->members[i]);
}

/* Ids are kept from the first time that one is looked up: most scopes never need them. */
static bool s_keeps_ids(const scope_t *self) {
    return self->large && self->large->ids.slots;
}

static void s_add_id(scope_index_t *index, scope_t *self, const candidate_t *candidate) {
    index->extra_bytes -= handle_table_bytes(&self->large->ids);
    handle_table_add(&self->large->ids, active_id_hash(index, candidate->signal_id),
                     active_from(candidate)->handle);
    index->extra_bytes += handle_table_bytes(&self->large->ids);
}

static void s_keep_ids(scope_index_t *index, scope_t *self) {
    for (uint32_t i = 0; i < self->count + self->aside; i++)
        s_add_id(index, self, self->members[i]);
}

static void s_make_large(scope_index_t *index, scope_t *self) {
    self->large = calloc(1, sizeof *self->large);
    assert_always(self->large);
    s_make_marks(self);
    index->extra_bytes += s_large_bytes(self->large);
}

static void s_make_small(scope_index_t *index, scope_t *self) {
    index->extra_bytes -= s_large_bytes(self->large);
    source_marks_destroy(&self->large->marks);
    handle_table_free(&self->large->ids);
    free(self->large);
    self->large = NULL;
}

/* ---- changes ---- */

static void s_note_in(scope_index_t *index, scope_t *self, const candidate_t *candidate) {
    scope_bounds_add(&self->bounds, candidate);
    if (!self->large)
        return;
    index->extra_bytes -= source_marks_bytes(self->large->marks);
    source_marks_add(self->large->marks, candidate);
    index->extra_bytes += source_marks_bytes(self->large->marks);
}

static void s_note_out(scope_t *self, const candidate_t *candidate) {
    scope_bounds_remove(&self->bounds, candidate);
    if (self->large)
        source_marks_remove(self->large->marks, candidate);
    if (self->count == 0)
        scope_bounds_clear(&self->bounds);
}

void scope_members_tighten(scope_index_t *index, scope_t *self) {
    scope_bounds_clear(&self->bounds);
    for (uint32_t i = 0; i < self->count; i++) {
        if (i + AHEAD < self->count)
            __builtin_prefetch(self->members[i + AHEAD]);
        scope_bounds_add(&self->bounds, self->members[i]);
    }
    if (!self->large)
        return;
    index->extra_bytes -= s_large_bytes(self->large);
    s_make_marks(self);
    index->extra_bytes += s_large_bytes(self->large);
}

static void s_note_id(scope_index_t *index, scope_t *self, const candidate_t *candidate) {
    if (s_keeps_ids(self))
        s_add_id(index, self, candidate);
    else if (!self->large && self->count + self->aside >= LARGE_FROM)
        s_make_large(index, self);
}

/* The first one aside makes room by going to the end. */
void scope_members_add(scope_index_t *index, scope_t *self, active_t *active, uint32_t link) {
    uint32_t total = self->count + self->aside;
    if (total == self->capacity)
        s_resize(index, self, total ? (total + total / 2) & ~1u : SCOPE_FIRST);
    if (active->link_count > 1)
        active->links[link].scope = self;
    else
        active->scope = self;
    if (self->aside)
        s_put(self, self->members[self->count], total);
    s_put(self, &active->candidate, self->count++);
    s_note_in(index, self, &active->candidate);
    s_note_id(index, self, &active->candidate);
}

void scope_members_put_aside(scope_t *self, active_t *active) {
    s_swap(self, *s_place_of(self, active), --self->count);
    self->aside++;
    s_note_out(self, &active->candidate);
}

void scope_members_bring_back(scope_index_t *index, scope_t *self, active_t *active) {
    s_swap(self, *s_place_of(self, active), self->count++);
    self->aside--;
    s_note_in(index, self, &active->candidate);
}

static void s_forget_id(scope_index_t *index, scope_t *self, const active_t *active) {
    index->extra_bytes -= handle_table_bytes(&self->large->ids);
    handle_table_remove(&self->large->ids, active_id_hash(index, active->id), active->handle);
    index->extra_bytes += handle_table_bytes(&self->large->ids);
}

void scope_members_remove(scope_index_t *index, scope_t *self, active_t *active) {
    if (*s_place_of(self, active) < self->count)
        scope_members_put_aside(self, active);
    uint32_t total = self->count + --self->aside;
    s_swap(self, *s_place_of(self, active), total);
    if (s_keeps_ids(self))
        s_forget_id(index, self, active);
    if (self->large && total <= LARGE_UNTIL)
        s_make_small(index, self);
    if (self->capacity > SCOPE_FIRST && total < self->capacity / 4)
        s_resize(index, self, self->capacity / 2 > SCOPE_FIRST ? self->capacity / 2 & ~1u : SCOPE_FIRST);
}

/* ---- all of it ---- */

static bool s_is_seen_as(const active_t *active, const char *id) {
    return active->flags == 0 && strcmp(active->id, id) == 0;
}

static active_t *s_find_in_large(const scope_index_t *index, const scope_t *self, const char *id) {
    uint32_t hash = active_id_hash(index, id), at = hash, handle;
    while ((handle = handle_table_next(&self->large->ids, hash, &at))) {
        active_t *active = slabs_at(&index->active_slabs, handle);
        if (s_is_seen_as(active, id))
            return active;
    }
    return NULL;
}

active_t *scope_members_find(scope_index_t *index, scope_t *self, const char *id) {
    if (self->large && !s_keeps_ids(self))
        s_keep_ids(index, self);
    if (self->large)
        return s_find_in_large(index, self, id);
    for (uint32_t i = self->count; i-- > 0;)
        if (s_is_seen_as(active_from(self->members[i]), id))
            return active_from(self->members[i]);
    return NULL;
}

void scope_members_free(scope_index_t *index, scope_t *self) {
    if (self->large)
        s_make_small(index, self);
    s_give_list(index, self);
}
