/* The loop: timers and polled descriptors and sockets, also under traffic. */
#include "echo.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <sys/eventfd.h>

typedef struct {
    atomic_int ticks, woken, received;
    int fd;
    uint64_t timer;
    void *pull;
} waiting_t;

static void s_tick(actor_t *actor, void *context) {
    (void)actor;
    atomic_fetch_add(&((waiting_t *)context)->ticks, 1);
}

static void s_woken(actor_t *actor, void *context, short revents) {
    waiting_t *self = context;
    uint64_t value;
    cr_assert(revents & ZMQ_POLLIN);
    cr_assert_eq(read(self->fd, &value, sizeof value), sizeof value);
    if (atomic_fetch_add(&self->woken, (int)value) + (int)value >= 3) {
        actor_unpoll_fd(actor, self->fd);
        actor_timer_cancel(actor, &self->timer);
    }
}

static void s_received(actor_t *actor, void *context, short revents) {
    (void)actor;
    waiting_t *self = context;
    char bytes[8];
    cr_assert(revents & ZMQ_POLLIN);
    /* One a call: what is left must be seen on the next turn. */
    cr_assert_geq(zmq_recv(self->pull, bytes, sizeof bytes, ZMQ_DONTWAIT), 0);
    atomic_fetch_add(&self->received, 1);
}

static err_t s_waiting_start(actor_t *actor, const void *args) {
    waiting_t *self = *(waiting_t *const *)args;
    actor_set_state(actor, self);
    self->timer = actor_timer_every(actor, 1, s_tick, self);
    actor_poll_fd(actor, self->fd, ZMQ_POLLIN, s_woken, self);
    self->pull = zmq_socket(zsys_init(), ZMQ_PULL);
    if (zmq_bind(self->pull, "inproc://waiting.test") != 0)
        return ERR_IO;
    actor_poll_socket(actor, self->pull, ZMQ_POLLIN, s_received, self);
    return OK;
}

static void s_waiting_stop(actor_t *actor) {
    waiting_t *self = actor_state(actor);
    actor_unpoll_socket(actor, self->pull);
    zmq_close(self->pull);
}

static const rpc_t s_waiting_rpc = {.service = "Waiting",
                                    .name = "Nod",
                                    .component = "waiting",
                                    .topic = "cmd/waiting/Nod",
                                    .request = StoreQuery_message,
                                    .response = StoreOpResult_message};

static err_t s_nod(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)actor;
    (void)call;
    ((StoreOpResult *)response)->affected = ((const StoreQuery *)request)->max_rows;
    return OK;
}

static const actor_command_t s_waiting_commands[] = {{&s_waiting_rpc, s_nod}, {NULL, NULL}};
static const actor_class_t s_waiting_class = {
    .name = "waiting", .commands = s_waiting_commands, .start = s_waiting_start, .stop = s_waiting_stop};

static bool s_ticked(void *context) {
    return atomic_load(&((waiting_t *)context)->ticks) >= 5;
}

static bool s_woken_thrice(void *context) {
    return atomic_load(&((waiting_t *)context)->woken) >= 3;
}

static bool s_received_all(void *context) {
    return atomic_load(&((waiting_t *)context)->received) >= 100;
}

Test(actor, runs_timers_and_polls_descriptors_until_told_not_to, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    waiting_t waiting = {.fd = eventfd(0, EFD_NONBLOCK)};
    waiting_t *args = &waiting;
    harness_actor(&h, &s_waiting_class, NULL, &args);
    harness_until(s_ticked, &waiting, "the timer runs");
    eventfd_write(waiting.fd, 1);
    eventfd_write(waiting.fd, 2);
    harness_until(s_woken_thrice, &waiting, "the descriptor is polled");
    /* Polled no more and the timer cancelled: nothing more happens in the turns of these commands. */
    StoreQuery query = echo_query("", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    cr_expect_eq(harness_request(&h, &s_waiting_rpc, &query, &result, NULL), OK);
    int ticks = atomic_load(&waiting.ticks);
    eventfd_write(waiting.fd, 7);
    for (int i = 0; i < 200; i++)
        cr_expect_eq(harness_request(&h, &s_waiting_rpc, &query, &result, NULL), OK);
    cr_expect_eq(atomic_load(&waiting.woken), 3);
    cr_expect_eq(atomic_load(&waiting.ticks), ticks);
    harness_stop(&h);
    close(waiting.fd);
}

Test(actor, polls_zmq_sockets_to_the_last_message, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    waiting_t waiting = {.fd = eventfd(0, EFD_NONBLOCK)};
    waiting_t *args = &waiting;
    harness_actor(&h, &s_waiting_class, NULL, &args);
    void *push = zmq_socket(zsys_init(), ZMQ_PUSH);
    cr_assert_eq(zmq_connect(push, "inproc://waiting.test"), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(zmq_send(push, "x", 1, 0), 1);
    harness_until(s_received_all, &waiting, "every message is seen");
    zmq_close(push);
    harness_stop(&h);
    close(waiting.fd);
}

typedef struct {
    atomic_bool go_on;
    atomic_int sent;
} flood_t;

static void *s_flood(void *argument) {
    flood_t *self = argument;
    bus_client_t *client = bus_client_new();
    StoreQuery query = echo_query("", 1);
    buf_t bytes = BUF_INIT;
    err_t err = message_encode(StoreQuery_message(), &query, &bytes);
    while (atomic_load(&self->go_on) && err == OK) {
        Envelope envelope = Envelope_init_zero;
        if (MESSAGE_SET(envelope.schema, "integration.v1.StoreQuery") &&
            bus_client_send(client, "cmd/waiting/Nod", &envelope, bytes.data, bytes.size) == OK)
            atomic_fetch_add(&self->sent, 1);
    }
    buf_free(&bytes);
    bus_client_destroy(&client);
    return NULL;
}

static bool s_flooded(void *context) {
    return atomic_load(&((flood_t *)context)->sent) > 20000;
}

Test(actor, runs_timers_and_stops_in_the_middle_of_traffic, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    waiting_t waiting = {.fd = eventfd(0, EFD_NONBLOCK)};
    waiting_t *args = &waiting;
    actor_handle_t *actor = harness_actor(&h, &s_waiting_class, NULL, &args);
    flood_t flood = {.go_on = true};
    pthread_t thread;
    pthread_create(&thread, NULL, s_flood, &flood);
    harness_until(s_flooded, &flood, "the traffic flows");
    atomic_store(&waiting.ticks, 0);
    harness_until(s_ticked, &waiting, "timers run under traffic");
    int64_t begin_us = clock_mono_us();
    harness_stop_actor(&h, actor, HARNESS_MS);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000);
    atomic_store(&flood.go_on, false);
    pthread_join(thread, NULL);
    harness_stop(&h);
    close(waiting.fd);
}
