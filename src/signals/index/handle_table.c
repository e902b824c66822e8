/* Linear probing; what stands behind a removed slot moves up, so there are no tombstones. */
#include "signals/index/handle_table.h"

#include "base/err.h"
#include <stdlib.h>
#include <sys/mman.h>

enum { SLOTS_LEAST = 64, HUGE_PAGE = 2 * 1024 * 1024 };

void handle_table_free(handle_table_t *self) {
    free(self->slots);
    *self = (handle_table_t){0};
}

size_t handle_table_bytes(const handle_table_t *self) {
    return self->slots ? (self->mask + 1) * sizeof *self->slots : 0;
}

static void s_put(handle_table_t *self, handle_slot_t slot) {
    uint32_t at = slot.hash & self->mask;
    while (self->slots[at].handle)
        at = (at + 1) & self->mask;
    self->slots[at] = slot;
}

static void s_resize(handle_table_t *self, uint32_t count) {
    handle_slot_t *old = self->slots;
    uint32_t old_count = old ? self->mask + 1 : 0;
    size_t bytes = count * sizeof *old;
    if (bytes >= HUGE_PAGE) {
        self->slots = aligned_alloc(HUGE_PAGE, bytes);
        assert_always(self->slots);
        (void)madvise(self->slots, bytes, MADV_HUGEPAGE); /* slower without it, no more */
        for (uint32_t i = 0; i < count; i++)
            self->slots[i] = (handle_slot_t){0};
    } else {
        self->slots = calloc(count, sizeof *old);
        assert_always(self->slots);
    }
    self->mask = count - 1;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].handle)
            s_put(self, old[i]);
    free(old);
}

void handle_table_add(handle_table_t *self, uint32_t hash, uint32_t handle) {
    if (!self->slots || self->count >= (self->mask + 1) / 4 * 3)
        s_resize(self, self->slots ? (self->mask + 1) * 2 : SLOTS_LEAST);
    s_put(self, (handle_slot_t){hash, handle});
    self->count++;
}

/* Closes the gap at `at`: a slot may move there unless its own place lies behind the gap. */
static void s_close(handle_table_t *self, uint32_t at) {
    uint32_t mask = self->mask;
    for (uint32_t next = (at + 1) & mask; self->slots[next].handle; next = (next + 1) & mask) {
        uint32_t home = self->slots[next].hash & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) {
            self->slots[at] = self->slots[next];
            at = next;
        }
    }
    self->slots[at] = (handle_slot_t){0};
}

void handle_table_remove(handle_table_t *self, uint32_t hash, uint32_t handle) {
    uint32_t at = hash & self->mask;
    while (self->slots[at].handle != handle) {
        assert_always(self->slots[at].handle);
        at = (at + 1) & self->mask;
    }
    s_close(self, at);
    self->count--;
    if (self->mask >= SLOTS_LEAST && self->count < (self->mask + 1) / 8)
        s_resize(self, (self->mask + 1) / 2);
}
