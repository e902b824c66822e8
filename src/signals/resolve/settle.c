/* Each conflict is a unit that rests on the one before it, as they may share signals. */
#include "signals/resolve/settle.h"

#include "base/clock.h"
#include "delivery/outbox.h"
#include "message/message.h"
#include "signals/conflict_row.h"
#include "signals/resolve/entry.h"
#include "signals/rules/conflict_report.h"
#include "signals/rules/strategy_parts.h"
#include "signals/signal_change.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A conflict while it is settled. */
typedef struct {
    dispute_t *dispute;
    member_t *newcomer; /* NULL: gone from the history */
    scope_key_t scope;
    conflict_type_t type;
    candidate_t *members; /* those that ended before they expired have an expiry_time of 0 */
    const candidate_t **list;
    size_t count;
    settlement_t settlement;
    uint32_t unit;
    bool lost;     /* the newcomer */
    entry_t entry; /* when it is about to be routed */
} case_t;

void settle_init(settle_t *self, strategy_t strategy, const char *winner_id, const char *note) {
    *self =
        (settle_t){.strategy = strategy, .winner_id = winner_id, .note = note, .started_us = clock_mono_us()};
    docket_init(&self->docket);
}

void settle_free(settle_t *self) {
    if (self->journal.count)
        journal_settle(&self->journal, NULL);
    store_write_destroy(&self->write);
    docket_free(&self->docket);
    buf_free(&self->live_members);
}

/* --- who is still there ---------------------------------------------------------------------- */

/* NULL when the member is no active signal of the scope. */
static active_t *s_active(const settle_t *self, const scope_key_t *scope, const member_t *member) {
    if (strcmp(member->signal.status, "routed") != 0 || member->signal.expiry_time <= self->now_ms)
        return NULL;
    return scope_index_find(self->journal.index, scope, member->signal.signal_id);
}

static bool s_is_held(const settle_t *self, const member_t *member) {
    return strcmp(member->signal.status, "held") == 0 && member->signal.expiry_time > self->now_ms;
}

static void s_add(settle_t *self, case_t *on, const member_t *member) {
    candidate_t *candidate = &on->members[on->count];
    const active_t *active = s_active(self, &on->scope, member);
    candidate_of(&member->signal, candidate);
    if (active)
        *candidate = *active_candidate(active);
    else if (!s_is_held(self, member) && candidate->expiry_time > self->now_ms)
        candidate->expiry_time = 0;
    on->list[on->count++] = candidate;
}

static bool s_is_listed(const case_t *on, const char *signal_id) {
    for (size_t i = 0; i < on->count; i++)
        if (strcmp(on->members[i].signal_id, signal_id) == 0)
            return true;
    return false;
}

/* Whether it was a rival when the newcomer came. */
static bool s_was_met(const case_t *on, const candidate_t *newcomer, const candidate_t *active) {
    if (active->seq >= newcomer->seq)
        return false;
    return on->type == CONFLICT_RESOURCE ? active->resources > 0
                                         : conflict_between(on->type, newcomer, active);
}

/* A conflict lists so many signals at most: the others are found where they are active. */
static void s_add_unlisted(settle_t *self, case_t *on, const candidate_t *const *active, size_t count) {
    candidate_t newcomer;
    candidate_of(&on->newcomer->signal, &newcomer);
    for (size_t i = 0; i < count; i++) {
        if (s_is_listed(on, active[i]->signal_id) || !s_was_met(on, &newcomer, active[i]))
            continue;
        if (!docket_member(&self->docket, active[i]->signal_id))
            docket_add_active(&self->docket, active[i], &on->scope);
        s_add(self, on, docket_member(&self->docket, active[i]->signal_id));
    }
}

static void s_gather(settle_t *self, case_t *on) {
    const Conflict *conflict = &on->dispute->conflict;
    size_t count = 0;
    const candidate_t *const *active = NULL;
    if (conflict->signals_count >= CONFLICT_SIGNALS_MOST && on->newcomer)
        active = scope_index_active(self->journal.index, &on->scope, self->now_ms, &count);
    on->members = calloc(conflict->signals_count + count + 1, sizeof *on->members);
    on->list = calloc(conflict->signals_count + count + 1, sizeof *on->list);
    assert_always(on->members && on->list);
    for (size_t i = 0; i < conflict->signals_count; i++) {
        const member_t *member = docket_member(&self->docket, conflict->signals[i].signal_id);
        if (member)
            s_add(self, on, member);
    }
    if (count)
        s_add_unlisted(self, on, active, count);
}

/* --- staying open ---------------------------------------------------------------------------- */

static void s_name_live(settle_t *self, const case_t *on) {
    buf_clear(&self->live_members);
    for (size_t i = 0; i < on->count; i++)
        if (on->members[i].expiry_time > self->now_ms)
            buf_printf(&self->live_members, "%s%s", self->live_members.size ? ", " : "",
                       on->members[i].signal_id);
}

static void s_drop_losers(Resolution *resolution) {
    for (size_t i = 0; i < resolution->loser_signal_ids_count; i++)
        free(resolution->loser_signal_ids[i]);
    free(resolution->loser_signal_ids);
    resolution->loser_signal_ids = NULL;
    resolution->loser_signal_ids_count = 0;
}

static void s_fail(settle_t *self, dispute_t *dispute, Resolution *resolution, err_t err,
                   const char *reason) {
    MESSAGE_PUT(resolution->resolution_result, "failed");
    resolution->has_winner_signal_id = false;
    s_drop_losers(resolution);
    if (reason) {
        free(resolution->reason);
        resolution->reason = message_strdup(reason);
    }
    dispute->failure = resolution;
    self->refusal = err;
    self->failed++;
}

static Resolution *s_take_resolution(const settle_t *self, case_t *on) {
    Resolution *resolution = message_new(Resolution_message());
    *resolution = on->settlement.resolution;
    on->settlement.resolution = (Resolution)Resolution_init_zero;
    resolution->resolution_time = (double)(clock_mono_us() - self->started_us) / 1e6;
    resolution->note = message_strdup(self->note);
    return resolution;
}

/* A newcomer that does not lose may come to be routed: the modes hold for it and for its group. */
static err_t s_check_modes(const settle_t *self, const case_t *on) {
    const Mode *mode;
    err_t err = OK;
    for (member_t *member = docket_next(&self->docket, NULL); member && err == OK;
         member = docket_next(&self->docket, member))
        if (s_is_held(self, member) && docket_same_group(member, on->newcomer))
            err = modes_check(self->modes, &member->signal, &mode);
    return err;
}

/* --- what becomes of signals ----------------------------------------------------------------- */

static stored_signal_t s_stored(const member_t *member, const candidate_t *of) {
    return (stored_signal_t){.of = of,
                             .seq = member->signal.seq,
                             .target = member->signal.target,
                             .symbol = member->signal.has_symbol ? member->signal.symbol : NULL,
                             .status = member->signal.status};
}

static size_t s_set_status(settle_t *self, member_t *member, const candidate_t *of, const char *status,
                           const char *superseded_by) {
    stored_signal_t stored = s_stored(member, of);
    size_t op =
        signal_change_status(self->write, &stored, status, superseded_by, self->now_ms, self->traceparent);
    MESSAGE_PUT(member->signal.status, status);
    return op;
}

static void s_supersede(settle_t *self, const case_t *on) {
    const settlement_t *settlement = &on->settlement;
    for (size_t i = 0; i < settlement->loser_count; i++) {
        member_t *member = docket_member(&self->docket, settlement->losers[i]->signal_id);
        active_t *active = member == on->newcomer ? NULL : s_active(self, &on->scope, member);
        if (!active)
            continue;
        s_set_status(self, member, active_candidate(active), "superseded",
                     settlement->winner ? settlement->winner->signal_id : NULL);
        journal_hide(&self->journal, on->unit, active);
    }
}

/* `active` NULL: a held one. */
static void s_set_figures(settle_t *self, const case_t *on, member_t *member, active_t *active,
                          adjustment_t to) {
    stored_signal_t stored = s_stored(member, to.of);
    signal_change_figures(self->write, &stored, &to, self->now_ms, self->traceparent);
    if (to.has_strength)
        member->signal.strength = to.strength;
    if (to.has_allocation) {
        member->signal.has_allocation = true;
        member->signal.allocation = to.allocation;
    }
    if (!active)
        return;
    to.of = active_candidate(active);
    journal_adjust(&self->journal, on->unit, &to);
}

static void s_adjust(settle_t *self, const case_t *on, const adjustment_t *to) {
    member_t *member = docket_member(&self->docket, to->of->signal_id);
    active_t *active = s_active(self, &on->scope, member);
    if (active || s_is_held(self, member))
        s_set_figures(self, on, member, active, *to);
}

/* ---- becoming active ---- */

static member_t *s_rival(settle_t *self, const entrant_t *entrant, const candidate_t *rival) {
    if (!docket_member(&self->docket, rival->signal_id))
        docket_add_active(&self->docket, rival, newcomer_scope_of(&entrant->newcomer, rival));
    return docket_member(&self->docket, rival->signal_id);
}

static void s_win(settle_t *self, const case_t *on, const entrant_t *entrant) {
    const verdict_t *verdict = entrant->verdict;
    for (size_t i = 0; i < verdict->superseded_count; i++) {
        const candidate_t *rival = verdict->superseded[i];
        active_t *active = active_of(rival);
        if (journal_hid(&self->journal, on->unit, active)) /* by another member of the group */
            continue;
        s_set_status(self, s_rival(self, entrant, rival), rival, "superseded",
                     entrant->member->signal.signal_id);
        journal_hide(&self->journal, on->unit, active);
    }
    for (size_t i = 0; i < verdict->adjustment_count; i++) {
        const adjustment_t *to = &verdict->adjustments[i];
        if (to->of == &entrant->newcomer.candidate)
            s_set_figures(self, on, entrant->member, NULL, *to);
        else if (!journal_hid(&self->journal, on->unit, active_of(to->of)))
            s_set_figures(self, on, s_rival(self, entrant, to->of), active_of(to->of), *to);
    }
}

static void s_store_found(settle_t *self, const case_t *on) {
    for (size_t i = 0; i < on->entry.count; i++) {
        const entrant_t *entrant = &on->entry.entrants[i];
        for (size_t k = 0; entrant->verdict && k < entrant->verdict->conflict_count; k++) {
            conflict_row_write(self->write, &entrant->verdict->conflicts[k],
                               entrant->member->signal.signal_id, self->traceparent);
            on->dispute->found++;
        }
    }
}

static void s_route(settle_t *self, const case_t *on, const entrant_t *entrant) {
    member_t *member = entrant->member;
    candidate_t candidate;
    candidate_scopes_t scopes;
    if (entrant->verdict)
        s_win(self, on, entrant);
    candidate_of(&member->signal, &candidate);
    candidate_scopes(&member->signal, &scopes);
    size_t op = s_set_status(self, member, &candidate, "routed", NULL);
    outbox_write(self->write, self->config, &member->signal, op, self->cause, self->now_ms);
    journal_add(&self->journal, on->unit, &candidate, &scopes);
    candidate_scopes_free(&scopes);
}

static void s_close(settle_t *self, const case_t *on, const member_t *member, const char *reason) {
    const candidate_t *winner = on->settlement.winner;
    for (dispute_t *other; (other = docket_open_of(&self->docket, member->signal.signal_id));) {
        conflict_close(&other->conflict, strategy_names[self->strategy], winner ? winner->signal_id : NULL,
                       member->signal.signal_id, self->now_ms, reason);
        other->unit = on->unit;
        conflict_row_resolve(self->write, &other->conflict, self->now_ms, self->traceparent);
    }
}

/* The newcomer goes, and its group with it. */
static void s_end(settle_t *self, const case_t *on) {
    char reason[256];
    snprintf(reason, sizeof reason, "closed: %s, or its group, did not pass in conflict %s",
             on->newcomer->signal.signal_id, on->dispute->conflict.conflict_id);
    for (member_t *member = docket_next(&self->docket, NULL); member;
         member = docket_next(&self->docket, member)) {
        candidate_t candidate;
        if (!docket_waits_with(member, on->newcomer))
            continue;
        candidate_of(&member->signal, &candidate);
        s_set_status(self, member, &candidate, s_is_held(self, member) ? "rejected" : "expired", NULL);
        s_close(self, on, member, reason);
    }
}

/* Nothing stands in the way of the newcomer any more, nor of its group: all are routed. */
static void s_pass(settle_t *self, const case_t *on) {
    const docket_t *docket = &self->docket;
    for (member_t *member = docket_next(docket, NULL); member; member = docket_next(docket, member)) {
        if (!docket_waits_with(member, on->newcomer))
            continue;
        if (docket_open_of(docket, member->signal.signal_id))
            return;
        if (!s_is_held(self, member)) {
            s_end(self, on);
            return;
        }
    }
    assert_always(on->entry.count);
    for (size_t i = 0; i < on->entry.count; i++)
        s_route(self, on, &on->entry.entrants[i]);
}

/* --- one conflict ---------------------------------------------------------------------------- */

static uint32_t s_begin_unit(settle_t *self) {
    if (!self->write)
        self->write = store_write_new();
    if (self->one_unit || !self->units) {
        self->units = 1;
        return 0;
    }
    size_t unit = store_write_unit(self->write);
    store_write_after(self->write, unit - 1);
    self->units++;
    return (uint32_t)unit;
}

static void s_carry_out(settle_t *self, case_t *on) {
    Conflict *conflict = &on->dispute->conflict;
    on->unit = on->dispute->unit = s_begin_unit(self);
    conflict->resolution = s_take_resolution(self, on);
    MESSAGE_PUT(conflict->status, "resolved");
    conflict_row_resolve(self->write, conflict, self->now_ms, self->traceparent);
    self->resolved++;
    s_supersede(self, on);
    for (size_t i = 0; i < on->settlement.adjustment_count; i++)
        s_adjust(self, on, &on->settlement.adjustments[i]);
    s_store_found(self, on);
    if (on->lost)
        s_end(self, on);
    else
        s_pass(self, on);
}

static bool s_has_lost(const settle_t *self, const case_t *on) {
    for (size_t i = 0; i < on->settlement.loser_count; i++)
        if (strcmp(on->settlement.losers[i]->signal_id, on->newcomer->signal.signal_id) == 0)
            return true;
    return !s_is_held(self, on->newcomer);
}

/* Whether nothing but this conflict keeps the newcomer and its group from being active. */
static bool s_is_last(const settle_t *self, const case_t *on) {
    const docket_t *docket = &self->docket;
    for (member_t *member = docket_next(docket, NULL); member; member = docket_next(docket, member)) {
        if (!docket_waits_with(member, on->newcomer))
            continue;
        if (!s_is_held(self, member))
            return false;
        for (size_t i = 0; i < docket->count; i++)
            if (docket->disputes[i] != on->dispute && !docket->disputes[i]->conflict.resolution &&
                strcmp(docket->disputes[i]->newcomer_id, member->signal.signal_id) == 0)
                return false;
    }
    return true;
}

/* It would pass in this conflict, and loses to one that is no member of it: so nobody else has to go. */
static void s_turn_down(case_t *on) {
    const Signal *newcomer = &on->newcomer->signal;
    const Signal *lost = &on->entry.lost->member->signal;
    Resolution *resolution = &on->settlement.resolution;
    buf_t reason = BUF_INIT;
    buf_printf(&reason, "%s%s loses to %s, which became active while it was held", lost->signal_id,
               lost == newcomer ? "" : ", of the same group,", on->entry.winner->signal_id);
    s_drop_losers(resolution);
    resolution_set_outcome(resolution, on->entry.winner,
                           (const candidate_t *const[]){&on->entry.lost->newcomer.candidate}, 1);
    free(resolution->reason);
    resolution->reason = buf_steal(&reason);
    on->settlement.winner = on->entry.winner;
    on->settlement.loser_count = on->settlement.adjustment_count = 0;
    on->lost = true;
}

static void s_enter(settle_t *self, case_t *on) {
    entry_judge(&on->entry, &self->docket, on->newcomer, &on->scope, &on->settlement, self->strategy,
                self->journal.index, self->now_ms);
    if (on->entry.lost)
        s_turn_down(on);
}

static void s_judge(settle_t *self, case_t *on) {
    if (strcmp(on->settlement.resolution.resolution_result, "failed") == 0) {
        s_name_live(self, on);
        s_fail(self, on->dispute, s_take_resolution(self, on), ERR_VALIDATION_FAILED, NULL);
        return;
    }
    on->lost = s_has_lost(self, on);
    err_t err = on->lost ? OK : s_check_modes(self, on);
    if (err == OK && !on->lost && s_is_last(self, on))
        s_enter(self, on);
    if (err == OK)
        s_carry_out(self, on);
    else
        s_fail(self, on->dispute, s_take_resolution(self, on), err, err_text(err));
}

static conflict_type_t s_type(const char *name) {
    for (int type = 0; type < CONFLICT_TYPES; type++)
        if (strcmp(conflict_type_names[type], name) == 0)
            return (conflict_type_t)type;
    return CONFLICT_DIRECTION; /* the message knows no other */
}

static void s_settle(settle_t *self, dispute_t *dispute) {
    Conflict *conflict = &dispute->conflict;
    case_t on = {.dispute = dispute,
                 .type = s_type(conflict->conflict_type),
                 .newcomer = docket_member(&self->docket, dispute->newcomer_id),
                 .scope = {conflict->target, conflict->has_symbol ? conflict->symbol : NULL}};
    s_gather(self, &on);
    strategy_settle(conflict->conflict_id, on.type, self->strategy, on.list, on.count, self->winner_id,
                    self->now_ms, &on.settlement);
    if (on.newcomer)
        s_judge(self, &on);
    else
        s_fail(self, dispute, s_take_resolution(self, &on), ERR_CONFLICT,
               "its newcomer is no longer in the history");
    entry_free(&on.entry);
    settlement_free(&on.settlement);
    free(on.list);
    free(on.members);
}

void settle_run(settle_t *self, scope_index_t *index, const modes_t *modes, int64_t now_ms) {
    self->journal = (journal_t){.index = index};
    self->modes = modes;
    self->now_ms = now_ms;
    for (size_t i = 0; i < self->docket.asked; i++) {
        dispute_t *dispute = self->docket.disputes[i];
        if (dispute->conflict.resolution) /* closed with its newcomer, by one before it */
            self->resolved++;
        else
            s_settle(self, dispute);
    }
}

static bool s_is_stored(const dispute_t *dispute, const StoreWritten *written) {
    return dispute->unit < written->units_count && strcmp(written->units[dispute->unit].code, "OK") == 0;
}

void settle_done(settle_t *self, const StoreWritten *written) {
    self->superseded = journal_settle(&self->journal, written);
    for (size_t i = 0; written && i < self->docket.asked; i++) {
        dispute_t *dispute = self->docket.disputes[i];
        Resolution *resolution = dispute->conflict.resolution;
        if (!resolution || s_is_stored(dispute, written))
            continue;
        dispute->conflict.resolution = NULL;
        s_fail(self, dispute, resolution, ERR_CONFLICT,
               "the conflict or its signals changed while it was resolved");
        self->resolved--;
        self->failed_units++;
    }
    for (size_t i = self->docket.asked; written && i < self->docket.count; i++) {
        const dispute_t *dispute = self->docket.disputes[i];
        self->closed += dispute->conflict.resolution && s_is_stored(dispute, written);
    }
    for (size_t i = 0; written && i < self->docket.asked; i++)
        self->found += s_is_stored(self->docket.disputes[i], written) ? self->docket.disputes[i]->found : 0;
}

void settle_reply(const settle_t *self, ResolveConflictsReply *reply) {
    const docket_t *docket = &self->docket;
    reply->resolutions = message_list(docket->asked, sizeof *reply->resolutions);
    for (size_t i = 0; i < docket->asked; i++) {
        const dispute_t *dispute = docket->disputes[i];
        const Resolution *resolution = dispute->failure ? dispute->failure : dispute->conflict.resolution;
        if (resolution)
            reply->resolutions[reply->resolutions_count++] = *resolution; /* borrows */
    }
    reply->resolved = (uint32_t)self->resolved;
    reply->failed = (uint32_t)self->failed;
}
