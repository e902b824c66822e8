/* How many calls occupy a service at once, and what becomes of the others. */
#include "services_fixture.h"

#define ONE_AT_A_TIME(f) s_limit(f, 1)

static void s_limit(flow_t *f, uint32_t max_in_flight) {
    SetLimitRequest request = {.max_in_flight = max_in_flight};
    SetLimitReply reply = SetLimitReply_init_zero;
    cr_assert_eq(
        flow_ask(f, adapter_names[SERVICE_MACRO], FLOW_MS, &rpc_Adapter_SetLimit, &request, &reply, NULL),
        OK);
    cr_assert_eq(reply.max_in_flight, max_in_flight ? max_in_flight : 10);
}

static AdapterCall s_keyed(const char *key) {
    AdapterCall call = no_retry(adapter_get(MACRO_STATE));
    MESSAGE_PUT(call.idempotency_key, key);
    return call;
}

SERVICES_TEST(bulkhead, lets_the_oldest_in_when_a_place_is_free) {
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":400}");
    const char *const keys[] = {"call-0", "call-1", "call-2", "call-3"};
    for (size_t i = 0; i < 4; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed(keys[i]));
    adapter_await_load(f, SERVICE_MACRO, 1, 3);
    for (size_t i = 0; i < 4; i++) {
        outcome_t out = adapter_receive(f);
        expect_ok(&out);
        cr_assert_geq(out.result.downstream_ms, 400);
        /* all waited when the first was on its way: each for those between them at least */
        cr_assert_geq(out.result.duration_ms - out.result.downstream_ms, i > 0 ? 400.0 * (double)(i - 1) : 0,
                      "the queue is not the service's time");
        outcome_done(&out);
    }
    json_t *requests = simulator_requests(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    for (size_t i = 0; i < 4; i++) {
        json_t *request = json_array_get(requests, i);
        cr_assert_str_eq(header_of(requests, i, "Idempotency-Key"), keys[i]);
        if (i > 0) {
            json_t *before = json_array_get(requests, i - 1);
            cr_assert_geq(json_number_at(request, "at_ms"),
                          json_number_at(before, "at_ms") + json_number_at(before, "duration_ms"));
        }
    }
    json_decref(requests);
}

SERVICES_TEST(bulkhead, a_call_that_waits_in_vain_is_overloaded_at_its_deadline) {
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":900}");
    adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed("first"));
    adapter_await_load(f, SERVICE_MACRO, 1, 0);
    adapter_send_within(f, 300, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed("second"));
    outcome_t out = adapter_receive(f);
    expect_refused(&out, ERR_OVERLOADED, "1 calls were in flight, and none ended in time");
    cr_assert_eq(out.fault.attempts, 0);
    cr_assert_eq(out.fault.retry_after_seconds, 1);
    outcome_done(&out);
    out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 1);
}

SERVICES_TEST(bulkhead, the_queue_is_bounded) {
    enum { QUEUE = 256 };
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":900,\"count\":1}");
    for (int i = 0; i < 1 + QUEUE + 1; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed(""));
    outcome_t out = adapter_receive(f);
    expect_refused(&out, ERR_OVERLOADED, "1 calls are in flight and 256 wait");
    outcome_done(&out);
    for (int i = 0; i < 1 + QUEUE; i++) {
        out = adapter_receive(f);
        expect_ok(&out);
        outcome_done(&out);
    }
}

SERVICES_TEST(bulkhead, a_higher_limit_lets_those_who_wait_in) {
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":400}");
    for (int i = 0; i < 4; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed(""));
    adapter_await_load(f, SERVICE_MACRO, 1, 3);
    s_limit(f, 3);
    adapter_await_load(f, SERVICE_MACRO, 3, 1);
    s_limit(f, 0);
    adapter_await_load(f, SERVICE_MACRO, 4, 0);
    for (int i = 0; i < 4; i++) {
        outcome_t out = adapter_receive(f);
        expect_ok(&out);
        outcome_done(&out);
    }
}

SERVICES_TEST(bulkhead, waiting_for_a_job_takes_no_place) {
    SetLimitRequest one = {.max_in_flight = 1};
    SetLimitReply reply = SetLimitReply_init_zero;
    cr_assert_eq(
        flow_ask(f, adapter_names[SERVICE_EXECUTION], FLOW_MS, &rpc_Adapter_SetLimit, &one, &reply, NULL),
        OK);
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    adapter_send_within(f, 3000, SERVICE_EXECUTION, &rpc_Adapter_RunJob, adapter_batch("job"));
    simulator_await(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    adapter_await_load(f, SERVICE_EXECUTION, 0, 0);
    AdapterCall call = adapter_get("/api/v1/analyze/capabilities");
    adapter_send(f, SERVICE_EXECUTION, &rpc_Adapter_Call, call);
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    outcome_done(&out);
    out = adapter_receive(f);
    expect_refused(&out, ERR_DEADLINE_EXCEEDED, "had not ended in time");
    outcome_done(&out);
}

SERVICES_TEST(bulkhead, who_waits_hears_at_once_that_the_circuit_opened) {
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":500,\"latency_ms\":20}");
    for (int i = 0; i < 20; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed(""));
    int failed = 0, refused = 0;
    for (int i = 0; i < 20; i++) {
        outcome_t out = adapter_receive(f);
        failed += out.err == ERR_SERVICE_UNAVAILABLE;
        refused += out.err == ERR_CIRCUIT_OPEN && out.fault.retry_after_seconds >= 4;
        outcome_done(&out);
    }
    cr_assert(failed == 5 && refused == 15, "%d failed, %d were refused", failed, refused);
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 5);
    adapter_await_load(f, SERVICE_MACRO, 0, 0);
}

SERVICES_TEST(bulkhead, who_waits_is_answered_when_the_adapter_stops) {
    ONE_AT_A_TIME(f);
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true}");
    for (int i = 0; i < 3; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, s_keyed(""));
    adapter_await_load(f, SERVICE_MACRO, 1, 2);
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    for (int i = 0; i < 3; i++) {
        outcome_t out = adapter_receive(f);
        expect_refused(&out, ERR_SHUTTING_DOWN, "stopping");
        outcome_done(&out);
    }
}
