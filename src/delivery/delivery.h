/* The delivery component: routed signals to the HTTP targets of `signal_routes`, through an outbox.
 *
 * Takes     ListDeliveries, RetryDelivery
 * Hears     evt/signals/Routed (outbox.h): there may be something to send; evt/store/State
 * Publishes nothing
 * Owns      the table deliveries, but for its rows' insertion, which is part of the write that routes the signal
 *
 * Each routed signal is POSTed to each url of its target as the Signal that was published when it was routed, with
 * Idempotency-Key: signal_id at every attempt. In order per scope (target and symbol) and url: the next one goes when
 * the one before is delivered or dead. Scopes go on side by side, DELIVERY_IN_FLIGHT at once for a url.
 *
 *   2xx                                  delivered
 *   no answer, time-out, 408 425 429 5xx tried again, after an exponential delay with full jitter, at least what
 *                                        Retry-After says; dead after max_attempts
 *   any other status                     dead at once: the same body would be refused again, and would hold up its scope
 *
 * Each url has a circuit (services/breaker.h): while it is open nothing is sent and no attempts are used up. An outcome
 * is committed before the scope goes on; what was sent without that, at a crash, is sent again. Rows carry their url: they
 * are delivered also when the configuration does not name it any more. Expired and superseded signals are delivered like
 * all others, with the body of the time when they were routed.
 *
 * In memory are the scopes that wait, at most LANES_MOST a url (the others are read from the store when there is room),
 * and at most DELIVERY_IN_FLIGHT signals a url. */
#pragma once

#include "actor/actor.h"

#define DELIVERY_IN_FLIGHT  16    /* a url */
#define DELIVERY_TIMEOUT_MS 10000 /* of an attempt; ADAPTER_TIMEOUT_MS when that is less */

extern const actor_class_t delivery_class;
