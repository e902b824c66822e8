/* The test controls of a service, under /_sim/ on its own port: faults and the log of requests.
 *
 * PUT /_sim/faults {…}             adds a fault (see faults.h) and answers with the active ones
 * GET, DELETE /_sim/faults         shows them; clears them and releases what hangs
 * GET /_sim/requests[?since=SEQ]   the requests after that number and the side effects so far (see reqlog.h)
 * DELETE /_sim/requests            forgets both */
#pragma once

#include "sim.h"

#define CONTROL_PREFIX "/_sim"

bool control_is_for(const request_t *request);

/* The reply is rendered. Faults and the log do not touch these requests. */
reply_t control_respond(service_t *self, request_t *request);
