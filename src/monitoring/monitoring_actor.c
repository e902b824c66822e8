/* The system monitor's tables and answers; see monitoring.h. */
#include "monitoring/monitoring.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "monitoring/gather.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const monitoring_args_t *args;
    int64_t started_us;
} monitoring_t;

/* ---- GetStatus ---- */

static void s_fill_configuration(const monitoring_t *self, const config_t *config, StatusConfiguration *out) {
    int bound = self->args ? atomic_load(&self->args->rest_port) : 0;
    bool sqlite = strncmp(config->database_url, "postgres", strlen("postgres")) != 0;
    out->host = message_strdup(config->host);
    out->port = (uint32_t)(bound ? bound : config->port);
    out->debug = config->debug;
    out->scheduler_enabled = config->scheduler_enabled;
    MESSAGE_PUT(out->store, sqlite ? "sqlite" : "postgresql");
    MESSAGE_PUT(out->cache, *config->redis_url ? "redis" : "memory");
}

/* It is no actor: that its listener stands is all that is known of it here; its figures are in /metrics. */
static void s_fill_gateway(const monitoring_t *self, ComponentStates *out) {
    bool bound = self->args && atomic_load(&self->args->rest_port) > 0;
    out->has_gateway = true;
    MESSAGE_PUT(out->gateway.status, bound ? "running" : "stopped");
    out->gateway.reason = bound ? NULL : message_strdup("the listener does not stand yet");
}

static void s_answer_status(gather_t *gather) {
    const monitoring_t *self = actor_state(gather->actor);
    const config_t *config = actor_config(gather->actor);
    Status status = Status_init_zero;
    MESSAGE_PUT(status.service, "integration-service");
    MESSAGE_PUT(status.version, INTEGRATION_VERSION);
    MESSAGE_PUT(status.environment, config->environment);
    status.uptime = (double)(clock_mono_us() - self->started_us) / 1e6;
    status.has_components = status.has_configuration = true;
    parts_fill(gather->states, &status.components);
    s_fill_gateway(self, &status.components);
    s_fill_configuration(self, config, &status.configuration);
    call_reply(gather->actor, &gather->call, &status);
    message_release(Status_message(), &status);
}

static err_t s_get_status(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    const monitoring_t *self = actor_state(actor);
    gather_start(actor, self->args, call, s_answer_status);
    return ERR_PENDING;
}

/* ---- GetReadiness ---- */

/* A part that is degraded still answers, and a called service that is down is no fault of ours; but without the
 * store nothing can be acknowledged: its writer runs only while the database is reachable and its schema is the
 * program's. The reader connects again at the next query. And without the active signals, or the state of the trading
 * flow, no signal can be routed. */
static bool s_is_ready(part_t part, const ComponentStatus *state, const char **why) {
    bool whole = part == PART_STORE || part == PART_SIGNALS;
    return part_is_up(state, why) && (!whole || strcmp(state->status, "running") == 0);
}

static void s_add_part(Readiness *out, part_t part, bool ready, const char *why) {
    ReadinessPart *entry = &out->parts[out->parts_count++];
    MESSAGE_PUT(entry->name, part_component(part));
    entry->ready = ready;
    entry->reason = ready ? NULL : message_strdup(why);
}

static void s_refuse_unready(gather_t *gather, const Readiness *readiness) {
    buf_t names = BUF_INIT;
    for (size_t i = 0; i < readiness->parts_count; i++) {
        const ReadinessPart *part = &readiness->parts[i];
        if (part->ready)
            continue;
        buf_printf(&names, "%s%s", names.size ? ", " : "", part->name);
        call_problem(gather->call, part->name, "%s", part->reason);
    }
    call_retry_after(gather->call, 1);
    call_explain(gather->call, ERR_SERVICE_UNAVAILABLE, "not ready: %s", buf_str(&names));
    call_fail(gather->actor, &gather->call, ERR_SERVICE_UNAVAILABLE);
    buf_free(&names);
}

static void s_answer_readiness(gather_t *gather) {
    Readiness readiness = Readiness_init_zero;
    readiness.ready = true;
    readiness.parts = message_list(PART_COUNT, sizeof *readiness.parts);
    for (part_t part = 0; part < PART_COUNT; part++) {
        const char *why = NULL;
        bool ready = s_is_ready(part, &gather->states[part], &why);
        readiness.ready = readiness.ready && ready;
        s_add_part(&readiness, part, ready, why);
    }
    MESSAGE_PUT(readiness.status, readiness.ready ? "ready" : "not_ready");
    if (readiness.ready)
        call_reply(gather->actor, &gather->call, &readiness);
    else
        s_refuse_unready(gather, &readiness);
    message_release(Readiness_message(), &readiness);
}

static err_t s_get_readiness(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    const monitoring_t *self = actor_state(actor);
    gather_start(actor, self->args, call, s_answer_readiness);
    return ERR_PENDING;
}

/* ---- CollectMetrics ---- */

/* The states move into the answer. */
static void s_answer_metrics(gather_t *gather) {
    const monitoring_t *self = actor_state(gather->actor);
    CollectedMetrics collected = CollectedMetrics_init_zero;
    collected.components = message_list(PART_COUNT + 1, sizeof *collected.components);
    memcpy(collected.components, gather->states, sizeof gather->states);
    memset(gather->states, 0, sizeof gather->states);
    collected.components_count = PART_COUNT;
    if (self->args && self->args->supervisor)
        supervisor_describe(self->args->supervisor, &collected.components[collected.components_count++]);
    call_reply(gather->actor, &gather->call, &collected);
    message_release(CollectedMetrics_message(), &collected);
}

static err_t s_collect_metrics(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    const monitoring_t *self = actor_state(actor);
    gather_start(actor, self->args, call, s_answer_metrics);
    return ERR_PENDING;
}

/* ---- Life ---- */

static err_t s_start(actor_t *actor, const void *args) {
    monitoring_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->args = args;
    self->started_us = self->args && self->args->started_us ? self->args->started_us : clock_mono_us();
    actor_set_state(actor, self);
    return OK;
}

static void s_stop(actor_t *actor) {
    free(actor_state(actor));
    actor_set_state(actor, NULL);
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    bool enabled = actor_config(actor)->monitoring_enabled;
    status_set(status, "running",
               enabled ? NULL : "sampling and alerts are switched off by MONITORING_ENABLED");
    status_add_metric(status, "gauge", "enabled", "1 when MONITORING_ENABLED is true.", enabled, NULL, NULL);
}

static const actor_command_t s_commands[] = {
    {&rpc_SystemMonitor_GetStatus, s_get_status},
    {&rpc_SystemMonitor_GetReadiness, s_get_readiness},
    {&rpc_SystemMonitor_CollectMetrics, s_collect_metrics},
    {NULL, NULL},
};

const actor_class_t monitoring_class = {
    .name = "monitoring",
    .commands = s_commands,
    .start = s_start,
    .stop = s_stop,
    .describe = s_describe,
};
