/* Dropping the rest of a refused body; see linger.h. */
#include "gateway/linger.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <civetweb.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINGER_BYTES (64 * 1048576LL)
#define LINGER_US    5000000
#define PAUSE_MS     500
#define SINK_BYTES   16384

static bool s_is_peer(int fd, const struct mg_request_info *info) {
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    char text[INET_ADDRSTRLEN];
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
           ntohs(peer.sin_port) == info->remote_port &&
           inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text) && strcmp(text, info->remote_addr) == 0;
}

/* civetweb does not show the socket, and waits in mg_read for as long as a request may take. -1 = not found. */
static int s_socket(const struct mg_request_info *info) {
    DIR *dir = opendir("/proc/self/fd");
    int found = -1;
    for (const struct dirent *item = dir ? readdir(dir) : NULL; item && found < 0; item = readdir(dir))
        if (s_is_peer(atoi(item->d_name), info))
            found = atoi(item->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* True when bytes, or the end, can be read without a wait that nobody bounds. */
static bool s_comes(int fd) {
    struct pollfd item = {.fd = fd, .events = POLLIN};
    return poll(&item, 1, PAUSE_MS) > 0;
}

void linger(exchange_t *self) {
    if (!self->refused_body)
        return;
    char sink[SINK_BYTES];
    int64_t until_us = clock_mono_us() + LINGER_US, dropped = 0;
    int fd = s_socket(self->info), n = 1;
    while (fd >= 0 && n > 0 && dropped < LINGER_BYTES && clock_mono_us() < until_us && s_comes(fd)) {
        n = mg_read(self->conn, sink, sizeof sink);
        dropped += n;
    }
}
