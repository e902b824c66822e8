/* The answers to routing requests. Pure: from the final states of the items.
 *
 * Built also before the write that stores them, for the record under an Idempotency-Key: items that are being
 * written then count as stored. */
#pragma once

#include "signals/route.h"

/* What a signal's answer is: a word of RouteSignalResult.status. */
const char *reply_status(const route_t *route, const item_t *item);

/* Borrows from the route. Not to be released. */
void reply_single(route_t *route, RouteSignalReply *reply);
/* Borrows from the route but for its list of results: reply_batch_free. */
void reply_batch(route_t *route, RouteSignalsReply *reply);
void reply_batch_free(RouteSignalsReply *reply);

/* Puts the refusal of an item into the call's answer and returns its code. */
err_t reply_refusal(call_t *call, const item_t *item);
