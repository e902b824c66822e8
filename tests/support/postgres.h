/* A PostgreSQL server of the test's own: Debian's binaries, a temporary directory, a free loopback port.
 *
 * initdb refuses root, so as root it runs as the user postgres, else as who the test is; it runs once for a build
 * tree, and each test gets a copy of the cluster. The settings are the
 * server's defaults, fsync included. Every helper checks itself with criterion. The server ends with the test. */
#pragma once

#include <stdbool.h>

typedef struct postgres_s postgres_t;

/* Makes the cluster and picks the port; the server does not run yet. */
postgres_t *postgres_new(void);
/* Starts the server and waits until it answers. */
void postgres_start(postgres_t *self);
/* SIGKILL to the server and all of its processes: what a power failure leaves behind. */
void postgres_kill(postgres_t *self);
/* Ends the server, removes the directory. */
void postgres_destroy(postgres_t **self_p);

/* "postgresql://postgres@127.0.0.1:PORT/postgres" */
const char *postgres_url(const postgres_t *self);
int postgres_port(const postgres_t *self);
