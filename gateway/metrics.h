/* The document at /metrics: the process, the requests, and what every component says of itself. */
#pragma once

#include "gateway/exchange.h"

/* Appends it. Components are asked over the bus; when they cannot be, the rest is there all the same, with
 * integration_components_reachable 0. */
void metrics_write(exchange_t *self, buf_t *out);
