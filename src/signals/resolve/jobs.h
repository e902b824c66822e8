/* Work on what is stored, beside the routing of signals: resolutions and clean-ups, one at a time, so that each finds
 * conflicts and held signals as the one before left them. The actor's thread. */
#pragma once

#include "signals/signals_state.h"

#define JOBS_MAX 64 /* running and waiting */

struct job_s { /* the first member of each job's own struct */
    void (*run)(actor_t *actor, job_t *self);
    void (*destroy)(job_t *self); /* also before it ran, and in its middle at the stop */
    job_t *next;
};

/* Takes the job and runs it when its turn comes. ERR_OVERLOADED: not taken. */
ERR_MUST_USE
err_t jobs_add(actor_t *actor, job_t *job);
/* The running one, whose call is answered, is destroyed, and the next one begins. */
void jobs_done(actor_t *actor, bool stopping);
void jobs_stop(signals_t *state);
