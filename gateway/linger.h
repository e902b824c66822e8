/* Letting a peer finish sending a body that was refused. On the worker's thread. */
#pragma once

#include "gateway/exchange.h"

/* After an answer that ends the connection before its body was read: takes what the peer still sends and drops it, up
 * to 64 MiB and 5 seconds, until it pauses. Else the connection would be reset under the peer's hands, and the answer
 * lost to it. */
void linger(exchange_t *self);
