/* Makes the listener's thread notice a stop at once.
 *
 * civetweb's master thread looks at its stop flag only when its poll ends, up to two seconds later (its
 * SOCKET_TIMEOUT_QUANTUM); a connection from here ends the poll. */
#pragma once

typedef struct wake_s wake_t;

/* Starts connecting to 127.0.0.1:port, again and again, from a thread of its own. NULL when that cannot be had:
 * the stop then takes its two seconds. */
wake_t *wake_start(int port);
void wake_stop(wake_t **self_p);
