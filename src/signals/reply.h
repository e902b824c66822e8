/* The answers to routing requests. Pure: from the final states of the items.
 *
 * Built also before the write that stores them, for the record under an Idempotency-Key: items that are being
 * written then count as stored. */
#pragma once

#include "signals/route.h"

/* What a signal's answer is: a word of RouteSignalResult.status. */
const char *reply_status(const route_t *route, const item_t *item);

/* These borrow from the route but for lists of their own: freed by their counterpart. */
void reply_single(route_t *route, RouteSignalReply *reply);
void reply_single_free(RouteSignalReply *reply);
void reply_batch(route_t *route, RouteSignalsReply *reply);
void reply_batch_free(RouteSignalsReply *reply);
void reply_simulated(route_t *route, SimulateSignalReply *reply);
void reply_simulated_free(SimulateSignalReply *reply);

/* Puts the refusal of an item into the call's answer and returns its code. */
err_t reply_refusal(call_t *call, const item_t *item);
