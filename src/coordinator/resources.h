/* How a resource strategy divides the work among the tiers: shares and limits. Constant and pure.
 *
 * What is enforced is the limit on the calls in flight to the adapter of a tier (macro, portfolio, and execution for
 * the strategy tier):
 *
 *   connections (tier) = half of pool_size (tier), rounded up: what the HTTP client opens to one host
 *   limit (tier) = floor (TIER_COUNT x connections (tier) x intensity x network share (tier)), 1 to connections (tier)
 *
 * With equal shares and intensity 1 that is one call a connection. More would only wait for one. The shares of
 * processor, memory and storage are the plan that goes with a strategy; one process has no means to hold its tiers to
 * them. Each set of shares sums to 1. */
#pragma once

#include <stdint.h>

typedef enum { TIER_MACRO, TIER_PORTFOLIO, TIER_STRATEGY, TIER_COUNT } tier_t;
typedef enum { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_NETWORK, RESOURCE_STORAGE, RESOURCE_COUNT } resource_t;

typedef struct {
    const char *name;
    double intensity;
    double shares[RESOURCE_COUNT][TIER_COUNT];
} resource_strategy_t;

#define RESOURCES_DEFAULT "balanced"

/* NULL when there is none of that name. */
const resource_strategy_t *resources_find(const char *name);
/* Calls in flight at once. `pool_size` is that of the tier's adapter. */
uint32_t resources_limit(const resource_strategy_t *strategy, tier_t tier, int64_t pool_size);

const char *tier_name(tier_t tier); /* macro, portfolio, strategy */
int tier_service(tier_t tier);      /* SERVICE_ of its adapter */
