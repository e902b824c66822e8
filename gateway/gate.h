/* How many requests are inside, and whether more may enter: the in-flight limit and the drain before a stop.
 *
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct gate_s gate_t;

gate_t *gate_new(int max_on_bus);
void gate_destroy(gate_t **self_p);

/* A request begins and ends. False when the gate is closed: then it must not call gate_leave. */
bool gate_enter(gate_t *self);
void gate_leave(gate_t *self);

/* A place on the bus; false when all are taken. */
bool gate_enter_bus(gate_t *self);
void gate_leave_bus(gate_t *self);

/* From now on newcomers are refused. */
void gate_close(gate_t *self);
bool gate_closed(const gate_t *self);
/* Waits until nobody is inside; false when the monotonic `deadline_us` came first. */
bool gate_wait_empty(gate_t *self, int64_t deadline_us);

int gate_inside(const gate_t *self);
int gate_on_bus(const gate_t *self);
