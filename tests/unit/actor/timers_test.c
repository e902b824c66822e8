/* The timer heap: order, periods, cancelling. */
#include "actor/timers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void s_fn(actor_t *actor, void *context) {
    (void)actor;
    (void)context;
}

static void s_other_fn(actor_t *actor, void *context) {
    (void)actor;
    (void)context;
}

/* The context of the next due timer as a number; -1 when none is due. */
static intptr_t s_pop(timers_t *timers, int64_t now_us) {
    actor_timer_fn *fn;
    void *context;
    return timers_pop(timers, now_us, &fn, &context) ? (intptr_t)context : -1;
}

static uint64_t s_add(timers_t *timers, int64_t due_us, intptr_t number) {
    return timers_add(timers, due_us, 0, s_fn, (void *)number);
}

Test(timers, come_out_by_due_time, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    s_add(&timers, 30, 3);
    s_add(&timers, 10, 1);
    s_add(&timers, 20, 2);
    cr_expect_eq(timers_next_us(&timers), 10);
    cr_expect_eq(s_pop(&timers, 9), -1);
    cr_expect_eq(s_pop(&timers, 25), 1);
    cr_expect_eq(s_pop(&timers, 25), 2);
    cr_expect_eq(s_pop(&timers, 25), -1);
    cr_expect_eq(s_pop(&timers, 30), 3);
    cr_expect_eq(timers_count(&timers), 0);
    cr_expect_eq(timers_next_us(&timers), INT64_MAX);
    timers_free(&timers);
}

Test(timers, due_together_come_out_in_the_order_of_adding, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    for (intptr_t i = 0; i < 100; i++)
        s_add(&timers, 5, i);
    for (intptr_t i = 0; i < 100; i++)
        cr_expect_eq(s_pop(&timers, 5), i);
    timers_free(&timers);
}

Test(timers, of_an_empty_heap_are_never_due, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    cr_expect_eq(s_pop(&timers, INT64_MAX), -1);
    cr_expect_not(timers_cancel(&timers, 0));
    cr_expect_not(timers_cancel(&timers, 1));
    timers_free(&timers);
}

Test(timers, give_back_function_and_context, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    int here;
    timers_add(&timers, 1, 0, s_other_fn, &here);
    actor_timer_fn *fn = NULL;
    void *context = NULL;
    cr_assert(timers_pop(&timers, 1, &fn, &context));
    cr_expect(fn == s_other_fn);
    cr_expect_eq(context, &here);
    timers_free(&timers);
}

Test(timers, that_are_cancelled_do_not_come_out, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    s_add(&timers, 10, 1);
    uint64_t second = s_add(&timers, 20, 2);
    s_add(&timers, 30, 3);
    cr_expect(timers_cancel(&timers, second));
    cr_expect_not(timers_cancel(&timers, second), "a second time it is not there");
    cr_expect_eq(s_pop(&timers, 100), 1);
    cr_expect_eq(s_pop(&timers, 100), 3);
    timers_free(&timers);
}

Test(timers, are_not_cancelled_by_the_id_of_one_that_ran, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    uint64_t first = s_add(&timers, 10, 1);
    cr_expect_eq(s_pop(&timers, 10), 1);
    uint64_t second = s_add(&timers, 20, 2); /* takes the same place */
    cr_expect_neq(first, second);
    cr_expect_not(timers_cancel(&timers, first));
    cr_expect_eq(s_pop(&timers, 20), 2);
    timers_free(&timers);
}

Test(timers, with_a_period_come_again_until_cancelled, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    uint64_t id = timers_add(&timers, 100, 100, s_fn, (void *)7);
    for (int64_t now_us = 100; now_us <= 500; now_us += 100) {
        cr_expect_eq(s_pop(&timers, now_us), 7);
        cr_expect_eq(s_pop(&timers, now_us), -1);
    }
    cr_expect(timers_cancel(&timers, id));
    cr_expect_eq(s_pop(&timers, 10000), -1);
    timers_free(&timers);
}

Test(timers, with_a_period_leave_out_what_was_missed, .timeout = 10) {
    timers_t timers = TIMERS_INIT;
    timers_add(&timers, 100, 100, s_fn, (void *)7);
    cr_expect_eq(s_pop(&timers, 1050), 7);
    cr_expect_eq(s_pop(&timers, 1050), -1);
    cr_expect_eq(timers_next_us(&timers), 1150);
    timers_free(&timers);
}

Test(timers, stay_sorted_under_random_adding_and_cancelling, .timeout = 20) {
    enum { TIMERS = 5000 };
    timers_t timers = TIMERS_INIT;
    static uint64_t ids[TIMERS];
    static bool cancelled[TIMERS];
    unsigned seed = 7;
    for (intptr_t i = 0; i < TIMERS; i++)
        ids[i] = s_add(&timers, rand_r(&seed) % 1000, i);
    size_t left = TIMERS;
    for (int i = 0; i < TIMERS / 2; i++) {
        size_t victim = (size_t)rand_r(&seed) % TIMERS;
        cr_expect_eq(timers_cancel(&timers, ids[victim]), !cancelled[victim]);
        left -= !cancelled[victim];
        cancelled[victim] = true;
    }
    cr_expect_eq(timers_count(&timers), left);
    int64_t previous_us = 0;
    for (; left > 0; left--) {
        int64_t due_us = timers_next_us(&timers);
        cr_expect_geq(due_us, previous_us);
        previous_us = due_us;
        intptr_t number = s_pop(&timers, due_us);
        cr_assert_geq(number, 0);
        cr_expect_not(cancelled[number]);
    }
    cr_expect_eq(timers_count(&timers), 0);
    timers_free(&timers);
}
