/* A service whose answers are given bytes. */
#include "canned.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CANNED_LOOK_MS = 20 };

/* Reads up to the end of the head; the bodies of tests come along with it. */
static void s_serve(canned_t *self, int fd) {
    size_t size = 0;
    ssize_t got;
    while (size < sizeof self->head - 1 &&
           (got = recv(fd, self->head + size, sizeof self->head - 1 - size, 0)) > 0) {
        size += (size_t)got;
        self->head[size] = '\0';
        if (strstr(self->head, "\r\n\r\n"))
            break;
    }
    atomic_fetch_add(&self->served, 1);
    size_t length = strlen(self->reply), sent = 0;
    while (sent < length && (got = send(fd, self->reply + sent, length - sent, MSG_NOSIGNAL)) > 0)
        sent += (size_t)got;
    shutdown(fd, SHUT_WR);
    while (recv(fd, (char[256]){0}, 256, 0) > 0)
        ; /* a close with unread bytes would reset the answer away */
    close(fd);
}

static void *s_run(void *context) {
    canned_t *self = context;
    while (!atomic_load(&self->ends)) {
        struct pollfd look = {.fd = self->listener, .events = POLLIN};
        if (poll(&look, 1, CANNED_LOOK_MS) != 1)
            continue;
        int fd = accept(self->listener, NULL, NULL);
        if (fd >= 0)
            s_serve(self, fd);
    }
    return NULL;
}

void canned_start(canned_t *self, const char *reply) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *self = (canned_t){.reply = reply};
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(self->listener >= 0 && bind(self->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
              listen(self->listener, 64) == 0 &&
              getsockname(self->listener, (struct sockaddr *)&at, &size) == 0);
    self->port = ntohs(at.sin_port);
    cr_assert_eq(pthread_create(&self->thread, NULL, s_run, self), 0);
}

void canned_stop(canned_t *self) {
    atomic_store(&self->ends, true);
    pthread_join(self->thread, NULL);
    close(self->listener);
}
