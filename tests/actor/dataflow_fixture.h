/* The data flow manager under test: with the store, the real adapter and the real simulator of flowhub. */
#pragma once

#include "bus/client.h"
#include "dataflow/dataflow.h"
#include "services/adapter.h"
#include "simulator.h"
#include "store_fixture.h"

#define DATASET "batch_daily_ohlc"

typedef struct {
    fixture_t store;
    simulator_t sim;
    char url[64];
    adapter_args_t adapter_args;
    actor_handle_t *dataflow;
} dataflow_fixture_t;

/* A test on SQLite, with jobs that take so many milliseconds; and one on both engines. */
#define DATAFLOW_TEST(name, job_ms)              \
    static void s_##name(dataflow_fixture_t *f); \
    Test(dataflow_sqlite, name, .timeout = 90) { \
        dataflow_run(false, #job_ms, s_##name);  \
    }                                            \
    static void s_##name(dataflow_fixture_t *f)
#define DATAFLOW_TEST_BOTH(name, job_ms)            \
    static void s_##name(dataflow_fixture_t *f);    \
    Test(dataflow_postgres, name, .timeout = 150) { \
        dataflow_run(true, #job_ms, s_##name);      \
    }                                               \
    DATAFLOW_TEST(name, job_ms)

static inline harness_t *harness_of(dataflow_fixture_t *f) {
    return &f->store.harness;
}

static inline void dataflow_start_actor(dataflow_fixture_t *f) {
    f->dataflow = harness_actor(harness_of(f), &dataflow_class, &f->store.config, NULL);
}

static inline void dataflow_stop_actor(dataflow_fixture_t *f) {
    harness_stop_actor(harness_of(f), f->dataflow, HARNESS_MS);
    f->dataflow = NULL;
}

static inline void dataflow_run(bool on_postgres, const char *job_ms, void (*test)(dataflow_fixture_t *f)) {
    dataflow_fixture_t f = {0};
    const char *arguments[] = {"--job-ms", job_ms, NULL};
    simulator_start(&f.sim, arguments);
    fixture_begin(&f.store, on_postgres);
    if (on_postgres)
        postgres_start(f.store.postgres);
    snprintf(f.url, sizeof f.url, "http://127.0.0.1:%d", f.sim.services[SIM_FLOWHUB].port);
    f.store.config.datasets_required = (char *)DATASET;
    f.store.config.analysis_readiness_policy = (char *)"sync";
    f.store.config.services[SERVICE_FLOWHUB] = (config_service_t){.url = f.url,
                                                                  .timeout_ms = 5000,
                                                                  .pool_size = 4,
                                                                  .max_retries = 0,
                                                                  .health_interval_seconds = 3600,
                                                                  .max_response_bytes = 16 << 20};
    f.adapter_args.service = SERVICE_FLOWHUB;
    fixture_start_actors(&f.store, NULL);
    harness_actor_named(harness_of(&f), &adapter_class, adapter_names[SERVICE_FLOWHUB], &f.store.config,
                        &f.adapter_args);
    dataflow_start_actor(&f);
    test(&f);
    fixture_end(&f.store);
    simulator_stop(&f.sim);
}

/* ---- asking ---- */

typedef struct {
    err_t err;
    EnsureReadyReply reply;
    Fault fault;
} ensured_t;

static inline EnsureReadyRequest ensure_request(const char *cycle_id, const char *policy,
                                                const char *dataset) {
    EnsureReadyRequest request = EnsureReadyRequest_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    MESSAGE_PUT(request.policy, policy);
    if (dataset) {
        request.datasets = message_list(1, sizeof *request.datasets);
        request.datasets[0] = message_strdup(dataset);
        request.datasets_count = 1;
    }
    return request;
}

/* `dataset` NULL = those that are required. */
static inline ensured_t ensure_within(dataflow_fixture_t *f, int64_t within_ms, const char *cycle_id,
                                      const char *policy, const char *dataset) {
    EnsureReadyRequest request = ensure_request(cycle_id, policy, dataset);
    ensured_t out = {.reply = EnsureReadyReply_init_zero, .fault = Fault_init_zero};
    out.err = harness_request_within(harness_of(f), within_ms, &rpc_DataFlowManager_EnsureReady, &request,
                                     &out.reply, &out.fault);
    message_release(EnsureReadyRequest_message(), &request);
    return out;
}

static inline ensured_t ensure(dataflow_fixture_t *f, const char *cycle_id, const char *policy) {
    return ensure_within(f, 30000, cycle_id, policy, NULL);
}

static inline void ensured_free(ensured_t *ensured) {
    message_release(EnsureReadyReply_message(), &ensured->reply);
    message_release(Fault_message(), &ensured->fault);
}

/* Sends without waiting. */
static inline void ensure_send(dataflow_fixture_t *f, const char *cycle_id, const char *policy) {
    EnsureReadyRequest request = ensure_request(cycle_id, policy, NULL);
    Envelope envelope = harness_envelope(30000);
    cr_assert(MESSAGE_SET(envelope.reply_topic, bus_client_inbox(harness_of(f)->client)));
    cr_assert_eq(bus_client_send_message(harness_of(f)->client, rpc_DataFlowManager_EnsureReady.topic,
                                         &envelope, EnsureReadyRequest_message(), &request),
                 OK);
    message_release(EnsureReadyRequest_message(), &request);
}

static inline err_t ensure_receive(dataflow_fixture_t *f, EnsureReadyReply *reply) {
    bus_message_t message;
    *reply = (EnsureReadyReply)EnsureReadyReply_init_zero;
    cr_assert_eq(bus_client_recv(harness_of(f)->client, &message, harness_deadline(30000)), OK,
                 "an answer comes");
    err_t err = harness_reply(&message, EnsureReadyReply_message(), reply);
    bus_message_close(&message);
    return err;
}

/* ---- the rows ---- */

/* A column of the sync of the cycle, as text to be freed; NULL for null or no row. */
static inline char *sync_text(dataflow_fixture_t *f, const char *sync_id, size_t column) {
    StoreRows rows = query(&f->store, 10, "dataset_syncs_by_id", "s", sync_id);
    char *text = NULL;
    if (rows.rows_count) {
        store_row_t *row = store_row_new(rows.rows[0]);
        text = message_strdup(store_row_text(row, column));
        store_row_destroy(&row);
    }
    rows_free(&rows);
    return text;
}

static inline bool sync_is(dataflow_fixture_t *f, const char *sync_id, size_t column, const char *wanted) {
    char *text = sync_text(f, sync_id, column);
    bool is = text && wanted ? strcmp(text, wanted) == 0 : text == wanted;
    free(text);
    return is;
}

enum { SYNC_JOB_ID = 2, SYNC_STATUS = 3, SYNC_ERROR = 8 };

static inline void sync_insert(dataflow_fixture_t *f, const char *sync_id, const char *status,
                               int64_t finished_at) {
    store_write_t *write = store_write_new();
    store_write_op(write, "dataset_sync_insert", "ssnsnnitnss", sync_id, DATASET, status, clock_wall_ms(),
                   finished_at, sync_id, NULL);
    StoreWritten written = commit(&f->store, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    written_free(&written);
}

#define HOURS_AGO(hours) (clock_wall_ms() - (int64_t)(hours)*3600000)
