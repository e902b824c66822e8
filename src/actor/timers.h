/* Timers: a binary heap by due time, cancellable by id. Private to src/actor.
 *
 * Times are monotonic microseconds and come from the caller. Timers due at the same time run in the order in
 * which they were added. An id is never 0 and is not used again soon, so cancelling twice does no harm. */
#pragma once

#include "actor/actor.h"

typedef struct {
    int64_t due_us, period_us; /* period 0: once */
    uint64_t order;            /* breaks ties */
    actor_timer_fn *fn;
    void *context;
    uint32_t generation;
    uint32_t position; /* in the heap, or of the next free slot */
    bool used;
} timer_slot_t;

typedef struct {
    timer_slot_t *slots;
    uint32_t *heap; /* slot numbers, earliest first */
    uint32_t count, capacity, slots_made, free_slot;
    uint64_t order;
} timers_t;

#define TIMERS_INIT \
    { .free_slot = UINT32_MAX }

void timers_free(timers_t *self);
uint64_t timers_add(timers_t *self, int64_t due_us, int64_t period_us, actor_timer_fn *fn, void *context);
/* False when the timer has run (once) or was cancelled before. */
bool timers_cancel(timers_t *self, uint64_t id);
size_t timers_count(const timers_t *self);
/* When the earliest is due; INT64_MAX when there is none. */
int64_t timers_next_us(const timers_t *self);
/* Takes the earliest that is due; one with a period is set again before (periods that were missed are left
 * out). False when none is due. */
bool timers_pop(timers_t *self, int64_t now_us, actor_timer_fn **fn, void **context);
