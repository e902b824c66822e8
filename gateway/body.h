/* Reading the body of a request, within its limit. On the worker's thread. */
#pragma once

#include "gateway/exchange.h"

/* Reads the whole body into worker->body, whether its length was announced or it comes in chunks.
 * ERR_BODY_TOO_LARGE beyond INTEGRATION_MAX_BODY_BYTES; ERR_MALFORMED_REQUEST when it ends early or its chunks are
 * broken; then the connection ends with the answer. */
ERR_MUST_USE
err_t body_read(exchange_t *self);

/* Before an answer that did not need the body: reads and drops what is left of it when that is little, so that the
 * connection can be kept; else the connection ends with the answer. */
void body_discard(exchange_t *self);
