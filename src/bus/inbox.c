/* A list under a lock, and an eventfd that is written only for an owner who found nothing. */
#include "bus/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct letter_s {
    frames_t frames;
    struct letter_s *next;
} letter_t;

struct inbox_s {
    int fd;
    size_t most;
    pthread_mutex_t lock;
    /* under the lock */
    letter_t *first, *last;
    size_t count;
    bool waits;    /* the owner found nothing */
    uint64_t owed; /* what was, or is about to be, added to fd and is not read from it yet */
};

inbox_t *inbox_new(size_t most) {
    inbox_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->most = most;
    self->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->fd < 0) {
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void inbox_destroy(inbox_t **self_p) {
    inbox_t *self = *self_p;
    if (!self)
        return;
    frames_t frames;
    while (inbox_take(self, &frames))
        frames_close(&frames);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

int inbox_fd(const inbox_t *self) {
    return self->fd;
}

/* False when there is no room. */
static bool s_append(inbox_t *self, letter_t *letter, bool *wake) {
    pthread_mutex_lock(&self->lock);
    bool room = self->count < self->most;
    *wake = room && self->waits;
    if (room) {
        *(self->first ? &self->last->next : &self->first) = letter;
        self->last = letter;
        self->count++;
    }
    if (*wake) {
        self->waits = false;
        self->owed++;
    }
    pthread_mutex_unlock(&self->lock);
    return room;
}

/* The owner is woken when the lock is free again: it would run into it at once. */
err_t inbox_put(inbox_t *self, frames_t *frames) {
    letter_t *letter = malloc(sizeof *letter);
    assert_always(letter);
    letter->next = NULL;
    frames_move(&letter->frames, frames);
    bool wake;
    if (!s_append(self, letter, &wake)) {
        frames_move(frames, &letter->frames);
        free(letter);
        return ERR_OVERLOADED;
    }
    if (wake)
        assert_always(eventfd_write(self->fd, 1) == 0);
    return OK;
}

/* What is about to be added may not be there yet; then it is read the next time. */
static void s_read_fd(inbox_t *self) {
    eventfd_t added;
    if (self->owed && eventfd_read(self->fd, &added) == 0)
        self->owed -= added;
}

bool inbox_take(inbox_t *self, frames_t *frames) {
    pthread_mutex_lock(&self->lock);
    letter_t *letter = self->first;
    if (letter) {
        self->first = letter->next;
        self->count--;
    } else {
        s_read_fd(self);
    }
    self->waits = !letter;
    pthread_mutex_unlock(&self->lock);
    if (!letter)
        return false;
    frames_move(frames, &letter->frames);
    free(letter);
    return true;
}
