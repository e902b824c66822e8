/* What was answered to which Idempotency-Key, for one service. A key belongs to a method and a path.
 *
 * Thread safe. While the first request with a key is being handled, others with it wait. At most IDEMPOTENCY_ENTRIES
 * answers and IDEMPOTENCY_BYTES bytes are kept; the oldest go first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { IDEMPOTENCY_ENTRIES = 65536, IDEMPOTENCY_BYTES = 256 << 20, IDEMPOTENCY_WAIT_MS = 10000 };

typedef enum {
    KEY_FRESH,  /* handle it, then call idempotency_finish */
    KEY_REPLAY, /* same request as before: its answer is in the out-parameters */
    KEY_REUSED, /* the key belongs to a request with another body */
    KEY_BUSY    /* the first request is still being handled after IDEMPOTENCY_WAIT_MS */
} key_outcome_t;

typedef struct idempotency idempotency_t;

idempotency_t *idempotency_new(void);
void idempotency_destroy(idempotency_t **self_p);

/* 1-128 visible ASCII characters. */
bool idempotency_key_is_valid(const char *key);

/* On KEY_REPLAY *text (the caller frees it) and *status are set. */
key_outcome_t idempotency_begin(idempotency_t *self, const char *method, const char *path, const char *key,
                                const char *body, size_t body_size, int *status, char **text);

/* Remembers the answer when it is 2xx or 409, else frees the key. */
void idempotency_finish(idempotency_t *self, const char *method, const char *path, const char *key,
                        int status, const char *text);
