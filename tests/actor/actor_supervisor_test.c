/* The supervisor: order, restarts, watchdog. */
#include "actor/supervisor.h"
#include "echo.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <unistd.h>

static err_t s_say(harness_t *h, const char *component, const char *what) {
    StoreQuery query = echo_query(what, 1);
    StoreOpResult result = StoreOpResult_init_zero;
    Fault fault = Fault_init_zero;
    Envelope envelope = harness_envelope(HARNESS_MS);
    err_t err =
        bus_client_request_to(h->client, component, &rpc_Echo_Say, &envelope, &query, &result, &fault);
    message_release(Fault_message(), &fault);
    return err;
}

static double s_metric(const supervisor_t *supervisor, const char *name, const char *actor) {
    ComponentStatus status = ComponentStatus_init_zero;
    supervisor_describe(supervisor, &status);
    double value = -1;
    for (size_t i = 0; i < status.metrics_count; i++) {
        if (strcmp(status.metrics[i].name, name) == 0 && strcmp(status.metrics[i].label_value, actor) == 0)
            value = status.metrics[i].value;
    }
    message_release(ComponentStatus_message(), &status);
    return value;
}

static void s_end(harness_t *h, supervisor_t **supervisor) {
    supervisor_stop(*supervisor, harness_deadline(HARNESS_MS));
    supervisor_destroy(supervisor);
    harness_stop(h);
}

/* Waits for the supervisor until an actor's restarts are `restarts`, or a check fails. */
static err_t s_wait_for_restart(supervisor_t *supervisor, const char *actor, int restarts) {
    int64_t deadline_us = harness_deadline(HARNESS_MS);
    err_t err = OK;
    bool readable;
    while (err == OK && s_metric(supervisor, "actor_restarts_total", actor) < restarts) {
        cr_assert_lt(clock_mono_us(), deadline_us, "it is restarted");
        err = supervisor_wait(supervisor, -1, clock_mono_us() + 20000, &readable);
    }
    return err;
}

static char s_order[16];

static err_t s_noting_start(actor_t *actor, const void *args) {
    actor_set_state(actor, (void *)args);
    strcat(s_order, args);
    return OK;
}

static void s_noting_stop(actor_t *actor) {
    strcat(s_order, actor_state(actor));
}

static const actor_class_t s_noting_class = {
    .name = "noting", .start = s_noting_start, .stop = s_noting_stop};

Test(supervisor, starts_in_order_and_stops_in_reverse, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const supervisor_entry_t table[] = {{.klass = &s_noting_class, .name = "a", .args = "a"},
                                        {.klass = &s_noting_class, .name = "b", .args = "b"},
                                        {.klass = &s_noting_class, .name = "c", .args = "c"},
                                        {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_expect_eq(supervisor_start(supervisor), OK);
    cr_expect_str_eq(s_order, "abc");
    cr_expect_eq(supervisor_check(supervisor), OK);
    supervisor_stop(supervisor, harness_deadline(HARNESS_MS));
    cr_expect_str_eq(s_order, "abccba");
    s_end(&h, &supervisor);
}

Test(supervisor, stops_what_it_started_when_one_fails_to_start, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const echo_args_t bad = {.start_error = ERR_SCHEMA_NEWER};
    const supervisor_entry_t table[] = {{.klass = &s_noting_class, .name = "a", .args = "a"},
                                        {.klass = &echo_class, .args = &bad},
                                        {.klass = &s_noting_class, .name = "c", .args = "c"},
                                        {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_expect_eq(supervisor_start(supervisor), ERR_SCHEMA_NEWER);
    cr_expect_str_eq(s_order, "aa");
    s_end(&h, &supervisor);
}

Test(supervisor, restarts_a_failed_actor_three_times_in_a_minute_and_then_gives_up, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const supervisor_entry_t table[] = {
        {.klass = &echo_class, .restartable = true}, {.klass = &echo_class, .name = "other"}, {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_assert_eq(supervisor_start(supervisor), OK);
    for (int i = 1; i <= SUPERVISOR_RESTARTS; i++) {
        cr_expect_eq(s_say(&h, "echo", "fail"), OK);
        cr_expect_eq(s_wait_for_restart(supervisor, "echo", i), OK);
        cr_expect_eq(s_say(&h, "echo", "echo"), OK, "it answers again");
        cr_expect_eq(s_metric(supervisor, "actor_running", "echo"), 1);
    }
    cr_expect_eq(s_say(&h, "echo", "fail"), OK);
    cr_expect_eq(s_wait_for_restart(supervisor, "echo", SUPERVISOR_RESTARTS + 1), ERR_SERVICE_UNAVAILABLE);
    cr_expect_eq(s_metric(supervisor, "actor_running", "echo"), 0);
    cr_expect_eq(s_metric(supervisor, "actor_running", "other"), 1);
    cr_expect_eq(s_say(&h, "other", "echo"), OK);
    s_end(&h, &supervisor);
}

Test(supervisor, gives_up_at_once_for_an_actor_that_may_not_be_restarted, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const supervisor_entry_t table[] = {{.klass = &echo_class}, {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_assert_eq(supervisor_start(supervisor), OK);
    cr_expect_eq(s_say(&h, "echo", "fail"), OK);
    cr_expect_eq(s_wait_for_restart(supervisor, "echo", 1), ERR_SERVICE_UNAVAILABLE);
    cr_expect_eq(s_metric(supervisor, "actor_restarts_total", "echo"), 0);
    s_end(&h, &supervisor);
}

static bool s_is_blocked(void *context) {
    return atomic_load((atomic_int *)context) > 0;
}

Test(supervisor, reports_an_actor_whose_loop_does_not_turn, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    sem_t gate;
    sem_init(&gate, 0, 0);
    atomic_int blocked = 0;
    const echo_args_t args = {.gate = &gate, .blocked = &blocked};
    const supervisor_entry_t table[] = {
        {.klass = &echo_class, .args = &args, .restartable = true, .watchdog_ms = 3000}, {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_assert_eq(supervisor_start(supervisor), OK);
    StoreQuery query = echo_query("block", 1);
    harness_send(&h, &rpc_Echo_Say, &query);
    harness_until(s_is_blocked, &blocked, "the handler blocks");
    cr_expect_eq(supervisor_check(supervisor), OK, "not yet");
    bool readable;
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(supervisor_wait(supervisor, -1, harness_deadline(4 * HARNESS_MS), &readable),
                 ERR_DEADLINE_EXCEEDED);
    cr_expect_lt(clock_mono_us() - begin_us, 8000000);
    cr_expect_eq(s_metric(supervisor, "actor_running", "echo"), 0);
    cr_expect_eq(s_metric(supervisor, "actor_stuck_total", "echo"), 1);
    sem_post(&gate);
    s_end(&h, &supervisor);
    sem_destroy(&gate);
}

Test(supervisor, does_not_take_an_idle_actor_for_a_stuck_one, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const supervisor_entry_t table[] = {{.klass = &echo_class, .watchdog_ms = 2500}, {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_assert_eq(supervisor_start(supervisor), OK);
    bool readable;
    cr_expect_eq(supervisor_wait(supervisor, -1, harness_deadline(4000), &readable), OK);
    s_end(&h, &supervisor);
}

Test(supervisor, wakes_for_the_descriptor_of_its_caller, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const supervisor_entry_t table[] = {{.klass = &echo_class}, {0}};
    supervisor_t *supervisor = supervisor_new(table, NULL);
    cr_assert_eq(supervisor_start(supervisor), OK);
    int fd = eventfd(0, EFD_NONBLOCK);
    bool readable = true;
    cr_expect_eq(supervisor_wait(supervisor, fd, harness_deadline(10), &readable), OK);
    cr_expect_not(readable);
    eventfd_write(fd, 1);
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(supervisor_wait(supervisor, fd, harness_deadline(HARNESS_MS), &readable), OK);
    cr_expect(readable);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000 / 2);
    close(fd);
    s_end(&h, &supervisor);
}
