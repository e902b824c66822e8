/* The socket behind a connection of the HTTP library, which does not show it: needed to notice that a client has left
 * and to reset a connection. */
#pragma once

#include <stdbool.h>

/* The connected TCP socket of this process with these ports, -1 when there is none. The caller must be the one that
 * serves it, or it may be closed meanwhile. */
int socket_of(int local_port, int remote_port);

/* Waits at most ms for the peer to close; true when it has. */
bool socket_peer_left(int fd, int ms);

/* Breaks the connection with a reset at once; the descriptor stays open. */
void socket_reset(int fd);

/* Ends reading on the listener and every connection of the local port, which wakes whoever waits for the next connection
 * or request. */
void socket_end_reading(int local_port);
