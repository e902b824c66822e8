/* The router's state, shared by the files of this folder. The actor's thread. */
#pragma once

#include "signals/modes.h"
#include "signals/route.h"
#include "signals/signals.h"

typedef struct commit_group_s commit_group_t;
typedef struct lookup_s lookup_t;

typedef struct {
    modes_t modes;
    bool store_down;
    char store_reason[128];

    size_t waiting; /* signals of requests under way */
    size_t reads;   /* commands of reading.c under way */

    /* commit.c: groups not sent yet, oldest first; the last one is being filled */
    commit_group_t *first_group, *last_group;
    unsigned writes_under_way;

    /* lookup.c */
    lookup_t *first_lookup, *last_lookup;
    unsigned lookups_under_way;
} signals_t;

/* routing.c: moves a request to its next step, and answers it after the last one (which frees it). */
void routing_advance(actor_t *actor, route_t *route);
/* From zero on, so that a counter is there before the first signal. */
void routing_start_counters(actor_t *actor);
actor_command_fn routing_route_signal, routing_route_signals;

/* reading.c */
actor_command_fn reading_list_signals, reading_get_signal;
