/* The health of the system's parts, from facts: which state follows from what was seen, and why. Pure.
 *
 * A called service (macro, portfolio; execution counts for the strategy tier):
 *   offline   its adapter does not answer, or it is unhealthy and its circuit is open: nothing goes there
 *   critical  unhealthy, or its circuit is open
 *   warning   its circuit is half open, or it has not been probed yet
 * The tactical tier turns what the strategy tier says into signals: the execution service and the signal router, and
 * the trading flow with its modes:
 *   offline   the router does not answer, or the flow is stopped
 *   critical  the router is degraded (it takes no signals), or trading is halted
 *   warning   only reducing signals are admitted, or some source, target or symbol has a mode of its own
 * The data pipeline: flowhub, the data flow manager and the required datasets:
 *   offline   the manager does not answer
 *   critical  a required dataset is missing
 *   warning   the manager is degraded, a required dataset is stale, or its age cannot be told
 * A part is as bad as the worst that belongs to it. The whole is offline when the flow is stopped or every part is
 * offline, critical when some part is offline or critical, else as the worst part. */
#pragma once

#include "base/config.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum { HEALTH_HEALTHY, HEALTH_WARNING, HEALTH_CRITICAL, HEALTH_OFFLINE } health_t;
const char *health_name(health_t health); /* healthy, warning, critical, offline */

typedef enum {
    SYSTEM_MACRO,
    SYSTEM_PORTFOLIO,
    SYSTEM_STRATEGY,
    SYSTEM_TACTICAL,
    SYSTEM_DATA_PIPELINE,
    SYSTEM_PART_COUNT
} system_part_t;
const char *system_part_name(system_part_t part); /* macro, portfolio, strategy, tactical, data_pipeline */

#define FACTS_WHY_SIZE 200

typedef struct {
    bool answered;            /* its adapter did */
    char status[33];          /* healthy, unhealthy, unknown */
    char circuit[33];         /* closed, open, half_open */
    char why[FACTS_WHY_SIZE]; /* not healthy, or not answered */
} service_facts_t;

typedef struct {
    bool answered;
    char status[33];          /* running, degraded, stopped */
    char why[FACTS_WHY_SIZE]; /* "" = nothing was said */
} component_facts_t;

typedef struct {
    service_facts_t services[SERVICE_COUNT];
    component_facts_t router, dataflow;
    unsigned stale, missing, unknown; /* required datasets */
    char unfit[FACTS_WHY_SIZE];       /* names of those */
    bool is_running;
    char mode[33]; /* the one without a scope */
    unsigned scoped_modes;
} system_facts_t;

typedef struct {
    health_t health;
    char reason[FACTS_WHY_SIZE + 80]; /* "" while healthy */
} part_health_t;

typedef struct {
    part_health_t parts[SYSTEM_PART_COUNT];
    health_t overall;
    unsigned errors, warnings; /* parts that are critical or offline; parts with a warning */
} system_health_t;

void system_judge(const system_facts_t *facts, system_health_t *out);
