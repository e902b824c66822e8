/* A component for tests of the bus and the loop: what it does with a command is in the command.
 *
 * rpc_Echo_Say takes a StoreQuery, whose `statement` says what to do, and answers a StoreOpResult, whose
 * `affected` is the query's max_rows:
 *   echo     answers at once           created  the same, outcome CREATED
 *   refuse   refuses, with details     quick    answers inside the handler and returns ERR_PENDING
 *   keep     keeps the call            release  answers all kept calls, oldest first, then this one
 *   later    keeps it, a timer releases fail     ends the actor as failed
 *   block    blocks on the gate of echo_args_t until the test opens it
 *   publish  publishes an event evt/test/echo
 *   identity answers its principal, request id and trace as a refusal's sentence */
#pragma once

#include "actor/actor.h"
#include "integration/v1/store.pb.h"
#include <semaphore.h>
#include <stdatomic.h>

typedef struct {
    sem_t *gate;             /* of "block" */
    atomic_int *blocked;     /* counts handlers that reached the gate */
    atomic_int *drains_left; /* drain is done when it is 0; NULL = at once */
    atomic_int *drain_calls; /* how often drain was asked */
    atomic_int *stopped;     /* counts stops */
    err_t start_error;       /* what start returns */
    bool answer_at_stop;     /* stop answers the kept calls itself */
} echo_args_t;

extern const rpc_t rpc_Echo_Say;
extern const rpc_t rpc_Echo_Unknown;   /* nobody handles it */
extern const actor_class_t echo_class; /* args: echo_args_t or NULL */

StoreQuery echo_query(const char *what, uint32_t number);
