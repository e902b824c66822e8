/* Idempotency keys whose first request is still running.
 *
 * They live in memory alone, so a crash releases them; that an answer is recorded once is the table's doing. Bounded.
 * Owned by one thread. */
#pragma once

#include "base/err.h"
#include <stdint.h>

#define RUNNING_KEYS_MAX 65536

typedef struct {
    const char *principal, *operation, *key;
} idempotency_key_t;

typedef struct running_keys_s running_keys_t;
running_keys_t *running_keys_new(void);
void running_keys_destroy(running_keys_t **self_p);

/* True, with the hash of its body, when the key is running. */
bool running_keys_find(const running_keys_t *self, idempotency_key_t key, uint64_t *body_hash);
/* ERR_OVERLOADED when there are too many. The key must not be running. */
ERR_MUST_USE
err_t running_keys_add(running_keys_t *self, idempotency_key_t key, uint64_t body_hash, int64_t now_us);
void running_keys_remove(running_keys_t *self, idempotency_key_t key);
/* Removes those begun before that: whoever began them has given up. */
void running_keys_expire(running_keys_t *self, int64_t before_us);
