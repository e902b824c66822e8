/* Gathering the facts of GetSystemStatus, side by side and within a time of their own: who does not answer is a fact
 * too. */
#include "coordinator/system_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "bus/fault.h"
#include "coordinator/modes.h"
#include "dataflow/readiness.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 500

enum { ASKED = SERVICE_COUNT + 2, FINISHED_AT = 7 /* of DATASET_SYNC_COLUMNS */ };

typedef struct {
    system_t *system;
    call_t *call; /* NULL = for the log only */
    unsigned open;
    system_facts_t facts;
} gathering_t;

typedef struct {
    gathering_t *gathering;
    int service;
} service_slot_t;

typedef struct {
    gathering_t *gathering;
    const dataset_t *dataset;
} dataset_slot_t;

/* ---- the answer ---- */

static void s_log_changes(system_t *self, const system_health_t *health) {
    for (int i = 0; i < SYSTEM_PART_COUNT; i++) {
        const part_health_t *part = &health->parts[i];
        if (self->judged && self->seen[i] == part->health)
            continue;
        if (part->health != HEALTH_HEALTHY)
            log_warning("health changed", LOG_STR("part", system_part_name(i)),
                        LOG_STR("health", health_name(part->health)), LOG_STR("reason", part->reason));
        else
            log_info("health changed", LOG_STR("part", system_part_name(i)), LOG_STR("health", "healthy"));
        self->seen[i] = part->health;
    }
    self->judged = true;
}

static void s_fill_health(const system_health_t *health, SystemHealth *out) {
    const part_health_t *parts = health->parts;
    MESSAGE_PUT(out->overall_health, health_name(health->overall));
    MESSAGE_PUT(out->macro_system_status, health_name(parts[SYSTEM_MACRO].health));
    MESSAGE_PUT(out->portfolio_system_status, health_name(parts[SYSTEM_PORTFOLIO].health));
    MESSAGE_PUT(out->strategy_system_status, health_name(parts[SYSTEM_STRATEGY].health));
    MESSAGE_PUT(out->tactical_system_status, health_name(parts[SYSTEM_TACTICAL].health));
    MESSAGE_PUT(out->data_pipeline_status, health_name(parts[SYSTEM_DATA_PIPELINE].health));
    out->last_update_time = clock_wall_ms();
    out->error_count = health->errors;
    out->warning_count = health->warnings;
}

/* The scoped modes are lent to the answer. */
static void s_answer(gathering_t *self, const system_health_t *health) {
    system_t *system = self->system;
    const SystemState *state = &system->state;
    size_t unscoped = modes_find(state, NULL) ? 1 : 0;
    SystemStatus status = {.is_running = state->is_running, .has_system_status = true};
    MESSAGE_PUT(status.mode, modes_word(state, NULL));
    status.active_cycles = (uint32_t)coordinator_count(system->owner, "running");
    s_fill_health(health, &status.system_status);
    status.modes = state->modes + unscoped;
    status.modes_count = state->modes_count - (pb_size_t)unscoped;
    call_reply(system->actor, &self->call, &status);
}

static void s_done(gathering_t *self) {
    system_t *system = self->system;
    const SystemState *state = &system->state;
    system_health_t health;
    self->facts.is_running = state->is_running;
    snprintf(self->facts.mode, sizeof self->facts.mode, "%s", modes_word(state, NULL));
    self->facts.scoped_modes = (unsigned)state->modes_count - (modes_find(state, NULL) ? 1 : 0);
    system_judge(&self->facts, &health);
    s_log_changes(system, &health);
    if (self->call)
        s_answer(self, &health);
    else
        system->judging = false;
    free(self);
}

/* What comes because we stop says nothing of the parts. */
static void s_received(gathering_t *self, err_t err) {
    if (--self->open > 0)
        return;
    if (err != ERR_SHUTTING_DOWN) {
        s_done(self);
        return;
    }
    if (self->call)
        call_fail(self->system->actor, &self->call, err);
    else
        self->system->judging = false;
    free(self);
}

/* ---- the facts ---- */

static void s_why(char why[FACTS_WHY_SIZE], err_t err, const Fault *fault) {
    if (err == ERR_NO_SUBSCRIBER)
        snprintf(why, FACTS_WHY_SIZE, "is not running");
    else if (err == ERR_DEADLINE_EXCEEDED)
        snprintf(why, FACTS_WHY_SIZE, "did not answer within %d ms", ANSWER_MS);
    else
        snprintf(why, FACTS_WHY_SIZE, "did not answer: %s",
                 fault && fault->message ? fault->message : err_name(err));
}

static void s_on_item(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    service_slot_t *slot = context;
    gathering_t *self = slot->gathering;
    service_facts_t *facts = &self->facts.services[slot->service];
    const ServiceItem *item = response;
    facts->answered = err == OK;
    if (err == OK) {
        snprintf(facts->status, sizeof facts->status, "%s", item->status);
        snprintf(facts->circuit, sizeof facts->circuit, "%s", item->circuit.state);
        snprintf(facts->why, sizeof facts->why, "%s", item->error ? item->error : "");
    } else {
        s_why(facts->why, err, fault);
    }
    free(slot);
    s_received(self, err);
}

static void s_note_component(component_facts_t *facts, err_t err, const ComponentStatus *status,
                             const Fault *fault) {
    facts->answered = err == OK;
    if (err == OK) {
        snprintf(facts->status, sizeof facts->status, "%s", status->status);
        snprintf(facts->why, sizeof facts->why, "%s", status->reason ? status->reason : "");
    } else {
        s_why(facts->why, err, fault);
    }
}

static void s_on_router(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    gathering_t *self = context;
    s_note_component(&self->facts.router, err, response, fault);
    s_received(self, err);
}

static void s_on_dataflow(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    gathering_t *self = context;
    s_note_component(&self->facts.dataflow, err, response, fault);
    s_received(self, err);
}

/* The end of the last successful fetch, 0 = never. */
static int64_t s_last_fetch_ms(const StoreRows *rows) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    int64_t last_ms = row ? store_row_int(row, FINISHED_AT) : 0;
    store_row_destroy(&row);
    return last_ms;
}

static void s_on_fetched(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    (void)fault;
    dataset_slot_t *slot = context;
    gathering_t *self = slot->gathering;
    system_facts_t *facts = &self->facts;
    readiness_t readiness = READINESS_READY;
    if (err == OK)
        readiness = readiness_judge(slot->dataset, s_last_fetch_ms(response), clock_wall_ms());
    facts->unknown += err != OK;
    facts->stale += readiness == READINESS_STALE;
    facts->missing += readiness == READINESS_MISSING;
    if (err != OK || readiness != READINESS_READY) {
        size_t length = strlen(facts->unfit);
        snprintf(facts->unfit + length, sizeof facts->unfit - length, "%s%s (%s)", length ? ", " : "",
                 slot->dataset->name, err == OK ? readiness_name(readiness) : "not known");
    }
    free(slot);
    s_received(self, err);
}

/* ---- asking ---- */

static void s_ask_adapters(gathering_t *self, actor_request_options_t options) {
    for (int i = 0; i < SERVICE_COUNT; i++) {
        service_slot_t *slot = malloc(sizeof *slot);
        assert_always(slot);
        *slot = (service_slot_t){self, i};
        options.component = adapter_names[i];
        actor_request(self->system->actor, &rpc_Adapter_GetItem, &(GetItemRequest)GetItemRequest_init_zero,
                      &options, s_on_item, slot);
    }
}

static void s_ask_component(gathering_t *self, const char *name, actor_request_options_t options,
                            actor_reply_fn *reply) {
    options.component = name;
    actor_request(self->system->actor, &rpc_Actor_Describe, &(DescribeRequest)DescribeRequest_init_zero,
                  &options, reply, self);
}

/* How fresh the required datasets are, by the judgement of the readiness stage. */
static void s_ask_datasets(gathering_t *self, const actor_request_options_t *options) {
    const char *list = actor_config(self->system->actor)->datasets_required, *item;
    for (size_t length; config_list_next(&list, &item, &length);) {
        char *name = message_strndup(item, length);
        const dataset_t *dataset = datasets_find(name);
        free(name);
        assert_always(dataset); /* the configuration allows no other */
        dataset_slot_t *slot = malloc(sizeof *slot);
        assert_always(slot);
        *slot = (dataset_slot_t){self, dataset};
        self->open++;
        store_query(self->system->actor, "dataset_last_success", 1, options, s_on_fetched, slot, "s",
                    dataset->name);
    }
}

static void s_ask(system_t *system, call_t *call) {
    gathering_t *self = calloc(1, sizeof *self);
    assert_always(self);
    *self = (gathering_t){.system = system, .call = call, .open = ASKED};
    actor_request_options_t options = {.deadline_us = clock_mono_us() + ANSWER_MS * 1000, .on_behalf = call};
    s_ask_adapters(self, options);
    s_ask_component(self, "signals", options, s_on_router);
    s_ask_component(self, "dataflow", options, s_on_dataflow);
    s_ask_datasets(self, &options);
}

err_t system_get_status(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    system_t *system = system_of(actor);
    err_t err = system_check_known(system, call);
    if (err != OK)
        return err;
    s_ask(system, call);
    return ERR_PENDING;
}

void system_watch(system_t *self) {
    if (!self->known || self->judging)
        return;
    self->judging = true;
    s_ask(self, NULL);
}
