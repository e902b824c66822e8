/* What is done to a cycle from outside: its calls are repeated, it is cancelled, run again, held with the flow. */
#include "cycle_fixture.h"

/* ---- asking ---- */

static err_t s_cancel(flow_t *f, const char *cycle_id, CycleDetail *detail) {
    CancelCycleRequest request = CancelCycleRequest_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    request.reason = message_strdup("wrong symbols");
    *detail = (CycleDetail)CycleDetail_init_zero;
    err_t err =
        flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_CancelCycle, &request, detail, NULL);
    message_release(CancelCycleRequest_message(), &request);
    return err;
}

static err_t s_rerun(flow_t *f, const char *cycle_id, const char *from_stage, RerunCycleReply *reply,
                     Fault *fault) {
    RerunCycleRequest request = RerunCycleRequest_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    request.has_from_stage = from_stage && MESSAGE_SET(request.from_stage, from_stage);
    *reply = (RerunCycleReply)RerunCycleReply_init_zero;
    return flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_RerunCycle, &request, reply, fault);
}

static void s_set_flow(flow_t *f, bool running) {
    StartSystemReply started = StartSystemReply_init_zero;
    StopSystemReply stopped = StopSystemReply_init_zero;
    Fault fault = Fault_init_zero;
    err_t err = running ? flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_StartSystem,
                                   &(StartSystemRequest)StartSystemRequest_init_zero, &started, &fault)
                        : flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_StopSystem,
                                   &(StopSystemRequest)StopSystemRequest_init_zero, &stopped, &fault);
    cr_assert_eq(err, OK, "%s", fault_text(&fault));
}

/* The cycle's id of a trigger without waiting. */
static void s_begin(flow_t *f, char cycle_id[37]) {
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    snprintf(cycle_id, 37, "%.36s", reply.cycle_id);
    message_release(TriggerAnalysisReply_message(), &reply);
}

static CycleDetail s_run(flow_t *f) {
    char cycle_id[37];
    s_begin(f, cycle_id);
    return cycles_await_end(f, cycle_id);
}

typedef struct {
    flow_t *flow;
    const char *cycle_id;
    stage_t stage;
    const char *status;
} stage_wait_t;

static bool s_stage_is(void *context) {
    stage_wait_t *wait = context;
    CycleDetail detail = cycles_detail(wait->flow, wait->cycle_id);
    bool is = strcmp(detail.stages[wait->stage].status, wait->status) == 0;
    cycles_done(&detail);
    return is;
}

static void s_await_stage(flow_t *f, const char *cycle_id, stage_t stage, const char *status) {
    stage_wait_t wait = {f, cycle_id, stage, status};
    harness_until(s_stage_is, &wait, "the stage gets there");
}

static size_t s_deleted_jobs(flow_t *f, int service) {
    return simulator_count(&f->sim, service, "DELETE", "/api/v1/jobs/");
}

/* ---- calls that are repeated ---- */

CYCLE_TEST(repeats_a_call_that_failed_for_now_with_the_same_key, 50) {
    f->store.config.services[SERVICE_EXECUTION].max_retries = 0;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/analyze/batch\",\"status\":503,\"count\":2}");
    CycleDetail detail = s_run(f);
    cycles_expect_completed(&detail);
    cr_expect_eq(detail.stages[STAGE_STRATEGY_ANALYSIS].attempts, 3);
    cr_expect_null(detail.stages[STAGE_STRATEGY_ANALYSIS].error);
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_assert_eq(json_array_size(requests), 3);
    cr_expect(header_is_same(requests, "Idempotency-Key"));
    cr_expect_str_eq(json_text_at(requests, "0.body"), json_text_at(requests, "2.body"));
    json_decref(requests);
    cycles_done(&detail);
}

CYCLE_TEST(repeats_the_readiness_too, 50) {
    f->store.config.services[SERVICE_FLOWHUB].max_retries = 0;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_FLOWHUB, "{\"path_prefix\":\"/api/v1/tasks\",\"status\":503,\"count\":1}");
    CycleDetail detail = s_run(f);
    cycles_expect_completed(&detail);
    cr_expect_eq(detail.stages[STAGE_DATA_READINESS].attempts, 2);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1);
    cycles_done(&detail);
}

CYCLE_TEST(makes_four_attempts_of_a_call_for_readiness_at_most, 50) {
    f->store.config.services[SERVICE_FLOWHUB].max_retries = 1;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_FLOWHUB, "{\"path_prefix\":\"/api/v1/tasks\",\"status\":503}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_eq(detail.stages[STAGE_DATA_READINESS].attempts, 4);
    cr_expect_eq(simulator_count(&f->sim, SIM_FLOWHUB, "GET", "/api/v1/tasks"), 4);
    cycles_done(&detail);
}

CYCLE_TEST(repeats_no_sooner_than_the_service_asks, 50) {
    f->store.config.services[SERVICE_MACRO].max_retries = 0;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":1,\"count\":1}");
    CycleDetail detail = s_run(f);
    cycles_expect_completed(&detail);
    cr_expect_geq(detail.stages[STAGE_MACRO_ANALYSIS].duration, 1.0);
    cr_expect_eq(detail.stages[STAGE_MACRO_ANALYSIS].attempts, 2);
    cycles_done(&detail);
}

CYCLE_TEST(makes_four_attempts_of_a_call_at_most_the_adapters_own_included, 50) {
    f->store.config.services[SERVICE_EXECUTION].max_retries = 1;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/analyze/\",\"status\":503}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_eq(detail.stages[STAGE_STRATEGY_ANALYSIS].attempts, 4);
    cr_expect_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch"), 4);
    cycles_done(&detail);
}

CYCLE_TEST(adds_nothing_to_an_adapter_that_used_up_the_attempts, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_PORTFOLIO, "{\"status\":503}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_eq(detail.stages[STAGE_PORTFOLIO_MANAGEMENT].attempts, 4);
    cr_expect_eq(simulator_count(&f->sim, SIM_PORTFOLIO, "POST", "/"), 4);
    cycles_done(&detail);
}

CYCLE_TEST(does_not_repeat_what_was_refused, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/analyze/\",\"status\":422}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_eq(detail.stages[STAGE_STRATEGY_ANALYSIS].attempts, 1);
    cr_expect_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/"), 1);
    cycles_done(&detail);
}

CYCLE_TEST(does_not_repeat_when_none_is_configured, 50) {
    f->store.config.services[SERVICE_MACRO].max_retries = 0;
    f->store.config.analysis_stage_retries = 0;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_eq(simulator_count(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 1);
    cycles_done(&detail);
}

CYCLE_TEST(does_not_wait_for_a_repeat_that_would_come_too_late, 50) {
    f->store.config.services[SERVICE_MACRO].max_retries = 0;
    f->store.config.analysis_timeout_seconds = 20;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":30}");
    CycleDetail detail = s_run(f);
    cr_expect_str_eq(detail.status, "failed");
    cr_expect_lt(detail.duration, 15.0);
    cycles_done(&detail);
}

CYCLE_TEST(shows_the_failure_while_it_backs_off_and_repeats_at_once_after_a_restart, 50) {
    f->store.config.services[SERVICE_MACRO].max_retries = 0;
    char cycle_id[37];
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":50,\"count\":1}");
    s_begin(f, cycle_id);
    simulator_await(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state");
    int64_t deadline_us = harness_deadline(FLOW_MS);
    for (bool shown = false; !shown;) {
        CycleDetail detail = cycles_detail(f, cycle_id);
        const char *error = detail.stages[STAGE_MACRO_ANALYSIS].error;
        shown = error && strstr(error, "503") && strcmp(detail.status, "running") == 0;
        cycles_done(&detail);
        cr_assert_lt(clock_mono_us(), deadline_us, "the failure is shown");
        poll(NULL, 0, 5);
    }
    cycles_stop_coordinator(f);
    cycles_start_coordinator(f);
    CycleDetail detail = cycles_await_end(f, cycle_id);
    cycles_expect_completed(&detail);
    cr_expect_eq(detail.stages[STAGE_MACRO_ANALYSIS].attempts, 2);
    cycles_done(&detail);
}

/* ---- cancelled ---- */

static void s_expect_cancelled(const CycleDetail *detail, stage_t stage) {
    cr_expect_str_eq(detail->status, "cancelled");
    cr_expect(detail->has_success && !detail->success && detail->has_end_time);
    cr_expect(detail->error && strstr(detail->error, "cancelled") && strstr(detail->error, "wrong symbols"),
              "%s", detail->error);
    for (int i = 0; i < STAGE_COUNT; i++)
        cr_expect_str_eq(detail->stages[i].status,
                         i < (int)stage    ? "completed"
                         : i == (int)stage ? "cancelled"
                                           : "skipped",
                         "%s is %s", detail->stages[i].name, detail->stages[i].status);
}

/* Cancels a cycle that is at this stage, and expects that it ends there, at once. */
static void s_cancel_at(flow_t *f, stage_t stage, int service, const char *method, const char *path) {
    char cycle_id[37];
    CycleDetail detail;
    cycles_start(f);
    s_begin(f, cycle_id);
    simulator_await(&f->sim, service, method, path);
    s_await_stage(f, cycle_id, stage, "running");
    int64_t begun_us = clock_mono_us();
    cr_assert_eq(s_cancel(f, cycle_id, &detail), OK);
    cr_expect_lt(clock_mono_us() - begun_us, 5000000);
    s_expect_cancelled(&detail, stage);
    cycles_done(&detail);
}

static void s_await_deleted(flow_t *f, int service) {
    simulator_await(&f->sim, service, "DELETE", "/api/v1/jobs/");
    cr_expect_eq(s_deleted_jobs(f, service), 1);
}

CYCLE_TEST(is_cancelled_during_readiness_and_the_fetch_goes_on, 3000) {
    s_cancel_at(f, STAGE_DATA_READINESS, SIM_FLOWHUB, "POST", "/api/v1/tasks/task-000001/run");
    CycleDetail second = s_run(f);
    cycles_expect_completed(&second);
    cr_expect_eq(simulator_effects(&f->sim, SIM_FLOWHUB, "tasks_run"), 1, "it was fetched for both");
    cr_expect_eq(s_deleted_jobs(f, SIM_FLOWHUB), 0);
    cycles_done(&second);
}

CYCLE_TEST(is_cancelled_during_the_macro_analysis, 50) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true}");
    s_cancel_at(f, STAGE_MACRO_ANALYSIS, SIM_MACRO, "GET", "/api/v1/macro/state");
    cr_expect_eq(simulator_count(&f->sim, SIM_PORTFOLIO, "POST", "/"), 0);
}

CYCLE_TEST(is_cancelled_during_the_analysis_with_its_job, 20000) {
    f->store.config.datasets_required = (char *)"";
    s_cancel_at(f, STAGE_STRATEGY_ANALYSIS, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    s_await_deleted(f, SIM_EXECUTION);
}

CYCLE_TEST(is_cancelled_during_the_validation_with_its_job, 1500) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/backtest/\",\"job_hang\":true}");
    s_cancel_at(f, STAGE_STRATEGY_VALIDATION, SIM_EXECUTION, "POST", "/api/v1/backtest/run");
    s_await_deleted(f, SIM_EXECUTION);
    ListValidationsRequest request = ListValidationsRequest_init_zero;
    ListValidationsReply list = ListValidationsReply_init_zero;
    cr_assert_eq(
        flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ListValidations, &request, &list, NULL),
        OK);
    cr_assert_eq(list.total, 1);
    cr_expect_str_eq(list.validations[0].validation_status, "failed");
    cr_expect(strstr(list.validations[0].error, "cancelled"), "%s", list.validations[0].error);
    CycleDetail detail = cycles_detail(f, list.validations[0].cycle_id);
    cr_expect_str_eq(detail.validation_id, list.validations[0].validation_id);
    cycles_done(&detail);
    message_release(ListValidationsReply_message(), &list);
}

CYCLE_TEST(is_cancelled_while_it_backs_off, 50) {
    f->store.config.services[SERVICE_MACRO].max_retries = 0;
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":50}");
    s_cancel_at(f, STAGE_MACRO_ANALYSIS, SIM_MACRO, "GET", "/api/v1/macro/state");
}

CYCLE_TEST(is_cancelled_after_a_restart_with_its_job, 20000) {
    char cycle_id[37];
    CycleDetail detail;
    f->store.config.datasets_required = (char *)"";
    cycles_start(f);
    s_begin(f, cycle_id);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cycles_stop_coordinator(f);
    cycles_start_coordinator(f);
    cr_assert_eq(s_cancel(f, cycle_id, &detail), OK);
    s_expect_cancelled(&detail, STAGE_STRATEGY_ANALYSIS);
    cycles_done(&detail);
    simulator_await(&f->sim, SIM_EXECUTION, "DELETE", "/api/v1/jobs/");
}

CYCLE_TEST(is_cancelled_while_it_is_queued_and_the_others_go_on, 500) {
    char first[37], second[37], third[37];
    CycleDetail detail;
    f->store.config.analysis_max_concurrent = 1;
    cycles_start(f);
    s_begin(f, first);
    s_begin(f, second);
    s_begin(f, third);
    cr_assert_eq(s_cancel(f, second, &detail), OK);
    cr_expect_str_eq(detail.status, "cancelled");
    cr_expect(!detail.has_start_time);
    for (int i = 0; i < STAGE_COUNT; i++)
        cr_expect_str_eq(detail.stages[i].status, "skipped");
    cycles_done(&detail);
    const char *others[] = {first, third};
    for (int i = 0; i < 2; i++) {
        detail = cycles_await_end(f, others[i]);
        cycles_expect_completed(&detail);
        cycles_done(&detail);
    }
    cr_expect_eq(simulator_effects(&f->sim, SIM_EXECUTION, "jobs_created"), 4);
}

CYCLE_TEST(that_is_cancelled_frees_its_place, 20000) {
    char first[37], second[37];
    CycleDetail detail;
    f->store.config.analysis_max_concurrent = 1;
    f->store.config.datasets_required = (char *)"";
    cycles_start(f);
    s_begin(f, first);
    s_begin(f, second);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_assert_eq(s_cancel(f, first, &detail), OK);
    cycles_done(&detail);
    s_await_stage(f, second, STAGE_STRATEGY_ANALYSIS, "running");
}

CYCLE_TEST(that_is_cancelled_answers_who_waits_for_its_end, 20000) {
    TriggerAnalysisRequest request = cycles_trigger_request(50);
    ListCyclesRequest list_request = ListCyclesRequest_init_zero;
    ListCyclesReply list = ListCyclesReply_init_zero;
    CancelCycleRequest cancel = CancelCycleRequest_init_zero;
    f->store.config.datasets_required = (char *)"";
    cycles_start(f);
    flow_send(f, "coordinator", 60000, &rpc_SystemCoordinator_TriggerAnalysis, &request);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    flow_send(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_ListCycles, &list_request);
    cr_assert_eq(flow_receive(f, ListCyclesReply_message(), &list, &(Fault)Fault_init_zero), OK);
    MESSAGE_PUT(cancel.cycle_id, list.history[0].cycle_id);
    flow_send(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_CancelCycle, &cancel);
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    cr_assert_eq(flow_receive(f, TriggerAnalysisReply_message(), &reply, &(Fault)Fault_init_zero), OK);
    cr_expect_str_eq(reply.status, "cancelled");
    CycleDetail detail = CycleDetail_init_zero;
    cr_assert_eq(flow_receive(f, CycleDetail_message(), &detail, &(Fault)Fault_init_zero), OK);
    cycles_done(&detail);
    message_release(TriggerAnalysisReply_message(), &reply);
    message_release(ListCyclesReply_message(), &list);
}

CYCLE_TEST(that_has_ended_or_is_not_there_cannot_be_cancelled, 50) {
    CycleDetail unused;
    cycles_start(f);
    CycleDetail detail = s_run(f);
    cr_expect_eq(s_cancel(f, detail.cycle_id, &unused), ERR_CYCLE_ENDED);
    cr_expect_eq(s_cancel(f, "no-such-cycle", &unused), ERR_NOT_FOUND);
    cycles_done(&detail);
}

/* ---- run again ---- */

CYCLE_TEST(run_again_from_a_stage_takes_over_what_came_before, 50) {
    RerunCycleReply reply;
    cycles_start(f);
    CycleDetail first = s_run(f);
    cr_assert_eq(s_rerun(f, first.cycle_id, "strategy_analysis", &reply, NULL), OK);
    cr_expect_str_eq(reply.rerun_of, first.cycle_id);
    cr_expect_str_eq(reply.from_stage, "strategy_analysis");
    cr_expect_str_eq(reply.status, "running");
    CycleDetail second = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&second);
    cr_expect_str_eq(second.trigger, "rerun");
    cr_expect_str_eq(second.rerun_of, first.cycle_id);
    cr_expect_str_eq(second.rerun_from_stage, "strategy_analysis");
    for (int i = 0; i < STAGE_COUNT; i++) {
        bool taken = i < STAGE_STRATEGY_ANALYSIS;
        const char *summary = second.stages[i].summary;
        cr_expect_eq(summary && strstr(summary, "taken_over_from"), taken, "%s: %s", second.stages[i].name,
                     summary);
        if (taken)
            cr_expect_str_eq(second.stages[i].output_digest, first.stages[i].output_digest);
    }
    cr_expect_eq(simulator_count(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 1);
    cr_expect_eq(simulator_count(&f->sim, SIM_PORTFOLIO, "POST", "/"), 1);
    cr_expect_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch"), 2);
    cr_assert_gt(second.signals_count, 0);
    cr_expect_str_neq(second.signals[0].signal_id, first.signals[0].signal_id);
    cycles_done(&first);
    cycles_done(&second);
}

CYCLE_TEST(run_again_from_the_dispatch_sends_signals_of_its_own, 50) {
    RerunCycleReply reply;
    cycles_start(f);
    CycleDetail first = s_run(f);
    cr_assert_eq(s_rerun(f, first.cycle_id, "signal_dispatch", &reply, NULL), OK);
    CycleDetail second = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&second);
    cr_expect_str_eq(second.validation_id, first.validation_id);
    cr_expect_eq(second.signals_count, first.signals_count);
    cycles_done(&first);
    cycles_done(&second);
}

CYCLE_TEST(run_again_without_a_stage_does_everything_anew, 50) {
    RerunCycleReply reply;
    cycles_start(f);
    CycleDetail first = s_run(f);
    cr_assert_eq(s_rerun(f, first.cycle_id, NULL, &reply, NULL), OK);
    CycleDetail second = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&second);
    cr_expect_eq(simulator_count(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 2);
    cycles_done(&first);
    cycles_done(&second);
}

CYCLE_TEST(is_not_run_again_before_it_has_ended_nor_past_what_it_completed, 1000) {
    char cycle_id[37];
    RerunCycleReply reply;
    Fault fault = Fault_init_zero;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_PORTFOLIO, "{\"status\":422}");
    s_begin(f, cycle_id);
    cr_expect_eq(s_rerun(f, cycle_id, NULL, &reply, NULL), ERR_CYCLE_RUNNING);
    CycleDetail first = cycles_await_end(f, cycle_id);
    cr_expect_eq(s_rerun(f, cycle_id, "strategy_analysis", &reply, &fault), ERR_UNPROCESSABLE);
    cr_expect(strstr(fault.message, "portfolio_management is failed"), "%s", fault.message);
    message_release(Fault_message(), &fault);
    cr_expect_eq(s_rerun(f, "no-such-cycle", NULL, &reply, NULL), ERR_NOT_FOUND);
    simulator_clear_faults(&f->sim, SIM_PORTFOLIO);
    cr_assert_eq(s_rerun(f, cycle_id, "portfolio_management", &reply, NULL), OK);
    CycleDetail second = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&second);
    cycles_done(&first);
    cycles_done(&second);
}

CYCLE_TEST(run_again_queues_at_the_limit, 500) {
    char cycle_id[37];
    RerunCycleReply reply;
    f->store.config.analysis_max_concurrent = 1;
    cycles_start(f);
    CycleDetail first = s_run(f);
    s_begin(f, cycle_id);
    cr_assert_eq(s_rerun(f, first.cycle_id, NULL, &reply, NULL), OK);
    cr_expect_str_eq(reply.status, "queued");
    CycleDetail second = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&second);
    cycles_done(&first);
    cycles_done(&second);
}

/* ---- held while the trading flow is stopped ---- */

static void s_refused_while_stopped(flow_t *f, const char *cycle_id) {
    TriggerAnalysisRequest request = cycles_trigger_request(0);
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    RerunCycleReply rerun;
    cr_expect_eq(
        flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_TriggerAnalysis, &request, &reply, NULL),
        ERR_SYSTEM_STOPPED);
    cr_expect_eq(s_rerun(f, cycle_id, NULL, &rerun, NULL), ERR_SYSTEM_STOPPED);
}

/* The analysis under way ends, and nothing begins. */
static void s_stop_during_analysis(flow_t *f, char first[37], char queued[37]) {
    f->store.config.analysis_max_concurrent = 1;
    cycles_start(f);
    s_begin(f, first);
    s_begin(f, queued);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    s_set_flow(f, false);
    s_await_stage(f, first, STAGE_STRATEGY_ANALYSIS, "completed");
}

static void s_expect_held(flow_t *f, const char *first, const char *queued) {
    CycleDetail detail = cycles_detail(f, first), other = cycles_detail(f, queued);
    cr_expect_str_eq(detail.status, "running");
    cr_expect_str_eq(detail.stages[STAGE_STRATEGY_VALIDATION].status, "pending");
    cr_expect_str_eq(other.status, "queued");
    cr_expect_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run"), 0);
    cycles_done(&detail);
    cycles_done(&other);
}

static void s_expect_both_complete(flow_t *f, const char *first, const char *queued) {
    const char *ids[] = {first, queued};
    for (int i = 0; i < 2; i++) {
        CycleDetail detail = cycles_await_end(f, ids[i]);
        cycles_expect_completed(&detail);
        cr_expect_eq(detail.paused_ms > 0, i == 0, "%lld ms", (long long)detail.paused_ms);
        cycles_done(&detail);
    }
}

CYCLE_TEST(ends_its_stage_and_is_held_while_the_flow_is_stopped, 500) {
    char first[37], queued[37];
    s_stop_during_analysis(f, first, queued);
    s_refused_while_stopped(f, first);
    s_expect_held(f, first, queued);
    s_set_flow(f, true);
    s_expect_both_complete(f, first, queued);
}

CYCLE_TEST(is_held_over_a_restart, 500) {
    char first[37], queued[37];
    s_stop_during_analysis(f, first, queued);
    cycles_stop_coordinator(f);
    cycles_start_coordinator(f);
    s_refused_while_stopped(f, first);
    s_expect_held(f, first, queued);
    s_set_flow(f, true);
    s_expect_both_complete(f, first, queued);
}

CYCLE_TEST(has_all_its_time_left_after_it_was_held, 200) {
    char first[37], queued[37];
    f->store.config.analysis_timeout_seconds = 4;
    s_stop_during_analysis(f, first, queued);
    int64_t deadline_us = harness_deadline(4200);
    while (clock_mono_us() < deadline_us)
        poll(NULL, 0, 20); /* the time of the cycle is what would pass */
    s_set_flow(f, true);
    s_expect_both_complete(f, first, queued);
}

CYCLE_TEST(is_cancelled_while_it_is_held, 500) {
    char first[37], queued[37];
    CycleDetail detail;
    s_stop_during_analysis(f, first, queued);
    cr_assert_eq(s_cancel(f, first, &detail), OK);
    cr_expect_str_eq(detail.status, "cancelled");
    cr_expect_str_eq(detail.stages[STAGE_STRATEGY_ANALYSIS].status, "completed");
    cr_expect_str_eq(detail.stages[STAGE_STRATEGY_VALIDATION].status, "skipped");
    cycles_done(&detail);
    detail = cycles_detail(f, queued);
    cr_expect_str_eq(detail.status, "queued", "a place is free, but the flow is stopped");
    cycles_done(&detail);
}
