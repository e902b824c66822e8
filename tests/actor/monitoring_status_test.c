/* The system monitor over a real bus: who answers, who does not, and what follows for readiness. */
#include "cache/cache.h"
#include "coordinator/coordinator.h"
#include "dataflow/dataflow.h"
#include "delivery/delivery.h"
#include "monitoring/monitoring.h"
#include "scheduler/scheduler.h"
#include "services/adapter.h"
#include "services/services.h"
#include "signals/signals.h"
#include "store_fixture.h"
#include "stream/stream.h"
#include "validation/validation.h"

typedef struct {
    fixture_t store;
    monitoring_args_t args;
    adapter_args_t adapters[SERVICE_COUNT];
    char *environment[8], data_dir[96];
    config_t *config;
} monitoring_fixture_t;

static harness_t *s_harness(monitoring_fixture_t *f) {
    return &f->store.harness;
}

/* Every downstream is at a port where nobody listens: what readiness does not care about. */
static void s_load_config(monitoring_fixture_t *f) {
    static char *const names[] = {(char *)"MACRO_SERVICE_URL=http://127.0.0.1:9",
                                  (char *)"PORTFOLIO_SERVICE_URL=http://127.0.0.1:9",
                                  (char *)"EXECUTION_SERVICE_URL=http://127.0.0.1:9",
                                  (char *)"FLOWHUB_SERVICE_URL=http://127.0.0.1:9",
                                  (char *)"INTEGRATION_STREAM_URL=tcp://127.0.0.1:*",
                                  (char *)"INTEGRATION_REPLAY_URL=tcp://127.0.0.1:*"};
    config_flags_t flags = {0};
    char *argv[] = {(char *)"test", NULL};
    memcpy(f->environment, names, sizeof names);
    snprintf(f->data_dir, sizeof f->data_dir, "INTEGRATION_DATA_DIR=%s", f->store.dir);
    f->environment[6] = f->data_dir;
    cr_assert_eq(config_load(&f->config, &flags, 1, argv, f->environment, stderr), OK);
}

static void s_begin(monitoring_fixture_t *f) {
    *f = (monitoring_fixture_t){0};
    fixture_begin(&f->store, false);
    s_load_config(f);
    f->args.bus = f->store.harness.bus;
    f->args.started_us = clock_mono_us() - 5000000;
    atomic_store(&f->args.rest_port, 18088);
}

static void s_end(monitoring_fixture_t *f) {
    fixture_end(&f->store);
    config_destroy(&f->config);
}

static void s_start_monitor(monitoring_fixture_t *f) {
    harness_actor(s_harness(f), &monitoring_class, f->config, &f->args);
}

static void s_start_store(monitoring_fixture_t *f) {
    f->store.writer = harness_actor(s_harness(f), &store_writer_class, f->config, NULL);
    f->store.reader = harness_actor(s_harness(f), &store_reader_class, f->config, NULL);
}

static void s_start_adapters(monitoring_fixture_t *f) {
    for (int i = 0; i < SERVICE_COUNT; i++) {
        f->adapters[i].service = i;
        harness_actor_named(s_harness(f), &adapter_class, adapter_names[i], f->config, &f->adapters[i]);
    }
}

static void s_start_all(monitoring_fixture_t *f) {
    static const actor_class_t *const classes[] = {&services_class,    &cache_class,     &stream_class,
                                                   &signals_class,     &dataflow_class,  &validation_class,
                                                   &coordinator_class, &scheduler_class, &delivery_class};
    s_start_store(f);
    s_start_adapters(f);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        harness_actor(s_harness(f), classes[i], f->config, NULL);
    s_start_monitor(f);
}

static Status s_status(monitoring_fixture_t *f) {
    GetStatusRequest request = GetStatusRequest_init_zero;
    Status status = Status_init_zero;
    cr_assert_eq(harness_request(s_harness(f), &rpc_SystemMonitor_GetStatus, &request, &status, NULL), OK);
    return status;
}

static err_t s_readiness(monitoring_fixture_t *f, Readiness *readiness, Fault *fault) {
    GetReadinessRequest request = GetReadinessRequest_init_zero;
    *readiness = (Readiness)Readiness_init_zero;
    *fault = (Fault)Fault_init_zero;
    return harness_request(s_harness(f), &rpc_SystemMonitor_GetReadiness, &request, readiness, fault);
}

/* What readiness says of a part; NULL = it is not among the failing ones. */
static const char *s_problem(const Fault *fault, const char *part) {
    for (size_t i = 0; i < fault->details_count; i++) {
        if (strcmp(fault->details[i].field, part) == 0)
            return fault->details[i].problem;
    }
    return NULL;
}

static bool s_is_ready(void *context) {
    Readiness readiness;
    Fault fault;
    err_t err = s_readiness(context, &readiness, &fault);
    message_release(Readiness_message(), &readiness);
    message_release(Fault_message(), &fault);
    return err == OK;
}

Test(monitoring, shows_every_component_that_runs, .timeout = 60) {
    monitoring_fixture_t f;
    s_begin(&f);
    s_start_all(&f);
    harness_until(s_is_ready, &f, "all is ready");
    Status status = s_status(&f);
    const ComponentStates *all = &status.components;
    const ComponentState *const states[] = {
        &all->coordinator, &all->signal_router,  &all->data_flow_manager,
        &all->scheduler,   &all->system_monitor, &all->validation_coordinator,
        &all->store,       &all->cache,          &all->bus,
        &all->stream,      &all->delivery};
    cr_expect_str_eq(status.service, "integration-service");
    cr_expect_str_eq(status.environment, "production");
    cr_expect(status.uptime >= 5 && status.uptime < 120);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        cr_expect(strcmp(states[i]->status, "running") == 0 || strcmp(states[i]->status, "degraded") == 0,
                  "%zu: %s", i, states[i]->reason ? states[i]->reason : "");
        cr_expect_gt(states[i]->counters_count, 3);
    }
    cr_expect_eq(all->adapters_count, SERVICE_COUNT);
    cr_expect_str_eq(all->adapters[0].key, "macro");
    cr_expect_str_eq(status.configuration.host, "0.0.0.0");
    cr_expect_eq(status.configuration.port, 18088);
    cr_expect_str_eq(all->gateway.status, "running");
    cr_expect_str_eq(status.configuration.store, "sqlite");
    cr_expect_str_eq(status.configuration.cache, "memory");
    cr_expect(status.configuration.scheduler_enabled);
    message_release(Status_message(), &status);
    s_end(&f);
}

Test(monitoring, answers_alone_and_shows_what_is_not_there_as_stopped, .timeout = 60) {
    monitoring_fixture_t f;
    s_begin(&f);
    s_start_monitor(&f);
    Status status = s_status(&f);
    cr_expect_str_eq(status.components.store.status, "stopped");
    cr_expect_str_eq(status.components.store.reason, "not running"); /* which is known at once */
    cr_expect_str_eq(status.components.adapters[SERVICE_FLOWHUB].value.status, "stopped");
    cr_expect_str_eq(status.components.system_monitor.status, "running");
    cr_expect_str_eq(status.components.bus.status, "running");
    message_release(Status_message(), &status);
    s_end(&f);
}

Test(monitoring, is_ready_when_all_runs_although_the_called_services_are_down, .timeout = 60) {
    monitoring_fixture_t f;
    Readiness readiness;
    Fault fault;
    s_begin(&f);
    s_start_all(&f);
    harness_until(s_is_ready, &f, "all is ready");
    cr_assert_eq(s_readiness(&f, &readiness, &fault), OK);
    cr_expect(readiness.ready);
    cr_expect_str_eq(readiness.status, "ready");
    cr_expect_gt(readiness.parts_count, 12);
    for (size_t i = 0; i < readiness.parts_count; i++)
        cr_expect(readiness.parts[i].ready, "%s", readiness.parts[i].name);
    message_release(Readiness_message(), &readiness);
    s_end(&f);
}

Test(monitoring, is_not_ready_without_a_component_and_names_it, .timeout = 60) {
    monitoring_fixture_t f;
    Readiness readiness;
    Fault fault;
    s_begin(&f);
    s_start_store(&f);
    s_start_monitor(&f);
    cr_assert_eq(s_readiness(&f, &readiness, &fault), ERR_SERVICE_UNAVAILABLE);
    cr_expect_str_eq(s_problem(&fault, "coordinator"), "not running");
    cr_expect_str_eq(s_problem(&fault, "cache"), "not running");
    cr_expect_null(s_problem(&fault, "store"));
    cr_expect_null(s_problem(&fault, "monitoring"));
    cr_expect(strstr(fault.message, "coordinator"));
    cr_expect_eq(fault.retry_after_seconds, 1);
    message_release(Fault_message(), &fault);
    s_end(&f);
}

Test(monitoring, is_not_ready_while_the_active_signals_are_not_known, .timeout = 60) {
    monitoring_fixture_t f;
    Readiness readiness;
    Fault fault;
    s_begin(&f);
    harness_actor(s_harness(&f), &signals_class, f.config, NULL);
    s_start_monitor(&f);
    cr_assert_eq(s_readiness(&f, &readiness, &fault), ERR_SERVICE_UNAVAILABLE);
    cr_assert(s_problem(&fault, "signals"));
    cr_expect(strstr(s_problem(&fault, "signals"), "active signals"), "%s", s_problem(&fault, "signals"));
    message_release(Fault_message(), &fault);
    s_end(&f);
}

Test(monitoring, is_not_ready_while_the_database_is_away_but_still_answers, .timeout = 60) {
    monitoring_fixture_t f;
    Readiness readiness;
    Fault fault;
    s_begin(&f);
    char *own = f.config->database_url;
    f.config->database_url = (char *)"postgresql://nobody@127.0.0.1:9/none";
    s_start_store(&f);
    s_start_monitor(&f);
    cr_assert_eq(s_readiness(&f, &readiness, &fault), ERR_SERVICE_UNAVAILABLE);
    cr_assert(s_problem(&fault, "store"));
    cr_expect_gt(strlen(s_problem(&fault, "store")), 10, "the reason");
    message_release(Fault_message(), &fault);
    Status status = s_status(&f);
    cr_expect_str_eq(status.components.store.status, "degraded");
    cr_expect_str_eq(status.configuration.store, "postgresql");
    message_release(Status_message(), &status);
    while (s_harness(&f)->actor_count > 0)
        actor_stop(&s_harness(&f)->actors[--s_harness(&f)->actor_count], harness_deadline(HARNESS_MS));
    f.config->database_url = own;
    s_end(&f);
}

Test(monitoring, collects_the_metrics_of_all_with_the_buss, .timeout = 60) {
    monitoring_fixture_t f;
    CollectMetricsRequest request = CollectMetricsRequest_init_zero;
    CollectedMetrics collected = CollectedMetrics_init_zero;
    s_begin(&f);
    harness_actor(s_harness(&f), &scheduler_class, f.config, NULL);
    s_start_monitor(&f);
    cr_assert_eq(
        harness_request(s_harness(&f), &rpc_SystemMonitor_CollectMetrics, &request, &collected, NULL), OK);
    bool scheduler = false, bus = false, cache = false;
    for (size_t i = 0; i < collected.components_count; i++) {
        const ComponentStatus *status = &collected.components[i];
        scheduler = scheduler || (strcmp(status->name, "scheduler") == 0 && status->metrics_count > 3);
        bus = bus || (strcmp(status->name, "bus") == 0 && status->metrics_count > 3);
        cache = cache || (strcmp(status->name, "cache") == 0 && strcmp(status->status, "stopped") == 0);
    }
    cr_expect(scheduler && bus && cache);
    message_release(CollectedMetrics_message(), &collected);
    s_end(&f);
}

Test(monitoring, answers_when_it_is_switched_off, .timeout = 60) {
    monitoring_fixture_t f;
    s_begin(&f);
    f.config->monitoring_enabled = false;
    s_start_monitor(&f);
    Status status = s_status(&f);
    cr_expect_str_eq(status.components.system_monitor.status, "running");
    cr_expect(strstr(status.components.system_monitor.reason, "MONITORING_ENABLED"));
    message_release(Status_message(), &status);
    s_end(&f);
}

Test(monitoring, gives_up_on_one_that_does_not_answer, .timeout = 60) {
    monitoring_fixture_t f;
    s_begin(&f);
    /* takes the cache's commands, and never answers */
    bus_client_t *silent = bus_client_new();
    cr_assert(silent && bus_client_subscribe(silent, "cmd/cache/") == OK);
    s_start_monitor(&f);
    int64_t started_us = clock_mono_us();
    Status status = s_status(&f);
    int64_t took_us = clock_mono_us() - started_us;
    cr_expect(took_us >= 450000 && took_us < 2000000);
    cr_expect_str_eq(status.components.cache.status, "stopped");
    cr_expect(strstr(status.components.cache.reason, "500 ms"));
    message_release(Status_message(), &status);
    bus_client_destroy(&silent);
    s_end(&f);
}
