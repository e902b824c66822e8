/* The stream: publishes every committed event to the outside, in seq order, and sends it again on request.
 *
 * Takes     GetStreamStats
 * Hears     evt/store/Committed (what to publish), evt/store/State (where the store stands), evt/config/Reloaded
 *           (the allow-list is read again)
 * Publishes nothing on the bus; to the outside, ZeroMQ PUB: topic, StreamHeader, payload
 * Owns      the PUB socket (INTEGRATION_STREAM_URL), the ROUTER socket for replay (INTEGRATION_REPLAY_URL), the
 *           admission to both (INTEGRATION_CURVE_DIR), and the mark in the store up to which all was published
 *
 * Nothing that is committed is left out: an event that did not come over the bus is seen as a gap in seq and read
 * from the store before anything later is published. The mark is stored once a second, so after a crash what was
 * committed but perhaps not published is published (again): at least once, subscribers tell by seq.
 *
 * It starts after the store actors and before those that write events, so that it stops after these. */
#pragma once

#include "actor/actor.h"

extern const actor_class_t stream_class;
