/* Signals are units of their own (groups, and requests with an Idempotency-Key, whole), so one that fails does not sink
 * the others. But what is decided after it may rest on it: then its unit depends on that one, fails with it, and is
 * decided again. */
#include "signals/flush.h"

#include "base/array.h"
#include "base/clock.h"
#include "delivery/outbox.h"
#include "message/json_codec.h"
#include "signals/batch.h"
#include "signals/conflict_row.h"
#include "signals/journal.h"
#include "signals/newcomer.h"
#include "signals/reply.h"
#include "signals/signal_change.h"
#include "signals/signal_row.h"
#include "signals/stats/stats.h"
#include "signals/touched.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum {
    UNITS_MOST = 4096,     /* of a write: the store takes no more */
    PREFETCH = 32,         /* signals ahead */
    OPS_MOST = 8192,       /* of a write: no further signal is added */
    KEYED_OPS_MOST = 60000 /* of one unit, whose ops are named in 16 bits */
};

typedef struct {
    route_t *route;
    uint32_t first;      /* item */
    uint32_t last_after; /* the unit that it depends on, of those the last one added */
    bool may_fail;       /* its names may be taken, or something that it rests on may fail */
} unit_t;

struct flush_s {
    signals_t *state;
    store_write_t *write;
    int64_t now_ms;
    route_t *first_route, *last_route;
    size_t signals, ops;
    size_t begun; /* groups */
    unit_t *units;
    size_t unit_count, unit_capacity;
    journal_t journal;
    touched_t touched;
    buf_t text;
};

flush_t *flush_new(signals_t *state, int64_t now_ms) {
    flush_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->state = state;
    self->now_ms = now_ms;
    self->write = store_write_new();
    self->journal = (journal_t){.index = state->index};
    self->touched = (touched_t)TOUCHED_INIT;
    return self;
}

void flush_destroy(flush_t **self_p) {
    flush_t *self = *self_p;
    if (!self)
        return;
    journal_settle(&self->journal, NULL);
    for (route_t *route; (route = flush_next_route(self));)
        route_destroy(&route);
    store_write_destroy(&self->write);
    touched_free(&self->touched);
    buf_free(&self->text);
    free(self->units);
    free(self);
    *self_p = NULL;
}

bool flush_full(const flush_t *self) {
    return self->unit_count >= UNITS_MOST || self->ops >= OPS_MOST;
}

size_t flush_signals(const flush_t *self) {
    return self->signals;
}

store_write_t *flush_take_write(flush_t *self) {
    store_write_t *write = self->write;
    self->write = NULL;
    return write;
}

route_t *flush_next_route(flush_t *self) {
    route_t *route = self->first_route;
    if (route)
        self->first_route = route->next;
    return route;
}

route_t *flush_take_rest(flush_t *self) {
    route_t *rest = self->first_route ? self->last_route : NULL;
    if (!rest || !route_count(rest, ITEM_OPEN) || route_count(rest, ITEM_LOOKUP))
        return NULL;
    route_t **link = &self->first_route;
    while (*link != rest) {
        self->last_route = *link;
        link = &(*link)->next;
    }
    *link = NULL;
    return rest;
}

/* --- units and what they rest on ------------------------------------------------------------- */

static uint32_t s_begin_unit(flush_t *self, route_t *route, uint32_t first) {
    uint32_t unit = (uint32_t)store_write_unit(self->write);
    self->units = array_grow(self->units, self->unit_count, &self->unit_capacity, 64, sizeof *self->units);
    assert_always(unit == self->unit_count);
    self->units[self->unit_count++] =
        (unit_t){.route = route, .first = first, .last_after = TOUCHED_NONE, .may_fail = route->keyed};
    return unit;
}

static void s_rest_on(flush_t *self, uint32_t unit, uint32_t on) {
    unit_t *of = &self->units[unit];
    if (on == TOUCHED_NONE || on == unit || of->last_after == on)
        return;
    store_write_after(self->write, on);
    of->last_after = on;
    of->may_fail = true;
}

/* Signals that units of this write have added after unit `since`, which rests on those before. */
static void s_rest_on_added(flush_t *self, uint32_t unit, const meeting_t *meeting, uint32_t since) {
    for (size_t i = 0; i < meeting->count; i++) {
        uint64_t seq = meeting->active[i]->seq;
        if (!seq_is_mark(seq))
            continue;
        uint32_t by = seq_mark_unit(seq);
        if ((since == TOUCHED_NONE || by > since) && self->units[by].may_fail)
            s_rest_on(self, unit, by);
    }
}

static void s_rest(flush_t *self, uint32_t unit, const newcomer_t *newcomer) {
    const candidate_scopes_t *scopes = &newcomer->scopes;
    s_rest_on(self, unit, self->touched.everywhere);
    for (size_t i = 0; i < scopes->count && self->touched.count; i++)
        s_rest_on(self, unit, touched_by(&self->touched, &scopes->keys[i]));
    for (size_t i = 0; i < newcomer->meeting_count; i++) {
        const meeting_t *meeting = &newcomer->meetings[i];
        s_rest_on_added(self, unit, meeting, touched_by(&self->touched, &meeting->key));
    }
    if (newcomer->meeting_count)
        self->units[unit].may_fail = true;
    for (size_t i = 0; i < newcomer->meeting_count; i++)
        touched_set(&self->touched, &newcomer->meetings[i].key, unit);
}

/* --- rivals ---------------------------------------------------------------------------------- */

/* The item that the op of an earlier unit, or of the present one, stores. */
static const Signal *s_signal_at(const flush_t *self, uint32_t unit, uint32_t op) {
    const unit_t *of = &self->units[unit];
    for (uint32_t i = of->first; i < of->route->count; i++) {
        const item_t *item = &of->route->items[i];
        if (item->state == ITEM_WRITING && item->unit == unit && item->op == op)
            return &item->signal;
    }
    return NULL;
}

static stored_signal_t s_stored(const flush_t *self, uint32_t unit, const newcomer_t *newcomer,
                                const candidate_t *rival) {
    const scope_key_t *scope = newcomer_scope_of(newcomer, rival);
    stored_signal_t stored = {.of = rival,
                              .seq = rival->seq,
                              .target = scope->target,
                              .symbol = rival->has_symbol ? scope->symbol : NULL,
                              .status = "routed"};
    if (seq_is_mark(rival->seq)) {
        uint32_t by = seq_mark_unit(rival->seq), op = seq_mark_op(rival->seq);
        stored.whole = s_signal_at(self, by, op);
        assert_always(stored.whole);
        if (by == unit)
            stored.seq = STORE_SEQ_OF(op);
    }
    return stored;
}

/* A rival of several scopes is gone from those too where the newcomer is not. */
static void s_touch(flush_t *self, uint32_t unit, const newcomer_t *newcomer, const candidate_t *rival) {
    const scope_key_t *scope = newcomer_scope_of(newcomer, rival);
    if (scope->symbol && !rival->has_symbol)
        self->touched.everywhere = unit;
}

static void s_supersede(flush_t *self, uint32_t unit, const newcomer_t *newcomer, const verdict_t *verdict,
                        const char *traceparent) {
    for (size_t i = 0; i < verdict->superseded_count; i++) {
        const candidate_t *rival = verdict->superseded[i];
        active_t *active = active_of(rival);
        if (journal_hid(&self->journal, unit, active)) /* by another member of the group */
            continue;
        stored_signal_t stored = s_stored(self, unit, newcomer, rival);
        signal_change_status(self->write, &stored, "superseded", newcomer->candidate.signal_id, self->now_ms,
                             traceparent);
        s_touch(self, unit, newcomer, rival);
        journal_hide(&self->journal, unit, active);
        self->ops++;
    }
}

static void s_adjust_rivals(flush_t *self, uint32_t unit, const newcomer_t *newcomer,
                            const verdict_t *verdict, const char *traceparent) {
    for (size_t i = 0; i < verdict->adjustment_count; i++) {
        const adjustment_t *to = &verdict->adjustments[i];
        if (to->of == &newcomer->candidate || journal_hid(&self->journal, unit, active_of(to->of)))
            continue;
        stored_signal_t stored = s_stored(self, unit, newcomer, to->of);
        signal_change_figures(self->write, &stored, to, self->now_ms, traceparent);
        s_touch(self, unit, newcomer, to->of);
        journal_adjust(&self->journal, unit, to);
        self->ops++;
    }
}

/* --- one signal ------------------------------------------------------------------------------ */

/* What the decision changes of the newcomer itself. */
static void s_adjust_newcomer(item_t *item, newcomer_t *newcomer) {
    const verdict_t *verdict = item->verdict;
    for (size_t i = 0; i < verdict->adjustment_count; i++) {
        const adjustment_t *to = &verdict->adjustments[i];
        if (to->of != &newcomer->candidate)
            continue;
        if (to->has_strength)
            item->signal.strength = newcomer->candidate.strength = to->strength;
        if (to->has_allocation) {
            item->signal.has_allocation = newcomer->candidate.has_allocation = true;
            item->signal.allocation = newcomer->candidate.resources = to->allocation;
        }
    }
}

/* NULL of one that met no rival. */
static const char *s_decision_text(flush_t *self, const item_t *item) {
    if (!item->verdict)
        return NULL;
    buf_clear(&self->text);
    json_encode(Decision_message(), &item->verdict->decision, &self->text);
    return buf_str(&self->text);
}

static void s_store_conflicts(flush_t *self, const item_t *item, const char *traceparent) {
    const verdict_t *verdict = item->verdict;
    for (size_t i = 0; i < verdict->conflict_count; i++)
        self->ops +=
            conflict_row_write(self->write, &verdict->conflicts[i], item->signal.signal_id, traceparent);
}

static void s_store(flush_t *self, route_t *route, item_t *item, newcomer_t *newcomer, uint32_t unit) {
    const char *traceparent = call_envelope(route->call)->traceparent;
    if (item->verdict) {
        s_adjust_newcomer(item, newcomer);
        item->signal.decision = signal_row_summary(&item->verdict->decision);
    }
    item->op = (uint32_t)signal_row_write(self->write, &item->signal, s_decision_text(self, item),
                                          item->body_hash, traceparent);
    item->unit = unit;
    item->state = ITEM_WRITING;
    self->signals++;
    self->ops++;
    if (item->sent_id || item->signal.has_dedup_key)
        self->units[unit].may_fail = true;
    if (item->verdict) {
        s_supersede(self, unit, newcomer, item->verdict, traceparent);
        s_adjust_rivals(self, unit, newcomer, item->verdict, traceparent);
        s_store_conflicts(self, item, traceparent);
    }
    if (strcmp(item->signal.status, "routed") == 0) {
        newcomer->candidate.seq = STORE_SEQ_OF_UNIT(unit, item->op);
        journal_add(&self->journal, unit, &newcomer->candidate, &newcomer->scopes);
        self->ops += outbox_write(self->write, self->state->config, &item->signal, item->op,
                                  call_envelope(route->call), self->now_ms);
    }
}

static void s_decide(flush_t *self, item_t *item, newcomer_t *newcomer) {
    item_drop_verdict(item);
    free(item->signal.decision); /* of an attempt before; it holds no pointers */
    item->signal.decision = NULL;
    item->signal.seq = 0; /* the same */
    newcomer_begin(newcomer, &item->signal);
    item->verdict = newcomer_judge(newcomer, self->state->index, &self->state->policy, self->now_ms);
    MESSAGE_PUT(item->signal.status, item->verdict ? item->verdict->status : "routed");
}

/* --- the members of a group ------------------------------------------------------------------ */

/* Of several members that do not pass, a rejected one decides. */
static const item_t *s_stopped(item_t *const *members, size_t count) {
    const item_t *held = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i]->signal.status, "rejected") == 0)
            return members[i];
        if (strcmp(members[i]->signal.status, "held") == 0)
            held = members[i];
    }
    return held;
}

static void s_follow(const flush_t *self, item_t *item, const item_t *stopped) {
    if (!item->verdict) {
        item->verdict = calloc(1, sizeof *item->verdict);
        assert_always(item->verdict);
        item->verdict->status = "routed";
        err_t err = message_copy(Decision_message(), &item->verdict->decision, self->state->unopposed);
        assert_always(err == OK);
    }
    decision_follow_group(item->verdict, stopped->signal.status, stopped->signal.signal_id);
    MESSAGE_PUT(item->signal.status, item->verdict->status);
}

/* Decides all members against the index as it is: they are no rivals of each other. */
static void s_decide_group(flush_t *self, item_t *const *members, newcomer_t *newcomers, size_t count) {
    for (size_t i = 0; i < count; i++)
        s_decide(self, members[i], &newcomers[i]);
    const item_t *stopped = count > 1 ? s_stopped(members, count) : NULL;
    for (size_t i = 0; stopped && i < count; i++)
        if (members[i] != stopped)
            s_follow(self, members[i], stopped);
}

static void s_simulate(flush_t *self, route_t *route, item_t *item, const newcomer_t *newcomer) {
    route->active = (uint32_t)newcomer_count_active(newcomer, self->state->index, self->now_ms);
    item->state = ITEM_SIMULATED;
}

static void s_build(flush_t *self, route_t *route, item_t *const *members, newcomer_t *newcomers,
                    size_t count, uint32_t unit) {
    s_decide_group(self, members, newcomers, count);
    for (size_t i = 0; i < count && !route->simulated; i++)
        s_rest(self, unit, &newcomers[i]);
    for (size_t i = 0; i < count; i++)
        if (route->simulated)
            s_simulate(self, route, members[i], &newcomers[i]);
        else
            s_store(self, route, members[i], &newcomers[i], unit);
    for (size_t i = 0; i < count; i++)
        newcomer_end(&newcomers[i]);
}

static size_t s_open_members(route_t *route, uint32_t first, item_t **members) {
    size_t count = 0;
    for (uint32_t at = first; at != ITEM_NONE; at = route->items[at].group_next)
        if (route->items[at].state == ITEM_OPEN) {
            if (members)
                members[count] = &route->items[at];
            count++;
        }
    return count;
}

/* Has the index fetch what the signals that come next will touch: those behind item `at`, and of the requests in the
 * queue. By their first scope, as most have no other. */
static void s_prefetch(flush_t *self, const route_t *route, uint32_t at) {
    const route_t *next = self->state->first_route;
    scope_key_t scopes[2 * PREFETCH];
    size_t from = self->begun == 0 ? 0 : PREFETCH, count = 0;
    if (self->begun++ % PREFETCH != 0)
        return;
    for (size_t i = 0; i < 2 * PREFETCH; i++, at++) {
        while (route && at == route->count) {
            route = next;
            next = next ? next->next : NULL;
            at = 0;
        }
        if (!route)
            break;
        const Signal *signal = &route->items[at].signal;
        if (i >= from)
            scopes[count++] = (scope_key_t){signal->target, signal->has_symbol ? signal->symbol : NULL};
    }
    scope_index_prefetch(self->state->index, scopes, count);
}

/* `unit` TOUCHED_NONE: a unit of its own. */
static void s_add_group(flush_t *self, route_t *route, uint32_t first, uint32_t unit) {
    size_t count = s_open_members(route, first, NULL);
    if (!count)
        return;
    s_prefetch(self, route, first);
    if (unit == TOUCHED_NONE && !route->simulated)
        unit = s_begin_unit(self, route, first);
    if (count == 1) {
        item_t *member = NULL;
        newcomer_t newcomer = {.meetings = NULL};
        s_open_members(route, first, &member);
        assert_always(member);
        s_build(self, route, &member, &newcomer, 1, unit);
        return;
    }
    item_t **members = calloc(count, sizeof *members);
    newcomer_t *newcomers = calloc(count, sizeof *newcomers);
    assert_always(members && newcomers);
    s_open_members(route, first, members);
    s_build(self, route, members, newcomers, count, unit);
    free(newcomers);
    free(members);
}

/* --- a request ------------------------------------------------------------------------------- */

static void s_write_answer(flush_t *self, route_t *route) {
    route->routing_time = (double)(clock_mono_us() - route->started_us) / 1e6;
    if (route->batch) {
        RouteSignalsReply reply = RouteSignalsReply_init_zero;
        reply_batch(route, &reply);
        store_write_answer(self->write, route->call, &reply);
        reply_batch_free(&reply);
    } else {
        RouteSignalReply reply = RouteSignalReply_init_zero;
        reply_single(route, &reply);
        store_write_answer(self->write, route->call, &reply);
        reply_single_free(&reply);
    }
}

static void s_refuse_open(route_t *route, uint32_t first, err_t err, const char *reason) {
    for (uint32_t at = first; at != ITEM_NONE; at = route->items[at].group_next)
        if (route->items[at].state == ITEM_OPEN)
            item_refuse(&route->items[at], err, reason);
}

static void s_add_keyed(flush_t *self, route_t *route) {
    uint32_t unit = s_begin_unit(self, route, 0);
    size_t ops_before = self->ops;
    for (uint32_t first = 0; first < route->count; first++) {
        if (route->items[first].group_first != first)
            continue;
        if (self->ops - ops_before < KEYED_OPS_MOST)
            s_add_group(self, route, first, unit);
        else
            s_refuse_open(
                route, first, ERR_OVERLOADED,
                "the signals before it have too many conflicts for one request with an Idempotency-Key");
    }
    s_write_answer(self, route);
}

static void s_add_each(flush_t *self, route_t *route) {
    for (uint32_t first = 0; first < route->count && !flush_full(self); first++)
        if (route->items[first].group_first == first)
            s_add_group(self, route, first, TOUCHED_NONE);
}

/* Those whose time came while they waited. */
static void s_drop_expired(const flush_t *self, route_t *route) {
    for (item_t *item = route->items; item < route->items + route->count; item++)
        if (item->state == ITEM_OPEN && item->signal.expiry_time <= self->now_ms)
            item_refuse(item, ERR_SIGNAL_EXPIRED, NULL);
}

void flush_add(flush_t *self, route_t *route) {
    route->next = NULL;
    if (self->last_route && self->first_route)
        self->last_route->next = route;
    else
        self->first_route = route;
    self->last_route = route;
    s_drop_expired(self, route);
    routing_obey_modes(self->state, route);
    if (route->batch)
        batch_settle_groups(route);
    if (!route_count(route, ITEM_OPEN))
        return;
    if (route->keyed && !route->simulated)
        s_add_keyed(self, route);
    else
        s_add_each(self, route);
}

/* --- afterwards ------------------------------------------------------------------------------ */

static void s_note_stored(signal_stats_t *stats, const item_t *item, int64_t microseconds) {
    signal_stats_note_signal(stats, &item->signal, microseconds);
    if (!item->verdict)
        return;
    const verdict_t *verdict = item->verdict;
    size_t resolved = 0;
    for (size_t i = 0; i < verdict->conflict_count; i++)
        resolved += verdict->conflicts[i].resolution != NULL;
    signal_stats_note(stats, TALLY_CONFLICTS_DETECTED, verdict->conflict_count);
    signal_stats_note(stats, TALLY_CONFLICTS_RESOLVED, resolved);
}

/* `microseconds`: since its request came. */
static void s_settle_item(signal_stats_t *stats, item_t *item, int64_t microseconds,
                          const StoreWritten *written) {
    const StoreUnitResult *unit = &written->units[item->unit];
    err_t err = strcmp(unit->code, "OK") == 0 ? OK : err_from_name(unit->code);
    if (err == OK && item->op < unit->ops_count) {
        item->signal.seq = unit->ops[item->op].seq;
        item->state = ITEM_STORED;
        s_note_stored(stats, item, microseconds);
    } else if (err == ERR_CONFLICT) {
        item->state = ITEM_LOOKUP;
        item->err = OK;
    } else {
        item_refuse(item, err != OK ? err : ERR_INTERNAL, NULL);
    }
}

static void s_settle_route(signal_stats_t *stats, route_t *route, int64_t now_us, err_t err,
                           const StoreWritten *written, const char *why) {
    bool conflicted = false;
    route_fail(route, err, why);
    for (item_t *item = route->items; item < route->items + route->count; item++) {
        if (item->state != ITEM_WRITING && (item->state != ITEM_OPEN || err == OK))
            continue;
        if (err != OK)
            item_refuse(item, err, route->failure_why);
        else if (item->unit >= written->units_count)
            item_refuse(item, ERR_INTERNAL, NULL);
        else
            s_settle_item(stats, item, now_us - route->started_us, written);
        conflicted |= item->state == ITEM_LOOKUP;
    }
    route->attempts += conflicted;
}

void flush_settle(flush_t *self, err_t err, const StoreWritten *written, const char *why) {
    signal_stats_t *stats = self->state->stats;
    int64_t now_us = clock_mono_us();
    signal_stats_note(stats, TALLY_SUPERSEDED, journal_settle(&self->journal, err == OK ? written : NULL));
    for (route_t *route = self->first_route; route; route = route->next)
        s_settle_route(stats, route, now_us, err, written, why);
}
