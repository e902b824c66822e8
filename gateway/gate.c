/* Counting requests in and out. */
#include "gateway/gate.h"

#include "base/err.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct gate_s {
    atomic_int inside, on_bus;
    atomic_bool closed;
    int max_on_bus;
    pthread_mutex_t lock; /* of the wait alone: the counters are free of it */
    pthread_cond_t emptied;
};

gate_t *gate_new(int max_on_bus) {
    gate_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->max_on_bus = max_on_bus;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->emptied, &attributes);
    pthread_condattr_destroy(&attributes);
    return self;
}

void gate_destroy(gate_t **self_p) {
    if (!*self_p)
        return;
    pthread_cond_destroy(&(*self_p)->emptied);
    pthread_mutex_destroy(&(*self_p)->lock);
    free(*self_p);
    *self_p = NULL;
}

/* Counted before the look at `closed`, so that a drain never misses one. */
bool gate_enter(gate_t *self) {
    atomic_fetch_add(&self->inside, 1);
    if (!atomic_load(&self->closed))
        return true;
    gate_leave(self);
    return false;
}

void gate_leave(gate_t *self) {
    if (atomic_fetch_sub(&self->inside, 1) > 1 || !atomic_load(&self->closed))
        return;
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->emptied);
    pthread_mutex_unlock(&self->lock);
}

bool gate_enter_bus(gate_t *self) {
    if (atomic_fetch_add(&self->on_bus, 1) < self->max_on_bus)
        return true;
    atomic_fetch_sub(&self->on_bus, 1);
    return false;
}

void gate_leave_bus(gate_t *self) {
    atomic_fetch_sub(&self->on_bus, 1);
}

void gate_close(gate_t *self) {
    atomic_store(&self->closed, true);
}

bool gate_closed(const gate_t *self) {
    return atomic_load(&self->closed);
}

bool gate_wait_empty(gate_t *self, int64_t deadline_us) {
    struct timespec until = {.tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000};
    int rc = 0;
    pthread_mutex_lock(&self->lock);
    while (atomic_load(&self->inside) > 0 && rc == 0)
        rc = pthread_cond_timedwait(&self->emptied, &self->lock, &until);
    pthread_mutex_unlock(&self->lock);
    return atomic_load(&self->inside) == 0;
}

int gate_inside(const gate_t *self) {
    return atomic_load(&self->inside);
}

int gate_on_bus(const gate_t *self) {
    return atomic_load(&self->on_bus);
}
