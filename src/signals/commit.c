/* A group is what came during the write before: so groups grow with the load, and a commit carries as many signals as came
 * during the one before. */
#include "signals/commit.h"

#include "base/clock.h"
#include "delivery/outbox.h"
#include "signals/flush.h"
#include <stdlib.h>

enum { EXPIRE_MOST = 1024 /* signals dropped from the index before a write */ };
#define WRITE_LIMIT_US 20000000 /* longer than a request waits: its own deadline comes first */

void commit_add(actor_t *actor, route_t *route) {
    signals_t *state = actor_state(actor);
    route->next = NULL;
    if (state->last_route)
        state->last_route->next = route;
    else
        state->first_route = route;
    state->last_route = route;
}

/* It came before those that wait. */
static void s_requeue(signals_t *state, route_t *route) {
    route->next = state->first_route;
    state->first_route = route;
    if (!state->last_route)
        state->last_route = route;
}

static route_t *s_dequeue(signals_t *state) {
    route_t *route = state->first_route;
    state->first_route = route->next;
    if (!state->first_route)
        state->last_route = NULL;
    return route;
}

err_t commit_confirm(actor_t *actor, call_t *call, ApplySystemStateReply *reply) {
    signals_t *state = actor_state(actor);
    reply->version = state->modes.state.version;
    if (!state->busy)
        return OK;
    if (state->confirming_count == SIGNALS_CONFIRMING_MOST) {
        call_retry_after(call, 1);
        return ERR_OVERLOADED;
    }
    state->confirming[state->confirming_count++] = call;
    return ERR_PENDING;
}

/* Whatever is decided from here on obeys the modes as they are. */
static void s_end_write(actor_t *actor) {
    signals_t *state = actor_state(actor);
    ApplySystemStateReply reply = {.version = state->modes.state.version};
    state->busy = false;
    for (size_t i = 0; i < state->confirming_count; i++)
        call_reply(actor, &state->confirming[i], &reply);
    state->confirming_count = 0;
}

/* Those whose items are final are answered, the others take their next step. */
static void s_advance_routes(actor_t *actor, flush_t *flush) {
    for (route_t *route; (route = flush_next_route(flush));)
        routing_advance(actor, route);
    flush_destroy(&flush);
}

/* The store says STORE_UNAVAILABLE only of what it has not stored; the others mean that it never saw it, or that nobody
 * asks any more. */
bool commit_outcome_unknown(err_t err) {
    return err != OK && err != ERR_STORE_UNAVAILABLE && err != ERR_NO_SUBSCRIBER && err != ERR_OVERLOADED &&
           err != ERR_SHUTTING_DOWN;
}

static void s_on_written(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    signals_t *state = actor_state(actor);
    flush_t *flush = context;
    s_end_write(actor);
    flush_settle(flush, err, response, err == ERR_STORE_UNAVAILABLE ? fault->message : NULL);
    route_t *rest = flush_take_rest(flush);
    if (rest)
        s_requeue(state, rest);
    if (commit_outcome_unknown(err))
        signals_load(actor);
    if (err == OK)
        outbox_wake(actor);
    if (err != ERR_SHUTTING_DOWN)
        commit_flush(actor); /* first: the store need not wait for the answers to be made */
    s_advance_routes(actor, flush);
}

static void s_send(actor_t *actor, flush_t *flush) {
    signals_t *state = actor_state(actor);
    state->busy = true;
    actor_count(actor, "signal_groups_total", "Writes that signals were stored with", 1);
    actor_gauge(actor, "signal_group_size", "Signals of the last write", (double)flush_signals(flush));
    actor_request_options_t options = {.deadline_us = clock_mono_us() + WRITE_LIMIT_US};
    store_write_t *write = flush_take_write(flush);
    store_commit(actor, &write, &options, s_on_written, flush);
}

static void s_flush_routes(actor_t *actor) {
    signals_t *state = actor_state(actor);
    int64_t now_ms = clock_wall_ms();
    state->alone_last = false;
    scope_index_expire(state->index, now_ms, EXPIRE_MOST);
    flush_t *flush = flush_new(state, now_ms);
    while (state->first_route && !flush_full(flush))
        flush_add(flush, s_dequeue(state));
    if (flush_signals(flush))
        s_send(actor, flush);
    else
        s_advance_routes(actor, flush);
}

static void s_refuse_all(actor_t *actor) {
    signals_t *state = actor_state(actor);
    while (state->first_route) {
        route_t *route = s_dequeue(state);
        routing_refuse_unloaded(route);
        routing_advance(actor, route);
    }
}

static void s_begin_alone(actor_t *actor) {
    signals_t *state = actor_state(actor);
    commit_alone_fn *fn = state->alone;
    state->alone = NULL;
    state->alone_last = true;
    state->busy = true;
    fn(actor, state->alone_context);
}

void commit_flush(actor_t *actor) {
    signals_t *state = actor_state(actor);
    /* In turn: neither keeps the other from its next write. */
    while (!state->busy && (state->alone || state->first_route)) {
        if (state->alone && !(state->alone_last && state->first_route))
            s_begin_alone(actor);
        else if (state->loaded)
            s_flush_routes(actor);
        else
            s_refuse_all(actor);
    }
}

void commit_alone(actor_t *actor, commit_alone_fn *fn, void *context) {
    signals_t *state = actor_state(actor);
    assert_always(!state->alone);
    state->alone = fn;
    state->alone_context = context;
    commit_flush(actor);
}

void commit_alone_end(actor_t *actor) {
    s_end_write(actor);
    commit_flush(actor);
}

void commit_stop(signals_t *state) {
    while (state->first_route) {
        route_t *route = s_dequeue(state);
        route_destroy(&route); /* its call is answered by the loop */
    }
}
