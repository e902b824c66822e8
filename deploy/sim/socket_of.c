/* Finds the sockets of this process by their ports. */
#include "socket_of.h"

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int s_port(int fd, int (*name)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (name(fd, (struct sockaddr *)&address, &size) != 0 || address.sin_family != AF_INET)
        return -1;
    return ntohs(address.sin_port);
}

static int s_local(int fd, struct sockaddr *address, socklen_t *size) {
    return getsockname(fd, address, size);
}

static int s_remote(int fd, struct sockaddr *address, socklen_t *size) {
    return getpeername(fd, address, size);
}

/* Calls each with every socket on the local port (remote port -1 = not connected) until it returns true. */
static int s_find(int local_port, bool (*each)(int fd, int remote_port, int wanted), int wanted) {
    DIR *dir = opendir("/proc/self/fd");
    int found = -1;
    for (struct dirent *item = dir ? readdir(dir) : NULL; item && found < 0; item = readdir(dir)) {
        int fd = atoi(item->d_name);
        if (s_port(fd, s_local) == local_port && each(fd, s_port(fd, s_remote), wanted))
            found = fd;
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool s_is_wanted(int fd, int remote_port, int wanted) {
    (void)fd;
    return remote_port == wanted;
}

static bool s_shut(int fd, int remote_port, int wanted) {
    (void)remote_port;
    (void)wanted;
    shutdown(fd, SHUT_RD);
    return false;
}

int socket_of(int local_port, int remote_port) {
    return s_find(local_port, s_is_wanted, remote_port);
}

bool socket_peer_left(int fd, int ms) {
    struct pollfd item = {.fd = fd, .events = POLLRDHUP};
    return poll(&item, 1, ms) > 0;
}

/* Connecting to no family dissolves the connection, and Linux tells the peer by a reset. */
void socket_reset(int fd) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    (void)connect(fd, &none, sizeof none);
}

void socket_end_reading(int local_port) {
    s_find(local_port, s_shut, 0);
}
