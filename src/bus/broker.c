/* The broker's thread, by which events reach all their subscribers.
 *
 * It takes a batch from PULL, forwards it through an XPUB, then reads the subscriptions that have come and acknowledges
 * them. It waits with poll(2) on ZMQ_FD, which is right because a socket is read until it has nothing more before each
 * wait. */
#include "bus/broker.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "bus/fault.h"
#include "bus/frames.h"
#include "bus/post.h"
#include "tables.gen.h"
#include <czmq.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define BUS_CONTROL_ENDPOINT "inproc://bus.control"
enum { BATCH = 64, IDLE_POLL_MS = 1000, STOP_TIMEOUT_S = 10, WARN_EVERY_US = 1000000 };

typedef atomic_uint_fast64_t counter_t;

struct bus_s {
    pthread_t thread;
    void *parent;                /* control, the starter's end */
    void *control, *in, *events; /* the broker thread's */
    frames_t batch[BATCH];
    int64_t warned_us;
    counter_t forwarded, events_dropped, malformed;
};

static atomic_int s_hwm; /* of the running bus; 0: none runs */

int broker_hwm(void) {
    return atomic_load(&s_hwm);
}

static void s_count(counter_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* What is refused in masses is logged once a second; the counters have all of it. */
static void s_warn(bus_t *self, const char *msg, const char *topic) {
    int64_t now = clock_mono_us();
    if (self->warned_us && now - self->warned_us < WARN_EVERY_US)
        return;
    self->warned_us = now;
    log_warning(msg, LOG_STR("topic", topic));
}

/* Tried without loss first, to learn that somebody is full; then sent to all others. */
static void s_forward(bus_t *self, frames_t *frames) {
    s_count(&self->forwarded);
    if (frames_send(frames, self->events) == OK)
        return;
    s_count(&self->events_dropped);
    s_warn(self, "a subscriber is full and loses events", frames_topic(frames));
    zmq_setsockopt(self->events, ZMQ_XPUB_NODROP, &(int){0}, sizeof(int));
    if (frames_send(frames, self->events) != OK)
        frames_close(frames);
    zmq_setsockopt(self->events, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int));
}

/* An acknowledgement that finds its subscriber full is lost; the client asks again. */
static void s_acknowledge(bus_t *self, const char *topic, size_t length) {
    char text[BUS_TOPIC_SIZE];
    if (length >= sizeof text)
        return;
    memcpy(text, topic, length);
    text[length] = '\0';
    frames_t frames;
    if (frames_make(&frames, text, &(Envelope)Envelope_init_zero, NULL, 0) == OK &&
        frames_send(&frames, self->events) != OK)
        frames_close(&frames);
}

/* Reads the subscription messages to their end: 1 or 0, then the prefix. */
static void s_read_subscriptions(bus_t *self) {
    static const size_t ack_length = sizeof BUS_ACK_PREFIX - 1;
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, self->events, ZMQ_DONTWAIT) >= 0) {
        const char *bytes = zmq_msg_data(&message);
        size_t size = zmq_msg_size(&message);
        if (size > ack_length + 1 && bytes[0] == 1 && memcmp(bytes + 1, BUS_ACK_PREFIX, ack_length) == 0)
            s_acknowledge(self, bytes + 1, size - 1);
    }
    zmq_msg_close(&message);
}

/* Returns how many messages it took: fewer than BATCH means that there are no more. */
static int s_take_batch(bus_t *self) {
    int count = 0;
    while (count < BATCH) {
        err_t err = frames_recv(&self->batch[count], self->in, ZMQ_DONTWAIT);
        if (err == ERR_PROTOCOL)
            s_count(&self->malformed);
        else if (err != OK)
            break;
        else
            count++;
    }
    return count;
}

static void s_forward_batch(bus_t *self) {
    int count;
    do {
        count = s_take_batch(self);
        for (int i = 0; i < count; i++)
            s_forward(self, &self->batch[i]);
        s_read_subscriptions(self);
    } while (count == BATCH);
}

static int s_fd(void *socket) {
    int fd = -1;
    size_t size = sizeof fd;
    assert_always(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

static void *s_run(void *argument) {
    bus_t *self = argument;
    pthread_setname_np(pthread_self(), "bus");
    log_set_component("bus");
    struct pollfd fds[] = {{.fd = s_fd(self->control), .events = POLLIN},
                           {.fd = s_fd(self->in), .events = POLLIN},
                           {.fd = s_fd(self->events), .events = POLLIN}};
    char stop;
    while (zmq_recv(self->control, &stop, sizeof stop, ZMQ_DONTWAIT) < 0) {
        s_forward_batch(self);
        poll(fds, sizeof fds / sizeof *fds, IDLE_POLL_MS);
    }
    s_forward_batch(self);
    return NULL;
}

/* Closing is left to a thread of libzmq's; unbound, the name is free at once. */
static void s_unbind(void **socket_p, const char *endpoint) {
    if (!*socket_p)
        return;
    zmq_unbind(*socket_p, endpoint);
    zmq_close(*socket_p);
    *socket_p = NULL;
}

static void *s_bind(int type, const char *endpoint, int hwm) {
    void *socket = zmq_socket(zsys_init(), type);
    if (!socket)
        return NULL;
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, type == ZMQ_PULL ? ZMQ_RCVHWM : ZMQ_SNDHWM, &hwm, sizeof hwm);
    if (type == ZMQ_XPUB) {
        /* Room for every subscription message of a burst: one that is lost would be a lost subscriber. */
        zmq_setsockopt(socket, ZMQ_RCVHWM, &(int){0}, sizeof(int));
        zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int));
        zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &(int){1}, sizeof(int));
    }
    if (zmq_bind(socket, endpoint) != 0) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

static bool s_connect_control(bus_t *self) {
    self->parent = s_bind(ZMQ_PAIR, BUS_CONTROL_ENDPOINT, 2);
    self->control = zmq_socket(zsys_init(), ZMQ_PAIR);
    return self->parent && self->control && zmq_connect(self->control, BUS_CONTROL_ENDPOINT) == 0;
}

static void s_free(bus_t **self_p) {
    bus_t *self = *self_p;
    if (self->control)
        zmq_close(self->control);
    s_unbind(&self->parent, BUS_CONTROL_ENDPOINT);
    s_unbind(&self->in, BUS_IN_ENDPOINT);
    s_unbind(&self->events, BUS_EVENTS_ENDPOINT);
    free(self);
    *self_p = NULL;
}

err_t bus_start_sized(bus_t **self_p, int hwm) {
    assert_always(hwm >= 2);
    bus_t *self = calloc(1, sizeof *self);
    assert_always(self);
    zsys_init();
    zsys_handler_set(NULL); /* signals are main's */
    self->in = s_bind(ZMQ_PULL, BUS_IN_ENDPOINT, hwm / 2);
    self->events = s_bind(ZMQ_XPUB, BUS_EVENTS_ENDPOINT, hwm / 2);
    if (!self->in || !self->events || !s_connect_control(self) ||
        pthread_create(&self->thread, NULL, s_run, self) != 0) {
        log_error("the bus could not start", LOG_STR("reason", zmq_strerror(zmq_errno())));
        s_free(&self);
        return ERR_INTERNAL;
    }
    post_reset_counts();
    atomic_store(&s_hwm, hwm);
    *self_p = self;
    return OK;
}

err_t bus_start(bus_t **self_p) {
    return bus_start_sized(self_p, BUS_HWM);
}

void bus_stop(bus_t **self_p) {
    if (!*self_p)
        return;
    atomic_store(&s_hwm, 0);
    assert_always(zmq_send((*self_p)->parent, "", 1, ZMQ_DONTWAIT) == 1);
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += STOP_TIMEOUT_S;
    /* The broker never blocks: not ending is a defect. */
    assert_always(pthread_timedjoin_np((*self_p)->thread, NULL, &deadline) == 0);
    s_free(self_p);
}

static void s_metric(ComponentStatus *out, const char *name, const char *help, uint64_t value) {
    status_add_metric(out, "counter", name, help, (double)value, NULL, NULL);
}

static uint64_t s_get(const counter_t *counter) {
    return atomic_load((counter_t *)counter);
}

void bus_describe(const bus_t *self, ComponentStatus *out) {
    post_counts_t post = post_counts();
    snprintf(out->name, sizeof out->name, "bus");
    status_set(out, "running", NULL);
    s_metric(out, "forwarded_total", "Messages passed on.", s_get(&self->forwarded) + post.delivered);
    s_metric(out, "no_subscriber_total", "Commands that no component took.", post.no_subscriber);
    s_metric(out, "overloaded_total", "Commands refused because the component was full.", post.overloaded);
    s_metric(out, "replies_dropped_total", "Replies dropped because the asker was full.",
             post.replies_dropped);
    s_metric(out, "events_dropped_total", "Times that a subscriber was found full; it then lost events.",
             s_get(&self->events_dropped));
    s_metric(out, "malformed_total", "Frames that were no message.",
             s_get(&self->malformed) + post.malformed);
}
