/* The resource strategy in force: its limits on the adapters, GetResources and SetResources. */
#include "coordinator/system_state.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "base/process.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "tables.gen.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ADAPTER_US 500000

/* ---- rows ---- */

char *allocation_to_text(const allocation_t *allocation) {
    json_t *root = json_object();
    json_object_set_new(root, "allocation_id", json_string(allocation->allocation_id));
    json_object_set_new(root, "strategy", json_string(allocation->strategy->name));
    json_object_set_new(root, "created_time", json_integer(allocation->created_time));
    char *text = json_tree_text(root);
    json_decref(root);
    return text;
}

err_t allocation_from_text(const char *text, allocation_t *allocation) {
    json_t *root = json_tree_parse(text);
    const char *id = json_string_value(json_object_get(root, "allocation_id"));
    const char *strategy = json_string_value(json_object_get(root, "strategy"));
    allocation_t found = {.created_time = json_integer_value(json_object_get(root, "created_time")),
                          .strategy = strategy ? resources_find(strategy) : NULL};
    bool good = id && message_set(found.allocation_id, sizeof found.allocation_id, id) && found.strategy;
    json_decref(root);
    found.stored = true;
    if (good)
        *allocation = found;
    return good ? OK : ERR_PROTOCOL;
}

/* ---- limits ---- */

typedef struct limits_ask_s limits_ask_t;

typedef struct {
    system_t *system;
    limits_ask_t *ask; /* NULL = nobody waits */
    tier_t tier;
} limit_slot_t;

/* Somebody who waits for all tiers. */
struct limits_ask_s {
    call_t *call;
    unsigned open;
    TierLimit limits[TIER_COUNT];
};

static uint32_t s_limit(const system_t *self, tier_t tier) {
    return resources_limit(self->allocation.strategy, tier,
                           actor_config(self->actor)->services[tier_service(tier)].pool_size);
}

static void s_answer(system_t *self, limits_ask_t *ask);

/* A limit that the adapter did not take is set again by the next tick. */
static void s_note(system_t *self, tier_t tier, err_t err, const Fault *fault) {
    bool limited = err == OK;
    if (limited != self->limited[tier] && err != ERR_SHUTTING_DOWN) {
        if (limited)
            log_info("adapter limited", LOG_STR("adapter", adapter_names[tier_service(tier)]),
                     LOG_INT("max_in_flight", s_limit(self, tier)));
        else
            log_warning("the adapter has not taken its limit",
                        LOG_STR("adapter", adapter_names[tier_service(tier)]), LOG_ERRT(err),
                        LOG_STR("error", fault->message));
    }
    self->limited[tier] = limited;
}

static void s_on_limit(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    limit_slot_t *slot = context;
    limits_ask_t *ask = slot->ask;
    system_t *self = slot->system;
    const SetLimitReply *reply = response;
    s_note(self, slot->tier, err, fault);
    if (ask && err == OK) {
        ask->limits[slot->tier].has_in_flight = true;
        ask->limits[slot->tier].in_flight = reply->in_flight;
    }
    free(slot);
    if (ask && --ask->open == 0)
        s_answer(self, ask);
}

static void s_set_limit(system_t *self, tier_t tier, limits_ask_t *ask) {
    limit_slot_t *slot = malloc(sizeof *slot);
    assert_always(slot);
    *slot = (limit_slot_t){self, ask, tier};
    SetLimitRequest request = {.max_in_flight = s_limit(self, tier)};
    actor_request_options_t options = {.component = adapter_names[tier_service(tier)],
                                       .deadline_us = clock_mono_us() + ADAPTER_US,
                                       .on_behalf = ask ? ask->call : NULL};
    if (ask)
        ask->limits[tier].max_in_flight = request.max_in_flight;
    actor_request(self->actor, &rpc_Adapter_SetLimit, &request, &options, s_on_limit, slot);
}

void resources_apply(system_t *self) {
    for (tier_t tier = 0; self->allocation.strategy && tier < TIER_COUNT; tier++)
        s_set_limit(self, tier, NULL);
}

/* ---- the answer ---- */

static ResourceShares s_shares(const resource_strategy_t *strategy, resource_t resource) {
    const double *shares = strategy->shares[resource];
    return (ResourceShares){shares[TIER_MACRO], shares[TIER_PORTFOLIO], shares[TIER_STRATEGY]};
}

static void s_fill_host(const system_t *self, HostFigures *out) {
    host_t host;
    host_read(actor_config(self->actor)->data_dir, &host);
    out->cpu_count = host.cpu_count;
    out->has_cpu_usage = self->has_cpu_usage;
    out->cpu_usage = self->cpu_usage;
    out->has_memory_total_bytes = out->has_memory_used_bytes = host.has_memory;
    out->memory_total_bytes = host.memory_total_bytes;
    out->memory_used_bytes = host.memory_used_bytes;
    out->has_disk_free_bytes = host.has_disk;
    out->disk_free_bytes = host.disk_free_bytes;
}

static void s_fill_process(ProcessFigures *out) {
    process_t process;
    process_read(&process);
    out->has_rss_bytes = !isnan(process.rss_bytes);
    out->rss_bytes = out->has_rss_bytes ? (uint64_t)process.rss_bytes : 0;
    out->has_cpu_seconds = !isnan(process.cpu_seconds);
    out->cpu_seconds = process.cpu_seconds;
    out->has_open_files = !isnan(process.open_files);
    out->open_files = out->has_open_files ? (uint32_t)process.open_files : 0;
    out->has_threads = !isnan(process.threads);
    out->threads = out->has_threads ? (uint32_t)process.threads : 0;
}

static void s_fill(const system_t *self, const limits_ask_t *ask, Resources *out) {
    const allocation_t *allocation = &self->allocation;
    MESSAGE_PUT(out->allocation_id, allocation->allocation_id);
    MESSAGE_PUT(out->strategy, allocation->strategy->name);
    out->has_cpu_allocation = out->has_memory_allocation = true;
    out->has_network_allocation = out->has_storage_allocation = true;
    out->cpu_allocation = s_shares(allocation->strategy, RESOURCE_CPU);
    out->memory_allocation = s_shares(allocation->strategy, RESOURCE_MEMORY);
    out->network_allocation = s_shares(allocation->strategy, RESOURCE_NETWORK);
    out->storage_allocation = s_shares(allocation->strategy, RESOURCE_STORAGE);
    out->created_time = allocation->created_time;
    out->is_active =
        self->limited[TIER_MACRO] && self->limited[TIER_PORTFOLIO] && self->limited[TIER_STRATEGY];
    out->has_limits = out->limits.has_macro = out->limits.has_portfolio = out->limits.has_strategy = true;
    out->limits.macro = ask->limits[TIER_MACRO];
    out->limits.portfolio = ask->limits[TIER_PORTFOLIO];
    out->limits.strategy = ask->limits[TIER_STRATEGY];
    out->has_host = out->has_process = true;
    s_fill_host(self, &out->host);
    s_fill_process(&out->process);
}

static void s_answer(system_t *self, limits_ask_t *ask) {
    Resources resources = Resources_init_zero;
    s_fill(self, ask, &resources);
    call_reply(self->actor, &ask->call, &resources);
    message_release(Resources_message(), &resources);
    free(ask);
}

/* The limits are set with the question, so that what is answered is what holds. */
static void s_ask_all(system_t *self, call_t *call) {
    limits_ask_t *ask = calloc(1, sizeof *ask);
    assert_always(ask);
    ask->call = call;
    ask->open = TIER_COUNT;
    for (tier_t tier = 0; tier < TIER_COUNT; tier++)
        s_set_limit(self, tier, ask);
}

/* ---- SetResources ---- */

static bool s_write(change_t *self, store_write_t *write) {
    char *text = allocation_to_text(&self->allocation);
    store_write_op(write, "system_state_set", "ssi", "system/resources", text, clock_wall_ms());
    free(text);
    return true;
}

/* The strategy that is in force already is the same allocation. */
static bool s_write_other(change_t *self, store_write_t *write) {
    return self->system->allocation.strategy != self->allocation.strategy && s_write(self, write);
}

static void s_apply(change_t *self) {
    const allocation_t *allocation = &self->allocation;
    const Principal *principal = &call_envelope(self->call)->principal;
    self->system->allocation = *allocation;
    self->system->allocation.stored = true;
    log_info("resource strategy set", LOG_STR("strategy", allocation->strategy->name),
             LOG_STR("allocation_id", allocation->allocation_id), LOG_STR("principal", principal->name),
             LOG_STR("remote", principal->remote));
}

static void s_finish(change_t *self) {
    s_ask_all(self->system, self->call);
    change_destroy(&self);
}

static const change_kind_t s_kind = {s_write_other, s_apply, s_finish};

/* The first allocation holds before it is stored: nobody asked for it. */
static void s_apply_first(change_t *self) {
    self->system->allocation.stored = true;
    log_info("first resource allocation stored", LOG_STR("allocation_id", self->allocation.allocation_id));
}

static void s_finish_first(change_t *self) {
    change_destroy(&self);
}

static const change_kind_t s_first_kind = {s_write, s_apply_first, s_finish_first};

static void s_choose(change_t *change, const resource_strategy_t *strategy) {
    change->allocation.strategy = strategy;
    change->allocation.created_time = clock_wall_ms();
    ids_uuid7(change->allocation.allocation_id);
}

err_t system_set_resources(actor_t *actor, call_t *call, const void *input, void *response) {
    (void)response;
    const SetResourcesRequest *request = input;
    const resource_strategy_t *strategy = resources_find(request->strategy);
    err_t err = strategy ? OK : ERR_VALIDATION_FAILED;
    change_t *change = strategy ? change_new(system_of(actor), call, &s_kind, &err) : NULL;
    if (!change)
        return err;
    s_choose(change, strategy);
    change_start(change);
    return ERR_PENDING;
}

void resources_loaded(system_t *self) {
    if (!self->allocation.strategy) {
        change_t *change = change_new_own(self, &s_first_kind);
        s_choose(change, resources_find(RESOURCES_DEFAULT));
        self->allocation = change->allocation;
        change_start(change);
    }
    resources_apply(self);
}

/* ---- GetResources ---- */

static bool s_write_nothing(change_t *self, store_write_t *write) {
    (void)self;
    (void)write;
    return false;
}

/* For a question that came before the first allocation was stored: it is answered behind that. */
static const change_kind_t s_question_kind = {s_write_nothing, NULL, s_finish};

err_t system_get_resources(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    system_t *self = system_of(actor);
    err_t err;
    if (self->known && self->allocation.stored) {
        s_ask_all(self, call);
        return ERR_PENDING;
    }
    change_t *question = change_new(self, call, &s_question_kind, &err);
    if (!question)
        return err;
    change_start(question);
    return ERR_PENDING;
}
