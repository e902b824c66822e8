/* The way of a request: route, who asks, limits, body, message, component, answer. On the worker's thread. */
#pragma once

#include "gateway/exchange.h"

/* Carries the request that was begun to its answer. */
void dispatch(exchange_t *self);

/* Answers a request that is none (broken HTTP). `err` says why; `reason` may be NULL. */
void dispatch_refuse(exchange_t *self, err_t err, const char *reason);

/* Answers a request whose method is none of HTTP's: civetweb read no headers of it, only its line. 405 with the methods
 * of the path, 404 for an unknown path, 400 when `uri` is no path. */
void dispatch_refuse_method(exchange_t *self, const char *uri);

/* Principal, ids, trace and the deadline of the route, into a zeroed envelope. */
void dispatch_envelope(const exchange_t *self, Envelope *envelope);
