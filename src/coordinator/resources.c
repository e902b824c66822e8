/* The resource strategies: see resources.h. */
#include "coordinator/resources.h"

#include "base/config.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

/* The analysis of the strategy tier computes most, the optimizer of the portfolio tier holds most in memory, and the
 * macro tier asks for few and small things. A conservative set favours what decides over what is decided about. */
static const resource_strategy_t s_strategies[] = {
    {"balanced",
     1.0,
     {[RESOURCE_CPU] = {0.25, 0.35, 0.40},
      [RESOURCE_MEMORY] = {0.25, 0.40, 0.35},
      [RESOURCE_NETWORK] = {0.30, 0.30, 0.40},
      [RESOURCE_STORAGE] = {0.30, 0.30, 0.40}}},
    {"performance",
     2.0,
     {[RESOURCE_CPU] = {0.20, 0.30, 0.50},
      [RESOURCE_MEMORY] = {0.20, 0.35, 0.45},
      [RESOURCE_NETWORK] = {0.25, 0.25, 0.50},
      [RESOURCE_STORAGE] = {0.25, 0.25, 0.50}}},
    {"conservative",
     0.5,
     {[RESOURCE_CPU] = {0.30, 0.40, 0.30},
      [RESOURCE_MEMORY] = {0.30, 0.40, 0.30},
      [RESOURCE_NETWORK] = {0.35, 0.35, 0.30},
      [RESOURCE_STORAGE] = {0.35, 0.35, 0.30}}},
};

const resource_strategy_t *resources_find(const char *name) {
    for (size_t i = 0; i < sizeof s_strategies / sizeof *s_strategies; i++)
        if (strcmp(s_strategies[i].name, name) == 0)
            return &s_strategies[i];
    return NULL;
}

uint32_t resources_limit(const resource_strategy_t *strategy, tier_t tier, int64_t pool_size) {
    double share = strategy->shares[RESOURCE_NETWORK][tier];
    int64_t connections = (pool_size + 1) / 2;
    double limit = floor(TIER_COUNT * (double)connections * strategy->intensity * share + 1e-9);
    return limit < 1 ? 1 : limit > (double)connections ? (uint32_t)connections : (uint32_t)limit;
}

const char *tier_name(tier_t tier) {
    static const char *const names[TIER_COUNT] = {"macro", "portfolio", "strategy"};
    return names[tier];
}

int tier_service(tier_t tier) {
    static const int services[TIER_COUNT] = {SERVICE_MACRO, SERVICE_PORTFOLIO, SERVICE_EXECUTION};
    return services[tier];
}
