/* An open hash table by the scope's hash alone. */
#include "signals/touched.h"

#include "base/err.h"
#include "base/ids.h"
#include "base/json_hash.h"
#include <stdlib.h>
#include <string.h>

typedef struct touched_slot_s {
    uint64_t hash; /* 0: free */
    uint32_t unit;
} slot_t;

static uint64_t s_hash(const scope_key_t *scope) {
    uint64_t hash = ids_hash64(scope->target, strlen(scope->target));
    if (scope->symbol)
        hash = hash_fold(hash, ids_hash64(scope->symbol, strlen(scope->symbol)));
    return hash ? hash : 1;
}

/* The slot of the hash, or the free one where it belongs. There is always a free one. */
static slot_t *s_slot(slot_t *slots, size_t size, uint64_t hash) {
    size_t at = hash & (size - 1);
    while (slots[at].hash && slots[at].hash != hash)
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static void s_grow(touched_t *self) {
    size_t size = self->size ? self->size * 2 : 64;
    slot_t *slots = calloc(size, sizeof *slots);
    assert_always(slots);
    for (size_t i = 0; i < self->size; i++)
        if (self->slots[i].hash)
            *s_slot(slots, size, self->slots[i].hash) = self->slots[i];
    free(self->slots);
    self->slots = slots;
    self->size = size;
}

void touched_free(touched_t *self) {
    free(self->slots);
    *self = (touched_t)TOUCHED_INIT;
}

void touched_set(touched_t *self, const scope_key_t *scope, uint32_t unit) {
    uint64_t hash = s_hash(scope);
    if (2 * self->count >= self->size)
        s_grow(self);
    slot_t *slot = s_slot(self->slots, self->size, hash);
    self->count += !slot->hash;
    *slot = (slot_t){.hash = hash, .unit = unit};
}

uint32_t touched_by(const touched_t *self, const scope_key_t *scope) {
    if (!self->count)
        return TOUCHED_NONE;
    const slot_t *slot = s_slot(self->slots, self->size, s_hash(scope));
    return slot->hash ? slot->unit : TOUCHED_NONE;
}
