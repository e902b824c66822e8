/* Jobs that are reported by their service, cancelled, and given up. */
#include "services_fixture.h"

#define JOBS "/api/v1/jobs/"

/* With an inbox of its own: the answer to the call that waits may come before the reply. */
static err_t s_ask_aside(flow_t *f, const rpc_t *rpc, const void *request, void *response) {
    bus_client_t *own = bus_client_new(), *inbox = harness_of(f)->client;
    Fault fault = Fault_init_zero;
    harness_of(f)->client = own;
    err_t err = flow_ask(f, adapter_names[SERVICE_EXECUTION], FLOW_MS, rpc, request, response, &fault);
    harness_of(f)->client = inbox;
    bus_client_destroy(&own);
    message_release(Fault_message(), &fault);
    return err;
}

#define RESULT \
    "{\"results\":{\"IBM\":{\"overall_score\":0.71,\"confidence\":0.66,\"analyzer_scores\":{\"livermore\":0.74}}}}"

static bool s_report(flow_t *f, const char *job_id, const char *status, const char *result,
                     const char *error) {
    ReportJobRequest request = ReportJobRequest_init_zero;
    ReportJobReply reply = ReportJobReply_init_zero;
    MESSAGE_PUT(request.service, "execution");
    request.has_job_id = MESSAGE_SET(request.job_id, job_id);
    request.has_status = MESSAGE_SET(request.status, status);
    request.result = message_strdup(result);
    request.error = message_strdup(error);
    cr_assert_eq(s_ask_aside(f, &rpc_Adapter_ReportJob, &request, &reply), OK);
    cr_assert_str_eq(reply.job_id, job_id);
    message_release(ReportJobRequest_message(), &request);
    return reply.accepted;
}

/* Starts a job that never ends, polled once a minute after the first times, and waits until it is polled. */
static void s_start_as(flow_t *f, const char *key, char job_id[129]) {
    size_t polls = simulator_count(&f->sim, SIM_EXECUTION, "GET", JOBS);
    long long deadline = program_now_ms() + PROGRAM_MS;
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    AdapterCall call = adapter_batch(key);
    call.poll.max_interval_ms = 60000;
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_RunJob, call);
    while (simulator_count(&f->sim, SIM_EXECUTION, "GET", JOBS) == polls)
        cr_assert(program_look_again(deadline), "the job is polled");
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "GET", JOBS);
    json_t *last = json_array_get(requests, json_array_size(requests) - 1);
    snprintf(job_id, 129, "%s", json_string_value(json_object_get(last, "path")) + strlen(JOBS));
    json_decref(requests);
}

static void s_start(flow_t *f, char job_id[129]) {
    s_start_as(f, "job", job_id);
}

/* ---- reports ---- */

SERVICES_TEST(reports, a_result_ends_the_wait_without_another_poll) {
    char job_id[129];
    s_start(f, job_id);
    cr_assert(s_report(f, job_id, "succeeded", RESULT, NULL));
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    cr_assert_str_eq(out.result.body, RESULT);
    cr_assert_str_eq(out.result.job_id, job_id);
    outcome_done(&out);
}

SERVICES_TEST(reports, a_failure_ends_the_wait_with_its_reason) {
    const struct {
        const char *key, *status, *error, *says;
    } cases[] = {
        {"job-1", "failed", "{\"code\":\"NO_DATA\",\"message\":\"closed\"}", "failed: NO_DATA: closed"},
        {"job-2", "cancelled", "\"by the operator\"", "cancelled: by the operator"},
        {"job-3", "failed", NULL, "failed"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char job_id[129];
        s_start_as(f, cases[i].key, job_id);
        cr_assert(s_report(f, job_id, cases[i].status, NULL, cases[i].error));
        outcome_t out = adapter_receive(f);
        expect_refused(&out, ERR_DOWNSTREAM_REFUSED, cases[i].says);
        outcome_done(&out);
    }
}

SERVICES_TEST(reports, a_success_without_its_result_is_asked_for_at_once) {
    AdapterCall call = adapter_batch("job");
    call.poll.max_interval_ms = 60000;
    simulator_fault(
        &f->sim, SIM_EXECUTION,
        "{\"path_prefix\":\"/api/v1/jobs/\",\"status\":503,\"count\":1}"); /* next poll: in 10 s */
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_RunJob, call);
    simulator_await(&f->sim, SIM_EXECUTION, "GET", JOBS);
    long long begun = program_now_ms(), deadline = begun + PROGRAM_MS;
    while (!s_report(f, "exe-000001", "succeeded", NULL, NULL))
        cr_assert(program_look_again(deadline), "somebody waits for the job");
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    cr_assert(strstr(out.result.body, "\"overall_score\":"), "%s", out.result.body);
    cr_assert_lt(program_now_ms() - begun, 5000);
    outcome_done(&out);
}

SERVICES_TEST(reports, the_second_one_changes_nothing) {
    char job_id[129];
    s_start(f, job_id);
    cr_assert(s_report(f, job_id, "succeeded", RESULT, NULL));
    cr_assert_not(s_report(f, job_id, "failed", NULL, "\"too late\""));
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
    cr_assert_not(s_report(f, job_id, "succeeded", RESULT, NULL));
}

SERVICES_TEST(reports, one_after_the_poll_has_seen_the_end_changes_nothing) {
    outcome_t out = adapter_run(f, adapter_batch("job"));
    expect_ok(&out);
    cr_assert_not(s_report(f, out.result.job_id, "failed", NULL, "\"too late\""));
    outcome_t again = adapter_run(f, adapter_batch("job")); /* the same job, as a restart would ask for it */
    expect_ok(&again);
    cr_assert_str_eq(again.result.job_id, out.result.job_id);
    outcome_done(&again);
    outcome_done(&out);
}

SERVICES_TEST(reports, one_that_comes_before_the_job_is_known_is_not_lost) {
    cr_assert_not(s_report(f, "exe-000001", "succeeded", RESULT, NULL));
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    outcome_t out = adapter_run(f, adapter_batch("job"));
    expect_ok(&out);
    cr_assert_str_eq(out.result.body, RESULT);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "GET", JOBS), 0);
    outcome_done(&out);
}

SERVICES_TEST(reports, a_job_that_goes_on_is_no_end) {
    char job_id[129];
    s_start(f, job_id);
    cr_assert_not(s_report(f, job_id, "running", NULL, NULL));
    adapter_await_load(f, SERVICE_EXECUTION, 0, 0);
    ServiceItem item = adapter_item(f, SERVICE_EXECUTION);
    item_done(&item);
    cr_assert(s_report(f, job_id, "succeeded", RESULT, NULL));
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
}

/* ---- cancelling ---- */

static bool s_cancel(flow_t *f, const char *job_id, const char *key) {
    CancelJobRequest request = CancelJobRequest_init_zero;
    CancelJobReply reply = CancelJobReply_init_zero;
    MESSAGE_PUT(request.job_id, job_id);
    request.has_idempotency_key = *key && MESSAGE_SET(request.idempotency_key, key);
    cr_assert_eq(s_ask_aside(f, &rpc_Adapter_CancelJob, &request, &reply), OK);
    return reply.cancelled;
}

static void s_await_cancelled(flow_t *f) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_effects(&f->sim, SIM_EXECUTION, "jobs_cancelled") == 0)
        cr_assert(program_look_again(deadline), "the job is cancelled at the service");
}

static void s_expect_cancelled(flow_t *f) {
    outcome_t out = adapter_receive(f);
    expect_refused(&out, ERR_CANCELLED, "cancelled");
    outcome_done(&out);
}

SERVICES_TEST(cancelling, by_key_ends_the_call_and_its_job) {
    char job_id[129];
    s_start(f, job_id);
    cr_assert(s_cancel(f, "", "job"));
    s_expect_cancelled(f);
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "jobs_cancelled"), 1);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "DELETE", JOBS), 1);
}

/* The answer that names the job is still on its way. */
SERVICES_TEST(cancelling, by_key_reaches_a_job_that_is_not_known_yet) {
    simulator_fault(&f->sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"" BATCH "\",\"latency_ms\":300,\"job_hang\":true,\"count\":1}");
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_RunJob, adapter_batch("job"));
    simulator_await(&f->sim, SIM_EXECUTION, "POST", BATCH);
    cr_assert(s_cancel(f, "", "job"));
    s_expect_cancelled(f);
    s_await_cancelled(f);
}

SERVICES_TEST(cancelling, by_key_ends_a_call_that_waits_for_a_place) {
    SetLimitRequest one = {.max_in_flight = 1};
    SetLimitReply limit = SetLimitReply_init_zero;
    cr_assert_eq(
        flow_ask(f, adapter_names[SERVICE_EXECUTION], FLOW_MS, &rpc_Adapter_SetLimit, &one, &limit, NULL),
        OK);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"latency_ms\":500,\"count\":1}");
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_Call, adapter_get("/api/v1/analyze/capabilities"));
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_RunJob, adapter_batch("job"));
    adapter_await_load(f, SERVICE_EXECUTION, 1, 1);
    cr_assert(s_cancel(f, "", "job"));
    s_expect_cancelled(f);
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", BATCH), 0);
}

SERVICES_TEST(cancelling, nothing_left_to_cancel_is_no_error) {
    cr_assert_not(s_cancel(f, "", "nobody"));
    cr_assert_not(s_cancel(f, "exe-999999", ""));
    outcome_t out = adapter_run(f, adapter_batch("job"));
    expect_ok(&out);
    cr_assert_not(s_cancel(f, out.result.job_id, "job"));
    outcome_done(&out);
}

SERVICES_TEST(cancelling, by_id_ends_the_wait_when_the_poll_sees_it) {
    char job_id[129];
    s_start(f, job_id);
    cr_assert(s_cancel(f, job_id, ""));
    outcome_t out = adapter_receive(f);
    expect_refused(&out, ERR_DOWNSTREAM_REFUSED, " cancelled");
    outcome_done(&out);
}

/* ---- giving up ---- */

SERVICES_TEST(giving_up, cancels_the_job_that_it_started) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    outcome_t out = adapter_ask_within(f, 600, SERVICE_EXECUTION, &rpc_Adapter_RunJob, adapter_batch("job"));
    expect_refused(&out, ERR_DEADLINE_EXCEEDED, "had not ended in time");
    outcome_done(&out);
    s_await_cancelled(f);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "DELETE", JOBS), 1);
}

/* Whoever names a job may not be the only one who waits for it. */
SERVICES_TEST(giving_up, leaves_a_job_alone_that_it_was_told_to_wait_for) {
    char job_id[129];
    s_start(f, job_id);
    AdapterCall call = adapter_get("/api/v1/jobs");
    MESSAGE_PUT(call.job_id, job_id);
    adapter_send_within(f, 400, SERVICE_EXECUTION, &rpc_Adapter_RunJob, call);
    outcome_t out = adapter_receive(f);
    expect_refused(&out, ERR_DEADLINE_EXCEEDED, "had not ended in time");
    outcome_done(&out);
    cr_assert(s_report(f, job_id, "succeeded", RESULT, NULL));
    out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "DELETE", JOBS), 0);
}
