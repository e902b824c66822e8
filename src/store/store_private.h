/* The builder's inside, for the store's own writes. */
#pragma once

#include "store/store.h"

/* Takes the message out of the builder, which is gone after. Released with message_release (StoreWrite). */
StoreWrite store_write_take(store_write_t **self_p);

/* Encodes parameters by a format string of store.h. */
void store_params_encode(buf_t *out, const char *format, va_list args);

/* store_query with parameters that are encoded already. */
void store_query_encoded(actor_t *self, const char *statement, uint32_t max_rows, buf_t *params,
                         const actor_request_options_t *options, actor_reply_fn *reply, void *context);

/* The op that keeps `payload` as the first answer of a key; `statement` is one of idempotency_answer, _early, _final. */
size_t store_write_answer_op(store_write_t *self, const char *statement, const Envelope *envelope,
                             const char *schema, const void *payload, size_t size, Outcome outcome);

#define IDEMPOTENCY_KEPT_MS (24 * 3600 * 1000LL)
