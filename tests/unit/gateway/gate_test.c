/* The in-flight limit and the drain. */
#include "gateway/gate.h"

#include "base/clock.h"
#include <criterion/criterion.h>
#include <pthread.h>

Test(gate, admits_as_many_to_the_bus_as_allowed, .timeout = 10) {
    gate_t *gate = gate_new(2);
    cr_assert(gate_enter_bus(gate) && gate_enter_bus(gate));
    cr_assert_not(gate_enter_bus(gate));
    cr_assert(gate_on_bus(gate) == 2);
    gate_leave_bus(gate);
    cr_assert(gate_enter_bus(gate));
    gate_destroy(&gate);
    cr_assert_null(gate);
}

Test(gate, refuses_newcomers_once_closed, .timeout = 10) {
    gate_t *gate = gate_new(1);
    cr_assert(gate_enter(gate));
    gate_close(gate);
    cr_assert_not(gate_enter(gate));
    cr_assert(gate_inside(gate) == 1 && gate_closed(gate));
    gate_leave(gate);
    cr_assert(gate_wait_empty(gate, clock_mono_us() + 5000000));
    gate_destroy(&gate);
}

Test(gate, the_wait_ends_at_its_deadline, .timeout = 10) {
    gate_t *gate = gate_new(1);
    cr_assert(gate_enter(gate));
    gate_close(gate);
    int64_t deadline = clock_mono_us() + 20000;
    cr_assert_not(gate_wait_empty(gate, deadline));
    cr_assert(clock_mono_us() >= deadline);
    gate_leave(gate);
    gate_destroy(&gate);
}

static void *s_leave(void *gate) {
    while (!gate_closed(gate))
        ;
    gate_leave(gate);
    return NULL;
}

Test(gate, the_wait_ends_when_the_last_one_leaves, .timeout = 30) {
    for (int i = 0; i < 200; i++) {
        gate_t *gate = gate_new(1);
        pthread_t thread;
        cr_assert(gate_enter(gate));
        cr_assert(pthread_create(&thread, NULL, s_leave, gate) == 0);
        gate_close(gate);
        cr_assert(gate_wait_empty(gate, clock_mono_us() + 5000000));
        pthread_join(thread, NULL);
        gate_destroy(&gate);
    }
}
