/* A service that says what no honest one would: it answers every request with the bytes that the test gave it.
 *
 * One connection a request. Checks itself with criterion; its thread ends with canned_stop. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    int port, listener;
    const char *reply; /* the whole HTTP response; borrowed */
    char head[4096];   /* the last request as it came, after canned_stop */
    atomic_bool ends;
    atomic_int served;
    pthread_t thread;
} canned_t;

void canned_start(canned_t *self, const char *reply);
void canned_stop(canned_t *self);
