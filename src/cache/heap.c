/* Binary heap: see heap.h. */
#include "cache/heap.h"

#include "base/err.h"
#include <stdlib.h>

void heap_free(heap_t *self) {
    free(self->nodes);
    *self = (heap_t){0};
}

heap_node_t *heap_top(const heap_t *self) {
    return self->count ? self->nodes[0] : NULL;
}

static bool s_less(const heap_node_t *a, const heap_node_t *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->tie < b->tie;
}

static void s_place(heap_t *self, heap_node_t *node, size_t index) {
    self->nodes[index] = node;
    node->index = index;
}

static void s_up(heap_t *self, heap_node_t *node) {
    size_t index = node->index;
    while (index > 0 && s_less(node, self->nodes[(index - 1) / 2])) {
        s_place(self, self->nodes[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    s_place(self, node, index);
}

static void s_down(heap_t *self, heap_node_t *node) {
    size_t index = node->index;
    for (size_t child; (child = 2 * index + 1) < self->count; index = child) {
        if (child + 1 < self->count && s_less(self->nodes[child + 1], self->nodes[child]))
            child++;
        if (!s_less(self->nodes[child], node))
            break;
        s_place(self, self->nodes[child], index);
    }
    s_place(self, node, index);
}

void heap_add(heap_t *self, heap_node_t *node) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->nodes = realloc(self->nodes, self->capacity * sizeof *self->nodes);
        assert_always(self->nodes);
    }
    s_place(self, node, self->count++);
    s_up(self, node);
}

void heap_moved(heap_t *self, heap_node_t *node) {
    assert_always(node->index < self->count && self->nodes[node->index] == node);
    s_up(self, node);
    s_down(self, node);
}

void heap_remove(heap_t *self, heap_node_t *node) {
    assert_always(node->index < self->count && self->nodes[node->index] == node);
    heap_node_t *last = self->nodes[--self->count];
    if (last == node)
        return;
    s_place(self, last, node->index);
    heap_moved(self, last);
}
