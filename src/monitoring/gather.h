/* Asking every part for its state, side by side. Actor's thread. */
#pragma once

#include "monitoring/monitoring.h"
#include "monitoring/parts.h"

#define GATHER_MS 500

typedef struct gather_s gather_t;
struct gather_s {
    actor_t *actor;
    call_t *call; /* of whoever wants to know */
    void (*done)(gather_t *self);
    size_t open; /* answers that have not come */
    ComponentStatus states[PART_COUNT];
};

/* Asks; `done` answers the call when all have answered or GATHER_MS have passed, and the rest is stopped. The call is
 * kept meanwhile: return ERR_PENDING. */
void gather_start(actor_t *actor, const monitoring_args_t *args, call_t *call, void (*done)(gather_t *self));
