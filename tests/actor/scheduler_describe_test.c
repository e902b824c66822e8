/* The scheduler as an actor: it is there, says whether it is on, and runs nothing. */
#include "bus/fault.h"
#include "harness.h"
#include "routes.gen.h"
#include "scheduler/scheduler.h"

#include <criterion/criterion.h>
#include <string.h>

static void s_describe(bool enabled, ComponentStatus *status) {
    harness_t h;
    config_t config = {.scheduler_enabled = enabled, .scheduler_timezone = (char *)"Asia/Shanghai"};
    Envelope envelope = harness_envelope(HARNESS_MS);
    Fault fault = Fault_init_zero;
    harness_start(&h);
    harness_actor(&h, &scheduler_class, &config, NULL);
    *status = (ComponentStatus)ComponentStatus_init_zero;
    cr_assert_eq(bus_client_request_to(h.client, "scheduler", &rpc_Actor_Describe, &envelope,
                                       &(DescribeRequest)DescribeRequest_init_zero, status, &fault),
                 OK);
    harness_stop(&h);
}

static const Metric *s_metric(const ComponentStatus *status, const char *name) {
    for (size_t i = 0; i < status->metrics_count; i++) {
        if (strcmp(status->metrics[i].name, name) == 0)
            return &status->metrics[i];
    }
    cr_assert_fail("no metric %s", name);
    return NULL;
}

Test(scheduler, says_that_it_is_on_and_in_which_time_zone, .timeout = 60) {
    ComponentStatus status;
    s_describe(true, &status);
    cr_expect_str_eq(status.status, "running");
    cr_expect(!status.reason || !*status.reason);
    cr_expect_eq(s_metric(&status, "enabled")->value, 1);
    cr_expect_str_eq(s_metric(&status, "timezone_info")->label_value, "Asia/Shanghai");
    message_release(ComponentStatus_message(), &status);
}

Test(scheduler, says_that_it_was_switched_off, .timeout = 60) {
    ComponentStatus status;
    s_describe(false, &status);
    cr_expect_str_eq(status.status, "running");
    cr_expect(strstr(status.reason, "SCHEDULER_ENABLED"));
    cr_expect_eq(s_metric(&status, "enabled")->value, 0);
    message_release(ComponentStatus_message(), &status);
}
