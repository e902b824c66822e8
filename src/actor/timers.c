/* A heap of slot numbers; a slot knows its place in the heap, so a timer is cancelled in O(log n). */
#include "actor/timers.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 16 };
#define NO_SLOT UINT32_MAX

void timers_free(timers_t *self) {
    free(self->slots);
    free(self->heap);
    *self = (timers_t)TIMERS_INIT;
}

static bool s_before(const timers_t *self, uint32_t a, uint32_t b) {
    const timer_slot_t *x = &self->slots[a], *y = &self->slots[b];
    return x->due_us != y->due_us ? x->due_us < y->due_us : x->order < y->order;
}

static void s_place(timers_t *self, uint32_t position, uint32_t slot) {
    self->heap[position] = slot;
    self->slots[slot].position = position;
}

static void s_sift_up(timers_t *self, uint32_t position) {
    uint32_t slot = self->heap[position];
    while (position > 0) {
        uint32_t parent = (position - 1) / 2;
        if (!s_before(self, slot, self->heap[parent]))
            break;
        s_place(self, position, self->heap[parent]);
        position = parent;
    }
    s_place(self, position, slot);
}

static void s_sift_down(timers_t *self, uint32_t position) {
    uint32_t slot = self->heap[position];
    for (;;) {
        uint32_t child = position * 2 + 1;
        if (child >= self->count)
            break;
        if (child + 1 < self->count && s_before(self, self->heap[child + 1], self->heap[child]))
            child++;
        if (!s_before(self, self->heap[child], slot))
            break;
        s_place(self, position, self->heap[child]);
        position = child;
    }
    s_place(self, position, slot);
}

static void s_grow(timers_t *self) {
    self->capacity = self->capacity ? self->capacity * 2 : FIRST_CAPACITY;
    self->slots = realloc(self->slots, self->capacity * sizeof *self->slots);
    self->heap = realloc(self->heap, self->capacity * sizeof *self->heap);
    assert_always(self->slots && self->heap);
}

static uint32_t s_take_slot(timers_t *self) {
    uint32_t slot = self->free_slot;
    if (slot != NO_SLOT) {
        self->free_slot = self->slots[slot].position;
        return slot;
    }
    if (self->slots_made == self->capacity)
        s_grow(self);
    slot = self->slots_made++;
    self->slots[slot].generation = 1;
    return slot;
}

/* Takes the slot out of the heap and gives it back. */
static void s_remove(timers_t *self, uint32_t slot) {
    uint32_t position = self->slots[slot].position;
    uint32_t last = self->heap[--self->count];
    if (last != slot) {
        s_place(self, position, last);
        s_sift_down(self, position);
        s_sift_up(self, self->slots[last].position);
    }
    self->slots[slot].used = false;
    self->slots[slot].generation++;
    self->slots[slot].position = self->free_slot;
    self->free_slot = slot;
}

uint64_t timers_add(timers_t *self, int64_t due_us, int64_t period_us, actor_timer_fn *fn, void *context) {
    uint32_t number = s_take_slot(self);
    timer_slot_t *slot = &self->slots[number];
    slot->due_us = due_us;
    slot->period_us = period_us;
    slot->order = self->order++;
    slot->fn = fn;
    slot->context = context;
    slot->used = true;
    self->heap[self->count] = number;
    s_sift_up(self, self->count++);
    return (uint64_t)slot->generation << 32 | (number + 1);
}

bool timers_cancel(timers_t *self, uint64_t id) {
    uint32_t number = (uint32_t)id - 1;
    if ((uint32_t)id == 0 || number >= self->slots_made)
        return false;
    const timer_slot_t *slot = &self->slots[number];
    if (!slot->used || slot->generation != id >> 32)
        return false;
    s_remove(self, number);
    return true;
}

size_t timers_count(const timers_t *self) {
    return self->count;
}

int64_t timers_next_us(const timers_t *self) {
    return self->count ? self->slots[self->heap[0]].due_us : INT64_MAX;
}

bool timers_pop(timers_t *self, int64_t now_us, actor_timer_fn **fn, void **context) {
    if (timers_next_us(self) > now_us || self->count == 0)
        return false;
    uint32_t number = self->heap[0];
    timer_slot_t *slot = &self->slots[number];
    *fn = slot->fn;
    *context = slot->context;
    if (slot->period_us == 0) {
        s_remove(self, number);
        return true;
    }
    slot->due_us += slot->period_us;
    if (slot->due_us <= now_us)
        slot->due_us = now_us + slot->period_us;
    slot->order = self->order++;
    s_sift_down(self, 0);
    return true;
}
