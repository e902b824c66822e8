/* integration-service as a test runs it: a data directory of its own, free ports of loopback, settings, restarts.
 *
 * The directory and the settings outlive the process, so that a test may stop, kill and start it again. Unless a test
 * says otherwise the downstream services are at a port where nobody listens, and nothing is scheduled. Checks itself
 * with criterion. */
#pragma once

#include "program.h"
#include "rest.h"

enum { INSTANCE_SETTINGS = 48 };

typedef struct {
    char dir[64]; /* holds data/ and whatever the test puts there */
    char *settings[INSTANCE_SETTINGS + 1];
    const char *const *arguments; /* of the next start; NULL, or ends with NULL. Borrowed */
    program_t *program;           /* NULL = not started */
    rest_t rest;                  /* a client, since the last ready line */
    int port;
    char stream_url[64], replay_url[64]; /* as bound; empty = off */
} instance_t;

/* Makes the directory. `settings` (NAME=value, end with NULL, or NULL) replace the defaults of a test. */
void instance_open(instance_t *self, const char *const *settings);
void instance_set(instance_t *self, const char *setting);
/* Kills what runs, removes the directory. */
void instance_close(instance_t *self);

/* Starts the process and waits for its ready line. */
void instance_start(instance_t *self);
/* The two steps one by one. */
void instance_launch(instance_t *self);
void instance_await_ready(instance_t *self);

/* SIGTERM; returns the exit status. */
int instance_stop(instance_t *self);
/* SIGKILL. */
void instance_kill(instance_t *self);

/* instance_open and instance_start. */
void instance_begin(instance_t *self, const char *const *settings);

/* Waits until GET /readyz answers this status. */
void instance_await_readyz(instance_t *self, int status);

/* A path in the instance's directory; a buffer that the fourth call after uses again. */
const char *instance_path(const instance_t *self, const char *name);
/* Writes a file in the directory. */
void instance_write(const instance_t *self, const char *name, const char *text);

/* A body for POST /api/v1/signals/route that is valid. Owned by the caller. A NULL signal_id is left out. */
char *signal_body(const char *signal_id, const char *target, const char *symbol, const char *side);
/* Routes it, which must succeed; returns its seq. */
long long instance_route(instance_t *self, const char *signal_id, const char *target, const char *symbol,
                         const char *side);
