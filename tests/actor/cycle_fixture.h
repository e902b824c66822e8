/* Whole cycles over a real bus: the coordinator and everything it asks, and the real services behind. */
#pragma once

#include "coordinator/stages.h"
#include "flow_fixture.h"

#define CYCLE_TEST(name, job_ms)       \
    static void s_##name(flow_t *f);   \
    Test(cycle, name, .timeout = 90) { \
        flow_t f;                      \
        flow_begin(&f, #job_ms);       \
        s_##name(&f);                  \
        flow_end(&f);                  \
    }                                  \
    static void s_##name(flow_t *f)

/* ---- the flow ---- */

static inline bool cycles_coordinator_is(flow_t *f, const char *component, const char *status) {
    ComponentStatus described = ComponentStatus_init_zero;
    cr_assert_eq(flow_ask(f, component, FLOW_MS, &rpc_Actor_Describe,
                          &(DescribeRequest)DescribeRequest_init_zero, &described, NULL),
                 OK);
    bool is = strcmp(described.status, status) == 0;
    message_release(ComponentStatus_message(), &described);
    return is;
}

static inline bool cycles_is_ready(void *context) {
    return cycles_coordinator_is(context, "coordinator", "running") &&
           cycles_coordinator_is(context, "signals", "running");
}

static inline void cycles_start_coordinator(flow_t *f) {
    f->coordinator = harness_actor(harness_of(f), &coordinator_class, &f->store.config, NULL);
    harness_until(cycles_is_ready, f, "the coordinator and the router are ready");
}

static inline void cycles_stop_coordinator(flow_t *f) {
    harness_stop_actor(harness_of(f), f->coordinator, HARNESS_MS);
    f->coordinator = NULL;
}

static inline void cycles_start(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    for (int i = 0; i < SERVICE_COUNT; i++)
        flow_start_adapter(f, i);
    f->signals = harness_actor(harness_of(f), &signals_class, &f->store.config, NULL);
    harness_actor(harness_of(f), &dataflow_class, &f->store.config, NULL);
    f->validation = harness_actor(harness_of(f), &validation_class, &f->store.config, NULL);
    cycles_start_coordinator(f);
}

/* ---- asking ---- */

static inline TriggerAnalysisRequest cycles_trigger_request(double wait_seconds) {
    TriggerAnalysisRequest request = TriggerAnalysisRequest_init_zero;
    request.has_wait_seconds = wait_seconds > 0;
    request.wait_seconds = wait_seconds;
    return request;
}

static inline TriggerAnalysisReply cycles_trigger(flow_t *f, double wait_seconds) {
    TriggerAnalysisRequest request = cycles_trigger_request(wait_seconds);
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    Fault fault = Fault_init_zero;
    err_t err =
        flow_ask(f, "coordinator", 65000, &rpc_SystemCoordinator_TriggerAnalysis, &request, &reply, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault_text(&fault));
    return reply;
}

static inline CycleDetail cycles_detail(flow_t *f, const char *cycle_id) {
    GetCycleRequest request = GetCycleRequest_init_zero;
    CycleDetail detail = CycleDetail_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    cr_assert_eq(
        flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_GetCycle, &request, &detail, NULL), OK);
    return detail;
}

static inline void cycles_done(CycleDetail *detail) {
    message_release(CycleDetail_message(), detail);
}

static inline CycleDetail cycles_await_end(flow_t *f, const char *cycle_id) {
    int64_t deadline_us = harness_deadline(FLOW_MS);
    for (;;) {
        CycleDetail detail = cycles_detail(f, cycle_id);
        if (detail.has_success)
            return detail;
        cycles_done(&detail);
        cr_assert_lt(clock_mono_us(), deadline_us, "the cycle ends");
        poll(NULL, 0, 5);
    }
}

static inline void cycles_expect_completed(const CycleDetail *detail) {
    cr_assert_str_eq(detail->status, "completed", "%s", detail->error);
    for (size_t i = 0; i < STAGE_SIGNAL_DISPATCH; i++)
        cr_assert_str_eq(detail->stages[i].status, "completed", "%s", detail->stages[i].name);
}
