/* Slabs: see slabs.h. The slabs of a class grow, so that a few objects take little; large ones use huge pages, for
 * most of the cost of reaching a cold object is in finding its page. */
#include "signals/index/slabs.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum { SLAB_LEAST = 32 * 1024, SLAB_MOST = 2 * 1024 * 1024, SLOTS_MOST = 1 << SLABS_SLOT_BITS, GRANULE = 16 };

void slabs_free(slabs_t *self) {
    for (uint32_t i = 0; i < self->count; i++) {
        slab_t *slab = &self->slabs[i];
        if (slab->base)
            ASAN_UNPOISON_MEMORY_REGION(slab->base, (size_t)slab->size * slab->slots);
        free(slab->base);
    }
    free(self->slabs);
    *self = (slabs_t){0};
}

size_t slabs_bytes(const slabs_t *self) {
    return self->bytes + self->capacity * sizeof *self->slabs;
}

/* ---- slabs ---- */

static uint32_t s_new_number(slabs_t *self) {
    uint32_t number = self->free_number;
    if (number) {
        self->free_number = self->slabs[number].next;
        return number;
    }
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 16;
        self->slabs = realloc(self->slabs, self->capacity * sizeof *self->slabs);
        assert_always(self->slabs);
    }
    if (self->count == 0)
        self->slabs[self->count++] = (slab_t){0};
    assert_always(self->count < 1u << (32 - SLABS_SLOT_BITS));
    return self->count++;
}

static void s_link(slabs_t *self, uint32_t number) {
    uint32_t *first = &self->with_room[self->slabs[number].size / GRANULE - 1];
    self->slabs[number].previous = 0;
    self->slabs[number].next = *first;
    if (*first)
        self->slabs[*first].previous = number;
    *first = number;
}

static void s_unlink(slabs_t *self, uint32_t number) {
    slab_t *slab = &self->slabs[number];
    if (slab->previous)
        self->slabs[slab->previous].next = slab->next;
    else
        self->with_room[slab->size / GRANULE - 1] = slab->next;
    if (slab->next)
        self->slabs[slab->next].previous = slab->previous;
}

static void s_add_slab(slabs_t *self, uint32_t size) {
    uint32_t *slabs_of = &self->slabs_of[size / GRANULE - 1];
    size_t bytes = (size_t)SLAB_LEAST << (*slabs_of < 6 ? *slabs_of : 6);
    uint32_t slots = (uint32_t)(bytes / size);
    char *base = aligned_alloc(bytes == SLAB_MOST ? SLAB_MOST : 64, bytes);
    assert_always(base);
    if (bytes == SLAB_MOST)
        (void)madvise(base, bytes, MADV_HUGEPAGE); /* slower without it, no more */
    uint32_t number = s_new_number(self);
    slots = slots < SLOTS_MOST ? slots : SLOTS_MOST;
    self->slabs[number] =
        (slab_t){.base = base, .size = size, .slots = slots, .fresh = slots, .bytes = bytes};
    ASAN_POISON_MEMORY_REGION(base, (size_t)size * slots);
    self->bytes += bytes;
    ++*slabs_of;
    s_link(self, number);
}

static void s_drop_slab(slabs_t *self, uint32_t number) {
    slab_t *slab = &self->slabs[number];
    uint32_t *slabs_of = &self->slabs_of[slab->size / GRANULE - 1];
    s_unlink(self, number);
    self->bytes -= slab->bytes;
    ASAN_UNPOISON_MEMORY_REGION(slab->base, (size_t)slab->size * slab->slots);
    free(slab->base);
    *slab = (slab_t){.next = self->free_number};
    self->free_number = number;
    --*slabs_of;
}

/* ---- objects ---- */

void *slabs_take(slabs_t *self, size_t size, uint32_t *handle) {
    assert_always(size > 0 && size <= SLABS_SIZE_MAX);
    uint32_t rounded = (uint32_t)((size + GRANULE - 1) / GRANULE * GRANULE);
    uint32_t *first = &self->with_room[rounded / GRANULE - 1];
    if (!*first)
        s_add_slab(self, rounded);
    uint32_t number = *first;
    slab_t *slab = &self->slabs[number];
    char *object = slab->free;
    if (object) {
        ASAN_UNPOISON_MEMORY_REGION(object, rounded);
        memcpy(&slab->free, object, sizeof slab->free);
    } else {
        object = slab->base + (size_t)(slab->slots - slab->fresh--) * rounded;
        ASAN_UNPOISON_MEMORY_REGION(object, rounded);
    }
    if (++slab->used == slab->slots)
        s_unlink(self, number);
    *handle = number << SLABS_SLOT_BITS | (uint32_t)((size_t)(object - slab->base) / rounded);
    return object;
}

void slabs_give(slabs_t *self, uint32_t handle) {
    uint32_t number = handle >> SLABS_SLOT_BITS;
    slab_t *slab = &self->slabs[number];
    char *object = slabs_at(self, handle);
    memcpy(object, &slab->free, sizeof slab->free);
    slab->free = object;
    ASAN_POISON_MEMORY_REGION(object, slab->size);
    if (slab->used-- == slab->slots)
        s_link(self, number);
    if (slab->used == 0 && (slab->next || slab->previous))
        s_drop_slab(self, number);
}
