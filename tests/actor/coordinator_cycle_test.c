/* Whole cycles: the coordinator, everything it asks, and the real services, well and unwell. */
#include "cycle_fixture.h"

/* Runs a cycle that must fail at that stage, with that reason in its row and in the cycle's. */
static void s_expect_failure(flow_t *f, stage_t stage, const char *cycle_status, const char *stage_status,
                             const char *says) {
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cr_assert_str_eq(detail.status, cycle_status, "%s", detail.error);
    cr_assert(detail.has_success && !detail.success);
    cr_assert_eq(strncmp(detail.error, stage_name(stage), strlen(stage_name(stage))), 0, "%s", detail.error);
    for (int i = 0; i < STAGE_COUNT; i++)
        cr_assert_str_eq(detail.stages[i].status,
                         i < (int)stage    ? "completed"
                         : i == (int)stage ? stage_status
                                           : "skipped",
                         "%s is %s", detail.stages[i].name, detail.stages[i].status);
    cr_assert(strstr(detail.stages[stage].error, says), "\"%s\" does not say \"%s\"",
              detail.stages[stage].error, says);
    cr_assert_eq(detail.signals_count, 0);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

/* ---- the good day ---- */

CYCLE_TEST(runs_through_all_stages_to_signals, 50) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 30);
    cr_assert_str_eq(reply.status, "completed", "%s", reply.error);
    cr_assert(reply.has_success && reply.success && reply.has_end_time);
    CycleDetail detail = cycles_detail(f, reply.cycle_id);
    cycles_expect_completed(&detail);
    cr_assert_gt(detail.signals_count, 0);
    cr_assert(detail.has_validation_id && detail.downstream_ms > 0);
    for (size_t i = 0; i < detail.signals_count; i++) {
        cr_assert_str_eq(detail.signals[i].status, "routed");
        cr_assert_gt(detail.signals[i].seq, 0);
    }
    for (int i = 0; i < STAGE_COUNT; i++)
        cr_assert(detail.stages[i].has_input_digest && detail.stages[i].has_output_digest, "%s",
                  detail.stages[i].name);
    cr_assert_eq(simulator_count(&f->sim, SIM_PORTFOLIO, "POST", "/"), 1);
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/"), 3,
                 "one batch, one backtest, one pool");
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

CYCLE_TEST(its_calls_share_request_id_and_trace_and_have_keys_of_their_own, 50) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 30);
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "POST", "/");
    cr_assert(header_is_same(requests, "X-Request-ID"));
    cr_assert_str_eq(header_of(requests, 0, "X-Request-ID"), "request-1");
    for (size_t i = 0; i < json_array_size(requests); i++) {
        cr_assert_eq(
            strncmp(header_of(requests, i, "traceparent"), header_of(requests, 0, "traceparent"), 36), 0);
        cr_assert_eq(strncmp(header_of(requests, i, "Idempotency-Key"), reply.cycle_id, 36), 0);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(header_of(requests, i, "Idempotency-Key"),
                              header_of(requests, j, "Idempotency-Key"));
    }
    json_decref(requests);
    message_release(TriggerAnalysisReply_message(), &reply);
}

static long s_deadline_ms(flow_t *f, int service, const char *path) {
    json_t *requests = simulator_requests(&f->sim, service, "GET", path);
    const char *text = header_of(requests, 0, "X-Deadline-Ms");
    long deadline_ms = text ? strtol(text, NULL, 10) : -1;
    json_decref(requests);
    return deadline_ms;
}

/* The time of the attempt (5 s here), of the stage or of the cycle: whichever is over first. */
CYCLE_TEST(tells_the_services_how_much_time_is_left, 50) {
    f->store.config.analysis_timeout_seconds = 3;
    f->store.config.analysis_readiness_seconds = 60;
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 30);
    long readiness_ms = s_deadline_ms(f, SIM_FLOWHUB, "/api/v1/tasks");
    long macro_ms = s_deadline_ms(f, SIM_MACRO, "/api/v1/macro/state");
    cr_expect(readiness_ms > 3000 && readiness_ms <= 5000, "%ld ms", readiness_ms);
    cr_expect(macro_ms > 0 && macro_ms <= 3000, "%ld ms", macro_ms);
    message_release(TriggerAnalysisReply_message(), &reply);
}

CYCLE_TEST(force_skips_the_readiness_stage_and_is_recorded, 50) {
    cycles_start(f);
    TriggerAnalysisRequest request = cycles_trigger_request(30);
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    request.has_force = request.force = true;
    cr_assert_eq(
        flow_ask(f, "coordinator", 65000, &rpc_SystemCoordinator_TriggerAnalysis, &request, &reply, NULL),
        OK);
    CycleDetail detail = cycles_detail(f, reply.cycle_id);
    cr_assert_str_eq(detail.status, "completed", "%s", detail.error);
    cr_assert(detail.force && strcmp(detail.stages[STAGE_DATA_READINESS].status, "skipped") == 0);
    cr_assert_eq(simulator_count(&f->sim, SIM_FLOWHUB, "POST", "/"), 0);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

/* ---- each stage failing ---- */

CYCLE_TEST(fails_with_data_that_cannot_be_fetched, 50) {
    f->store.config.services[SERVICE_FLOWHUB].max_retries = 0;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_FLOWHUB, "{\"status\":422}");
    s_expect_failure(f, STAGE_DATA_READINESS, "failed", "failed", "batch_daily_ohlc");
}

CYCLE_TEST(fails_with_a_macro_service_that_talks_garbage, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"garbage\":true}");
    s_expect_failure(f, STAGE_MACRO_ANALYSIS, "failed", "failed", "not JSON");
}

CYCLE_TEST(fails_with_a_macro_state_that_lacks_a_value, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":204}");
    s_expect_failure(f, STAGE_MACRO_ANALYSIS, "failed", "failed", "economic_cycle is missing");
}

CYCLE_TEST(fails_with_a_portfolio_service_that_answers_a_hundred_megabytes, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_PORTFOLIO, "{\"huge_bytes\":104857600}");
    s_expect_failure(f, STAGE_PORTFOLIO_MANAGEMENT, "failed", "failed", "larger than");
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/"), 0, "nothing else is touched");
}

CYCLE_TEST(fails_with_an_analysis_job_that_fails, 50) {
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/analyze/\",\"job_status\":\"failed\"}");
    s_expect_failure(f, STAGE_STRATEGY_ANALYSIS, "failed", "failed", "failed");
}

CYCLE_TEST(fails_closed_with_a_validation_that_does_not_finish, 50) {
    f->store.config.validation_timeout_seconds = 1;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/backtest/\",\"job_hang\":true}");
    s_expect_failure(f, STAGE_STRATEGY_VALIDATION, "failed", "timeout", "backtest");
}

CYCLE_TEST(ends_as_timeout_when_its_time_is_over, 50) {
    f->store.config.analysis_timeout_seconds = 2;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/analyze/\",\"job_hang\":true}");
    s_expect_failure(f, STAGE_STRATEGY_ANALYSIS, "timeout", "timeout", "had not ended in time");
}

/* A restart that comes too late for the cycle must not leave its validation open. */
CYCLE_TEST(ends_the_validation_of_a_cycle_whose_time_passed_while_nothing_ran, 50) {
    f->store.config.analysis_timeout_seconds = 3;
    cycles_start(f);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/backtest/\",\"job_hang\":true}");
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/backtest/");
    cycles_stop_coordinator(f);
    harness_stop_actor(harness_of(f), f->validation, HARNESS_MS);
    int64_t deadline_us = harness_deadline(3100);
    while (clock_mono_us() < deadline_us)
        poll(NULL, 0, 20); /* the time of the cycle is what passes */
    f->validation = harness_actor(harness_of(f), &validation_class, &f->store.config, NULL);
    cycles_start_coordinator(f);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cr_assert(!detail.success);
    ListValidationsRequest request = ListValidationsRequest_init_zero;
    ListValidationsReply list = ListValidationsReply_init_zero;
    cr_assert_eq(
        flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ListValidations, &request, &list, NULL),
        OK);
    cr_assert_eq(list.total, 1);
    cr_assert_str_eq(list.validations[0].validation_status, "timeout");
    message_release(ListValidationsReply_message(), &list);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

/* ---- restarts ---- */

static void s_expect_one_of_each(flow_t *f, size_t posts) {
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "jobs_created"), 2, "one batch, one backtest");
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "pools_created"), 1);
    cr_assert_geq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/"), posts);
}

CYCLE_TEST(goes_on_after_a_restart_in_the_middle_of_the_analysis, 1000) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cycles_stop_coordinator(f);
    cycles_start_coordinator(f);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&detail);
    s_expect_one_of_each(f, 4);
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_assert_eq(json_array_size(requests), 2);
    cr_assert(header_is_same(requests, "Idempotency-Key"));
    cr_assert_str_eq(json_text_at(requests, "0.body"), json_text_at(requests, "1.body"));
    cr_assert_eq(strncmp(header_of(requests, 0, "traceparent"), header_of(requests, 1, "traceparent"), 36),
                 0);
    json_decref(requests);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

CYCLE_TEST(goes_on_after_a_restart_in_the_middle_of_the_validation, 1000) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run");
    cycles_stop_coordinator(f);
    harness_stop_actor(harness_of(f), f->validation, HARNESS_MS);
    f->validation = harness_actor(harness_of(f), &validation_class, &f->store.config, NULL);
    cycles_start_coordinator(f);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&detail);
    s_expect_one_of_each(f, 5);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

CYCLE_TEST(survives_the_restart_of_an_adapter, 1000) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_EXECUTION], HARNESS_MS);
    flow_start_adapter(f, SERVICE_EXECUTION);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&detail);
    s_expect_one_of_each(f, 4);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

CYCLE_TEST(survives_the_absence_of_the_store, 1000) {
    cycles_start(f);
    TriggerAnalysisReply reply = cycles_trigger(f, 0);
    simulator_await(&f->sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    fixture_stop_actors(&f->store);
    size_t polls = simulator_count(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    TriggerAnalysisRequest request = cycles_trigger_request(0);
    TriggerAnalysisReply refused = TriggerAnalysisReply_init_zero;
    Fault fault = Fault_init_zero;
    err_t err = flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_TriggerAnalysis, &request,
                         &refused, &fault);
    cr_assert(err == ERR_NO_SUBSCRIBER || err == ERR_STORE_UNAVAILABLE, "%s", err_name(err));
    message_release(Fault_message(), &fault);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/") < polls + 2)
        cr_assert(program_look_again(deadline), "the job is polled on");
    fixture_start_actors(&f->store, NULL);
    CycleDetail detail = cycles_await_end(f, reply.cycle_id);
    cycles_expect_completed(&detail);
    s_expect_one_of_each(f, 3);
    message_release(TriggerAnalysisReply_message(), &reply);
    cycles_done(&detail);
}

/* ---- the limit, and waiting ---- */

static err_t s_trigger_or_fail(flow_t *f, TriggerAnalysisReply *reply, Fault *fault) {
    TriggerAnalysisRequest request = cycles_trigger_request(0);
    request.has_on_limit = MESSAGE_SET(request.on_limit, "fail");
    *reply = (TriggerAnalysisReply)TriggerAnalysisReply_init_zero;
    return flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_TriggerAnalysis, &request, reply,
                    fault);
}

CYCLE_TEST(queues_at_the_limit_and_starts_in_order, 300) {
    f->store.config.analysis_max_concurrent = 1;
    cycles_start(f);
    TriggerAnalysisReply replies[3];
    for (int i = 0; i < 3; i++) {
        replies[i] = cycles_trigger(f, 0);
        cr_assert_str_eq(replies[i].status, i == 0 ? "running" : "queued");
    }
    TriggerAnalysisReply refused;
    Fault fault = Fault_init_zero;
    cr_assert_eq(s_trigger_or_fail(f, &refused, &fault), ERR_CYCLE_LIMIT);
    message_release(Fault_message(), &fault);
    int64_t last_end = 0;
    for (int i = 0; i < 3; i++) {
        CycleDetail detail = cycles_await_end(f, replies[i].cycle_id);
        cr_assert_str_eq(detail.status, "completed", "%s", detail.error);
        cr_assert_geq(detail.start_time, last_end, "one after the other");
        last_end = detail.end_time;
        message_release(TriggerAnalysisReply_message(), &replies[i]);
        cycles_done(&detail);
    }
}

/* Even when they come so close together that none is stored yet. */
CYCLE_TEST(on_limit_fail_lets_no_more_in_than_there_are_places, 300) {
    cycles_start(f);
    TriggerAnalysisRequest request = cycles_trigger_request(0);
    request.has_on_limit = MESSAGE_SET(request.on_limit, "fail");
    for (int i = 0; i < 20; i++)
        flow_send(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_TriggerAnalysis, &request);
    char cycles[20][37];
    size_t admitted = 0;
    for (int i = 0; i < 20; i++) {
        TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
        Fault fault = Fault_init_zero;
        err_t err = flow_receive(f, TriggerAnalysisReply_message(), &reply, &fault);
        cr_assert(err == OK || err == ERR_CYCLE_LIMIT, "%s", err_name(err));
        if (err == OK)
            snprintf(cycles[admitted++], sizeof cycles[0], "%.36s", reply.cycle_id);
        message_release(TriggerAnalysisReply_message(), &reply);
        message_release(Fault_message(), &fault);
    }
    cr_assert_eq(admitted, 3);
    for (size_t i = 0; i < admitted; i++) {
        CycleDetail detail = cycles_await_end(f, cycles[i]);
        cycles_done(&detail);
    }
}

CYCLE_TEST(answers_who_waits_when_his_time_is_over, 3000) {
    cycles_start(f);
    int64_t start_us = clock_mono_us();
    TriggerAnalysisReply reply = cycles_trigger(f, 0.3);
    int64_t took_ms = (clock_mono_us() - start_us) / 1000;
    cr_assert_str_eq(reply.status, "running");
    cr_assert(!reply.has_end_time && !reply.has_success);
    cr_assert(took_ms >= 300 && took_ms < 2500, "%lld ms", (long long)took_ms);
    message_release(TriggerAnalysisReply_message(), &reply);
}

CYCLE_TEST(takes_up_queued_cycles_after_a_restart, 500) {
    f->store.config.analysis_max_concurrent = 1;
    cycles_start(f);
    TriggerAnalysisReply first = cycles_trigger(f, 0), second = cycles_trigger(f, 0);
    cycles_stop_coordinator(f);
    cycles_start_coordinator(f);
    CycleDetail detail = cycles_await_end(f, first.cycle_id), other = cycles_await_end(f, second.cycle_id);
    cr_assert_str_eq(detail.status, "completed", "%s", detail.error);
    cr_assert_str_eq(other.status, "completed", "%s", other.error);
    cr_assert_geq(other.start_time, detail.end_time);
    message_release(TriggerAnalysisReply_message(), &first);
    message_release(TriggerAnalysisReply_message(), &second);
    cycles_done(&detail);
    cycles_done(&other);
}

CYCLE_TEST(lists_the_history_newest_first_with_stages, 50) {
    cycles_start(f);
    char ids[3][37];
    for (int i = 0; i < 3; i++) {
        TriggerAnalysisReply reply = cycles_trigger(f, 30);
        snprintf(ids[i], sizeof ids[i], "%.36s", reply.cycle_id);
        message_release(TriggerAnalysisReply_message(), &reply);
    }
    ListCyclesRequest request = ListCyclesRequest_init_zero;
    ListCyclesReply list = ListCyclesReply_init_zero;
    request.has_limit = true;
    request.limit = 2;
    cr_assert_eq(
        flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_ListCycles, &request, &list, NULL), OK);
    cr_assert(list.total == 3 && list.history_count == 2);
    cr_assert_str_eq(list.history[0].cycle_id, ids[2]);
    cr_assert_eq(list.history[0].stages_count, STAGE_COUNT);
    message_release(ListCyclesReply_message(), &list);
    request.has_status = MESSAGE_SET(request.status, "failed");
    cr_assert_eq(
        flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_ListCycles, &request, &list, NULL), OK);
    cr_assert_eq(list.total, 0);
    message_release(ListCyclesReply_message(), &list);
}
