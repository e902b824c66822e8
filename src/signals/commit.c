/* A group is filled while the one before is under way, and sent when that is answered: so groups grow with the load,
 * and a commit carries as many signals as came during the one before. */
#include "signals/commit.h"

#include "base/clock.h"
#include "signals/reply.h"
#include "signals/signal_row.h"
#include <stdlib.h>
#include <string.h>

enum { WRITES_MAX = 1, GROUP_SIGNALS_MAX = 4096 };
#define WRITE_LIMIT_US 20000000 /* longer than a request waits: its own deadline comes first */

struct commit_group_s {
    store_write_t *write;
    route_t *first_route, *last_route;
    size_t signals;
    commit_group_t *next;
};

static commit_group_t *s_open_group(signals_t *state, size_t signals) {
    commit_group_t *last = state->last_group;
    if (last && last->signals + signals <= GROUP_SIGNALS_MAX)
        return last;
    commit_group_t *group = calloc(1, sizeof *group);
    assert_always(group);
    group->write = store_write_new();
    if (last)
        last->next = group;
    else
        state->first_group = group;
    state->last_group = group;
    return group;
}

/* --- building -------------------------------------------------------------------------------- */

static void s_write_item(route_t *route, item_t *item, store_write_t *write, size_t unit) {
    item_decide(item, route->now_ms);
    item->op = (uint32_t)signal_row_write(write, &item->signal, item->decision, item->body_hash,
                                          call_envelope(route->call)->traceparent);
    item->unit = (uint32_t)unit;
    item->state = ITEM_WRITING;
}

/* The members of a group_id are one unit, every other item is one. */
static void s_write_units(route_t *route, store_write_t *write) {
    for (uint32_t first = 0; first < route->count; first++) {
        size_t unit = 0;
        bool begun = false;
        if (route->items[first].group_first != first)
            continue;
        for (uint32_t at = first; at != ITEM_NONE; at = route->items[at].group_next) {
            if (route->items[at].state != ITEM_OPEN)
                continue;
            if (!begun)
                unit = store_write_unit(write);
            begun = true;
            s_write_item(route, &route->items[at], write, unit);
        }
    }
}

static void s_write_answer(route_t *route, store_write_t *write) {
    route->routing_time = (double)(clock_mono_us() - route->started_us) / 1e6;
    if (route->batch) {
        RouteSignalsReply reply = RouteSignalsReply_init_zero;
        reply_batch(route, &reply);
        store_write_answer(write, route->call, &reply);
        reply_batch_free(&reply);
    } else {
        RouteSignalReply reply = RouteSignalReply_init_zero;
        reply_single(route, &reply);
        store_write_answer(write, route->call, &reply);
    }
}

static void s_write_one_unit(route_t *route, store_write_t *write) {
    size_t unit = store_write_unit(write);
    for (size_t i = 0; i < route->count; i++)
        if (route->items[i].state == ITEM_OPEN)
            s_write_item(route, &route->items[i], write, unit);
    s_write_answer(route, write);
}

void commit_add(actor_t *actor, route_t *route) {
    signals_t *state = actor_state(actor);
    size_t signals = route_count(route, ITEM_OPEN);
    commit_group_t *group = s_open_group(state, signals);
    if (route->keyed)
        s_write_one_unit(route, group->write);
    else
        s_write_units(route, group->write);
    group->signals += signals;
    route->next = NULL;
    if (group->last_route)
        group->last_route->next = route;
    else
        group->first_route = route;
    group->last_route = route;
}

/* --- afterwards ------------------------------------------------------------------------------ */

static void s_settle_item(item_t *item, const StoreWritten *written) {
    const StoreUnitResult *unit = &written->units[item->unit];
    err_t err = strcmp(unit->code, "OK") == 0 ? OK : err_from_name(unit->code);
    if (err == OK && item->op < unit->ops_count) {
        item->signal.seq = unit->ops[item->op].seq;
        item->state = ITEM_STORED;
    } else if (err == ERR_CONFLICT) {
        item->state = ITEM_LOOKUP;
        item->err = OK;
    } else {
        item_refuse(item, err != OK ? err : ERR_INTERNAL, NULL);
    }
}

static void s_settle_route(route_t *route, err_t err, const StoreWritten *written) {
    route->failure = err;
    for (item_t *item = route->items; item < route->items + route->count; item++) {
        if (item->state != ITEM_WRITING)
            continue;
        if (err != OK)
            item_refuse(item, err, NULL);
        else if (item->unit >= written->units_count)
            item_refuse(item, ERR_INTERNAL, NULL);
        else
            s_settle_item(item, written);
    }
}

static void s_on_written(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    signals_t *state = actor_state(actor);
    commit_group_t *group = context;
    state->writes_under_way--;
    commit_flush(actor); /* first: the store need not wait for the answers to be made */
    while (group->first_route) {
        route_t *route = group->first_route;
        group->first_route = route->next;
        s_settle_route(route, err, response);
        routing_advance(actor, route);
    }
    free(group);
}

void commit_flush(actor_t *actor) {
    signals_t *state = actor_state(actor);
    while (state->first_group && state->writes_under_way < WRITES_MAX) {
        commit_group_t *group = state->first_group;
        state->first_group = group->next;
        if (!state->first_group)
            state->last_group = NULL;
        state->writes_under_way++;
        actor_count(actor, "signal_groups_total", "Writes that signals were stored with", 1);
        actor_gauge(actor, "signal_group_size", "Signals of the last write", (double)group->signals);
        actor_request_options_t options = {.deadline_us = clock_mono_us() + WRITE_LIMIT_US};
        store_commit(actor, &group->write, &options, s_on_written, group);
    }
}

void commit_stop(signals_t *state) {
    while (state->first_group) {
        commit_group_t *group = state->first_group;
        state->first_group = group->next;
        while (group->first_route) {
            route_t *route = group->first_route;
            group->first_route = route->next;
            route_destroy(&route); /* its call is answered by the loop */
        }
        store_write_destroy(&group->write);
        free(group);
    }
    state->last_group = NULL;
}
