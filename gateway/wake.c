/* Knocking at the listener while it stops. */
#include "gateway/wake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 10000000

struct wake_s {
    pthread_t thread;
    sem_t stop;
    struct sockaddr_in address;
};

static void s_knock(const wake_t *self) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* Refused or in progress, both do: the poll has ended or the listener is gone. */
    (void)connect(fd, (const struct sockaddr *)&self->address, sizeof self->address);
    close(fd);
}

static void *s_run(void *argument) {
    wake_t *self = argument;
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PERIOD_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (sem_timedwait(&self->stop, &until) == 0)
            return NULL;
        s_knock(self);
    }
}

wake_t *wake_start(int port) {
    wake_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sem_init(&self->stop, 0, 0);
    if (pthread_create(&self->thread, NULL, s_run, self) == 0)
        return self;
    sem_destroy(&self->stop);
    free(self);
    return NULL;
}

void wake_stop(wake_t **self_p) {
    wake_t *self = *self_p;
    if (!self)
        return;
    sem_post(&self->stop);
    pthread_join(self->thread, NULL);
    sem_destroy(&self->stop);
    free(self);
    *self_p = NULL;
}
