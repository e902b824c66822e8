/* A component for tests of the gateway: stands in for a real one and answers every routed rpc that it owns.
 *
 * RouteSignal does what the signal's `target` says:
 *   echo     answers routed, with the signal_id     refuse   409 CONFLICT with a detail and Retry-After 7
 *   defect   fails with INTERNAL                    keep     answers when `release` comes, or at the stop
 *   release  answers all kept ones, then itself
 * Every other rpc is answered with an empty response. */
#pragma once

#include "actor/actor.h"

/* The class for a component's name; one at a time a name. Never NULL. */
const actor_class_t *answerer_class(const char *component);

/* Commands taken so far, and those kept now, over all of them. Any thread. */
int answerer_handled(void);
int answerer_kept(void);
/* The envelope of the last command. When no command is being handled. */
const Envelope *answerer_last(void);
