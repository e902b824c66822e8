/* CleanUpSignals: what is past its expiry becomes expired, in steps; held signals too, with their conflicts. Each write is
 * made alone, so that no decision rests on what it changes. */
#include "base/clock.h"
#include "message/message.h"
#include "signals/commit.h"
#include "signals/conflict_row.h"
#include "signals/resolve/docket.h"
#include "signals/resolve/jobs.h"
#include "signals/signal_change.h"
#include "signals/stats/stats.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { STEP_SIGNALS = 5000, STEP_HELD = 200, CONFLICTS_MOST = 1000, RETRY_SECONDS = 1 };
#define WRITE_LIMIT_US 20000000

typedef struct {
    job_t job;
    call_t *call;
    int64_t now_ms;
    uint64_t cleaned;
    docket_t docket;  /* held signals of this step, with their open conflicts */
    member_t *asking; /* whose conflicts are being read */
} cleanup_t;

static void s_step(actor_t *actor, cleanup_t *self);
static void s_begin_held(actor_t *actor, cleanup_t *self);

static void s_destroy(job_t *job) {
    cleanup_t *self = (cleanup_t *)job;
    docket_free(&self->docket);
    free(self);
}

static void s_fail(actor_t *actor, cleanup_t *self, err_t err) {
    if (err_http_status(err) == 503)
        call_retry_after(self->call, RETRY_SECONDS);
    call_fail(actor, &self->call, err);
    jobs_done(actor, err == ERR_SHUTTING_DOWN);
}

static void s_finish(actor_t *actor, cleanup_t *self) {
    const signals_t *state = actor_state(actor);
    CleanUpSignalsReply reply = {.cleaned = self->cleaned,
                                 .active_remaining = scope_index_count(state->index),
                                 .timestamp = self->now_ms};
    call_reply(actor, &self->call, &reply);
    jobs_done(actor, false);
}

static void s_send(actor_t *actor, cleanup_t *self, store_write_t **write, actor_reply_fn *reply) {
    actor_request_options_t options = {.deadline_us = clock_mono_us() + WRITE_LIMIT_US,
                                       .on_behalf = self->call};
    store_commit(actor, write, &options, reply, self);
}

/* --- active signals -------------------------------------------------------------------------- */

static void s_on_expired(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    const signals_t *state = actor_state(actor);
    cleanup_t *self = context;
    const StoreWritten *written = response;
    int64_t affected = 0;
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        err = err_from_name(written->units[0].code);
    if (err == OK) {
        affected = written->units[0].ops[0].affected;
        scope_index_expire(state->index, self->now_ms, SIZE_MAX);
    }
    self->cleaned += (uint64_t)affected;
    signal_stats_note(state->stats, TALLY_EXPIRED, (uint64_t)affected);
    if (err != OK)
        s_fail(actor, self, err);
    else if (affected < STEP_SIGNALS)
        s_begin_held(actor, self);
    else
        s_step(actor, self);
    if (err != ERR_SHUTTING_DOWN)
        commit_alone_end(actor);
}

static void s_expire(actor_t *actor, void *context) {
    cleanup_t *self = context;
    store_write_t *write = store_write_new();
    store_write_op(write, "signals_expire", "ii", self->now_ms, (int64_t)STEP_SIGNALS);
    s_send(actor, self, &write, s_on_expired);
}

static void s_step(actor_t *actor, cleanup_t *self) {
    commit_alone(actor, s_expire, self);
}

/* --- held signals ---------------------------------------------------------------------------- */

static bool s_count_stored(signal_stats_t *stats, cleanup_t *self, const StoreWritten *written) {
    bool all = true;
    for (size_t i = 0; i < written->units_count; i++) {
        bool stored = strcmp(written->units[i].code, "OK") == 0;
        self->cleaned += stored;
        signal_stats_note(stats, TALLY_EXPIRED, stored);
        all = all && stored;
    }
    return all;
}

static void s_note_closed(signal_stats_t *stats, const cleanup_t *self) {
    for (size_t i = 0; i < self->docket.count; i++)
        signal_stats_note(stats, TALLY_CONFLICTS_RESOLVED,
                          self->docket.disputes[i]->conflict.resolution != NULL);
}

static void s_on_held_expired(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    (void)fault;
    cleanup_t *self = context;
    const signals_t *state = actor_state(actor);
    if (err == OK && !s_count_stored(state->stats, self, response))
        err = ERR_CONFLICT; /* somebody else changes the same rows */
    if (err == OK) {
        s_note_closed(state->stats, self);
        s_begin_held(actor, self);
    } else {
        s_fail(actor, self, err);
    }
    if (err != ERR_SHUTTING_DOWN)
        commit_alone_end(actor);
}

static void s_expire_one(cleanup_t *self, store_write_t *write, const member_t *member) {
    const Signal *signal = &member->signal;
    const char *traceparent = call_envelope(self->call)->traceparent;
    candidate_t candidate;
    candidate_of(signal, &candidate);
    stored_signal_t stored = {.of = &candidate,
                              .seq = signal->seq,
                              .target = signal->target,
                              .symbol = signal->has_symbol ? signal->symbol : NULL,
                              .status = "held"};
    signal_change_status(write, &stored, "expired", NULL, self->now_ms, traceparent);
    for (dispute_t *dispute; (dispute = docket_open_of(&self->docket, signal->signal_id));) {
        conflict_close(&dispute->conflict, "remove_expired", NULL, signal->signal_id, self->now_ms,
                       "closed: the signal that was held for it has expired");
        conflict_row_resolve(write, &dispute->conflict, self->now_ms, traceparent);
    }
}

static void s_expire_held(actor_t *actor, void *context) {
    cleanup_t *self = context;
    store_write_t *write = store_write_new();
    for (const member_t *member = docket_next(&self->docket, NULL); member;
         member = docket_next(&self->docket, member)) {
        store_write_unit(write);
        s_expire_one(self, write, member);
    }
    s_send(actor, self, &write, s_on_held_expired);
}

static void s_ask_conflicts(actor_t *actor, cleanup_t *self);

static void s_on_conflicts(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)fault;
    cleanup_t *self = context;
    if (err == OK)
        err = docket_add_conflicts(&self->docket, response, false);
    if (err == OK)
        s_ask_conflicts(actor, self);
    else
        s_fail(actor, self, err);
}

static void s_ask_conflicts(actor_t *actor, cleanup_t *self) {
    self->asking = docket_next(&self->docket, self->asking);
    if (!self->asking) {
        commit_alone(actor, s_expire_held, self);
        return;
    }
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, "conflicts_open_of_newcomer", CONFLICTS_MOST, &options, s_on_conflicts, self, "s",
                self->asking->signal.signal_id);
}

static void s_on_held(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    cleanup_t *self = context;
    const StoreRows *rows = response;
    if (err == OK)
        err = docket_add_members(&self->docket, rows);
    if (err != OK)
        s_fail(actor, self, err);
    else if (rows->rows_count == 0)
        s_finish(actor, self);
    else
        s_ask_conflicts(actor, self);
}

static void s_begin_held(actor_t *actor, cleanup_t *self) {
    docket_free(&self->docket);
    docket_init(&self->docket);
    self->asking = NULL;
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, "signals_held_expired", STEP_HELD, &options, s_on_held, self, "ii", self->now_ms,
                (int64_t)STEP_HELD);
}

/* --- the command ----------------------------------------------------------------------------- */

static void s_run(actor_t *actor, job_t *job) {
    cleanup_t *self = (cleanup_t *)job;
    self->now_ms = clock_wall_ms();
    s_step(actor, self);
}

err_t cleanup_signals(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    cleanup_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->job = (job_t){.run = s_run, .destroy = s_destroy};
    self->call = call;
    err_t err = jobs_add(actor, &self->job);
    if (err == OK)
        return ERR_PENDING;
    s_destroy(&self->job);
    call_retry_after(call, RETRY_SECONDS);
    return err;
}
