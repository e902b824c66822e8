/* A redis-server of the test's own: Debian's binary, a temporary directory, a free loopback port.
 *
 * Every helper checks itself with criterion. The server ends with the test. One thread. */
#pragma once

typedef struct redis_s redis_t;

/* Picks the port; the server does not run yet. `password` NULL = none. */
redis_t *redis_new(const char *password);
/* Starts the server and waits until it answers. Again after redis_kill: it comes up empty. */
void redis_start(redis_t *self);
void redis_kill(redis_t *self);
/* Stops it from answering, and lets it go on; connections stay. */
void redis_pause(redis_t *self);
void redis_resume(redis_t *self);
void redis_destroy(redis_t **self_p);

/* "redis://127.0.0.1:PORT/1"; with the password, percent-encoded by the caller, where there is one. */
const char *redis_url(const redis_t *self);

/* A command in database 1, of words without blanks. The reply as text: a string, a number, "" for nil. Owned by the
 * server, until the next call. */
const char *redis_ask(redis_t *self, const char *command);
