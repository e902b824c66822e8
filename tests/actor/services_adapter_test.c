/* An adapter and a service that behaves in every way: one logical call, its retries, circuit, jobs and health. */
#include "services_fixture.h"

enum { BREAKER_OPEN_WAIT_MS = 15000 };

/* ---- one logical call ---- */

SERVICES_TEST(adapter, unwraps_the_payload_of_an_answer) {
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(strncmp(out.result.body, "{\"economic_cycle\":", 18), 0, "%s", out.result.body);
    cr_assert(out.result.status == 200 && out.result.attempts == 1);
    cr_assert(out.result.downstream_ms > 0 && out.result.downstream_ms <= out.result.duration_ms);
    outcome_done(&out);
}

SERVICES_TEST(adapter, repeats_a_call_whose_answer_was_lost_with_the_same_key) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" BATCH "\",\"reset\":true,\"count\":2}");
    outcome_t out = adapter_run(f, adapter_batch("c1/strategy_analysis/call"));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 3);
    cr_assert(out.result.idempotent_replayed);
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "POST", BATCH);
    cr_assert_eq(json_array_size(requests), 3);
    cr_assert(header_is_same(requests, "Idempotency-Key"));
    cr_assert_str_eq(header_of(requests, 0, "Idempotency-Key"), "c1/strategy_analysis/call");
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "jobs_created"), 1);
    json_decref(requests);
    outcome_done(&out);
}

SERVICES_TEST(adapter, sends_an_attempt_once_also_over_a_kept_connection) {
    outcome_t first = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&first);
    simulator_fault(&f->sim, SIM_MACRO, "{\"path_prefix\":\"" MACRO_STATE "\",\"reset\":true,\"count\":9}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, no_retry(adapter_get(MACRO_STATE)));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "(attempts: 1)");
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 2);
    outcome_done(&first);
    outcome_done(&out);
}

SERVICES_TEST(adapter, sends_all_four_headers_and_a_new_span_with_every_attempt) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"count\":2}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    json_t *requests = simulator_requests(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    cr_assert_eq(json_array_size(requests), 3);
    cr_assert(header_is_same(requests, "Idempotency-Key"));
    cr_assert_str_eq(header_of(requests, 2, "X-Request-ID"), "request-1");
    for (size_t i = 0; i < 3; i++) {
        long left_ms = strtol(header_of(requests, i, "X-Deadline-Ms"), NULL, 10);
        cr_assert(left_ms >= 1 && left_ms <= 1000);
        cr_assert_eq(
            strncmp(header_of(requests, i, "traceparent"), header_of(requests, 0, "traceparent"), 36), 0);
    }
    cr_assert_not(header_is_same(requests, "traceparent"));
    json_decref(requests);
    outcome_done(&out);
}

SERVICES_TEST(adapter, does_not_repeat_what_the_service_refused) {
    const int statuses[] = {400, 401, 404, 409, 422, 302, 501, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char fault[64], says[16];
        snprintf(fault, sizeof fault, "{\"status\":%d,\"count\":1}", statuses[i]);
        snprintf(says, sizeof says, "HTTP %d", statuses[i]);
        simulator_fault(&f->sim, SIM_MACRO, fault);
        outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        expect_refused(&out, ERR_DOWNSTREAM_REFUSED, says);
        outcome_done(&out);
    }
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), sizeof statuses / sizeof *statuses);
}

SERVICES_TEST(adapter, gives_a_refusal_as_a_result_to_whoever_asks_for_it) {
    AdapterCall call = adapter_get("/api/v1/jobs/none");
    call.accept_refusal = true;
    outcome_t out = adapter_call(f, SERVICE_EXECUTION, call);
    expect_ok(&out);
    cr_assert_eq(out.result.status, 404);
    cr_assert_str_eq(out.result.error_code, "JOB_NOT_FOUND");
    outcome_done(&out);
}

SERVICES_TEST(adapter, waits_as_long_as_the_service_asks_for) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":429,\"retry_after\":1,\"count\":1}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 2);
    cr_assert_geq(out.took_ms, 1000);
    outcome_done(&out);
}

SERVICES_TEST(adapter, does_not_wait_past_its_deadline) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":60}");
    outcome_t out = adapter_ask_within(f, 20000, SERVICE_MACRO, &rpc_Adapter_Call, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "HTTP 503");
    cr_assert_lt(out.took_ms, 15000);
    outcome_done(&out);
}

SERVICES_TEST(adapter, ends_at_its_deadline_and_says_what_it_waited_for) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true}");
    outcome_t out = adapter_ask_within(f, 500, SERVICE_MACRO, &rpc_Adapter_Call, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_DEADLINE_EXCEEDED, "macro GET " MACRO_STATE);
    cr_assert_leq(out.took_ms, 500);
    outcome_done(&out);
    json_t *requests = simulator_requests(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    cr_assert_lt(strtol(header_of(requests, 0, "X-Deadline-Ms"), NULL, 10), 500);
    json_decref(requests);
}

SERVICES_TEST(adapter, repeats_an_attempt_that_timed_out) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true,\"count\":1}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 2);
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.stats.timeouts == 1 && item.stats.failures == 1 && item.stats.retries == 1);
    item_done(&item);
    outcome_done(&out);
}

SERVICES_TEST(adapter, makes_four_attempts_and_no_more) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"garbage\":true}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_PROTOCOL, "not JSON");
    cr_assert(strstr(fault_text(&out.fault), "(attempts: 4)"));
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 4);
    outcome_done(&out);
}

SERVICES_TEST(adapter, repeats_after_garbage_half_a_body_and_a_reset) {
    const char *faults[] = {"{\"reset\":true,\"count\":1}", "{\"garbage\":true,\"count\":1}",
                            "{\"half_body\":true,\"count\":1}"};
    for (size_t i = 0; i < 3; i++) {
        simulator_fault(&f->sim, SIM_MACRO, faults[i]);
        outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        expect_ok(&out);
        cr_assert_eq(out.result.attempts, 2, "%s", faults[i]);
        outcome_done(&out);
    }
}

SERVICES_TEST(adapter, stops_reading_a_body_of_a_hundred_megabytes) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"huge_bytes\":104857600}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_PROTOCOL, "larger than 16777216 bytes");
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 1);
    outcome_done(&out);
}

SERVICES_TEST(adapter, takes_204_as_an_empty_object) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":204}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_str_eq(out.result.body, "{}");
    outcome_done(&out);
}

SERVICES_TEST(adapter, says_at_once_that_nobody_listens) {
    simulator_stop(&f->sim);
    AdapterCall call = adapter_get(MACRO_STATE);
    call.no_retry = true;
    outcome_t out = adapter_call(f, SERVICE_MACRO, call);
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "connect");
    cr_assert_lt(out.took_ms, 1000);
    outcome_done(&out);
    const char *arguments[] = {NULL};
    simulator_start(&f->sim, arguments);
}

SERVICES_TEST(adapter, answers_what_is_under_way_when_it_stops) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true}");
    AdapterCall call = adapter_get(MACRO_STATE);
    AdapterResult result = AdapterResult_init_zero;
    Fault fault = Fault_init_zero;
    flow_send(f, adapter_names[SERVICE_MACRO], FLOW_MS, &rpc_Adapter_Call, &call);
    simulator_await(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    cr_assert_eq(flow_receive(f, AdapterResult_message(), &result, &fault), ERR_SHUTTING_DOWN);
    message_release(Fault_message(), &fault);
    message_release(AdapterCall_message(), &call);
}

/* ---- circuit and budget ---- */

typedef struct {
    flow_t *f;
    const char *state;
} circuit_wait_t;

static bool s_circuit_is(void *context) {
    circuit_wait_t *wait = context;
    ServiceItem item = adapter_item(wait->f, SERVICE_MACRO);
    bool is = strcmp(item.circuit.state, wait->state) == 0;
    item_done(&item);
    return is;
}

static void s_await_circuit(flow_t *f, const char *state) {
    circuit_wait_t wait = {f, state};
    int64_t deadline_us = harness_deadline(BREAKER_OPEN_WAIT_MS);
    while (!s_circuit_is(&wait)) {
        cr_assert_lt(clock_mono_us(), deadline_us, "the circuit becomes %s", state);
        poll(NULL, 0, 20);
    }
}

static void s_fail_once(flow_t *f) {
    AdapterCall call = adapter_get(MACRO_STATE);
    call.no_retry = true;
    outcome_t out = adapter_call(f, SERVICE_MACRO, call);
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "HTTP 500");
    outcome_done(&out);
}

SERVICES_TEST(adapter, opens_the_circuit_after_five_failures_and_closes_it_after_two_probes) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":500}");
    for (int i = 0; i < 5; i++)
        s_fail_once(f);
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_CIRCUIT_OPEN, "the circuit is open");
    cr_assert(out.fault.retry_after_seconds >= 1 && out.fault.retry_after_seconds <= 6);
    outcome_done(&out);
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 5);
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.circuit.has_opened_at && item.circuit.has_retry_at &&
              item.circuit.retry_at > item.circuit.opened_at);
    item_done(&item);
    simulator_clear_faults(&f->sim, SIM_MACRO);
    s_await_circuit(f, "half_open");
    for (int i = 0; i < 2; i++) {
        out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        expect_ok(&out);
        outcome_done(&out);
    }
    s_await_circuit(f, "closed");
}

SERVICES_TEST(adapter, leaves_the_other_services_alone_when_one_circuit_is_open) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":500}");
    for (int i = 0; i < 5; i++)
        s_fail_once(f);
    outcome_t out = adapter_run(f, adapter_batch("c1/strategy_analysis/call"));
    expect_ok(&out);
    outcome_done(&out);
}

SERVICES_TEST(adapter, spends_three_retries_in_ten_seconds_on_few_calls) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":429}"); /* no failure for the circuit */
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "(attempts: 4)");
    outcome_done(&out);
    out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "(attempts: 1)");
    outcome_done(&out);
}

/* ---- jobs ---- */

SERVICES_TEST(adapter, waits_for_a_job_and_gives_its_result) {
    outcome_t out = adapter_run(f, adapter_batch("c1/strategy_analysis/call"));
    expect_ok(&out);
    cr_assert(*out.result.job_id);
    cr_assert_eq(strncmp(out.result.body, "{\"results\":", 11), 0, "%.60s", out.result.body);
    cr_assert_geq(out.result.downstream_ms, 50);
    outcome_done(&out);
}

SERVICES_TEST(adapter, takes_an_answer_inline_as_the_result) {
    AdapterCall call = adapter_post(
        "/api/v1/portfolios/default_portfolio/optimize/markowitz",
        "{\"objective\":\"max_return\",\"constraints\":{\"max_sector_weight\":0.35,"
        "\"max_single_stock\":0.05,\"var_limit\":0.02},\"expected_returns\":{},\"macro_context\":"
        "{\"economic_cycle\":\"expansion\",\"risk_level\":\"low\"}}",
        "c1/portfolio_management/call");
    outcome_t out = adapter_ask_within(f, FLOW_MS, SERVICE_PORTFOLIO, &rpc_Adapter_RunJob, call);
    expect_ok(&out);
    cr_assert_str_eq(out.result.job_id, "");
    cr_assert(strstr(out.result.body, "\"target_position\":"));
    outcome_done(&out);
}

SERVICES_TEST(adapter, reads_the_result_of_a_flowhub_job_apart) {
    AdapterCall call = adapter_post("/api/v1/jobs/batch-stock-data",
                                    "{\"incremental\":true,\"force_update\":false}", "s1/call");
    outcome_t out = adapter_ask_within(f, FLOW_MS, SERVICE_FLOWHUB, &rpc_Adapter_RunJob, call);
    expect_ok(&out);
    cr_assert(strstr(out.result.body, "\"total_records\":"), "%s", out.result.body);
    cr_assert_eq(simulator_count(&f->sim, SIM_FLOWHUB, "GET", "/api/v1/jobs/"),
                 2 + (out.result.downstream_ms > 150));
    outcome_done(&out);
}

static void s_expect_job_end(flow_t *f, const char *fault, err_t err, const char *says) {
    simulator_fault(&f->sim, SIM_EXECUTION, fault);
    outcome_t out = adapter_ask_within(f, 1500, SERVICE_EXECUTION, &rpc_Adapter_RunJob,
                                       adapter_batch("c1/strategy_analysis/call"));
    expect_refused(&out, err, says);
    outcome_done(&out);
}

SERVICES_TEST(adapter, fails_with_a_job_that_fails) {
    s_expect_job_end(f, "{\"job_status\":\"failed\"}", ERR_DOWNSTREAM_REFUSED, " failed");
}

SERVICES_TEST(adapter, fails_with_a_job_that_is_cancelled) {
    s_expect_job_end(f, "{\"job_status\":\"cancelled\"}", ERR_DOWNSTREAM_REFUSED, " cancelled");
}

SERVICES_TEST(adapter, gives_up_a_job_that_hangs_at_the_deadline) {
    s_expect_job_end(f, "{\"job_hang\":true}", ERR_DEADLINE_EXCEEDED, "had not ended in time");
}

SERVICES_TEST(adapter, fails_with_a_job_that_is_lost) {
    s_expect_job_end(f, "{\"path_prefix\":\"/api/v1/jobs/\",\"status\":404}", ERR_DOWNSTREAM_REFUSED,
                     "HTTP 404");
}

SERVICES_TEST(adapter, gives_up_after_five_failed_polls_in_a_row) {
    s_expect_job_end(f, "{\"path_prefix\":\"/api/v1/jobs/\",\"status\":503}", ERR_SERVICE_UNAVAILABLE,
                     "5 polls failed in a row, the last with: HTTP 503");
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/"), 5);
}

SERVICES_TEST(adapter, polls_on_after_four_failed_polls) {
    simulator_fault(&f->sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/jobs/\",\"garbage\":true,\"count\":4}");
    outcome_t out = adapter_run(f, adapter_batch("c1/strategy_analysis/call"));
    expect_ok(&out);
    outcome_done(&out);
}

/* While the circuit is open nothing is polled, so nothing fails; the job is found when the service is back. */
SERVICES_TEST(adapter, keeps_waiting_for_a_job_while_the_circuit_is_open) {
    AdapterCall job = adapter_batch("c1/strategy_analysis/call");
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true}");
    flow_send(f, adapter_names[SERVICE_EXECUTION], FLOW_MS, &rpc_Adapter_RunJob, &job);
    message_release(AdapterCall_message(), &job);
    simulator_await(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    simulator_clear_faults(&f->sim, SIM_EXECUTION);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"status\":500}");
    for (bool open = false; !open;) {
        AdapterCall call = adapter_get("/api/v1/analyze/capabilities");
        Fault fault = Fault_init_zero;
        AdapterResult result = AdapterResult_init_zero;
        call.no_retry = true;
        flow_send(f, adapter_names[SERVICE_EXECUTION], FLOW_MS, &rpc_Adapter_Call, &call);
        err_t err = flow_receive(f, AdapterResult_message(), &result, &fault);
        cr_assert(err == ERR_SERVICE_UNAVAILABLE || err == ERR_CIRCUIT_OPEN, "%s", fault_text(&fault));
        open = err == ERR_CIRCUIT_OPEN;
        message_release(Fault_message(), &fault);
        message_release(AdapterCall_message(), &call);
    }
    simulator_clear_faults(&f->sim, SIM_EXECUTION);
    size_t polls = simulator_count(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/") == polls)
        cr_assert(program_look_again(deadline), "the job is polled again");
    json_t *requests = simulator_requests(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    cr_assert_eq(json_number_at(json_array_get(requests, json_array_size(requests) - 1), "status"), 200);
    json_decref(requests);
}

/* ---- health and connections ---- */

SERVICES_TEST(adapter, probes_look_into_the_body) {
    ServiceItem item = adapter_probe(f, SERVICE_PORTFOLIO);
    cr_assert_str_eq(item.status, "healthy");
    cr_assert(item.has_last_check && item.has_response_time && !item.error);
    item_done(&item);
    struct {
        const char *fault, *error;
    } cases[] = {{"{\"path_prefix\":\"/api/v1/health\",\"status\":503,\"count\":1}", "HTTP 503"},
                 {"{\"path_prefix\":\"/api/v1/health\",\"garbage\":true,\"count\":1}", "HTTP 200 but"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        simulator_fault(&f->sim, SIM_PORTFOLIO, cases[i].fault);
        item = adapter_probe(f, SERVICE_PORTFOLIO);
        cr_assert_str_eq(item.status, "unhealthy", "%s", cases[i].fault);
        cr_assert(item.error && strstr(item.error, cases[i].error), "%s", item.error);
        cr_assert_eq(item.error_count, i + 1);
        item_done(&item);
    }
}

static void s_fill_pool(flow_t *f, size_t calls) {
    AdapterCall call = adapter_get(MACRO_STATE);
    for (size_t i = 0; i < calls; i++)
        flow_send(f, adapter_names[SERVICE_MACRO], FLOW_MS, &rpc_Adapter_Call, &call);
    message_release(AdapterCall_message(), &call);
}

static void s_drain_pool(flow_t *f, size_t calls) {
    for (size_t i = 0; i < calls; i++) {
        AdapterResult result = AdapterResult_init_zero;
        Fault fault = Fault_init_zero;
        err_t err = flow_receive(f, AdapterResult_message(), &result, &fault);
        cr_assert_eq(err, OK, "%s", fault_text(&fault));
        message_release(AdapterResult_message(), &result);
    }
}

typedef struct {
    flow_t *f;
    uint32_t in_use;
} pool_wait_t;

static bool s_pool_in_use(void *context) {
    pool_wait_t *wait = context;
    ServiceItem item = adapter_item(wait->f, SERVICE_MACRO);
    cr_assert_leq(item.pool.in_use, 5, "a host gets half of the pool");
    bool is = item.pool.in_use == wait->in_use;
    item_done(&item);
    return is;
}

SERVICES_TEST(adapter, uses_at_most_five_connections_and_keeps_them) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":200}");
    s_fill_pool(f, 8);
    pool_wait_t wait = {f, 5};
    harness_until(s_pool_in_use, &wait, "five connections are in use");
    s_drain_pool(f, 8);
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.pool.in_use == 0 && item.pool.idle >= 1 && item.pool.idle <= 5 && item.pool.max == 10);
    cr_assert(item.stats.requests == 8 && item.stats.has_p50_ms && item.stats.p50_ms >= 200);
    item_done(&item);
}

SERVICES_TEST(adapter, calls_that_hang_do_not_hold_up_a_probe) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":700}");
    s_fill_pool(f, 5);
    pool_wait_t wait = {f, 5};
    harness_until(s_pool_in_use, &wait, "all connections are in use");
    ServiceItem item = adapter_probe(f, SERVICE_MACRO);
    cr_assert_str_eq(item.status, "healthy", "%s", item.error);
    cr_assert_lt(item.response_time, 500);
    item_done(&item);
    s_drain_pool(f, 5);
}

static ReconnectServiceReply s_reconnect(flow_t *f) {
    ReconnectServiceReply reply = ReconnectServiceReply_init_zero;
    cr_assert_eq(flow_ask(f, adapter_names[SERVICE_MACRO], FLOW_MS, &rpc_Adapter_Reconnect,
                          &(ReconnectRequest)ReconnectRequest_init_zero, &reply, NULL),
                 OK);
    return reply;
}

SERVICES_TEST(adapter, a_reconnect_drops_idle_connections_and_leaves_calls_alone) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":300,\"count\":1}");
    s_fill_pool(f, 1);
    simulator_await(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    ReconnectServiceReply reply = s_reconnect(f);
    cr_assert(reply.reconnected && strcmp(reply.status, "healthy") == 0 && !reply.error);
    message_release(ReconnectServiceReply_message(), &reply);
    s_drain_pool(f, 1);
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.pool.in_use == 0 && item.pool.idle == 0, "the call's connection was closed behind it");
    item_done(&item);
}

SERVICES_TEST(adapter, a_reconnect_tells_the_truth) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"path_prefix\":\"/health\",\"status\":503,\"count\":1}");
    ReconnectServiceReply reply = s_reconnect(f);
    cr_assert(reply.reconnected && strcmp(reply.status, "unhealthy") == 0, "it is there, and not well");
    message_release(ReconnectServiceReply_message(), &reply);
    simulator_stop(&f->sim);
    reply = s_reconnect(f);
    cr_assert(!reply.reconnected && strcmp(reply.status, "unhealthy") == 0 && reply.error);
    message_release(ReconnectServiceReply_message(), &reply);
    const char *arguments[] = {NULL};
    simulator_start(&f->sim, arguments);
}

/* ---- the registry in front ---- */

SERVICES_TEST(adapter, the_registry_lists_all_four_and_refuses_other_names) {
    fixture_start_actors(&f->store, NULL);
    harness_actor(harness_of(f), &services_class, &f->store.config, NULL);
    for (int i = 0; i < SERVICE_COUNT; i++) {
        ServiceItem item = adapter_probe(f, i);
        item_done(&item);
    }
    ListServicesReply reply = ListServicesReply_init_zero;
    cr_assert_eq(flow_ask(f, "services", FLOW_MS, &rpc_ServiceRegistry_ListServices,
                          &(ListServicesRequest)ListServicesRequest_init_zero, &reply, NULL),
                 OK);
    cr_assert(reply.total_count == 4 && reply.healthy_count == 4 && reply.unhealthy_count == 0);
    message_release(ListServicesReply_message(), &reply);
    CheckServiceRequest check = CheckServiceRequest_init_zero;
    CheckServiceReply checked = CheckServiceReply_init_zero;
    Fault fault = Fault_init_zero;
    MESSAGE_PUT(check.service, "nobody");
    cr_assert_eq(
        flow_ask(f, "services", FLOW_MS, &rpc_ServiceRegistry_CheckService, &check, &checked, &fault),
        ERR_SERVICE_NOT_FOUND);
    message_release(Fault_message(), &fault);
}
