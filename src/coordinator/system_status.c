/* The rules of health: see system_status.h. */
#include "coordinator/system_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *health_name(health_t health) {
    static const char *const names[] = {"healthy", "warning", "critical", "offline"};
    return names[health];
}

const char *system_part_name(system_part_t part) {
    static const char *const names[SYSTEM_PART_COUNT] = {"macro", "portfolio", "strategy", "tactical",
                                                         "data_pipeline"};
    return names[part];
}

/* The worst counts; of equals the first said. */
static void s_worsen(part_health_t *part, health_t health, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void s_worsen(part_health_t *part, health_t health, const char *format, ...) {
    va_list args;
    if (health <= part->health)
        return;
    part->health = health;
    va_start(args, format);
    vsnprintf(part->reason, sizeof part->reason, format, args);
    va_end(args);
}

static void s_judge_service(const service_facts_t *facts, const char *name, part_health_t *part) {
    bool unhealthy = strcmp(facts->status, "unhealthy") == 0;
    bool open = strcmp(facts->circuit, "open") == 0;
    if (!facts->answered)
        s_worsen(part, HEALTH_OFFLINE, "the adapter of %s %s", name, facts->why);
    else if (unhealthy && open)
        s_worsen(part, HEALTH_OFFLINE, "%s is unhealthy and its circuit is open: %s", name, facts->why);
    else if (unhealthy)
        s_worsen(part, HEALTH_CRITICAL, "%s is unhealthy: %s", name, facts->why);
    else if (open)
        s_worsen(part, HEALTH_CRITICAL, "the circuit of %s is open", name);
    else if (strcmp(facts->circuit, "half_open") == 0)
        s_worsen(part, HEALTH_WARNING, "the circuit of %s is half open", name);
    else if (strcmp(facts->status, "healthy") != 0)
        s_worsen(part, HEALTH_WARNING, "%s has not been probed yet", name);
}

static void s_judge_tactical(const system_facts_t *facts, part_health_t *part) {
    const component_facts_t *router = &facts->router;
    if (!router->answered)
        s_worsen(part, HEALTH_OFFLINE, "the signal router %s", router->why);
    else if (strcmp(router->status, "running") != 0)
        s_worsen(part, HEALTH_CRITICAL, "the signal router is %s: %s", router->status, router->why);
    if (!facts->is_running)
        s_worsen(part, HEALTH_OFFLINE, "the trading flow is stopped");
    if (strcmp(facts->mode, "halted") == 0)
        s_worsen(part, HEALTH_CRITICAL, "trading is halted");
    else if (strcmp(facts->mode, "active") != 0)
        s_worsen(part, HEALTH_WARNING, "only reducing signals are admitted");
    if (facts->scoped_modes > 0)
        s_worsen(part, HEALTH_WARNING, "%u sources, targets or symbols have a mode of their own",
                 facts->scoped_modes);
}

static void s_judge_data(const system_facts_t *facts, part_health_t *part) {
    const component_facts_t *dataflow = &facts->dataflow;
    if (!dataflow->answered)
        s_worsen(part, HEALTH_OFFLINE, "the data flow manager %s", dataflow->why);
    if (facts->missing > 0)
        s_worsen(part, HEALTH_CRITICAL, "required datasets are missing: %s", facts->unfit);
    if (facts->stale > 0)
        s_worsen(part, HEALTH_WARNING, "required datasets are stale: %s", facts->unfit);
    if (facts->unknown > 0)
        s_worsen(part, HEALTH_WARNING, "how old required datasets are is not known: %s", facts->unfit);
    if (dataflow->answered && strcmp(dataflow->status, "running") != 0)
        s_worsen(part, HEALTH_WARNING, "the data flow manager is %s: %s", dataflow->status, dataflow->why);
}

static health_t s_overall(const system_facts_t *facts, const part_health_t *parts) {
    health_t worst = HEALTH_HEALTHY;
    unsigned offline = 0;
    for (int i = 0; i < SYSTEM_PART_COUNT; i++) {
        offline += parts[i].health == HEALTH_OFFLINE;
        if (parts[i].health > worst)
            worst = parts[i].health;
    }
    if (!facts->is_running || offline == SYSTEM_PART_COUNT)
        return HEALTH_OFFLINE;
    return worst == HEALTH_OFFLINE ? HEALTH_CRITICAL : worst;
}

void system_judge(const system_facts_t *facts, system_health_t *out) {
    *out = (system_health_t){0};
    s_judge_service(&facts->services[SERVICE_MACRO], "macro", &out->parts[SYSTEM_MACRO]);
    s_judge_service(&facts->services[SERVICE_PORTFOLIO], "portfolio", &out->parts[SYSTEM_PORTFOLIO]);
    s_judge_service(&facts->services[SERVICE_EXECUTION], "execution", &out->parts[SYSTEM_STRATEGY]);
    s_judge_service(&facts->services[SERVICE_EXECUTION], "execution", &out->parts[SYSTEM_TACTICAL]);
    s_judge_service(&facts->services[SERVICE_FLOWHUB], "flowhub", &out->parts[SYSTEM_DATA_PIPELINE]);
    s_judge_tactical(facts, &out->parts[SYSTEM_TACTICAL]);
    s_judge_data(facts, &out->parts[SYSTEM_DATA_PIPELINE]);
    out->overall = s_overall(facts, out->parts);
    for (int i = 0; i < SYSTEM_PART_COUNT; i++) {
        out->errors += out->parts[i].health >= HEALTH_CRITICAL;
        out->warnings += out->parts[i].health == HEALTH_WARNING;
    }
}
