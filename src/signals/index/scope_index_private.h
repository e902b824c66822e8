/* The inside of the scope index, shared by its files. */
#pragma once

#include "signals/index/expiry_heap.h"
#include "signals/index/handle_table.h"
#include "signals/index/prefetch.h"
#include "signals/index/scope_bounds.h"
#include "signals/index/scope_index.h"
#include "signals/index/slabs.h"
#include "signals/index/source_marks.h"

/* What a scope of many signals has in addition. */
typedef struct {
    source_marks_t *marks; /* of those in sight */
    handle_table_t ids;    /* of all; empty until the first scope_members_find */
} scope_large_t;

#define SCOPE_FIRST 14

/* Of the signals of a scope those in sight come first; `bounds` is of them alone. What every signal touches is in the
 * first two cache lines, and in the key. The first signals are listed in the scope itself: reaching another page costs
 * more than another line of this one. */
typedef struct {
    const candidate_t **members;
    uint32_t count; /* in sight */
    uint32_t aside; /* behind them: hidden, or past expiry and kept */
    scope_bounds_t bounds;
    uint32_t capacity;
    uint32_t members_handle; /* of the slabs; 0: malloc'ed, or none */
    uint32_t handle, hash;
    scope_large_t *large; /* NULL in a small scope */
    uint16_t key_size;
    const candidate_t *first_members[SCOPE_FIRST]; /* where `members` points as long as they are not more */
    char key[];                                    /* target, NUL, and the symbol when there is one, NUL */
} scope_t;

typedef struct {
    scope_t *scope;
    uint32_t place; /* in members */
} link_place_t;

enum { ACTIVE_HIDDEN = 1, ACTIVE_GONE = 2 }; /* gone: past expiry, and kept for its owner */

struct active_s {
    candidate_t candidate; /* first: active_of relies on it; its texts are `id` and one of the sources */
    union {
        scope_t *scope;      /* with one link */
        link_place_t *links; /* with more */
    };
    uint32_t place; /* with one link */
    uint32_t link_count;
    uint32_t handle, source;
    uint8_t flags;
    bool kept;
    char id[];
};

/* A source's name, once for all of its signals. */
typedef struct {
    uint32_t uses, hash;
    char name[];
} source_t;

struct scope_index_s {
    uint64_t seed;
    handle_table_t scopes, sources;
    slabs_t scope_slabs, member_slabs, active_slabs, source_slabs;
    expiry_heap_t expiry;      /* of all */
    size_t count, extra_bytes; /* extra: what is not in slabs or tables: long lists, links, large scopes */
};

static inline active_t *active_from(const candidate_t *candidate) {
    return (active_t *)(uintptr_t)candidate;
}

static inline scope_t *active_scope(const active_t *self, uint32_t link) {
    return self->link_count == 1 ? self->scope : self->links[link].scope;
}

uint32_t active_id_hash(const scope_index_t *self, const char *id);

/* ---- scope_members.c: one scope ---- */
void scope_members_add(scope_index_t *index, scope_t *self, active_t *active, uint32_t link);
void scope_members_remove(scope_index_t *index, scope_t *self, active_t *active);
/* Out of sight, and back. */
void scope_members_put_aside(scope_t *self, active_t *active);
void scope_members_bring_back(scope_index_t *index, scope_t *self, active_t *active);
/* Makes the bounds exact. */
void scope_members_tighten(scope_index_t *index, scope_t *self);
/* By id, in sight; NULL when there is none. */
active_t *scope_members_find(scope_index_t *index, scope_t *self, const char *id);
void scope_members_free(scope_index_t *index, scope_t *self);

/* ---- scope_table.c: scopes and sources by name ---- */
scope_t *scope_table_find(const scope_index_t *self, const scope_key_t *key);
scope_t *scope_table_get(scope_index_t *self, const scope_key_t *key);
void scope_table_drop(scope_index_t *self, scope_t *scope);
/* 0 when no signal is of that source. */
uint32_t source_table_find(const scope_index_t *self, const char *name);
uint32_t source_table_take(scope_index_t *self, const char *name);
void source_table_give(scope_index_t *self, uint32_t handle);
const char *source_table_name(const scope_index_t *self, uint32_t handle);
