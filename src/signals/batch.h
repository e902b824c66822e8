/* What the signals of one body have to do with each other: repetitions, and groups that stand or fall together.
 * Pure. */
#pragma once

#include "signals/route.h"

/* After all items were admitted: finds items that name the same signal_id, or source and dedup_key, as an earlier one
 * (TWIN when they say the same, else REFUSED), and links the members of each group_id. */
void batch_bind(route_t *self, const RouteSignalRequest *requests);

/* Refuses the OPEN members of every group that has a refused member. */
void batch_settle_groups(route_t *self);
