/* A hash table of handles: open addressing, eight bytes a slot. It holds hashes and handles only; whoever asks
 * compares the keys. Several handles may share a hash. One thread. */
#pragma once

#include "signals/index/prefetch.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t hash, handle; /* handle 0: empty */
} handle_slot_t;

typedef struct {
    handle_slot_t *slots;
    uint32_t mask, count; /* mask + 1 slots, once there are any */
} handle_table_t;

void handle_table_free(handle_table_t *self);
void handle_table_add(handle_table_t *self, uint32_t hash, uint32_t handle);
/* It must be there. */
void handle_table_remove(handle_table_t *self, uint32_t hash, uint32_t handle);
size_t handle_table_bytes(const handle_table_t *self);

/* The next handle with this hash, 0 after the last. Begin with at = hash; the table must not change meanwhile. */
static inline uint32_t handle_table_next(const handle_table_t *self, uint32_t hash, uint32_t *at) {
    if (!self->slots)
        return 0;
    for (;;) {
        const handle_slot_t *slot = &self->slots[(*at)++ & self->mask];
        if (slot->handle == 0 || slot->hash == hash)
            return slot->handle;
    }
}

static inline void handle_table_prefetch(const handle_table_t *self, uint32_t hash) {
    if (self->slots)
        prefetch(&self->slots[hash & self->mask], sizeof *self->slots);
}
