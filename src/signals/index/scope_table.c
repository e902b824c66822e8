/* Scopes by (target, symbol), and sources by name. */
#include "signals/index/scope_index_private.h"

#include "base/err.h"
#include "signals/index/text_hash.h"
#include <string.h>

/* ---- scopes ---- */

static uint32_t s_hash(const scope_index_t *self, const scope_key_t *key) {
    uint64_t hash = text_hash(self->seed, key->target, strlen(key->target));
    return (uint32_t)(key->symbol ? text_hash(hash, key->symbol, strlen(key->symbol)) : hash);
}

static size_t s_size(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

static bool s_is(const scope_t *scope, const scope_key_t *key) {
    size_t target_size = s_size(key->target), symbol_size = s_size(key->symbol);
    return scope->key_size == target_size + symbol_size && text_same(scope->key, key->target, target_size) &&
           text_same(scope->key + target_size, key->symbol, symbol_size);
}

static scope_t *s_find(const scope_index_t *self, const scope_key_t *key, uint32_t hash) {
    uint32_t at = hash, handle;
    while ((handle = handle_table_next(&self->scopes, hash, &at))) {
        scope_t *scope = slabs_at(&self->scope_slabs, handle);
        if (s_is(scope, key))
            return scope;
    }
    return NULL;
}

scope_t *scope_table_find(const scope_index_t *self, const scope_key_t *key) {
    return s_find(self, key, s_hash(self, key));
}

scope_t *scope_table_get(scope_index_t *self, const scope_key_t *key) {
    uint32_t hash = s_hash(self, key), handle;
    scope_t *scope = s_find(self, key, hash);
    if (scope)
        return scope;
    size_t target_size = s_size(key->target), symbol_size = s_size(key->symbol);
    size_t size = offsetof(scope_t, key) + target_size + symbol_size;
    scope = slabs_take(&self->scope_slabs, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE, &handle);
    *scope = (scope_t){.handle = handle, .hash = hash, .key_size = (uint16_t)(target_size + symbol_size)};
    memcpy(scope->key, key->target, target_size);
    if (key->symbol)
        memcpy(scope->key + target_size, key->symbol, symbol_size);
    scope_bounds_clear(&scope->bounds);
    handle_table_add(&self->scopes, hash, handle);
    return scope;
}

void scope_table_drop(scope_index_t *self, scope_t *scope) {
    scope_members_free(self, scope);
    handle_table_remove(&self->scopes, scope->hash, scope->handle);
    slabs_give(&self->scope_slabs, scope->handle);
}

/* So many at a time that their cache misses overlap: the slots, then the scopes, then the ends of the lists. */
enum { TOGETHER = 32 };

static void s_prefetch(const scope_index_t *self, const scope_key_t *keys, size_t count) {
    uint32_t hashes[TOGETHER];
    const scope_t *found[TOGETHER];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = s_hash(self, &keys[i]);
        handle_table_prefetch(&self->scopes, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t handle = handle_table_next(&self->scopes, hashes[i], &(uint32_t){hashes[i]});
        found[i] = handle ? slabs_at(&self->scope_slabs, handle) : NULL;
        if (!found[i])
            continue;
        prefetch(found[i], offsetof(scope_t, first_members));
        prefetch(found[i]->key, 1);
    }
    for (size_t i = 0; i < count; i++)
        if (found[i])
            prefetch(&found[i]->members[found[i]->count], 1);
}

void scope_index_prefetch(const scope_index_t *self, const scope_key_t *scopes, size_t count) {
    for (; count > TOGETHER; scopes += TOGETHER, count -= TOGETHER)
        s_prefetch(self, scopes, TOGETHER);
    s_prefetch(self, scopes, count);
}

/* ---- sources ---- */

static uint32_t s_find_source(const scope_index_t *self, const char *name, uint32_t hash) {
    uint32_t at = hash, handle;
    while ((handle = handle_table_next(&self->sources, hash, &at))) {
        const source_t *source = slabs_at(&self->source_slabs, handle);
        if (strcmp(source->name, name) == 0)
            return handle;
    }
    return 0;
}

uint32_t source_table_find(const scope_index_t *self, const char *name) {
    return s_find_source(self, name, (uint32_t)text_hash(self->seed, name, strlen(name)));
}

uint32_t source_table_take(scope_index_t *self, const char *name) {
    size_t length = strlen(name);
    uint32_t hash = (uint32_t)text_hash(self->seed, name, length);
    uint32_t handle = s_find_source(self, name, hash);
    if (!handle) {
        source_t *source = slabs_take(&self->source_slabs, sizeof *source + length + 1, &handle);
        *source = (source_t){.hash = hash};
        memcpy(source->name, name, length + 1);
        handle_table_add(&self->sources, hash, handle);
    }
    ((source_t *)slabs_at(&self->source_slabs, handle))->uses++;
    return handle;
}

void source_table_give(scope_index_t *self, uint32_t handle) {
    source_t *source = slabs_at(&self->source_slabs, handle);
    if (--source->uses > 0)
        return;
    handle_table_remove(&self->sources, source->hash, handle);
    slabs_give(&self->source_slabs, handle);
}

const char *source_table_name(const scope_index_t *self, uint32_t handle) {
    return ((const source_t *)slabs_at(&self->source_slabs, handle))->name;
}
