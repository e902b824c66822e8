/* Downstream services that fail: the stage fails with the reason in its row, the cycle ends failed, all else goes on. */
#include "canned.h"
#include "raw_http.h"
#include "simulator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { MACRO_STAGE = 1, PORTFOLIO_STAGE, STRATEGY_STAGE, VALIDATION_STAGE, DISPATCH_STAGE, STAGES };

static instance_t s_instance;
static simulator_t s_sim;
static canned_t s_canned;  /* in the place of one of the four */
static char s_reply[1024]; /* what it says; empty = it does not run */

static void s_setup(void) {
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "0"));
    instance_open(&s_instance,
                  LIST("ADAPTER_TIMEOUT_MS=20000", "ADAPTER_MAX_RETRIES=1", "ANALYSIS_STAGE_RETRIES=0"));
    simulator_serve(&s_sim, &s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static void s_teardown(void) {
    instance_close(&s_instance);
    simulator_stop(&s_sim);
    if (*s_reply)
        canned_stop(&s_canned);
}

TestSuite(faults, .init = s_setup, .fini = s_teardown, .timeout = 90);

static void s_restart_with(const char *setting) {
    instance_set(&s_instance, setting);
    cr_assert_eq(instance_stop(&s_instance), 0);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

/* Short enough to be waited for twice, long enough for all that answers on a busy machine. */
static void s_restart_with_short_timeout(void) {
    s_restart_with("ADAPTER_TIMEOUT_MS=2000");
}

static const char *s_stage(const rest_reply_t *reply, int stage, const char *field) {
    char path[64];
    snprintf(path, sizeof path, "data.stages.%d.%s", stage, field);
    return rest_text(reply, path);
}

static const rest_reply_t *s_run_cycle(void) {
    char path[128];
    const rest_reply_t *reply = rest_post_ok(&s_instance.rest, "/api/v1/system/analysis/trigger",
                                             "{\"force\":true,\"wait_seconds\":60}");
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
    return rest_get_ok(&s_instance.rest, path);
}

/* What else the service does is not touched. */
static void s_expect_the_rest_goes_on(void) {
    cr_expect_status(rest_get(&s_instance.rest, "/health"), 200);
    cr_expect_status(rest_get(&s_instance.rest, "/status"), 200);
    cr_expect_status(rest_get(&s_instance.rest, "/api/v1/services"), 200);
    cr_expect(instance_route(&s_instance, NULL, "desk", "AAPL", "buy") > 0);
}

/* Runs a cycle that must end so at this stage, for a reason that holds `reason`. */
static void s_expect_end(int stage, const char *stage_status, const char *cycle_status, const char *reason) {
    const rest_reply_t *reply = s_run_cycle();
    cr_expect_str_eq(rest_text(reply, "data.status"), cycle_status, "%s", buf_str(&reply->body));
    cr_expect(json_is_false(rest_at(reply, "data.success")));
    for (int i = MACRO_STAGE; i < stage; i++)
        cr_expect_str_eq(s_stage(reply, i, "status"), "completed", "%s", s_stage(reply, i, "error"));
    const char *error = s_stage(reply, stage, "error");
    cr_expect_str_eq(s_stage(reply, stage, "status"), stage_status);
    cr_expect(strstr(error, reason), "stage %d says: %s", stage, error);
    cr_expect(strstr(rest_text(reply, "data.error"), s_stage(reply, stage, "name")));
    for (int i = stage + 1; i < STAGES; i++)
        cr_expect_str_eq(s_stage(reply, i, "status"), "skipped");
    cr_expect_eq(
        rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history?source=strategy"), "data.total"),
        0);
    s_expect_the_rest_goes_on();
}

static void s_expect_failure(int stage, const char *reason) {
    s_expect_end(stage, "failed", "failed", reason);
}

#define ANALYSIS "\"path_prefix\":\"/api/v1/analyze/batch\""

Test(faults, a_service_that_is_down) {
    simulator_stop(&s_sim);
    s_expect_failure(MACRO_STAGE, "onnect");
}

Test(faults, a_service_that_hangs) {
    s_restart_with_short_timeout();
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"hang\":true}");
    s_expect_end(STRATEGY_STAGE, "timeout", "failed", "timed out");
    simulator_clear_faults(&s_sim, SIM_EXECUTION);
}

Test(faults, a_service_that_is_too_slow) {
    s_restart_with_short_timeout();
    simulator_fault(&s_sim, SIM_PORTFOLIO, "{\"latency_ms\":60000}");
    s_expect_end(PORTFOLIO_STAGE, "timeout", "failed", "timed out");
    simulator_clear_faults(&s_sim, SIM_PORTFOLIO);
}

Test(faults, a_service_that_answers_500) {
    simulator_fault(&s_sim, SIM_MACRO, "{\"status\":500}");
    s_expect_failure(MACRO_STAGE, "500");
    cr_expect_eq(simulator_count(&s_sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 2, "once, and one retry");
}

Test(faults, a_service_that_refuses_is_not_asked_again) {
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"status\":422}");
    s_expect_failure(STRATEGY_STAGE, "422");
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch"), 1);
}

Test(faults, garbage) {
    simulator_fault(&s_sim, SIM_MACRO, "{\"garbage\":true}");
    s_expect_failure(MACRO_STAGE, "JSON");
}

Test(faults, half_a_body) {
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"half_body\":true}");
    s_expect_failure(STRATEGY_STAGE, "remaining to read");
}

Test(faults, a_connection_that_is_reset) {
    simulator_fault(&s_sim, SIM_PORTFOLIO, "{\"reset\":true}");
    s_expect_failure(PORTFOLIO_STAGE, "reset");
}

Test(faults, a_hundred_megabytes) {
    simulator_fault(&s_sim, SIM_MACRO, "{\"huge_bytes\":104857600}");
    s_expect_failure(MACRO_STAGE, "larger than 16777216 bytes");
}

Test(faults, a_job_that_fails) {
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"job_status\":\"failed\"}");
    s_expect_failure(STRATEGY_STAGE, "EXECUTION_FAILED");
}

Test(faults, a_job_that_is_cancelled) {
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"job_status\":\"cancelled\"}");
    s_expect_failure(STRATEGY_STAGE, "cancelled");
}

Test(faults, a_job_that_never_ends) {
    s_restart_with("ANALYSIS_TIMEOUT_SECONDS=8");
    simulator_fault(&s_sim, SIM_EXECUTION, "{" ANALYSIS ",\"job_hang\":true}");
    s_expect_end(STRATEGY_STAGE, "timeout", "timeout", "had not ended in time");
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_effects(&s_sim, SIM_EXECUTION, "jobs_cancelled") == 0)
        cr_assert(program_look_again(deadline), "the job that is given up is cancelled");
}

/* A service that keeps to HTTP and JSON, but not to the contract. */
static void s_expect_breach(const char *setting, const char *body, int stage, const char *reason) {
    char text[96];
    snprintf(
        s_reply, sizeof s_reply,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        strlen(body), body);
    canned_start(&s_canned, s_reply);
    snprintf(text, sizeof text, "%s=http://127.0.0.1:%d", setting, s_canned.port);
    s_restart_with(text);
    s_expect_failure(stage, reason);
    cr_expect(atomic_load(&s_canned.served) > 0);
}

Test(faults, a_missing_required_value_is_not_made_up) {
    s_expect_breach(
        "PORTFOLIO_SERVICE_URL",
        "{\"success\":true,\"status\":\"success\",\"data\":{\"symbols\":[\"IBM\"],\"sector_weights\":{}}}",
        PORTFOLIO_STAGE, "target_position");
}

Test(faults, an_analysis_without_results) {
    s_expect_breach("EXECUTION_SERVICE_URL", "{\"success\":true,\"status\":\"success\",\"data\":{}}",
                    STRATEGY_STAGE, "holds no result");
}

Test(faults, json_that_is_no_object) {
    s_expect_breach("MACRO_SERVICE_URL", "[1,2,3]", MACRO_STAGE, "object");
}

Test(faults, a_failure_that_comes_with_200) {
    s_expect_breach(
        "MACRO_SERVICE_URL",
        "{\"success\":false,\"status\":\"error\",\"error\":{\"code\":\"NO_DATA\",\"message\":\"closed\"}}",
        MACRO_STAGE, "NO_DATA");
}

Test(faults, a_dataset_that_cannot_be_fetched) {
    simulator_fault(&s_sim, SIM_FLOWHUB, "{\"path_prefix\":\"/api/v1/tasks\",\"status\":422}");
    const rest_reply_t *reply =
        rest_post_ok(&s_instance.rest, "/api/v1/system/analysis/trigger", "{\"wait_seconds\":60}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "failed");
    cr_expect(strstr(rest_text(reply, "data.error"), "data_readiness"));
    cr_expect(strstr(rest_text(reply, "data.error"), "422"), "%s", rest_text(reply, "data.error"));
    cr_expect_eq(simulator_count(&s_sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 0);
    s_expect_the_rest_goes_on();
}

Test(faults, a_backtest_that_fails_fails_closed) {
    simulator_fault(&s_sim, SIM_EXECUTION, "{\"path_prefix\":\"/api/v1/backtest/run\",\"status\":500}");
    s_expect_failure(VALIDATION_STAGE, "500");
}

Test(faults, a_pool_that_cannot_be_made_fails_closed) {
    simulator_fault(&s_sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/quantum/pool/create\",\"status\":400}");
    s_expect_failure(VALIDATION_STAGE, "400");
}

Test(faults, an_error_once_is_survived) {
    simulator_fault(&s_sim, SIM_PORTFOLIO,
                    "{\"path_prefix\":\"/api/v1/portfolios\",\"status\":503,\"count\":1}");
    const rest_reply_t *reply = s_run_cycle();
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect_eq(simulator_count(&s_sim, SIM_PORTFOLIO, "POST", "/api/v1/portfolios"), 2);
}

Test(faults, a_lost_answer_is_asked_for_again_and_done_once) {
    simulator_fault(&s_sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/quantum/pool/create\",\"reset\":true,\"count\":1}");
    const rest_reply_t *reply = s_run_cycle();
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "pools_created"), 1);
}

Test(faults, when_the_service_is_back_the_next_cycle_completes) {
    simulator_fault(&s_sim, SIM_MACRO, "{\"status\":500}");
    s_expect_failure(MACRO_STAGE, "500");
    simulator_clear_faults(&s_sim, SIM_MACRO);
    cr_expect_str_eq(rest_text(s_run_cycle(), "data.status"), "completed");
}

Test(faults, a_read_that_hangs_is_sent_once_more_when_hedging_is_on) {
    s_restart_with("ADAPTER_HEDGE_MS=1000");
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, "/api/v1/services/macro/config");
    cr_expect_eq(rest_number(reply, "data.hedge_ms"), 1000);
    cr_expect_eq(rest_number(reply, "data.max_response_bytes"), 16777216);
    simulator_fault(&s_sim, SIM_MACRO, "{\"path_prefix\":\"/api/v1/macro\",\"hang\":true,\"count\":1}");
    reply = s_run_cycle();
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    reply = rest_get_ok(&s_instance.rest, "/api/v1/services");
    cr_expect_eq(rest_number(reply, "data.services.0.stats.hedges"), 1);
    cr_expect_eq(rest_number(reply, "data.services.0.stats.timeouts"), 0);
}

/* Both calls are inside at once: the second does not wait for the first. */
Test(faults, one_service_that_hangs_leaves_the_others_alone) {
    raw_t slow;
    simulator_fault(&s_sim, SIM_MACRO, "{\"path_prefix\":\"/health\",\"hang\":true}");
    size_t before = simulator_count(&s_sim, SIM_MACRO, "GET", "/health");
    raw_open(&slow, s_instance.port);
    raw_send(&slow,
             "POST /api/v1/services/macro/health-check HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(&s_sim, SIM_MACRO, "GET", "/health") == before)
        cr_assert(program_look_again(deadline), "the call is not under way");
    const rest_reply_t *reply =
        rest_post_ok(&s_instance.rest, "/api/v1/services/portfolio/health-check", NULL);
    cr_expect_str_eq(rest_text(reply, "data.status"), "healthy");
    reply = rest_get_ok(&s_instance.rest, "/api/v1/services");
    cr_expect_eq(rest_number(reply, "data.total_count"), 4);
    simulator_clear_faults(&s_sim, SIM_MACRO);
    raw_close(&slow);
}
