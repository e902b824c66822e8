/* Shares and limits of the resource strategies. */
#include "coordinator/resources.h"

#include "base/config.h"
#include <criterion/criterion.h>
#include <string.h>

static const char *const s_names[] = {"balanced", "performance", "conservative"};

TestSuite(resources, .timeout = 10);

Test(resources, every_set_of_shares_sums_to_one) {
    for (size_t i = 0; i < 3; i++) {
        const resource_strategy_t *strategy = resources_find(s_names[i]);
        cr_assert(strategy);
        for (int resource = 0; resource < RESOURCE_COUNT; resource++) {
            double sum = 0;
            for (int tier = 0; tier < TIER_COUNT; tier++) {
                cr_expect_gt(strategy->shares[resource][tier], 0);
                sum += strategy->shares[resource][tier];
            }
            cr_expect_float_eq(sum, 1.0, 1e-12, "%s, resource %d", s_names[i], resource);
        }
    }
}

Test(resources, limits_follow_from_the_pool_and_the_strategy) {
    static const uint32_t limits[3][TIER_COUNT] = {{4, 4, 5}, {5, 5, 5}, {2, 2, 2}};
    for (size_t i = 0; i < 3; i++)
        for (int tier = 0; tier < TIER_COUNT; tier++)
            cr_expect_eq(resources_limit(resources_find(s_names[i]), tier, 10), limits[i][tier], "%s, %s: %u",
                         s_names[i], tier_name(tier), resources_limit(resources_find(s_names[i]), tier, 10));
}

Test(resources, a_tier_always_gets_one_call) {
    for (size_t i = 0; i < 3; i++)
        for (int tier = 0; tier < TIER_COUNT; tier++)
            cr_expect_geq(resources_limit(resources_find(s_names[i]), tier, 1), 1);
    cr_expect_eq(resources_limit(resources_find("conservative"), TIER_MACRO, 1), 1);
}

static uint32_t s_all(const char *strategy, int64_t pool_size) {
    uint32_t sum = 0;
    for (int tier = 0; tier < TIER_COUNT; tier++)
        sum += resources_limit(resources_find(strategy), tier, pool_size);
    return sum;
}

Test(resources, performance_admits_more_and_conservative_less_than_balanced) {
    cr_expect_gt(s_all("performance", 10), s_all("balanced", 10));
    cr_expect_lt(s_all("conservative", 10), s_all("balanced", 10));
}

Test(resources, no_tier_gets_more_calls_than_connections_to_its_host) {
    for (int64_t pool_size = 1; pool_size <= 100; pool_size++)
        for (int tier = 0; tier < TIER_COUNT; tier++)
            cr_expect_leq(resources_limit(resources_find("performance"), tier, pool_size),
                          (pool_size + 1) / 2);
}

Test(resources, an_unknown_strategy_is_none) {
    cr_expect_null(resources_find("greedy"));
    cr_expect_null(resources_find(""));
    cr_expect_not_null(resources_find(RESOURCES_DEFAULT));
}

Test(resources, each_tier_has_its_adapter) {
    cr_expect_eq(tier_service(TIER_MACRO), SERVICE_MACRO);
    cr_expect_eq(tier_service(TIER_PORTFOLIO), SERVICE_PORTFOLIO);
    cr_expect_eq(tier_service(TIER_STRATEGY), SERVICE_EXECUTION);
}
