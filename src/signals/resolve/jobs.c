/* A queue whose head runs. */
#include "signals/resolve/jobs.h"

err_t jobs_add(actor_t *actor, job_t *job) {
    signals_t *state = actor_state(actor);
    if (state->jobs >= JOBS_MAX)
        return ERR_OVERLOADED;
    job->next = NULL;
    if (state->last_job)
        state->last_job->next = job;
    else
        state->first_job = job;
    state->last_job = job;
    if (state->jobs++ == 0)
        job->run(actor, job);
    return OK;
}

static void s_drop_first(signals_t *state) {
    job_t *job = state->first_job;
    state->first_job = job->next;
    if (!state->first_job)
        state->last_job = NULL;
    state->jobs--;
    job->destroy(job);
}

void jobs_done(actor_t *actor, bool stopping) {
    signals_t *state = actor_state(actor);
    s_drop_first(state);
    if (state->first_job && !stopping)
        state->first_job->run(actor, state->first_job);
}

void jobs_stop(signals_t *state) {
    while (state->first_job)
        s_drop_first(state);
}
