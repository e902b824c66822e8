/* EnsureReady, with the real adapter and flowhub's simulator: what is fetched, and what each policy makes of it. */
#include "dataflow_fixture.h"

DATAFLOW_TEST_BOTH(a_missing_dataset_is_fetched_and_recorded, 200) {
    ensured_t first = ensure(f, "cycle-1", "sync");
    cr_assert_eq(first.err, OK, "%s", first.fault.message);
    cr_assert(first.reply.ready && !first.reply.degraded);
    cr_assert_eq(first.reply.datasets_count, 1);
    const DatasetReadiness *dataset = &first.reply.datasets[0];
    cr_expect_str_eq(dataset->name, DATASET);
    cr_expect_str_eq(dataset->status_before, "missing");
    cr_expect_str_eq(dataset->status, "ready");
    cr_expect(dataset->has_job_id && dataset->has_records && dataset->records > 1000);
    cr_assert_eq(first.reply.synced_count, 1);
    cr_expect_str_eq(first.reply.synced[0], DATASET);
    cr_expect(first.reply.downstream_ms >= 150 && first.reply.downstream_ms < 20000);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "completed"));
    cr_expect(sync_is(f, "cycle-1", SYNC_JOB_ID, dataset->job_id));
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&first);
}

DATAFLOW_TEST(a_ready_dataset_is_left_alone, 50) {
    ensured_t first = ensure(f, "cycle-1", "sync"), second = ensure(f, "cycle-2", "sync");
    cr_assert_eq(second.err, OK);
    cr_expect(second.reply.ready);
    cr_expect_eq(second.reply.synced_count, 0);
    cr_expect_str_eq(second.reply.datasets[0].status_before, "ready");
    cr_expect_str_eq(second.reply.datasets[0].job_id, first.reply.datasets[0].job_id);
    cr_expect_eq(second.reply.datasets[0].records, first.reply.datasets[0].records);
    cr_expect_eq(second.reply.downstream_ms, 0);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    cr_expect(sync_is(f, "cycle-2", SYNC_STATUS, NULL));
    ensured_free(&first);
    ensured_free(&second);
}

DATAFLOW_TEST_BOTH(a_stale_dataset_is_fetched_too, 50) {
    sync_insert(f, "old", "completed", HOURS_AGO(40));
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK);
    cr_expect_str_eq(ensured.reply.datasets[0].status_before, "stale");
    cr_expect(ensured.reply.ready);
    cr_expect_lt(ensured.reply.datasets[0].age_seconds, 60);
    ensured_free(&ensured);
}

DATAFLOW_TEST(only_successes_count, 50) {
    sync_insert(f, "old", "failed", HOURS_AGO(1));
    ensured_t ensured = ensure(f, "cycle-1", "degrade");
    cr_expect_str_eq(ensured.reply.datasets[0].status, "missing");
    ensured_free(&ensured);
}

DATAFLOW_TEST(calls_carry_keys_of_the_cycle_and_the_request_id, 50) {
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    json_t *created = simulator_requests(&f->sim, SIM_FLOWHUB, "POST", "/api/v1/tasks");
    cr_assert_eq(json_array_size(created), 2);
    cr_expect_str_eq(json_text_at(json_array_get(created, 0), "headers.Idempotency-Key"),
                     "cycle-1/data_readiness/create_task." DATASET);
    cr_expect_str_eq(json_text_at(json_array_get(created, 1), "headers.Idempotency-Key"),
                     "cycle-1/data_readiness/run." DATASET);
    json_decref(created);
    ensured_free(&ensured);
}

/* ---- policies ---- */

DATAFLOW_TEST(degrade_goes_on_without_fetching, 50) {
    sync_insert(f, "old", "completed", HOURS_AGO(40));
    ensured_t ensured = ensure(f, "cycle-1", "degrade");
    cr_assert_eq(ensured.err, OK);
    cr_expect(ensured.reply.degraded && !ensured.reply.ready);
    cr_expect_str_eq(ensured.reply.reason, DATASET " is stale (40.0 h old): the policy is degrade");
    cr_expect_str_eq(ensured.reply.datasets[0].status, "stale");
    cr_expect_float_eq(ensured.reply.datasets[0].age_seconds, 40 * 3600, 60);
    cr_expect_eq(simulator_count(&f->sim, SIM_FLOWHUB, "GET", "/api/v1/tasks"), 0);
    ensured_free(&ensured);
}

DATAFLOW_TEST(abort_refuses_and_names_what_is_not_ready, 50) {
    ensured_t ensured = ensure(f, "cycle-1", "abort");
    cr_assert_eq(ensured.err, ERR_UNPROCESSABLE);
    cr_expect(strstr(ensured.fault.message, DATASET " is missing (never fetched)"), "%s",
              ensured.fault.message);
    ensured_free(&ensured);
    sync_insert(f, "old", "completed", HOURS_AGO(40));
    ensured = ensure(f, "cycle-1", "abort");
    cr_expect(strstr(ensured.fault.message, DATASET " is stale (40.0 h old)"), "%s", ensured.fault.message);
    ensured_free(&ensured);
}

DATAFLOW_TEST(wait_ends_when_another_fetch_made_it_ready, 300) {
    EnsureReadyReply replies[2];
    ensure_send(f, "cycle-1", "wait");
    ensure_send(f, "cycle-2", "sync");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ensure_receive(f, &replies[i]), OK);
        cr_expect(replies[i].ready);
    }
    cr_expect_eq(replies[0].synced_count + replies[1].synced_count, 1);
    for (int i = 0; i < 2; i++)
        message_release(EnsureReadyReply_message(), &replies[i]);
}

DATAFLOW_TEST(wait_sees_what_another_process_recorded, 50) {
    EnsureReadyReply reply;
    ensure_send(f, "cycle-1", "wait");
    sync_insert(f, "elsewhere", "completed", clock_wall_ms());
    cr_assert_eq(ensure_receive(f, &reply), OK);
    cr_expect(reply.ready);
    message_release(EnsureReadyReply_message(), &reply);
}

DATAFLOW_TEST(wait_ends_at_the_deadline_when_nobody_fetches, 50) {
    ensured_t ensured = ensure_within(f, 1000, "cycle-1", "wait", NULL);
    cr_assert_eq(ensured.err, ERR_DEADLINE_EXCEEDED);
    cr_expect(strstr(ensured.fault.message, DATASET " is missing"), "%s", ensured.fault.message);
    ensured_free(&ensured);
}

/* ---- tasks ---- */

static void s_create_task(dataflow_fixture_t *f, const char *incremental) {
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"name\":\"brain_daily_data_fetch\",\"data_type\":\"batch_daily_ohlc\",\"params\":{\"data_type\":"
        "\"batch_daily_ohlc\",\"symbols\":null,\"incremental\":%s,\"force_update\":false},\"schedule_type\":"
        "\"manual\",\"schedule_value\":null,\"enabled\":true,\"allow_overlap\":false}",
        incremental);
    cr_assert_status(rest_send(&f->sim.services[SIM_FLOWHUB], "POST", "/api/v1/tasks", NULL, body), 201);
}

DATAFLOW_TEST(a_task_that_is_there_is_used_as_it_is, 50) {
    s_create_task(f, "true");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_updated"), 0);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&ensured);
}

DATAFLOW_TEST(a_task_that_differs_is_updated_first, 50) {
    s_create_task(f, "false");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_updated"), 1);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&ensured);
}

DATAFLOW_TEST(a_task_beyond_the_first_page_is_found, 50) {
    char body[256];
    for (int i = 0; i < 105; i++) {
        snprintf(body, sizeof body,
                 "{\"name\":\"other_%d\",\"data_type\":\"trade_calendar_data\",\"params\":{}}", i);
        cr_assert_status(rest_send(&f->sim.services[SIM_FLOWHUB], "POST", "/api/v1/tasks", NULL, body), 201);
    }
    s_create_task(f, "true");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK, "%s", ensured.fault.message);
    cr_expect_eq(simulator_count(&f->sim, SIM_FLOWHUB, "GET", "/api/v1/tasks"), 2);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_created"), 106);
    ensured_free(&ensured);
}

DATAFLOW_TEST(a_task_that_runs_already_is_waited_for, 1500) {
    s_create_task(f, "true");
    const rest_reply_t *run =
        rest_send(&f->sim.services[SIM_FLOWHUB], "POST", "/api/v1/tasks/task-000001/run", NULL, "{}");
    cr_assert_status(run, 202);
    char job_id[64];
    snprintf(job_id, sizeof job_id, "%s", rest_text(run, "job_id"));
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK, "%s", ensured.fault.message);
    cr_expect_str_eq(ensured.reply.datasets[0].job_id, job_id);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&ensured);
}

DATAFLOW_TEST(cycles_that_need_the_same_dataset_fetch_it_once, 300) {
    enum { CYCLES = 5 };
    char cycle_id[24];
    for (int i = 0; i < CYCLES; i++) {
        snprintf(cycle_id, sizeof cycle_id, "cycle-%d", i);
        ensure_send(f, cycle_id, "sync");
    }
    for (int i = 0; i < CYCLES; i++) {
        EnsureReadyReply reply;
        cr_assert_eq(ensure_receive(f, &reply), OK);
        cr_expect(reply.ready && reply.synced_count == 1);
        message_release(EnsureReadyReply_message(), &reply);
    }
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
}

/* ---- failures ---- */

DATAFLOW_TEST_BOTH(a_job_that_fails_fails_the_stage_and_says_why, 50) {
    simulator_fault(&f->sim, SIM_FLOWHUB, "{\"path_prefix\":\"/api/v1/tasks\",\"job_status\":\"failed\"}");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, ERR_DOWNSTREAM_REFUSED);
    cr_expect(strstr(ensured.fault.message, DATASET " could not be fetched"), "%s", ensured.fault.message);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "failed"));
    char *error = sync_text(f, "cycle-1", SYNC_ERROR);
    cr_expect(error && strlen(error) > 10);
    free(error);
    ensured_free(&ensured);
    simulator_clear_faults(&f->sim, SIM_FLOWHUB);
    ensured = ensure(f, "cycle-2", "sync");
    cr_expect_eq(ensured.err, OK, "the next cycle tries anew");
    ensured_free(&ensured);
}

DATAFLOW_TEST(an_error_of_flowhub_fails_the_stage_and_the_cycle_may_ask_again, 50) {
    simulator_fault(&f->sim, SIM_FLOWHUB,
                    "{\"path_prefix\":\"/api/v1/tasks\",\"method\":\"GET\",\"status\":503}");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, ERR_SERVICE_UNAVAILABLE);
    cr_expect(strstr(ensured.fault.message, "HTTP 503"), "%s", ensured.fault.message);
    cr_expect_eq(ensured.fault.attempts, 1);
    ensured_free(&ensured);
    simulator_clear_faults(&f->sim, SIM_FLOWHUB);
    ensured = ensure(f, "cycle-1", "sync");
    cr_expect_eq(ensured.err, OK, "%s", ensured.fault.message);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "completed"));
    ensured_free(&ensured);
}

DATAFLOW_TEST(garbage_from_flowhub_fails_the_stage, 50) {
    simulator_fault(&f->sim, SIM_FLOWHUB, "{\"path_prefix\":\"/api/v1/tasks\",\"garbage\":true}");
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_expect_eq(ensured.err, ERR_PROTOCOL, "%s", err_name(ensured.err));
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "failed"));
    ensured_free(&ensured);
}

DATAFLOW_TEST(at_the_deadline_the_stage_fails_and_the_fetch_goes_on, 2000) {
    ensured_t ensured = ensure_within(f, 1000, "cycle-1", "sync", NULL);
    cr_assert_eq(ensured.err, ERR_DEADLINE_EXCEEDED);
    cr_expect(strstr(ensured.fault.message, DATASET), "%s", ensured.fault.message);
    ensured_free(&ensured);
    ensured = ensure(f, "cycle-2", "sync");
    cr_expect_eq(ensured.err, OK, "%s", ensured.fault.message);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "completed"));
    cr_expect(sync_is(f, "cycle-2", SYNC_STATUS, NULL), "it joined the first");
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&ensured);
}

/* ---- restarts ---- */

typedef struct {
    dataflow_fixture_t *fixture;
    const char *sync_id;
} watched_t;

static bool s_has_job(void *context) {
    const watched_t *watched = context;
    char *job_id = sync_text(watched->fixture, watched->sync_id, SYNC_JOB_ID);
    free(job_id);
    return job_id != NULL;
}

static bool s_is_completed(void *context) {
    const watched_t *watched = context;
    return sync_is(watched->fixture, watched->sync_id, SYNC_STATUS, "completed");
}

static bool s_is_failed(void *context) {
    const watched_t *watched = context;
    return sync_is(watched->fixture, watched->sync_id, SYNC_STATUS, "failed");
}

DATAFLOW_TEST_BOTH(a_fetch_is_taken_up_after_a_restart, 1500) {
    watched_t watched = {f, "cycle-1"};
    EnsureReadyReply reply;
    ensure_send(f, "cycle-1", "sync");
    harness_until(s_has_job, &watched, "the job is recorded");
    dataflow_stop_actor(f);
    cr_expect_eq(ensure_receive(f, &reply), ERR_SHUTTING_DOWN);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "running"));
    dataflow_start_actor(f);
    ensured_t ensured = ensure(f, "cycle-1", "sync");
    cr_assert_eq(ensured.err, OK, "%s", ensured.fault.message);
    cr_expect(sync_is(f, "cycle-1", SYNC_STATUS, "completed"));
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    ensured_free(&ensured);
}

DATAFLOW_TEST(a_fetch_whose_job_was_not_recorded_is_repeated_with_the_same_keys, 50) {
    watched_t watched = {f, "cycle-1"};
    dataflow_stop_actor(f);
    sync_insert(f, "cycle-1", "running", 0);
    dataflow_start_actor(f);
    harness_until(s_is_completed, &watched, "the fetch is carried to its end although no cycle asks");
    json_t *runs = simulator_requests(&f->sim, SIM_FLOWHUB, "POST", "/api/v1/tasks/");
    cr_assert_eq(json_array_size(runs), 1);
    cr_expect_str_eq(json_text_at(json_array_get(runs, 0), "headers.Idempotency-Key"),
                     "cycle-1/data_readiness/run." DATASET);
    json_decref(runs);
}

static void s_insert_with_job(dataflow_fixture_t *f, const char *sync_id, const char *job_id) {
    store_write_t *write = store_write_new();
    store_write_op(write, "dataset_sync_insert", "ssssnninnsn", sync_id, DATASET, job_id, "running",
                   HOURS_AGO(1), sync_id);
    StoreWritten written = commit(&f->store, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    written_free(&written);
}

static int64_t s_finished_at(dataflow_fixture_t *f, const char *sync_id) {
    StoreRows rows = query(&f->store, 10, "dataset_syncs_by_id", "s", sync_id);
    int64_t finished_at = row_int(&rows, 0, 7);
    rows_free(&rows);
    return finished_at;
}

/* Runs the task as somebody else would, and waits for the end of the job: when that was, in milliseconds. */
static int64_t s_run_elsewhere(dataflow_fixture_t *f, char job_id[64]) {
    rest_t *flowhub = &f->sim.services[SIM_FLOWHUB];
    char path[128];
    s_create_task(f, "true");
    const rest_reply_t *run = rest_send(flowhub, "POST", "/api/v1/tasks/task-000001/run", NULL, "{}");
    snprintf(job_id, 64, "%s", rest_text(run, "job_id"));
    snprintf(path, sizeof path, "/api/v1/jobs/%s/result", job_id);
    long long deadline_ms = program_now_ms() + PROGRAM_MS;
    while (rest_get(flowhub, path)->status != 200)
        cr_assert(program_look_again(deadline_ms));
    return (int64_t)rest_number(rest_get(flowhub, path), "completed_at") * 1000;
}

DATAFLOW_TEST(a_job_that_ended_while_nobody_looked_counts_from_its_own_end, 50) {
    watched_t watched = {f, "cycle-1"};
    char job_id[64];
    dataflow_stop_actor(f);
    int64_t completed_ms = s_run_elsewhere(f, job_id);
    s_insert_with_job(f, "cycle-1", job_id);
    dataflow_start_actor(f);
    harness_until(s_is_completed, &watched, "the fetch is taken up");
    cr_expect_eq(s_finished_at(f, "cycle-1"), completed_ms);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
}

DATAFLOW_TEST(a_job_that_flowhub_has_forgotten_fails_the_fetch, 50) {
    watched_t watched = {f, "cycle-1"};
    dataflow_stop_actor(f);
    s_insert_with_job(f, "cycle-1", "flo-999999");
    dataflow_start_actor(f);
    harness_until(s_is_failed, &watched, "the fetch fails");
    char *error = sync_text(f, "cycle-1", SYNC_ERROR);
    cr_expect(error && strstr(error, "JOB_NOT_FOUND"), "%s", error);
    free(error);
}

DATAFLOW_TEST_BOTH(of_several_open_fetches_of_a_dataset_one_is_taken_up, 50) {
    watched_t watched = {f, "cycle-1"};
    dataflow_stop_actor(f);
    sync_insert(f, "cycle-1", "running", 0);
    store_write_t *write = store_write_new();
    store_write_op(write, "dataset_sync_insert", "ssnsnninnsn", "cycle-2", DATASET, "running",
                   clock_wall_ms() + 60000, "cycle-2");
    StoreWritten written = commit(&f->store, &write);
    written_free(&written);
    dataflow_start_actor(f);
    harness_until(s_is_completed, &watched, "the older one is taken up");
    cr_expect(sync_is(f, "cycle-2", SYNC_STATUS, "failed"));
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
}

/* ---- what is refused ---- */

DATAFLOW_TEST(an_unknown_dataset_is_refused_with_those_that_are_known, 50) {
    ensured_t ensured = ensure_within(f, HARNESS_MS, "cycle-1", "sync", "no_such_data");
    cr_assert_eq(ensured.err, ERR_VALIDATION_FAILED);
    cr_expect(strstr(ensured.fault.message, "no_such_data"));
    cr_expect(strstr(ensured.fault.message, "index_daily_data"), "%s", ensured.fault.message);
    ensured_free(&ensured);
}

DATAFLOW_TEST(an_unknown_policy_or_no_cycle_is_refused, 50) {
    ensured_t ensured = ensure(f, "cycle-1", "hope");
    cr_expect_eq(ensured.err, ERR_VALIDATION_FAILED);
    ensured_free(&ensured);
    ensured = ensure(f, "", "sync");
    cr_expect_eq(ensured.err, ERR_VALIDATION_FAILED);
    ensured_free(&ensured);
}

Test(dataflow, without_the_store_it_runs_degraded_and_refuses, .timeout = 60) {
    harness_t h;
    config_t config = {.datasets_required = (char *)DATASET, .analysis_readiness_policy = (char *)"sync"};
    EnsureReadyRequest request = ensure_request("cycle-1", "sync", NULL);
    EnsureReadyReply reply = EnsureReadyReply_init_zero;
    harness_start(&h);
    harness_actor(&h, &dataflow_class, &config, NULL);
    err_t err = harness_request(&h, &rpc_DataFlowManager_EnsureReady, &request, &reply, NULL);
    cr_expect_eq(err_http_status(err), 503, "%s", err_name(err));
    cr_expect_eq(harness_metric(&h, "dataflow", "readiness_waiting"), 0);
    harness_stop(&h);
}
