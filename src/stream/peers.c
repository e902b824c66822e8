/* Counting peers. */
#include "stream/peers.h"

#include "base/ids.h"
#include <czmq.h>

#define FAILURES                                                                  \
    (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

err_t peers_open(peers_t *self, void *socket) {
    char endpoint[64];
    *self = (peers_t){0};
    snprintf(endpoint, sizeof endpoint, "inproc://peers-%" PRIu64, ids_next());
    if (zmq_socket_monitor(socket, endpoint,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | FAILURES | ZMQ_EVENT_DISCONNECTED) != 0)
        return ERR_IO;
    self->monitor = zmq_socket(zsys_init(), ZMQ_PAIR);
    assert_always(self->monitor);
    zmq_setsockopt(self->monitor, ZMQ_LINGER, &(int){0}, sizeof(int));
    return zmq_connect(self->monitor, endpoint) == 0 ? OK : ERR_IO;
}

void peers_close(peers_t *self, void *socket) {
    if (!self->monitor)
        return;
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(self->monitor);
    *self = (peers_t){0};
}

/* Every connection that ends is DISCONNECTED, also one whose handshake failed; that one was not counted. */
void peers_event(peers_t *self, int event) {
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        self->admitted++;
    else if (event & FAILURES)
        self->failed++;
    else if (event == ZMQ_EVENT_DISCONNECTED && self->failed > 0)
        self->failed--;
    else if (event == ZMQ_EVENT_DISCONNECTED && self->admitted > 0)
        self->admitted--;
}

/* An event is two frames: its number (16 bits) and value (32 bits), and the address. */
void peers_read(peers_t *self) {
    uint8_t bytes[64];
    int size;
    while ((size = zmq_recv(self->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT)) >= 0) {
        uint16_t event = 0;
        int more = 0;
        size_t length = sizeof more;
        if (size >= 2)
            memcpy(&event, bytes, sizeof event);
        zmq_getsockopt(self->monitor, ZMQ_RCVMORE, &more, &length);
        if (more)
            (void)zmq_recv(self->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT);
        peers_event(self, event);
    }
}
