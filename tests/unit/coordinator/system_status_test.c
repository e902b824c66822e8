/* Which health follows from which facts. */
#include "coordinator/system_status.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void s_set_service(service_facts_t *facts, const char *status, const char *circuit) {
    facts->answered = true;
    snprintf(facts->status, sizeof facts->status, "%s", status);
    snprintf(facts->circuit, sizeof facts->circuit, "%s", circuit);
    snprintf(facts->why, sizeof facts->why, "%s", strcmp(status, "healthy") == 0 ? "" : "HTTP 500");
}

static system_facts_t s_all_well(void) {
    system_facts_t facts = {.is_running = true, .mode = "active"};
    for (int i = 0; i < SERVICE_COUNT; i++)
        s_set_service(&facts.services[i], "healthy", "closed");
    facts.router = (component_facts_t){.answered = true, .status = "running"};
    facts.dataflow = (component_facts_t){.answered = true, .status = "running"};
    return facts;
}

static system_health_t s_judge(const system_facts_t *facts) {
    system_health_t health;
    system_judge(facts, &health);
    return health;
}

static void s_expect(const system_health_t *health, system_part_t part, health_t expected, const char *says) {
    const part_health_t *found = &health->parts[part];
    cr_expect_eq(found->health, expected, "%s is %s: %s", system_part_name(part), health_name(found->health),
                 found->reason);
    cr_expect(strstr(found->reason, says), "\"%s\" does not say \"%s\"", found->reason, says);
}

TestSuite(system_status, .timeout = 10);

Test(system_status, all_parts_are_healthy_when_all_is_well) {
    system_facts_t facts = s_all_well();
    system_health_t health = s_judge(&facts);
    cr_expect_eq(health.overall, HEALTH_HEALTHY);
    cr_expect(health.errors == 0 && health.warnings == 0);
    for (int i = 0; i < SYSTEM_PART_COUNT; i++)
        cr_expect_str_eq(health.parts[i].reason, "");
}

Test(system_status, a_service_is_judged_by_probe_and_circuit) {
    static const struct {
        const char *status, *circuit;
        health_t health;
        const char *says;
    } rows[] = {
        {"healthy", "closed", HEALTH_HEALTHY, ""},
        {"healthy", "half_open", HEALTH_WARNING, "half open"},
        {"healthy", "open", HEALTH_CRITICAL, "circuit of macro is open"},
        {"unknown", "closed", HEALTH_WARNING, "not been probed"},
        {"unknown", "half_open", HEALTH_WARNING, "half open"},
        {"unknown", "open", HEALTH_CRITICAL, "circuit of macro is open"},
        {"unhealthy", "closed", HEALTH_CRITICAL, "macro is unhealthy: HTTP 500"},
        {"unhealthy", "half_open", HEALTH_CRITICAL, "macro is unhealthy: HTTP 500"},
        {"unhealthy", "open", HEALTH_OFFLINE, "its circuit is open: HTTP 500"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        system_facts_t facts = s_all_well();
        s_set_service(&facts.services[SERVICE_MACRO], rows[i].status, rows[i].circuit);
        system_health_t health = s_judge(&facts);
        s_expect(&health, SYSTEM_MACRO, rows[i].health, rows[i].says);
        s_expect(&health, SYSTEM_PORTFOLIO, HEALTH_HEALTHY, "");
    }
}

Test(system_status, a_silent_adapter_makes_its_part_offline_and_the_whole_critical) {
    system_facts_t facts = s_all_well();
    facts.services[SERVICE_PORTFOLIO] = (service_facts_t){.why = "did not answer within 500 ms"};
    system_health_t health = s_judge(&facts);
    s_expect(&health, SYSTEM_PORTFOLIO, HEALTH_OFFLINE,
             "the adapter of portfolio did not answer within 500 ms");
    cr_expect_eq(health.overall, HEALTH_CRITICAL);
    cr_expect(health.errors == 1 && health.warnings == 0);
}

Test(system_status, execution_counts_for_strategy_and_tactical) {
    system_facts_t facts = s_all_well();
    s_set_service(&facts.services[SERVICE_EXECUTION], "unhealthy", "closed");
    system_health_t health = s_judge(&facts);
    s_expect(&health, SYSTEM_STRATEGY, HEALTH_CRITICAL, "execution is unhealthy");
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_CRITICAL, "execution is unhealthy");
    cr_expect_eq(health.errors, 2);
}

Test(system_status, modes_and_the_router_count_for_tactical) {
    system_facts_t facts = s_all_well();
    facts.scoped_modes = 2;
    system_health_t health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_WARNING, "2 sources, targets or symbols");
    strcpy(facts.mode, "reducing");
    health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_WARNING, "only reducing signals");
    strcpy(facts.mode, "halted");
    health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_CRITICAL, "trading is halted");
    facts.router = (component_facts_t){.answered = true, .status = "degraded", .why = "the store is away"};
    health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_CRITICAL, "the signal router is degraded: the store is away");
    facts.router = (component_facts_t){.why = "is not running"};
    health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_OFFLINE, "the signal router is not running");
}

Test(system_status, a_stopped_flow_is_offline_as_a_whole) {
    system_facts_t facts = s_all_well();
    facts.is_running = false;
    system_health_t health = s_judge(&facts);
    s_expect(&health, SYSTEM_TACTICAL, HEALTH_OFFLINE, "the trading flow is stopped");
    s_expect(&health, SYSTEM_MACRO, HEALTH_HEALTHY, "");
    cr_expect_eq(health.overall, HEALTH_OFFLINE);
}

Test(system_status, the_data_pipeline_is_as_bad_as_its_worst) {
    static const struct {
        const char *dataflow;
        unsigned stale, missing, unknown;
        health_t health;
        const char *says;
    } rows[] = {
        {"running", 0, 0, 0, HEALTH_HEALTHY, ""},
        {"degraded", 0, 0, 0, HEALTH_WARNING, "the data flow manager is degraded"},
        {"running", 0, 0, 1, HEALTH_WARNING, "is not known: daily"},
        {"running", 1, 0, 0, HEALTH_WARNING, "stale: daily"},
        {"running", 0, 1, 0, HEALTH_CRITICAL, "missing: daily"},
        {"degraded", 1, 1, 1, HEALTH_CRITICAL, "missing: daily"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        system_facts_t facts = s_all_well();
        strcpy(facts.dataflow.status, rows[i].dataflow);
        facts.stale = rows[i].stale;
        facts.missing = rows[i].missing;
        facts.unknown = rows[i].unknown;
        strcpy(facts.unfit, "daily");
        system_health_t health = s_judge(&facts);
        s_expect(&health, SYSTEM_DATA_PIPELINE, rows[i].health, rows[i].says);
    }
    system_facts_t facts = s_all_well();
    facts.dataflow = (component_facts_t){.why = "did not answer within 500 ms"};
    system_health_t health = s_judge(&facts);
    s_expect(&health, SYSTEM_DATA_PIPELINE, HEALTH_OFFLINE, "the data flow manager did not answer");
    facts = s_all_well();
    s_set_service(&facts.services[SERVICE_FLOWHUB], "unhealthy", "open");
    health = s_judge(&facts);
    s_expect(&health, SYSTEM_DATA_PIPELINE, HEALTH_OFFLINE, "flowhub is unhealthy");
}

Test(system_status, errors_and_warnings_are_counted_by_part) {
    system_facts_t facts = s_all_well();
    s_set_service(&facts.services[SERVICE_MACRO], "unhealthy", "open");
    s_set_service(&facts.services[SERVICE_PORTFOLIO], "unhealthy", "closed");
    facts.scoped_modes = 1;
    facts.stale = 1;
    system_health_t health = s_judge(&facts);
    cr_expect_eq(health.errors, 2);
    cr_expect_eq(health.warnings, 2);
    cr_expect_eq(health.overall, HEALTH_CRITICAL);
}

Test(system_status, nothing_that_answers_is_offline_as_a_whole) {
    system_facts_t facts = {.is_running = true, .mode = "active"};
    system_health_t health = s_judge(&facts);
    cr_expect_eq(health.overall, HEALTH_OFFLINE);
    cr_expect_eq(health.errors, SYSTEM_PART_COUNT);
}

Test(system_status, a_long_reason_is_cut) {
    system_facts_t facts = s_all_well();
    s_set_service(&facts.services[SERVICE_MACRO], "unhealthy", "open");
    memset(facts.services[SERVICE_MACRO].why, 'x', FACTS_WHY_SIZE - 1);
    system_health_t health = s_judge(&facts);
    cr_expect_lt(strlen(health.parts[SYSTEM_MACRO].reason), sizeof health.parts[SYSTEM_MACRO].reason);
}
