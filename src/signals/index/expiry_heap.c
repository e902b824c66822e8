/* A heap of four: half as deep as one of two. Places are kept apart from what the handles stand for, which would be
 * touched at every move otherwise. */
#include "signals/index/expiry_heap.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, LINE = 64, CAPACITY_LEAST = 64 };

void expiry_heap_free(expiry_heap_t *self) {
    free(self->memory);
    free(self->places);
    *self = (expiry_heap_t){0};
}

size_t expiry_heap_bytes(const expiry_heap_t *self) {
    return self->capacity * sizeof *self->items + self->places_count * sizeof *self->places;
}

const expiry_item_t *expiry_heap_top(const expiry_heap_t *self) {
    return self->count ? self->items : NULL;
}

bool expiry_heap_has(const expiry_heap_t *self, uint32_t handle) {
    return handle < self->places_count && self->places[handle] != 0;
}

static void s_grow_items(expiry_heap_t *self) {
    uint32_t capacity = self->capacity ? self->capacity + self->capacity / 2 : CAPACITY_LEAST;
    size_t bytes = (capacity + WAYS - 1) * sizeof *self->items;
    void *memory = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
    assert_always(memory);
    expiry_item_t *items = (expiry_item_t *)memory + WAYS - 1; /* so that item 1 begins a line */
    if (self->count)
        memcpy(items, self->items, self->count * sizeof *items);
    free(self->memory);
    self->memory = memory;
    self->items = items;
    self->capacity = capacity;
}

static void s_grow_places(expiry_heap_t *self, uint32_t handle) {
    uint32_t count = handle + handle / 8 + CAPACITY_LEAST;
    self->places = realloc(self->places, count * sizeof *self->places);
    assert_always(self->places);
    memset(self->places + self->places_count, 0, (count - self->places_count) * sizeof *self->places);
    self->places_count = count;
}

static void s_place(expiry_heap_t *self, expiry_item_t item, uint32_t index) {
    self->items[index] = item;
    self->places[item.handle] = index + 1;
}

static void s_up(expiry_heap_t *self, expiry_item_t item, uint32_t index) {
    while (index > 0 && item.expiry < self->items[(index - 1) / WAYS].expiry) {
        s_place(self, self->items[(index - 1) / WAYS], index);
        index = (index - 1) / WAYS;
    }
    s_place(self, item, index);
}

static uint32_t s_least_child(const expiry_heap_t *self, uint32_t first) {
    uint32_t least = first, end = first + WAYS < self->count ? first + WAYS : self->count;
    for (uint32_t i = first + 1; i < end; i++)
        if (self->items[i].expiry < self->items[least].expiry)
            least = i;
    return least;
}

static void s_down(expiry_heap_t *self, expiry_item_t item, uint32_t index) {
    for (uint32_t child; (child = index * WAYS + 1) < self->count; index = child) {
        child = s_least_child(self, child);
        if (self->items[child].expiry >= item.expiry)
            break;
        s_place(self, self->items[child], index);
    }
    s_place(self, item, index);
}

void expiry_heap_add(expiry_heap_t *self, uint32_t handle, int64_t expiry) {
    if (self->count == self->capacity)
        s_grow_items(self);
    if (handle >= self->places_count)
        s_grow_places(self, handle);
    assert_always(self->places[handle] == 0);
    s_up(self, (expiry_item_t){.expiry = expiry, .handle = handle}, self->count++);
}

void expiry_heap_remove(expiry_heap_t *self, uint32_t handle) {
    if (!expiry_heap_has(self, handle))
        return;
    uint32_t index = self->places[handle] - 1;
    expiry_item_t last = self->items[--self->count];
    self->places[handle] = 0;
    if (last.handle == handle)
        return;
    if (index > 0 && last.expiry < self->items[(index - 1) / WAYS].expiry)
        s_up(self, last, index);
    else
        s_down(self, last, index);
}
