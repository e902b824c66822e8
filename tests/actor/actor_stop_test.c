/* The end of an actor, asked for or not: every call is answered, once. */
#include "echo.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <czmq.h>

enum { CALLS = 500 };

/* Receives the answers to `ids`, each exactly once, and counts them by code. */
static void s_collect(harness_t *h, const uint64_t *ids, size_t count, int by_code[ERR_COUNT]) {
    bool *answered = calloc(count, sizeof *answered);
    for (size_t received = 0; received < count; received++) {
        bus_message_t reply;
        harness_recv(h, &reply);
        size_t i = 0;
        while (i < count && ids[i] != reply.envelope.correlation_id)
            i++;
        cr_assert_lt(i, count, "the answer to a call");
        cr_assert_not(answered[i], "answered once");
        answered[i] = true;
        by_code[harness_reply(&reply, StoreOpResult_message(), &(StoreOpResult){0})]++;
        bus_message_close(&reply);
    }
    bus_message_t more;
    cr_expect_eq(bus_client_recv(h->client, &more, 0), ERR_AGAIN, "no answer is left over");
    free(answered);
}

static void s_send(harness_t *h, const char *what, uint64_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        StoreQuery query = echo_query(what, (uint32_t)i);
        ids[i] = harness_send(h, &rpc_Echo_Say, &query);
    }
}

static err_t s_say(harness_t *h, const char *what) {
    StoreQuery query = echo_query(what, 1);
    StoreOpResult result = StoreOpResult_init_zero;
    return harness_request(h, &rpc_Echo_Say, &query, &result, NULL);
}

Test(actor_stop, answers_kept_calls_exactly_once, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, NULL);
    uint64_t ids[CALLS];
    int by_code[ERR_COUNT] = {0};
    s_send(&h, "keep", ids, CALLS);
    cr_expect_eq(s_say(&h, "echo"), OK); /* all are kept by now */
    harness_stop_actor(&h, echo, HARNESS_MS);
    s_collect(&h, ids, CALLS, by_code);
    cr_expect_eq(by_code[ERR_SHUTTING_DOWN], CALLS);
    harness_stop(&h);
}

Test(actor_stop, leaves_it_to_the_component_to_answer_its_kept_calls, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    echo_args_t args = {.answer_at_stop = true};
    actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, &args);
    uint64_t ids[CALLS];
    int by_code[ERR_COUNT] = {0};
    s_send(&h, "keep", ids, CALLS);
    cr_expect_eq(s_say(&h, "echo"), OK);
    harness_stop_actor(&h, echo, HARNESS_MS);
    s_collect(&h, ids, CALLS, by_code);
    cr_expect_eq(by_code[OK], CALLS);
    harness_stop(&h);
}

Test(actor_stop, in_the_middle_of_commands_answers_each_of_them, .timeout = 60) {
    for (int round = 0; round < 10; round++) {
        harness_t h;
        harness_start(&h);
        actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, NULL);
        uint64_t ids[CALLS];
        int by_code[ERR_COUNT] = {0};
        s_send(&h, round % 2 ? "echo" : "keep", ids, CALLS);
        harness_stop_actor(&h, echo, HARNESS_MS);
        s_collect(&h, ids, CALLS, by_code);
        cr_expect_eq(by_code[OK] + by_code[ERR_SHUTTING_DOWN] + by_code[ERR_NO_SUBSCRIBER], CALLS);
        harness_stop(&h);
    }
}

Test(actor_stop, by_failure_refuses_the_commands_behind_it, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    sem_t gate;
    sem_init(&gate, 0, 0);
    atomic_int blocked = 0;
    echo_args_t args = {.gate = &gate, .blocked = &blocked};
    harness_actor(&h, &echo_class, NULL, &args);
    uint64_t ids[4];
    int by_code[ERR_COUNT] = {0};
    s_send(&h, "block", ids, 1); /* until all of them wait */
    s_send(&h, "fail", ids + 1, 1);
    s_send(&h, "echo", ids + 2, 2);
    sem_post(&gate);
    s_collect(&h, ids, 4, by_code);
    cr_expect_eq(by_code[OK], 2);
    cr_expect_eq(by_code[ERR_NO_SUBSCRIBER], 2);
    harness_stop(&h);
    sem_destroy(&gate);
}

static bool s_drains(void *context) {
    return atomic_load((atomic_int *)context) >= 3;
}

typedef struct {
    actor_handle_t **actor;
    int64_t deadline_us;
} stopper_t;

static void *s_stop_in_thread(void *argument) {
    stopper_t *self = argument;
    actor_stop(self->actor, self->deadline_us);
    return NULL;
}

Test(actor_stop, drains_until_the_component_is_done_and_serves_meanwhile, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    atomic_int left = 1, calls = 0, stopped = 0;
    echo_args_t args = {.drains_left = &left, .drain_calls = &calls, .stopped = &stopped};
    actor_handle_t *echo = NULL;
    cr_assert(actor_start(&echo, &echo_class, NULL, NULL, &args) == OK);
    stopper_t stopper = {&echo, harness_deadline(HARNESS_MS)};
    pthread_t thread;
    pthread_create(&thread, NULL, s_stop_in_thread, &stopper);
    harness_until(s_drains, &calls, "drain is called again and again");
    cr_expect_eq(s_say(&h, "echo"), OK, "commands are served while draining");
    cr_expect_eq(atomic_load(&stopped), 0);
    atomic_store(&left, 0);
    pthread_join(thread, NULL);
    cr_expect_eq(atomic_load(&stopped), 1);
    cr_expect_null(echo);
    cr_expect_lt(clock_mono_us(), stopper.deadline_us);
    cr_expect_eq(s_say(&h, "echo"), ERR_NO_SUBSCRIBER);
    harness_stop(&h);
}

Test(actor_stop, does_not_drain_past_the_deadline, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    atomic_int left = 1, stopped = 0;
    echo_args_t args = {.drains_left = &left, .stopped = &stopped};
    actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, &args);
    int64_t begin_us = clock_mono_us();
    harness_stop_actor(&h, echo, 100);
    cr_expect_geq(clock_mono_us() - begin_us, 100000);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000 / 2);
    cr_expect_eq(atomic_load(&stopped), 1);
    harness_stop(&h);
}

/* ---- requests that are open at the stop ---- */

typedef struct {
    atomic_int replies, shutting_down;
    atomic_int asked;
    bool ask_again;
} asker_t;

static void s_replied(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    asker_t *self = context;
    cr_assert_null(response);
    cr_assert_str_eq(fault->code, err_name(err));
    atomic_fetch_add(&self->replies, 1);
    if (err == ERR_SHUTTING_DOWN)
        atomic_fetch_add(&self->shutting_down, 1);
    if (!self->ask_again)
        return;
    self->ask_again = false;
    StoreQuery query = echo_query("keep", 1);
    actor_request(actor, &rpc_Echo_Say, &query, NULL, s_replied, self);
    atomic_fetch_add(&self->asked, 1);
}

static err_t s_asker_start(actor_t *actor, const void *args) {
    asker_t *self = *(asker_t *const *)args;
    for (int i = 0; i < CALLS; i++) {
        StoreQuery query = echo_query("keep", 1);
        actor_request(actor, &rpc_Echo_Say, &query, NULL, s_replied, self);
        atomic_fetch_add(&self->asked, 1);
    }
    return OK;
}

static const actor_class_t s_asker_class = {.name = "asker", .start = s_asker_start};

Test(actor_stop, reports_open_requests_as_shutting_down_exactly_once, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    asker_t asker = {.ask_again = true};
    asker_t *args = &asker;
    actor_handle_t *actor = harness_actor(&h, &s_asker_class, NULL, &args);
    harness_stop_actor(&h, actor, HARNESS_MS);
    cr_expect_eq(atomic_load(&asker.asked), CALLS + 1, "one was asked at the stop");
    cr_expect_eq(atomic_load(&asker.replies), CALLS + 1);
    cr_expect_eq(atomic_load(&asker.shutting_down), CALLS + 1);
    harness_stop(&h);
}

/* ---- failure ---- */

static bool s_ended(void *context) {
    return !actor_handle_alive(context);
}

Test(actor_stop, by_failure_is_seen_answers_all_and_gives_the_reason, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    atomic_int stopped = 0;
    echo_args_t args = {.stopped = &stopped};
    actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, &args);
    zmq_pollitem_t item = {.socket = actor_handle_zmq_socket(echo), .events = ZMQ_POLLIN};
    cr_expect(actor_handle_alive(echo));
    cr_expect_eq(zmq_poll(&item, 1, 0), 0);
    cr_expect_str_eq(actor_handle_failure(echo), "");
    uint64_t ids[CALLS + 1];
    int by_code[ERR_COUNT] = {0};
    s_send(&h, "keep", ids, CALLS);
    s_send(&h, "fail", ids + CALLS, 1);
    s_collect(&h, ids, CALLS + 1, by_code);
    cr_expect_eq(by_code[ERR_INTERNAL], CALLS);
    cr_expect_eq(by_code[OK], 1);
    cr_expect_eq(zmq_poll(&item, 1, HARNESS_MS), 1, "main's poller sees the end");
    harness_until(s_ended, echo, "the handle tells it");
    cr_expect_str_eq(actor_handle_failure(echo), "told to");
    cr_expect_eq(atomic_load(&stopped), 1);
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(s_say(&h, "echo"), ERR_NO_SUBSCRIBER);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000 / 10);
    harness_stop(&h);
}
