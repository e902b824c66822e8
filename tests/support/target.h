/* An HTTP server of the test's own, to which signals are delivered: it keeps every request, and answers what the test
 * says, also late. A thread for each connection. Checks itself with criterion. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { TARGET_MS = 45000 /* what must come, comes within this */ };

typedef struct target_s target_t;

/* A request as it came. */
typedef struct {
    char *head;   /* request line and headers */
    json_t *body; /* NULL: it is no JSON */
    long long at_ms;
    const char *key, *signal_id, *symbol; /* Idempotency-Key, and of the body; "" = none */
} target_request_t;

/* What to answer to request number `index`, from 0: a status, and in `headers` (empty) lines with \r\n. 0: hang until
 * target_release. On a thread of the target's. */
typedef int(target_answer_fn)(const target_request_t *request, size_t index, char headers[256]);

target_t *target_start(target_answer_fn *answer); /* NULL: 200 to all */
void target_stop(target_t **self_p);
int target_port(const target_t *self);
/* Those that hang are closed without an answer; later ones get 200. */
void target_release(target_t *self);

/* Requests that came so far; and the one with that index, which stays until the stop. */
size_t target_count(target_t *self);
const target_request_t *target_at(target_t *self, size_t index);
/* How many came with that symbol; "" = all. */
size_t target_count_of(target_t *self, const char *symbol);
/* Waits until so many came. */
void target_await(target_t *self, size_t count);
/* The value of a header, "" = none; a buffer that the fourth call after uses again. */
const char *target_header(const target_request_t *request, const char *name);
