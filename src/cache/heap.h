/* A binary heap of nodes that lie within their owners and know their place, so that any of them can be moved or
 * removed. The least (rank, then tie) is on top. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t rank, tie;
    size_t index; /* in the heap; kept by it */
} heap_node_t;

typedef struct {
    heap_node_t **nodes;
    size_t count, capacity;
} heap_t;

void heap_free(heap_t *self);
heap_node_t *heap_top(const heap_t *self); /* NULL when empty */
void heap_add(heap_t *self, heap_node_t *node);
void heap_remove(heap_t *self, heap_node_t *node);
/* After the rank or the tie of a node that is in the heap was changed. */
void heap_moved(heap_t *self, heap_node_t *node);
