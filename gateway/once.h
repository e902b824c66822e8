/* Idempotency-Key: the same POST sent twice is carried out once. The store remembers keys and answers. */
#pragma once

#include "gateway/exchange.h"

/* What the store knows of the key. */
typedef enum {
    ONCE_STARTED, /* new: carry the request out, then once_end */
    ONCE_REPLAY   /* answered before: `response` and `outcome`, or `fault`, hold that answer */
} once_t;

/* Fills the envelope's key, operation, body hash and time from the exchange, and dates the answer by that time. */
void once_mark(exchange_t *self, Envelope *envelope);

/* Announces the request. ERR_IDEMPOTENCY_MISMATCH, ERR_IDEMPOTENCY_IN_PROGRESS, or ERR_STORE_UNAVAILABLE, with
 * `fault` filled. With ONCE_REPLAY the result is the first answer's: OK or its error. */
ERR_MUST_USE
err_t once_begin(exchange_t *self, const Envelope *envelope, once_t *state, void *response, Outcome *outcome,
                 Fault *fault);

/* Records the answer, or forgets the key when such an answer is not kept (401, 429, 5xx). */
void once_end(exchange_t *self, const Envelope *envelope, err_t err, const void *response,
              const Fault *fault);
