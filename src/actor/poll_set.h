/* What an actor waits for: its control pipe, its bus client, and the sockets and descriptors of the component.
 * Private to src/actor.
 *
 * Waits with poll(2). A zmq socket is waited for by its ZMQ_FD, which only tells that something happened, so
 * its ZMQ_EVENTS are read before and after. Handlers may add and remove entries while being called. */
#pragma once

#include "actor/actor.h"
#include <poll.h>

typedef struct {
    void *socket; /* NULL: a descriptor */
    int fd;
    short events, revents; /* ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR */
    actor_poll_fn *fn;     /* NULL: removed */
    void *context;
} poll_entry_t;

typedef struct {
    poll_entry_t *entries;
    struct pollfd *fds; /* the fixed ones, then the entries' */
    size_t count, capacity;
    bool dispatching;
} poll_set_t;

void poll_set_free(poll_set_t *self);
void poll_set_add(poll_set_t *self, void *socket, int fd, short events, actor_poll_fn *fn, void *context);
void poll_set_remove(poll_set_t *self, const void *socket, int fd);

/* The descriptors that every actor waits for. */
typedef struct {
    int pipe, socket, inbox; /* the last two: of the bus client */
} poll_fixed_t;

/* Waits for a fixed one or an entry; returns which of the fixed ones may have something. */
enum { POLL_PIPE = 1, POLL_SOCKET = 2, POLL_INBOX = 4 };
int poll_set_wait(poll_set_t *self, const poll_fixed_t *fixed, int timeout_ms);

/* Calls the handlers of what was ready; true when there was any. */
bool poll_set_dispatch(poll_set_t *self, actor_t *actor);

/* The descriptor to poll for a zmq socket. */
int poll_set_zmq_fd(void *socket);
