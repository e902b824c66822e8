/* The HTTP listener of one service, with its own pool of worker threads. */
#pragma once

#include "sim.h"

/* A hanging request holds a worker; past SERVER_HANGING_MAX further ones are reset, so that the controls stay in reach. */
enum { SERVER_WORKERS = 32, SERVER_HANGING_MAX = 24, SERVER_BODY_MAX = 4 << 20 };

typedef struct server server_t;

/* Listens on an IPv4 address; port 0 takes a free one. Borrows the service. NULL on failure, with a line in error. */
server_t *server_new(service_t *service, const char *host, int port, char *error, size_t error_size);

/* Lets requests in flight end, and returns when no worker is left. */
void server_destroy(server_t **self_p);

int server_port(const server_t *self);
