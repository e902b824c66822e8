/* RouteSignal, RouteSignals and SimulateSignal: lookups of what may be stored already, then a write, then again for what
 * conflicted, until nothing is open. A simulation looks first, as it has no write to conflict. */
#include "base/clock.h"
#include "signals/batch.h"
#include "signals/commit.h"
#include "signals/lookup.h"
#include "signals/reply.h"
#include "signals/stats/stats.h"
#include <stdio.h>
#include <string.h>

enum { ATTEMPTS_MAX = 8, RETRY_SECONDS = 1 };

/* --- the answer ------------------------------------------------------------------------------ */

static void s_add_counts(actor_t *actor, size_t stored, size_t duplicates, size_t refused) {
    actor_count(actor, "signals_routed_total", "Signals stored and published", (double)stored);
    actor_count(actor, "signals_duplicates_total", "Signals seen before", (double)duplicates);
    actor_count(actor, "signals_rejected_total", "Signals that were not admitted", (double)refused);
}

static void s_add_conflicts(actor_t *actor, size_t conflicts, size_t superseded) {
    actor_count(actor, "signal_conflicts_total", "Conflicts detected", (double)conflicts);
    actor_count(actor, "signals_superseded_total", "Signals that lost to a newer one", (double)superseded);
}

void routing_start_counters(actor_t *actor) {
    s_add_counts(actor, 0, 0, 0);
    s_add_conflicts(actor, 0, 0);
}

static void s_count_conflicts(actor_t *actor, const route_t *route) {
    size_t conflicts = 0, superseded = 0;
    for (const item_t *item = route->items; item < route->items + route->count; item++)
        if (item->state == ITEM_STORED && item->verdict) {
            conflicts += item->verdict->conflict_count;
            superseded += item->verdict->superseded_count;
        }
    if (conflicts)
        s_add_conflicts(actor, conflicts, superseded);
}

static void s_count(actor_t *actor, const route_t *route) {
    size_t duplicates = route_count(route, ITEM_DUPLICATE) + route_count(route, ITEM_TWIN);
    const signals_t *state = actor_state(actor);
    signal_stats_note(state->stats, TALLY_DUPLICATES, duplicates);
    s_add_counts(actor, route_count(route, ITEM_STORED), duplicates, route_count(route, ITEM_REFUSED));
    s_count_conflicts(actor, route);
}

static void s_answer_single(actor_t *actor, route_t *route) {
    const item_t *item = &route->items[0];
    if (item->state == ITEM_REFUSED) {
        call_fail(actor, &route->call, reply_refusal(route->call, item));
        return;
    }
    RouteSignalReply reply = RouteSignalReply_init_zero;
    reply_single(route, &reply);
    call_reply(actor, &route->call, &reply);
    reply_single_free(&reply);
}

static void s_answer_simulated(actor_t *actor, route_t *route) {
    const item_t *item = &route->items[0];
    if (item->state == ITEM_REFUSED && item->err != ERR_SIGNAL_EXPIRED) {
        call_fail(actor, &route->call, reply_refusal(route->call, item));
        return;
    }
    SimulateSignalReply reply = SimulateSignalReply_init_zero;
    reply_simulated(route, &reply);
    call_reply(actor, &route->call, &reply);
    reply_simulated_free(&reply);
}

/* A store that failed the whole body is a refusal of the request, as long as nothing of it is stored. */
static bool s_failed_whole(const route_t *route) {
    return route->failure != OK && !route_count(route, ITEM_STORED) && !route_count(route, ITEM_DUPLICATE);
}

static void s_answer_batch(actor_t *actor, route_t *route) {
    if (s_failed_whole(route)) {
        const signals_t *state = actor_state(actor);
        call_retry_after(route->call, RETRY_SECONDS);
        if (!state->loaded)
            call_explain(route->call, route->failure, SIGNALS_NOT_LOADED);
        else if (route->failure_why)
            call_explain(route->call, route->failure, "%s", route->failure_why);
        call_fail(actor, &route->call, route->failure);
        return;
    }
    RouteSignalsReply reply = RouteSignalsReply_init_zero;
    reply_batch(route, &reply);
    call_reply(actor, &route->call, &reply);
    reply_batch_free(&reply);
}

static void s_answer(actor_t *actor, route_t *route) {
    signals_t *state = actor_state(actor);
    bool recorded =
        route->keyed && route_count(route, ITEM_STORED); /* then the record says how long it took */
    if (!recorded) {
        call_answer_lost(route->call);
        route->routing_time = (double)(clock_mono_us() - route->started_us) / 1e6;
    }
    if (!route->simulated)
        s_count(actor, route);
    if (route->simulated)
        s_answer_simulated(actor, route);
    else if (route->batch)
        s_answer_batch(actor, route);
    else
        s_answer_single(actor, route);
    state->waiting -= route->count;
    route_destroy(&route);
}

/* --- the steps ------------------------------------------------------------------------------- */

static bool s_begin_lookups(actor_t *actor, route_t *route) {
    bool waits = false;
    for (size_t i = 0; i < route->count; i++)
        if (route->items[i].state == ITEM_LOOKUP && lookup_begin(actor, route, i))
            waits = true;
    return waits;
}

/* Only when its names come and go under it: written by another, gone when looked for, several times over. */
static void s_give_up(route_t *route) {
    for (item_t *item = route->items; item < route->items + route->count; item++)
        if (item->state == ITEM_OPEN)
            item_refuse(item, ERR_OVERLOADED, "its signal_id or dedup_key is being used by another request");
}

void routing_advance(actor_t *actor, route_t *route) {
    if (s_begin_lookups(actor, route))
        return;
    batch_settle_groups(route);
    if (route_count(route, ITEM_OPEN)) {
        if (route->attempts < ATTEMPTS_MAX) {
            commit_add(actor, route);
            return;
        }
        s_give_up(route);
    }
    s_answer(actor, route);
}

/* --- the commands ---------------------------------------------------------------------------- */

static err_t s_check_room(const signals_t *state, call_t *call, size_t signals) {
    if (state->waiting + signals <= SIGNALS_WAITING_MAX)
        return OK;
    call_retry_after(call, RETRY_SECONDS);
    return ERR_OVERLOADED;
}

static route_t *s_begin(actor_t *actor, call_t *call, size_t count, bool batch) {
    signals_t *state = actor_state(actor);
    route_t *route = route_new(count);
    route->call = call;
    route->batch = batch;
    route->unopposed = state->unopposed;
    route->keyed = call_envelope(call)->idempotency_key[0];
    route->now_ms = clock_wall_ms();
    route->started_us = clock_mono_us();
    ids_uuid7(route->routing_id);
    state->waiting += count;
    return route;
}

static void s_note_mode(item_t *item, const Mode *mode) {
    char problem[256];
    snprintf(problem, sizeof problem, "%s since it was set by %s: %s", mode->mode, mode->set_by,
             mode->reason ? mode->reason : "");
    const char *field = mode->scope.has_symbol ? "symbol" : mode->scope.has_target ? "target" : "source";
    item_add_detail(item, mode->has_scope ? field : "", problem);
}

void routing_obey_modes(const signals_t *state, route_t *route) {
    const Mode *mode;
    for (item_t *item = route->items; item < route->items + route->count; item++) {
        if (item->state != ITEM_OPEN)
            continue;
        err_t err = modes_check(&state->modes, &item->signal, &mode);
        if (err == OK)
            continue;
        item_refuse(item, err, state->modes.known ? NULL : "the state of the trading flow is not known yet");
        if (mode)
            s_note_mode(item, mode);
    }
}

void routing_refuse_unloaded(route_t *route) {
    for (item_t *item = route->items; item < route->items + route->count; item++)
        if (item->state == ITEM_OPEN) {
            item_refuse(item, ERR_STORE_UNAVAILABLE, SIGNALS_NOT_LOADED);
            route->failure = ERR_STORE_UNAVAILABLE;
        }
}

/* Modes, and whether it is known what the signals would meet. */
static void s_let_pass(const signals_t *state, route_t *route) {
    routing_obey_modes(state, route);
    if (!state->loaded)
        routing_refuse_unloaded(route);
}

err_t routing_route_signal(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    signals_t *state = actor_state(actor);
    err_t err = s_check_room(state, call, 1);
    if (err != OK)
        return err;
    route_t *route = s_begin(actor, call, 1, false);
    route_admit(route, 0, request, actor_config(actor)->signals_default_ttl_seconds * 1000);
    s_let_pass(state, route);
    routing_advance(actor, route);
    return ERR_PENDING;
}

static err_t s_check_count(call_t *call, size_t count) {
    if (count > 0 && count <= ROUTE_SIGNALS_MAX)
        return OK;
    call_problem(call, "signals", "must have 1 to %d elements, got %zu", ROUTE_SIGNALS_MAX, count);
    return ERR_VALIDATION_FAILED;
}

err_t routing_route_signals(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    signals_t *state = actor_state(actor);
    const RouteSignalsRequest *body = request;
    err_t err = s_check_count(call, body->signals_count);
    if (err == OK)
        err = s_check_room(state, call, body->signals_count);
    if (err != OK)
        return err;
    route_t *route = s_begin(actor, call, body->signals_count, true);
    int64_t ttl_ms = actor_config(actor)->signals_default_ttl_seconds * 1000;
    for (size_t i = 0; i < route->count; i++)
        route_admit(route, i, &body->signals[i], ttl_ms);
    s_let_pass(state, route);
    batch_bind(route, body->signals);
    routing_advance(actor, route);
    return ERR_PENDING;
}

err_t routing_simulate_signal(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    signals_t *state = actor_state(actor);
    err_t err = s_check_room(state, call, 1);
    if (err != OK)
        return err;
    route_t *route = s_begin(actor, call, 1, false);
    item_t *item = &route->items[0];
    route->simulated = true;
    route_admit(route, 0, request, actor_config(actor)->signals_default_ttl_seconds * 1000);
    s_let_pass(state, route);
    if (item->state == ITEM_OPEN && (item->sent_id || item->signal.has_dedup_key)) {
        item->state = ITEM_LOOKUP;
        item->err = OK;
    }
    routing_advance(actor, route);
    return ERR_PENDING;
}
