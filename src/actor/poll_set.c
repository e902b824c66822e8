/* Polled sockets and descriptors. */
#include "actor/poll_set.h"

#include <stdlib.h>
#include <zmq.h>

enum { FIXED = 3, FIRST_CAPACITY = 8 };

void poll_set_free(poll_set_t *self) {
    free(self->entries);
    free(self->fds);
    *self = (poll_set_t){0};
}

int poll_set_zmq_fd(void *socket) {
    int fd = -1;
    size_t size = sizeof fd;
    assert_always(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

static poll_entry_t *s_find(poll_set_t *self, const void *socket, int fd) {
    for (size_t i = 0; i < self->count; i++) {
        poll_entry_t *entry = &self->entries[i];
        if (entry->fn && entry->socket == socket && (socket || entry->fd == fd))
            return entry;
    }
    return NULL;
}

static void s_grow(poll_set_t *self) {
    self->capacity = self->capacity ? self->capacity * 2 : FIRST_CAPACITY;
    self->entries = realloc(self->entries, self->capacity * sizeof *self->entries);
    assert_always(self->entries);
}

void poll_set_add(poll_set_t *self, void *socket, int fd, short events, actor_poll_fn *fn, void *context) {
    assert_always(fn);
    poll_entry_t *entry = s_find(self, socket, fd);
    if (!entry) {
        if (self->count == self->capacity)
            s_grow(self);
        entry = &self->entries[self->count++];
        *entry = (poll_entry_t){.socket = socket, .fd = socket ? poll_set_zmq_fd(socket) : fd};
    }
    entry->events = events;
    entry->fn = fn;
    entry->context = context;
}

/* Removed entries stay in place until no dispatch goes through the array. */
static void s_compact(poll_set_t *self) {
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->entries[i].fn)
            self->entries[kept++] = self->entries[i];
    }
    self->count = kept;
}

void poll_set_remove(poll_set_t *self, const void *socket, int fd) {
    poll_entry_t *entry = s_find(self, socket, fd);
    if (!entry)
        return;
    entry->fn = NULL;
    if (!self->dispatching)
        s_compact(self);
}

static short s_zmq_ready(const poll_entry_t *entry) {
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(entry->socket, ZMQ_EVENTS, &events, &size) != 0)
        return ZMQ_POLLERR;
    return (short)(events & entry->events);
}

static short s_fd_ready(short revents) {
    short ready = 0;
    if (revents & POLLIN)
        ready |= ZMQ_POLLIN;
    if (revents & POLLOUT)
        ready |= ZMQ_POLLOUT;
    if (revents & ~(POLLIN | POLLOUT))
        ready |= ZMQ_POLLERR;
    return ready;
}

static short s_poll_events(const poll_entry_t *entry) {
    short events = 0;
    if (entry->socket || entry->events & ZMQ_POLLIN)
        events |= POLLIN;
    if (!entry->socket && entry->events & ZMQ_POLLOUT)
        events |= POLLOUT;
    return events;
}

int poll_set_wait(poll_set_t *self, const poll_fixed_t *fixed, int timeout_ms) {
    self->fds = realloc(self->fds, (FIXED + self->count) * sizeof *self->fds);
    assert_always(self->fds);
    self->fds[0] = (struct pollfd){.fd = fixed->pipe, .events = POLLIN};
    self->fds[1] = (struct pollfd){.fd = fixed->socket, .events = POLLIN};
    self->fds[2] = (struct pollfd){.fd = fixed->inbox, .events = POLLIN};
    for (size_t i = 0; i < self->count; i++) {
        const poll_entry_t *entry = &self->entries[i];
        self->fds[FIXED + i] = (struct pollfd){.fd = entry->fd, .events = s_poll_events(entry)};
        if (entry->socket && s_zmq_ready(entry))
            timeout_ms = 0;
    }
    int rc = poll(self->fds, FIXED + self->count, timeout_ms);
    for (size_t i = 0; i < self->count; i++) {
        poll_entry_t *entry = &self->entries[i];
        short revents = rc > 0 ? self->fds[FIXED + i].revents : 0;
        entry->revents = entry->socket ? s_zmq_ready(entry) : s_fd_ready(revents);
    }
    if (rc <= 0)
        return 0;
    return (self->fds[0].revents ? POLL_PIPE : 0) | (self->fds[1].revents ? POLL_SOCKET : 0) |
           (self->fds[2].revents ? POLL_INBOX : 0);
}

bool poll_set_dispatch(poll_set_t *self, actor_t *actor) {
    bool any = false;
    self->dispatching = true;
    size_t count = self->count; /* entries added meanwhile have nothing yet, and the array may move */
    for (size_t i = 0; i < count; i++) {
        short revents = self->entries[i].revents;
        self->entries[i].revents = 0;
        if (!revents || !self->entries[i].fn)
            continue;
        any = true;
        self->entries[i].fn(actor, self->entries[i].context, revents);
    }
    self->dispatching = false;
    s_compact(self);
    return any;
}
