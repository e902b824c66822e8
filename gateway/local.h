/* The rpcs that the gateway answers itself: health, what there is, documents. */
#pragma once

#include "gateway/exchange.h"

/* True when the rpc is answered here. */
bool local_answers(const rpc_t *rpc);

/* Answers it, in full. `response` is zeroed, of the rpc's response type. */
void local_answer(exchange_t *self, void *response);
