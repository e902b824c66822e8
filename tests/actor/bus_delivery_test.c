/* The bus: what is sent arrives, and what cannot arrive is answered. */
#include "bus/frames.h"
#include "echo.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS = 8, EACH = 2000 };

typedef struct {
    int number;
    pthread_barrier_t *together;
    int received;
    int out_of_order;
} talker_t;

/* Subscribes and sends at once, to itself, with no pause between: the slow joiner's case. */
static void *s_talk_to_self(void *argument) {
    talker_t *self = argument;
    char topic[64];
    snprintf(topic, sizeof topic, "evt/test/%d", self->number);
    pthread_barrier_wait(self->together);
    bus_client_t *client = bus_client_new();
    err_t err = bus_client_subscribe(client, topic);
    for (int i = 0; i < EACH && err == OK; i++) {
        Envelope envelope = Envelope_init_zero;
        envelope.message_id = (uint64_t)i + 1;
        err = bus_client_send(client, topic, &envelope, "x", 1);
    }
    bus_message_t message;
    while (err == OK && self->received < EACH) {
        err = bus_client_recv(client, &message, harness_deadline(HARNESS_MS));
        if (err != OK)
            break;
        if (message.envelope.message_id != (uint64_t)++self->received)
            self->out_of_order++;
        bus_message_close(&message);
    }
    bus_client_destroy(&client);
    return NULL;
}

Test(bus, loses_no_message_from_the_first_one_on, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, THREADS);
    talker_t talkers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        talkers[i] = (talker_t){.number = i, .together = &together};
        pthread_create(&threads[i], NULL, s_talk_to_self, &talkers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(talkers[i].received, EACH);
        cr_expect_eq(talkers[i].out_of_order, 0);
    }
    pthread_barrier_destroy(&together);
    harness_stop(&h);
}

/* libzmq closes sockets in a thread of its own: while that is behind, there may be no further ones. */
static bus_client_t *s_new_client(void) {
    int64_t until_us = harness_deadline(HARNESS_MS);
    bus_client_t *client;
    while (!(client = bus_client_new()) && clock_mono_us() < until_us)
        sched_yield();
    return client;
}

/* A client that is made, asks once and goes; its first message and its first reply count. */
static void *s_ask_with_new_clients(void *argument) {
    talker_t *self = argument;
    pthread_barrier_wait(self->together);
    for (int i = 0; i < 200; i++) {
        bus_client_t *client = s_new_client();
        if (!client)
            break;
        Envelope envelope = harness_envelope(HARNESS_MS);
        StoreQuery query = echo_query("echo", (uint32_t)i);
        StoreOpResult result = StoreOpResult_init_zero;
        Fault fault = Fault_init_zero;
        if (bus_client_request(client, &rpc_Echo_Say, &envelope, &query, &result, &fault) == OK &&
            result.affected == i)
            self->received++;
        message_release(Fault_message(), &fault);
        bus_client_destroy(&client);
    }
    return NULL;
}

Test(bus, answers_the_first_request_of_every_new_client, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, THREADS);
    talker_t talkers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        talkers[i] = (talker_t){.together = &together};
        pthread_create(&threads[i], NULL, s_ask_with_new_clients, &talkers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(talkers[i].received, 200);
    }
    pthread_barrier_destroy(&together);
    harness_stop(&h);
}

typedef struct {
    pthread_mutex_t lock;
    char asker[64]; /* under the lock: the inbox of the present one, "" = no more will come */
    atomic_int sent;
} goers_t;

static void *s_answer_whoever_asks(void *argument) {
    goers_t *self = argument;
    bus_client_t *client = bus_client_new();
    for (char topic[64] = "-"; client && *topic;) {
        pthread_mutex_lock(&self->lock);
        snprintf(topic, sizeof topic, "%s", self->asker);
        pthread_mutex_unlock(&self->lock);
        Envelope envelope = {.correlation_id = 7};
        if (*topic && bus_client_send(client, topic, &envelope, topic, sizeof topic) == OK)
            self->sent++;
    }
    bus_client_destroy(&client);
    return NULL;
}

/* What is on its way to one that goes is dropped; nobody touches what was its inbox. */
Test(bus, lets_an_asker_go_while_others_answer_it, .timeout = 60) {
    enum { ASKERS = 300, ANSWERS = 5 };
    harness_t h;
    harness_start(&h);
    goers_t goers = {.lock = PTHREAD_MUTEX_INITIALIZER, .asker = "inbox/nobody/"};
    pthread_t threads[THREADS / 2];
    for (int i = 0; i < THREADS / 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, s_answer_whoever_asks, &goers), 0);
    for (int i = 0; i <= ASKERS; i++) {
        bus_client_t *asker = s_new_client();
        cr_assert_not_null(asker);
        pthread_mutex_lock(&goers.lock);
        snprintf(goers.asker, sizeof goers.asker, "%s", i < ASKERS ? bus_client_inbox(asker) : "");
        pthread_mutex_unlock(&goers.lock);
        bus_message_t answer;
        for (int k = 0; k < ANSWERS && i < ASKERS; k++) {
            cr_assert(bus_client_recv(asker, &answer, harness_deadline(HARNESS_MS)) == OK);
            cr_expect_str_eq(answer.payload, bus_client_inbox(asker), "it was for somebody else");
            bus_message_close(&answer);
        }
        bus_client_destroy(&asker);
    }
    for (int i = 0; i < THREADS / 2; i++)
        pthread_join(threads[i], NULL);
    cr_expect_geq(goers.sent, ASKERS * ANSWERS);
    harness_stop(&h);
}

Test(bus, refuses_a_command_that_nobody_takes_at_once, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    Fault fault = Fault_init_zero;
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, &fault), ERR_NO_SUBSCRIBER);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000 / 10);
    cr_expect_str_eq(fault.code, "NO_SUBSCRIBER");
    cr_expect_str_eq(fault.message, err_text(ERR_NO_SUBSCRIBER));
    message_release(Fault_message(), &fault);
    cr_expect_eq(harness_bus_metric(&h, "no_subscriber_total"), 1);
    harness_stop(&h);
}

Test(bus, refuses_commands_again_when_the_component_has_gone, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    for (int i = 0; i < 20; i++) {
        actor_handle_t *echo = harness_actor(&h, &echo_class, NULL, NULL);
        cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, NULL), OK);
        harness_stop_actor(&h, echo, HARNESS_MS);
        cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, NULL), ERR_NO_SUBSCRIBER);
    }
    harness_stop(&h);
}

Test(bus, is_not_taken_in_by_a_listener_on_all_commands, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    bus_client_t *tracer = bus_client_new();
    cr_assert(bus_client_subscribe(tracer, "cmd/") == OK);
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, NULL), ERR_NO_SUBSCRIBER);
    bus_client_destroy(&tracer);
    harness_stop(&h);
}

Test(bus, gives_up_a_request_at_its_deadline, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreQuery query = echo_query("keep", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    Fault fault = Fault_init_zero;
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(harness_request_within(&h, 100, &rpc_Echo_Say, &query, &result, &fault),
                 ERR_DEADLINE_EXCEEDED);
    cr_expect_geq(clock_mono_us() - begin_us, 100000);
    cr_expect_str_eq(fault.code, "DEADLINE_EXCEEDED");
    message_release(Fault_message(), &fault);
    harness_stop(&h);
}

Test(bus, drops_a_late_reply_and_answers_the_next_request_rightly, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreQuery keep = echo_query("keep", 1), release = echo_query("release", 2);
    StoreOpResult result = StoreOpResult_init_zero;
    cr_expect_eq(harness_request_within(&h, 20, &rpc_Echo_Say, &keep, &result, NULL), ERR_DEADLINE_EXCEEDED);
    cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &release, &result, NULL), OK);
    cr_expect_eq(result.affected, 2);
    harness_stop(&h);
}

Test(bus, brings_an_event_to_every_subscriber, .timeout = 60) {
    enum { SUBSCRIBERS = 5, EVENTS = 100 };
    harness_t h;
    harness_start(&h);
    bus_client_t *subscribers[SUBSCRIBERS];
    const char *prefixes[SUBSCRIBERS] = {"evt/test/A", "evt/test/A", "evt/test/", "evt/", ""};
    for (int i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i] = bus_client_new();
        cr_assert(bus_client_subscribe(subscribers[i], prefixes[i]) == OK);
    }
    for (int i = 0; i < EVENTS; i++)
        cr_assert(bus_client_send(h.client, "evt/test/A", &(Envelope){.outcome = i % 3}, &i, sizeof i) == OK);
    for (int s = 0; s < SUBSCRIBERS; s++) {
        for (int i = 0; i < EVENTS; i++) {
            bus_message_t message;
            cr_assert(bus_client_recv(subscribers[s], &message, harness_deadline(HARNESS_MS)) == OK);
            cr_expect_str_eq(message.topic, "evt/test/A");
            cr_expect_eq(message.payload_size, sizeof i);
            cr_expect_eq(memcmp(message.payload, &i, sizeof i), 0);
            bus_message_close(&message);
        }
        bus_client_destroy(&subscribers[s]);
    }
    harness_stop(&h);
}

Test(bus, does_not_take_one_topic_for_another_that_begins_alike, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    cr_assert(bus_client_subscribe(h.client, "evt/job/1") == OK);
    cr_assert(bus_client_subscribe(h.client, "evt/job/2") == OK);
    const char *topics[] = {"evt/job/10", "evt/job/1/x", "evt/job/1"};
    for (int i = 0; i < 3; i++)
        cr_assert(bus_client_send(h.client, topics[i], &(Envelope){0}, NULL, 0) == OK);
    bus_message_t message;
    harness_recv(&h, &message);
    cr_expect_str_eq(message.topic, "evt/job/1");
    cr_expect_eq(message.payload_size, 0);
    bus_message_close(&message);
    bus_client_unsubscribe(h.client, "evt/job/1");
    cr_assert(bus_client_send(h.client, "evt/job/1", &(Envelope){0}, NULL, 0) == OK);
    cr_assert(bus_client_send(h.client, "evt/job/2", &(Envelope){0}, NULL, 0) == OK);
    harness_recv(&h, &message);
    cr_expect_str_eq(message.topic, "evt/job/2");
    bus_message_close(&message);
    harness_stop(&h);
}

/* How many commands were refused as OVERLOADED: that is said before the send returns. */
static int s_refusals(harness_t *h) {
    bus_message_t message;
    int refused = 0;
    for (; bus_client_recv(h->client, &message, 0) == OK; refused++) {
        cr_expect_eq(harness_reply(&message, StoreOpResult_message(), &(StoreOpResult){0}), ERR_OVERLOADED);
        bus_message_close(&message);
    }
    return refused;
}

Test(bus, answers_overloaded_for_a_full_component_and_loses_none_before, .timeout = 60) {
    enum { HWM = 512, SENT = 800 };
    harness_t h;
    harness_start_sized(&h, HWM);
    bus_client_t *full = bus_client_new();
    cr_assert(bus_client_subscribe(full, "cmd/echo/") == OK);
    StoreQuery query = echo_query("echo", 1);
    int refused = 0, delivered = 0;
    for (int i = 0; i < SENT; i++) {
        harness_send(&h, &rpc_Echo_Say, &query);
        refused += s_refusals(&h);
    }
    bus_message_t command;
    while (bus_client_recv(full, &command, 0) == OK) {
        delivered++;
        bus_message_close(&command);
    }
    cr_expect_eq(refused + delivered, SENT, "%d refused, %d delivered", refused, delivered);
    cr_expect_eq(delivered, HWM);
    cr_expect_eq(harness_bus_metric(&h, "overloaded_total"), refused);
    bus_client_destroy(&full);
    harness_stop(&h);
}

Test(bus, drops_and_counts_the_replies_to_an_asker_that_does_not_read_them, .timeout = 60) {
    enum { HWM = 8, SENT = 20 };
    harness_t h;
    harness_start_sized(&h, HWM);
    bus_client_t *asker = bus_client_new();
    for (int i = 0; i < SENT; i++)
        cr_assert(bus_client_send(h.client, bus_client_inbox(asker), &(Envelope){.correlation_id = 7}, NULL,
                                  0) == OK);
    cr_expect_eq(harness_bus_metric(&h, "replies_dropped_total"), SENT - HWM);
    bus_message_t reply;
    for (int i = 0; i < HWM; i++) {
        cr_assert(bus_client_recv(asker, &reply, 0) == OK);
        bus_message_close(&reply);
    }
    cr_expect_eq(bus_client_recv(asker, &reply, 0), ERR_AGAIN);
    bus_client_destroy(&asker);
    harness_stop(&h);
}

Test(bus, brings_events_also_to_one_that_is_never_out_of_commands, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    bus_client_t *taker = bus_client_new();
    bus_message_t message;
    cr_assert(bus_client_subscribe(taker, "cmd/echo/") == OK);
    cr_assert(bus_client_subscribe(taker, "evt/test/A") == OK);
    cr_assert(bus_client_send(h.client, "evt/test/A", &(Envelope){0}, NULL, 0) == OK);
    StoreQuery query = echo_query("echo", 1);
    int64_t until_us = harness_deadline(HARNESS_MS);
    bool event = false;
    harness_send(&h, &rpc_Echo_Say, &query);
    while (!event && clock_mono_us() < until_us) {
        harness_send(&h, &rpc_Echo_Say, &query); /* the next one is there before this one is taken */
        cr_assert(bus_client_recv(taker, &message, until_us) == OK);
        event = strcmp(message.topic, "evt/test/A") == 0;
        bus_message_close(&message);
    }
    cr_expect(event);
    bus_client_destroy(&taker);
    harness_stop(&h);
}

static bool s_events_dropped(void *context) {
    return harness_bus_metric(context, "events_dropped_total") > 0;
}

Test(bus, drops_events_for_a_full_subscriber_alone_and_still_answers_its_commands, .timeout = 60) {
    enum { EVENTS = 400 };
    harness_t h;
    harness_start_sized(&h, 64);
    bus_client_t *full = bus_client_new();
    cr_assert(bus_client_subscribe(full, "evt/test/A") == OK);
    cr_assert(bus_client_subscribe(full, "cmd/echo/") == OK);
    cr_assert(bus_client_subscribe(h.client, "evt/test/A") == OK);
    for (uint64_t i = 1; i <= EVENTS; i++) {
        Envelope envelope = {.message_id = i};
        bus_message_t event;
        cr_assert(bus_client_send(h.client, "evt/test/A", &envelope, NULL, 0) == OK);
        harness_recv(&h, &event);
        cr_expect_eq(event.envelope.message_id, i, "the other subscriber gets every event");
        bus_message_close(&event);
    }
    harness_until(s_events_dropped, &h, "the drop is counted");
    StoreQuery query = echo_query("echo", 1);
    uint64_t asked = harness_send(&h, &rpc_Echo_Say, &query);
    bus_message_t command;
    bool arrived = false;
    while (!arrived && bus_client_recv(full, &command, harness_deadline(HARNESS_MS)) == OK) {
        arrived = command.envelope.message_id == asked;
        bus_message_close(&command);
    }
    cr_expect(arrived, "a command comes through though events were lost");
    bus_client_destroy(&full);
    harness_stop(&h);
}

static bool s_malformed_counted(void *context) {
    return harness_bus_metric(context, "malformed_total") == 3;
}

Test(bus, drops_frames_that_are_no_message_and_goes_on, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    cr_assert(bus_client_subscribe(h.client, "evt/test/A") == OK);
    void *push = zmq_socket(zsys_init(), ZMQ_PUSH);
    cr_assert_eq(zmq_connect(push, BUS_IN_ENDPOINT), 0);
    zmq_send(push, "one frame", 10, 0);
    zmq_send(push, "no NUL", 6, ZMQ_SNDMORE);
    zmq_send(push, "", 0, ZMQ_SNDMORE);
    zmq_send(push, "", 0, 0);
    for (int i = 0; i < 5; i++)
        zmq_send(push, "evt/test/A", 11, i < 4 ? ZMQ_SNDMORE : 0);
    zmq_send(push, "evt/test/A", 11, ZMQ_SNDMORE);
    zmq_send(push, "\xff\xff\xff", 3, ZMQ_SNDMORE);
    zmq_send(push, "", 0, 0);
    zmq_close(push);
    bus_message_t message;
    cr_expect_eq(bus_client_recv(h.client, &message, harness_deadline(HARNESS_MS)), ERR_PROTOCOL,
                 "only whoever reads the envelope finds it broken");
    harness_until(s_malformed_counted, &h, "what the broker dropped is counted");
    cr_assert(bus_client_send(h.client, "evt/test/A", &(Envelope){.message_id = 5}, NULL, 0) == OK);
    harness_recv(&h, &message);
    cr_expect_eq(message.envelope.message_id, 5);
    bus_message_close(&message);
    harness_stop(&h);
}

Test(bus, starts_once_and_gives_no_client_when_it_does_not_run, .timeout = 60) {
    bus_client_t *none = bus_client_new();
    cr_expect_null(none);
    harness_t h;
    harness_start(&h);
    bus_t *second = NULL;
    cr_expect_neq(bus_start(&second), OK);
    cr_expect_null(second);
    harness_stop(&h);
    harness_start(&h); /* again after a stop */
    harness_stop(&h);
}

Test(bus, refuses_a_topic_that_is_too_long, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    char topic[BUS_TOPIC_SIZE + 1];
    memset(topic, 'x', BUS_TOPIC_SIZE);
    topic[BUS_TOPIC_SIZE] = '\0';
    cr_expect_eq(bus_client_send(h.client, topic, &(Envelope){0}, NULL, 0), ERR_INTERNAL);
    harness_stop(&h);
}
