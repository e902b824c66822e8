/* Handles by the time at which they expire, the soonest first. Any of them can be taken out. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t expiry;
    uint32_t handle;
} expiry_item_t;

typedef struct {
    void *memory;
    expiry_item_t *items; /* the four children of an item share a cache line */
    uint32_t count, capacity;
    uint32_t *places; /* by handle: index in items plus 1; 0 = not in the heap */
    uint32_t places_count;
} expiry_heap_t;

void expiry_heap_free(expiry_heap_t *self);
/* The handle must not be in it. */
void expiry_heap_add(expiry_heap_t *self, uint32_t handle, int64_t expiry);
/* Nothing when it is not in it. */
void expiry_heap_remove(expiry_heap_t *self, uint32_t handle);
bool expiry_heap_has(const expiry_heap_t *self, uint32_t handle);
/* NULL when empty. */
const expiry_item_t *expiry_heap_top(const expiry_heap_t *self);
size_t expiry_heap_bytes(const expiry_heap_t *self);
