/* ResolveConflicts: what was asked is checked, read from the store (docket.h), and, once no other write is under way,
 * settled (settle.h) and stored. */
#include "base/clock.h"
#include "delivery/outbox.h"
#include "message/message.h"
#include "signals/commit.h"
#include "signals/resolve/jobs.h"
#include "signals/resolve/settle.h"
#include "signals/stats/stats.h"
#include "tables.gen.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICTS_MOST = 1000 /* of a call */, IDS_OF_A_QUERY = 500, RETRY_SECONDS = 1 };
#define WRITE_LIMIT_US 20000000

typedef struct {
    job_t job;
    call_t *call;
    char **ids; /* named, each once; none: all that are open */
    size_t id_count;
    bool by_id; /* named by conflict_id alone */
    settle_t settle;
    size_t next_dispute; /* whose members are to be read; */
    size_t next_signal;  /* from this one on */
    member_t *asking;    /* whose group or conflicts are being read */
    bool asked_group;
    char *note;
    char winner_id[sizeof((Signal *)0)->signal_id];
} resolve_t;

static void s_step(actor_t *actor, resolve_t *self);

static void s_destroy(job_t *job) {
    resolve_t *self = (resolve_t *)job;
    for (size_t i = 0; i < self->id_count; i++)
        free(self->ids[i]);
    free(self->ids);
    free(self->note);
    settle_free(&self->settle);
    free(self);
}

static void s_fail(actor_t *actor, resolve_t *self, err_t err) {
    if (err_http_status(err) == 503)
        call_retry_after(self->call, RETRY_SECONDS);
    call_fail(actor, &self->call, err);
    jobs_done(actor, err == ERR_SHUTTING_DOWN);
}

/* --- reading --------------------------------------------------------------------------------- */

static err_t s_check_named(resolve_t *self) {
    const docket_t *docket = &self->settle.docket;
    const char *field = self->by_id ? "conflict_id" : "conflict_ids";
    err_t err = OK;
    for (size_t i = 0; i < self->id_count; i++) {
        bool found = false;
        for (size_t k = 0; k < docket->count && !found; k++)
            found = strcmp(docket->disputes[k]->conflict.conflict_id, self->ids[i]) == 0;
        if (!found) {
            call_problem(self->call, field, "there is no conflict %s", self->ids[i]);
            err = ERR_NOT_FOUND;
        }
    }
    for (size_t k = 0; k < docket->count && err == OK; k++)
        if (docket->disputes[k]->conflict.resolution)
            err = ERR_ALREADY_RESOLVED;
    for (size_t k = 0; k < docket->count && err == ERR_ALREADY_RESOLVED; k++)
        if (docket->disputes[k]->conflict.resolution)
            call_problem(self->call, field, "conflict %s was resolved before",
                         docket->disputes[k]->conflict.conflict_id);
    return err;
}

static void s_on_conflicts(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)fault;
    resolve_t *self = context;
    if (err == OK)
        err = docket_add_conflicts(&self->settle.docket, response, true);
    if (err == OK)
        err = s_check_named(self);
    if (err == OK)
        s_step(actor, self);
    else
        s_fail(actor, self, err);
}

static void s_on_more_conflicts(actor_t *actor, void *context, err_t err, const void *response,
                                const Fault *fault) {
    (void)fault;
    resolve_t *self = context;
    if (err == OK)
        err = docket_add_conflicts(&self->settle.docket, response, false);
    self->asking->queried = true;
    if (err == OK)
        s_step(actor, self);
    else
        s_fail(actor, self, err);
}

static void s_on_members(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    resolve_t *self = context;
    if (err == OK)
        err = docket_add_members(&self->settle.docket, response);
    if (err == OK)
        s_step(actor, self);
    else
        s_fail(actor, self, err);
}

static void s_ask_by_ids(actor_t *actor, resolve_t *self, const char *statement, json_t *ids,
                         actor_reply_fn *reply) {
    char *text = json_dumps(ids, JSON_COMPACT);
    assert_always(text);
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, statement, CONFLICTS_MOST, &options, reply, self, "s", text);
    free(text);
    json_decref(ids);
}

static void s_run(actor_t *actor, job_t *job) {
    resolve_t *self = (resolve_t *)job;
    actor_request_options_t options = {.on_behalf = self->call};
    if (!self->id_count) {
        store_query(actor, "conflicts_page_open", CONFLICTS_MOST, &options, s_on_conflicts, self, "nnnnii",
                    (int64_t)CONFLICTS_MOST, (int64_t)0);
        return;
    }
    json_t *ids = json_array();
    for (size_t i = 0; i < self->id_count; i++)
        json_array_append_new(ids, json_string(self->ids[i]));
    s_ask_by_ids(actor, self, "conflicts_by_ids", ids, s_on_conflicts);
}

/* False when all are known. */
static bool s_ask_members(actor_t *actor, resolve_t *self) {
    const docket_t *docket = &self->settle.docket;
    json_t *ids = json_array();
    for (; self->next_dispute < docket->asked; self->next_dispute++, self->next_signal = 0) {
        const Conflict *conflict = &docket->disputes[self->next_dispute]->conflict;
        while (self->next_signal < conflict->signals_count && json_array_size(ids) < IDS_OF_A_QUERY) {
            const char *id = conflict->signals[self->next_signal++].signal_id;
            if (!docket_member(docket, id))
                json_array_append_new(ids, json_string(id));
        }
        if (json_array_size(ids) == IDS_OF_A_QUERY)
            break;
    }
    if (!json_array_size(ids)) {
        json_decref(ids);
        return false;
    }
    s_ask_by_ids(actor, self, "signals_by_ids", ids, s_on_members);
    return true;
}

/* Who is held is a newcomer of the call, or a member of the group of one. */
static member_t *s_next_held(const docket_t *docket) {
    for (member_t *member = docket_next(docket, NULL); member; member = docket_next(docket, member))
        if (!member->queried && strcmp(member->signal.status, "held") == 0)
            return member;
    return NULL;
}

/* First its group, whose members then have their turn; then its open conflicts. False when all are known. */
static bool s_ask_held(actor_t *actor, resolve_t *self) {
    actor_request_options_t options = {.on_behalf = self->call};
    if (!self->asking || self->asking->queried) {
        self->asking = s_next_held(&self->settle.docket);
        self->asked_group = false;
    }
    if (!self->asking)
        return false;
    const Signal *signal = &self->asking->signal;
    if (signal->has_group_id && !self->asked_group) {
        self->asked_group = true;
        store_query(actor, "signals_held_of_group", CONFLICTS_MOST, &options, s_on_members, self, "ss",
                    signal->routing_id, signal->group_id);
    } else {
        store_query(actor, "conflicts_open_of_newcomer", CONFLICTS_MOST, &options, s_on_more_conflicts, self,
                    "s", signal->signal_id);
    }
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

static void s_reply(actor_t *actor, resolve_t *self) {
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero;
    settle_reply(&self->settle, &reply);
    call_reply(actor, &self->call, &reply);
    free(reply.resolutions);
    jobs_done(actor, false);
}

/* The one conflict that was named keeps being open: that is a refusal. */
static err_t s_refusal(resolve_t *self) {
    const settle_t *settle = &self->settle;
    if (self->id_count != 1 || settle->failed != 1)
        return OK;
    if (settle->refusal != ERR_VALIDATION_FAILED)
        return call_explain(self->call, settle->refusal, "%s", settle->docket.disputes[0]->failure->reason);
    call_problem(self->call, "winner_signal_id", "must be a live member of the conflict, one of: %s",
                 buf_str(&settle->live_members));
    return ERR_VALIDATION_FAILED;
}

static void s_finish(actor_t *actor, resolve_t *self) {
    err_t err = s_refusal(self);
    if (err == OK)
        s_reply(actor, self);
    else
        s_fail(actor, self, err);
}

static void s_note(const signals_t *state, const settle_t *settle) {
    signal_stats_note(state->stats, TALLY_CONFLICTS_DETECTED, settle->found);
    signal_stats_note(state->stats, TALLY_CONFLICTS_RESOLVED,
                      settle->resolved + settle->closed + settle->found);
    signal_stats_note(state->stats, TALLY_SUPERSEDED, settle->superseded);
}

static void s_on_written(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    resolve_t *self = context;
    settle_done(&self->settle, err == OK ? response : NULL);
    if (err == OK)
        s_note(actor_state(actor), &self->settle);
    if (err != OK || self->settle.failed_units)
        call_answer_lost(self->call);
    if (commit_outcome_unknown(err))
        signals_load(actor);
    if (err == OK) {
        outbox_wake(actor);
        s_finish(actor, self);
    } else {
        s_fail(actor, self, err);
    }
    if (err != ERR_SHUTTING_DOWN)
        commit_alone_end(actor);
}

static void s_write_answer(resolve_t *self) {
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero;
    settle_reply(&self->settle, &reply);
    store_write_answer(self->settle.write, self->call, &reply);
    free(reply.resolutions);
}

static void s_settle(actor_t *actor, void *context) {
    signals_t *state = actor_state(actor);
    resolve_t *self = context;
    if (!state->loaded) {
        s_fail(actor, self, call_explain(self->call, ERR_STORE_UNAVAILABLE, SIGNALS_NOT_LOADED));
        commit_alone_end(actor);
        return;
    }
    settle_run(&self->settle, state->index, &state->modes, clock_wall_ms());
    if (!self->settle.units) {
        s_finish(actor, self);
        commit_alone_end(actor);
        return;
    }
    s_write_answer(self);
    actor_request_options_t options = {.deadline_us = clock_mono_us() + WRITE_LIMIT_US,
                                       .on_behalf = self->call};
    store_commit(actor, &self->settle.write, &options, s_on_written, self);
}

static void s_step(actor_t *actor, resolve_t *self) {
    if (!s_ask_members(actor, self) && !s_ask_held(actor, self))
        commit_alone(actor, s_settle, self);
}

/* --- the command ----------------------------------------------------------------------------- */

static void s_add_id(resolve_t *self, const char *id) {
    for (size_t i = 0; i < self->id_count; i++) {
        const char *taken = self->ids[i];
        assert_always(taken);
        if (strcmp(taken, id) == 0)
            return;
    }
    char *copy = message_strdup(id);
    assert_always(copy);
    self->ids[self->id_count++] = copy;
}

static void s_take_ids(resolve_t *self, const ResolveConflictsRequest *request) {
    self->ids = calloc(request->conflict_ids_count + 1u, sizeof *self->ids);
    assert_always(self->ids);
    self->by_id = request->has_conflict_id && !request->conflict_ids_count;
    if (request->has_conflict_id)
        s_add_id(self, request->conflict_id);
    for (size_t i = 0; i < request->conflict_ids_count; i++)
        s_add_id(self, request->conflict_ids[i]);
}

static err_t s_choose_strategy(const ResolveConflictsRequest *request, call_t *call, const signals_t *state,
                               strategy_t *strategy) {
    *strategy = request->has_winner_signal_id ? STRATEGY_MANUAL : state->policy.strategy;
    if (request->has_strategy && strategy_from_name(request->strategy, strategy) != OK)
        return ERR_VALIDATION_FAILED;
    if (*strategy == STRATEGY_MANUAL && !request->has_winner_signal_id)
        call_problem(call, "winner_signal_id", "is required by the strategy manual");
    else if (*strategy != STRATEGY_MANUAL && request->has_winner_signal_id)
        call_problem(call, "winner_signal_id", "goes with the strategy manual, not with %s",
                     strategy_names[*strategy]);
    else
        return OK;
    return ERR_VALIDATION_FAILED;
}

err_t resolve_conflicts(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ResolveConflictsRequest *body = request;
    strategy_t strategy;
    err_t err = s_choose_strategy(body, call, actor_state(actor), &strategy);
    if (err != OK)
        return err;
    resolve_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->job = (job_t){.run = s_run, .destroy = s_destroy};
    self->call = call;
    s_take_ids(self, body);
    self->note = message_strdup(body->note);
    memcpy(self->winner_id, body->winner_signal_id, sizeof self->winner_id);
    settle_init(&self->settle, strategy, body->has_winner_signal_id ? self->winner_id : NULL, self->note);
    self->settle.one_unit = call_envelope(call)->idempotency_key[0] != '\0';
    self->settle.traceparent = call_envelope(call)->traceparent;
    self->settle.config = actor_config(actor);
    self->settle.cause = call_envelope(call);
    err = jobs_add(actor, &self->job);
    if (err == OK)
        return ERR_PENDING;
    s_destroy(&self->job);
    call_retry_after(call, RETRY_SECONDS);
    return err;
}
