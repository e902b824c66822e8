/* The bulkhead: at most so many calls occupy the service at once; the others wait in a bounded queue, oldest first,
 * until their deadline. A call gives its place back when it has answered or when it begins to wait for a job. */
#include "services/adapter_state.h"

#include "base/clock.h"

uint32_t bulkhead_limit(const adapter_t *self) {
    return self->max_in_flight ? self->max_in_flight : (uint32_t)self->config->pool_size;
}

static void s_unqueue(operation_t *operation) {
    adapter_t *self = operation->adapter;
    if (operation->queue_previous)
        operation->queue_previous->queue_next = operation->queue_next;
    else
        self->queue_first = operation->queue_next;
    if (operation->queue_next)
        operation->queue_next->queue_previous = operation->queue_previous;
    else
        self->queue_last = operation->queue_previous;
    operation->queue_next = operation->queue_previous = NULL;
    self->queued--;
    operation->phase = OPERATION_NEW;
    actor_timer_cancel(self->actor, &operation->timer);
}

static void s_begin(operation_t *operation) {
    operation->phase = OPERATION_CALLING;
    operation->adapter->in_flight++;
    attempt_begin(operation);
}

/* An operation may end within its first attempt and give its place back: the loop here sees that, not a recursion. */
static void s_admit(adapter_t *self) {
    if (self->admitting || self->stopping)
        return;
    self->admitting = true;
    while (self->queue_first && self->in_flight < bulkhead_limit(self)) {
        operation_t *operation = self->queue_first;
        s_unqueue(operation);
        s_begin(operation);
    }
    self->admitting = false;
}

static void s_on_deadline(actor_t *actor, void *context) {
    (void)actor;
    operation_t *operation = context;
    operation->timer = 0;
    operation->retry_after_ms = 1000;
    operation_fail(operation, ERR_OVERLOADED, "%u calls were in flight, and none ended in time",
                   operation->adapter->in_flight);
}

static void s_queue(operation_t *operation) {
    adapter_t *self = operation->adapter;
    int64_t left_ms = (operation->deadline_us - clock_mono_us()) / 1000;
    operation->phase = OPERATION_QUEUED;
    operation->queue_previous = self->queue_last;
    if (self->queue_last)
        self->queue_last->queue_next = operation;
    else
        self->queue_first = operation;
    self->queue_last = operation;
    self->queued++;
    operation->timer = actor_timer_once(self->actor, left_ms > 0 ? left_ms : 0, s_on_deadline, operation);
}

void bulkhead_enter(operation_t *operation) {
    adapter_t *self = operation->adapter;
    bool open = breaker_state(&self->breaker, clock_mono_us()) == BREAKER_OPEN;
    if (open || (self->in_flight < bulkhead_limit(self) && !self->queue_first)) {
        s_begin(operation); /* ends at once when the circuit is open */
    } else if (self->queued < ADAPTER_MAX_QUEUED) {
        s_queue(operation);
    } else {
        operation->retry_after_ms = 1000;
        operation_fail(operation, ERR_OVERLOADED, "%u calls are in flight and %u wait", self->in_flight,
                       self->queued);
    }
}

void bulkhead_leave(operation_t *operation) {
    adapter_t *self = operation->adapter;
    if (operation->phase == OPERATION_QUEUED)
        s_unqueue(operation);
    if (operation->phase != OPERATION_CALLING)
        return;
    operation->phase = OPERATION_NEW;
    self->in_flight--;
    s_admit(self);
}

void bulkhead_circuit_opened(adapter_t *self) {
    while (self->queue_first) {
        operation_t *operation = self->queue_first;
        s_unqueue(operation);
        s_begin(operation);
    }
}

void bulkhead_set_limit(adapter_t *self, uint32_t max_in_flight) {
    self->max_in_flight = max_in_flight;
    s_admit(self);
}
