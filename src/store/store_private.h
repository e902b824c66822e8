/* The builder's inside, for the store's own writes. */
#pragma once

#include "store/store.h"

/* Takes the message out of the builder, which is gone after. Released with message_release (StoreWrite). */
StoreWrite store_write_take(store_write_t **self_p);

/* Encodes parameters by a format string of store.h. */
void store_params_encode(buf_t *out, const char *format, va_list args);

/* The op that keeps `payload` as the first answer of a key (statement idempotency_answer). */
size_t store_write_answer_op(store_write_t *self, const Envelope *envelope, const char *schema,
                             const void *payload, size_t size, Outcome outcome);

#define IDEMPOTENCY_KEPT_MS (24 * 3600 * 1000LL)
