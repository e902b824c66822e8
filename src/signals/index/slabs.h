/* Memory for many small objects, by size class of 16 bytes: no header an object, and a 32-bit handle that stands for
 * its address. A slab whose last object goes is returned. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SLABS_SLOT_BITS 14
#define SLABS_SIZE_MAX  1024 /* bytes of an object */
#define SLABS_CLASSES   (SLABS_SIZE_MAX / 16)

typedef struct {
    char *base;                        /* NULL: the number is free */
    void *free;                        /* slots given back; the first word of each leads to the next */
    uint32_t size, slots, fresh, used; /* `fresh` slots were never taken; they are the last ones */
    uint32_t next, previous;           /* of the slabs of the class with room; `next` also of free numbers */
    size_t bytes;
} slab_t;

typedef struct {
    slab_t *slabs; /* by number; 0 is none */
    uint32_t count, capacity, free_number;
    uint32_t with_room[SLABS_CLASSES], slabs_of[SLABS_CLASSES];
    size_t bytes; /* of the slabs */
} slabs_t;

void slabs_free(slabs_t *self);
/* Memory aligned to 16 bytes, and to 64 when the size is a multiple of 64; not cleared. The handle is not 0. */
void *slabs_take(slabs_t *self, size_t size, uint32_t *handle);
void slabs_give(slabs_t *self, uint32_t handle);
size_t slabs_bytes(const slabs_t *self);

static inline void *slabs_at(const slabs_t *self, uint32_t handle) {
    const slab_t *slab = &self->slabs[handle >> SLABS_SLOT_BITS];
    return slab->base + (size_t)(handle & ((1u << SLABS_SLOT_BITS) - 1)) * slab->size;
}
