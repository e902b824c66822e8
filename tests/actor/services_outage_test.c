/* A service that is out: how much is sent to it, what the caller is told, and how it is found again. */
#include "services_fixture.h"

enum { CALLS = 100 };

/* Requests that a call cost, when all of them are made at once. */
static double s_amplification(flow_t *f, const char *fault, err_t err) {
    simulator_fault(&f->sim, SIM_MACRO, fault);
    for (int i = 0; i < CALLS; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, adapter_get(MACRO_STATE));
    for (int i = 0; i < CALLS; i++) {
        outcome_t out = adapter_receive(f);
        cr_assert(out.err == err || out.err == ERR_CIRCUIT_OPEN, "%s", fault_text(&out.fault));
        outcome_done(&out);
    }
    return (double)simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE) / CALLS;
}

/* 429 is no failure of the service, so the circuit stays closed: the retry budget alone holds. */
SERVICES_TEST(outage, the_retry_budget_alone_keeps_the_requests_within_a_fifth) {
    double ratio = s_amplification(f, "{\"status\":429}", ERR_SERVICE_UNAVAILABLE);
    cr_assert(ratio > 1 && ratio <= 1.2, "%g requests a call", ratio);
}

SERVICES_TEST(outage, the_circuit_keeps_most_requests_away_from_a_service_that_fails) {
    double ratio = s_amplification(f, "{\"status\":500}", ERR_SERVICE_UNAVAILABLE);
    cr_assert(ratio > 0 && ratio <= 0.3, "%g requests a call", ratio);
}

SERVICES_TEST(outage, a_service_that_is_gone_costs_no_more_connects_than_calls) {
    simulator_stop(&f->sim);
    for (int i = 0; i < CALLS; i++) {
        outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        cr_assert(out.err == ERR_SERVICE_UNAVAILABLE || out.err == ERR_CIRCUIT_OPEN, "%s",
                  fault_text(&out.fault));
        outcome_done(&out);
    }
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.stats.requests >= 5 && item.stats.requests <= CALLS * 12 / 10);
    item_done(&item);
    simulator_start(&f->sim, (const char *const[]){NULL});
}

SERVICES_TEST(outage, a_refusal_says_how_often_it_was_tried_and_when_to_come_again) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "HTTP 503");
    cr_assert(out.fault.attempts == 4 && out.fault.retry_after_seconds == 0);
    outcome_done(&out);
    simulator_clear_faults(&f->sim, SIM_MACRO);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"retry_after\":7}");
    out = adapter_call(f, SERVICE_MACRO, no_retry(adapter_get(MACRO_STATE)));
    cr_assert(out.fault.attempts == 1 && out.fault.retry_after_seconds == 7);
    outcome_done(&out);
}

SERVICES_TEST(outage, a_command_may_ask_for_fewer_attempts) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503}");
    AdapterCall call = adapter_get(MACRO_STATE);
    call.max_attempts = 2;
    outcome_t out = adapter_call(f, SERVICE_MACRO, call);
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "(attempts: 2)");
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 2);
    outcome_done(&out);
}

SERVICES_TEST(outage, a_body_above_the_configured_size_is_not_read) {
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    f->store.config.services[SERVICE_MACRO].max_response_bytes = 4096;
    flow_start_adapter(f, SERVICE_MACRO);
    simulator_fault(&f->sim, SIM_MACRO, "{\"huge_bytes\":5000}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_PROTOCOL, "larger than 4096 bytes");
    outcome_done(&out);
}

/* ---- connections ---- */

static double s_port_of_last(flow_t *f) {
    json_t *requests = simulator_requests(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    double port = json_number_at(json_array_get(requests, json_array_size(requests) - 1), "peer_port");
    json_decref(requests);
    return port;
}

SERVICES_TEST(outage, a_reconnect_makes_the_next_call_connect_anew) {
    double ports[4];
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            ReconnectServiceReply reply = ReconnectServiceReply_init_zero;
            cr_assert_eq(flow_ask(f, adapter_names[SERVICE_MACRO], FLOW_MS, &rpc_Adapter_Reconnect,
                                  &(ReconnectRequest)ReconnectRequest_init_zero, &reply, NULL),
                         OK);
            message_release(ReconnectServiceReply_message(), &reply);
        }
        outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        expect_ok(&out);
        outcome_done(&out);
        ports[i] = s_port_of_last(f);
    }
    cr_assert(ports[0] > 0 && ports[0] == ports[1], "a connection is used again");
    cr_assert(ports[2] != ports[1], "after a reconnect it is not");
    cr_assert_eq(ports[2], ports[3]);
}
