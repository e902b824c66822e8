/* The outbox, from the side of who routes signals. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "store/store.h"

#define OUTBOX_SCOPE_SIZE   100 /* <64>/<32> */
#define OUTBOX_TOPIC_ROUTED "evt/signals/Routed"

/* Adds a delivery for each route of the signal's target to the present unit, whose op `op` has the event with which the
 * signal becomes routed. `cause` is the envelope of the request that routed it. Returns how many ops it added. */
size_t outbox_write(store_write_t *write, const config_t *config, const Signal *signal, size_t op,
                    const Envelope *cause, int64_t now_ms);

/* To be called when a write that may hold deliveries was stored. Free when no route is configured. */
void outbox_wake(actor_t *actor);
