/* The router's state, shared by the files of this folder. The actor's thread. */
#pragma once

#include "signals/index/scope_index.h"
#include "signals/modes.h"
#include "signals/route.h"
#include "signals/signals.h"

typedef struct lookup_s lookup_t;
typedef struct job_s job_t;
typedef struct signal_stats_s signal_stats_t;
typedef struct history_totals_s history_totals_t;

#define SIGNALS_CONFIRMING_MOST 8

typedef struct {
    const config_t *config;
    modes_t modes;
    bool store_down;
    char store_reason[128];

    /* The active signals; until they are loaded none is routed. */
    scope_index_t *index;
    bool loaded, loading;
    char load_reason[160]; /* why they are not */

    policy_t policy;
    Decision *unopposed; /* of every signal that meets no rival */

    signal_stats_t *stats;
    history_totals_t *totals; /* of the history */

    size_t waiting; /* signals of requests under way */
    size_t reads;   /* commands that only read, under way */

    /* commit.c: requests to be stored, oldest first */
    route_t *first_route, *last_route;
    bool busy;                                    /* a write is under way, or somebody is alone */
    void (*alone)(actor_t *actor, void *context); /* who waits for it; or NULL */
    void *alone_context;
    bool alone_last;                             /* somebody was, since the last write of signals */
    call_t *confirming[SIGNALS_CONFIRMING_MOST]; /* ApplySystemState that wait for the end of the write */
    size_t confirming_count;

    /* jobs.c: the first one runs */
    job_t *first_job, *last_job;
    size_t jobs;

    /* lookup.c */
    lookup_t *first_lookup, *last_lookup;
    unsigned lookups_under_way;
} signals_t;

/* signals_actor.c: reads the active signals anew from the store, again and again until it answers; `loaded` is false
 * until then. For the start, and when it is not known whether a write was stored. */
void signals_load(actor_t *actor);
#define SIGNALS_NOT_LOADED "the active signals are being read from the store"

/* routing.c: moves a request to its next step, and answers it after the last one (which frees it). */
void routing_advance(actor_t *actor, route_t *route);
/* Refuses what is OPEN and may not pass: on arrival, and again before it is stored, as a mode may have been set. */
void routing_obey_modes(const signals_t *state, route_t *route);
/* Refuses what is OPEN, for the active signals are not known. */
void routing_refuse_unloaded(route_t *route);
/* From zero on, so that a counter is there before the first signal. */
void routing_start_counters(actor_t *actor);
actor_command_fn routing_route_signal, routing_route_signals, routing_simulate_signal;

/* history.c, trail.c, stats_report.c, conflict_list.c */
actor_command_fn history_list, trail_get, signal_stats_get, conflict_list;
/* resolve.c, cleanup.c */
actor_command_fn resolve_conflicts, cleanup_signals;
