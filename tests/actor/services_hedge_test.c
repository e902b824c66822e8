/* The hedge: a read whose answer is late is sent once more, and the first answer counts. */
#include "services_fixture.h"

#define HEDGE_TEST(name)                              \
    static void s_##name(flow_t *f);                  \
    Test(hedge, name, .timeout = 60) {                \
        flow_t f;                                     \
        flow_begin(&f, "50");                         \
        f.store.config.services[0].hedge_ms = 100;    \
        f.store.config.services[0].timeout_ms = 2000; \
        flow_start_adapter(&f, SERVICE_MACRO);        \
        s_##name(&f);                                 \
        flow_end(&f);                                 \
    }                                                 \
    static void s_##name(flow_t *f)

static void s_expect_stats(flow_t *f, uint64_t hedges, uint64_t retries) {
    ServiceItem item = adapter_item(f, SERVICE_MACRO);
    cr_assert(item.stats.hedges == hedges && item.stats.retries == retries, "%lu hedges, %lu retries",
              (unsigned long)item.stats.hedges, (unsigned long)item.stats.retries);
    item_done(&item);
}

HEDGE_TEST(the_first_of_two_answers_counts) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true,\"count\":1}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 2);
    cr_assert(out.result.duration_ms >= 100 && out.result.duration_ms < 1000, "%g", out.result.duration_ms);
    cr_assert_leq(out.result.downstream_ms, out.result.duration_ms);
    outcome_done(&out);
    s_expect_stats(f, 1, 0);
    json_t *requests = simulator_requests(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    cr_assert(json_array_size(requests) == 2 && header_is_same(requests, "Idempotency-Key"));
    cr_assert_not(header_is_same(requests, "traceparent"));
    json_decref(requests);
}

HEDGE_TEST(an_answer_in_time_is_not_hedged) {
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 1);
    outcome_done(&out);
    s_expect_stats(f, 0, 0);
}

HEDGE_TEST(the_late_answer_counts_when_the_hedge_fails) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":600,\"count\":1}");
    AdapterCall call = adapter_get(MACRO_STATE);
    adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, call);
    simulator_await(&f->sim, SIM_MACRO, "GET", MACRO_STATE);
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"count\":1}");
    outcome_t out = adapter_receive(f);
    expect_ok(&out);
    cr_assert(out.result.attempts == 2 && out.result.duration_ms >= 600);
    outcome_done(&out);
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 2);
}

HEDGE_TEST(when_both_fail_it_is_tried_again) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"latency_ms\":300,\"count\":2}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 3);
    outcome_done(&out);
    s_expect_stats(f, 1, 1);
}

HEDGE_TEST(what_has_an_effect_is_not_hedged) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":300}");
    AdapterCall call = adapter_post("/api/v1/macro/analysis",
                                    "{\"force_refresh\":true,\"include_details\":true}", "run-1/call");
    outcome_t out = adapter_call(f, SERVICE_MACRO, call);
    expect_ok(&out);
    cr_assert_eq(out.result.attempts, 1);
    outcome_done(&out);
    s_expect_stats(f, 0, 0);
}

HEDGE_TEST(hedges_spend_the_retry_budget) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"latency_ms\":300}");
    for (int i = 0; i < 8; i++)
        adapter_send(f, SERVICE_MACRO, &rpc_Adapter_Call, adapter_get(MACRO_STATE));
    for (int i = 0; i < 8; i++) {
        outcome_t out = adapter_receive(f);
        expect_ok(&out);
        outcome_done(&out);
    }
    s_expect_stats(f, 3, 0);
}

HEDGE_TEST(it_makes_four_attempts_in_all_and_no_more) {
    simulator_fault(&f->sim, SIM_MACRO, "{\"status\":503,\"latency_ms\":200}");
    outcome_t out = adapter_call(f, SERVICE_MACRO, adapter_get(MACRO_STATE));
    expect_refused(&out, ERR_SERVICE_UNAVAILABLE, "(attempts: 4)");
    cr_assert_eq(simulator_count(&f->sim, SIM_MACRO, "GET", MACRO_STATE), 4);
    outcome_done(&out);
}
