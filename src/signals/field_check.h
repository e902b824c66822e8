/* Checks a request against the rules of its fields, and hashes what it says. Pure.
 *
 * The gateway has checked what comes over HTTP already; signals from inside of the service (a cycle's, built from
 * what another service answered) are checked here for the first time. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "message/json_codec.h"
#include <stdbool.h>

/* True when every field keeps its rule. `hash` is over the fields that were sent, defaults not filled in; equal
 * for two bodies that say the same, however their JSON was written. */
bool field_check(const RouteSignalRequest *request, uint64_t *hash, problems_t *problems);
