/* POST /api/v1/callbacks/{service}: a service reports that a job has ended. */
#include "simulator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define EXECUTION "/api/v1/callbacks/execution"
#define JOBS      "/api/v1/jobs/"
#define ANALYSIS \
    "{\"results\":{\"IBM\":{\"overall_score\":0.71,\"confidence\":0.66,\"analyzer_scores\":{\"livermore\":0.74}}}}"
#define BACKTEST "{\"performance\":{\"sharpe_ratio\":1.6,\"max_drawdown\":0.1}}"

/* SHA-256 of reader-key and operator-key. */
#define KEYS \
    "INTEGRATION_API_KEYS=reader:read:ec4408df15da46b328f6f3246fa723d0aa6cb0f0a0dd9c4626080ab1b02aa3b2,operator:operate:c9736463f555cdb7d2a78cfd7aa8b8c4f09d906d78f8dab9228eda30a28c2818"

static instance_t s_instance;
static simulator_t s_sim;

static void s_setup(void) {
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "600000"));
    instance_open(&s_instance, NULL);
    simulator_serve(&s_sim, &s_instance);
}

static void s_teardown(void) {
    instance_close(&s_instance);
    simulator_stop(&s_sim);
}

TestSuite(callback, .init = s_setup, .fini = s_teardown, .timeout = 90);

static void s_start(void) {
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static const rest_reply_t *s_report(const char *job_id, const char *status, const char *more) {
    char body[1024];
    snprintf(body, sizeof body, "{\"job_id\":\"%s\",\"status\":\"%s\"%s}", job_id, status, more);
    return rest_post(&s_instance.rest, EXECUTION, body);
}

static bool s_accepted(const rest_reply_t *reply) {
    cr_assert_status(reply, 200);
    return json_is_true(rest_at(reply, "data.accepted"));
}

/* The job whose poll is the newest; waits until it is another than `previous`. */
static void s_await_job(const char *previous, char job_id[129]) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    for (*job_id = '\0'; !*job_id || strcmp(job_id, previous) == 0;) {
        cr_assert(program_look_again(deadline), "another job than %s is polled", previous);
        json_t *requests = simulator_requests(&s_sim, SIM_EXECUTION, "GET", JOBS);
        json_t *last = json_array_get(requests, json_array_size(requests) - 1);
        if (last)
            snprintf(job_id, 129, "%s", json_string_value(json_object_get(last, "path")) + strlen(JOBS));
        json_decref(requests);
    }
}

Test(callback, needs_a_key_that_may_operate) {
    instance_set(&s_instance, KEYS);
    s_start();
    const char *body = "{\"job_id\":\"exe-1\",\"status\":\"failed\"}";
    cr_expect_status(rest_send(&s_instance.rest, "POST", EXECUTION, NULL, body), 401);
    cr_expect_status(
        rest_send(&s_instance.rest, "POST", EXECUTION, LIST("Authorization: Bearer reader-key"), body), 403);
    const rest_reply_t *reply =
        rest_send(&s_instance.rest, "POST", EXECUTION, LIST("Authorization: Bearer operator-key"), body);
    cr_expect_not(s_accepted(reply));
}

Test(callback, refuses_what_is_no_report) {
    s_start();
    const rest_reply_t *reply = rest_post(&s_instance.rest, "/api/v1/callbacks/nobody",
                                          "{\"job_id\":\"exe-1\",\"status\":\"failed\"}");
    cr_expect_status(reply, 404);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SERVICE_NOT_FOUND");
    reply = rest_post(&s_instance.rest, EXECUTION, "{\"status\":\"perhaps\",\"colour\":\"red\"}");
    cr_expect_status(reply, 400);
    cr_expect(rest_problem(reply, "job_id"));
    cr_expect(rest_problem(reply, "status"));
    cr_expect(rest_problem(reply, "colour"));
}

Test(callback, of_an_unknown_job_changes_nothing) {
    s_start();
    cr_expect_not(s_accepted(s_report("exe-999999", "succeeded", ",\"result\":{}")));
    cr_expect_not(s_accepted(s_report("exe-999999", "succeeded", ",\"result\":{}")));
}

/* Both jobs of a cycle would take ten minutes. */
Test(callback, carries_a_cycle_on_that_waits_for_its_jobs) {
    char analysis[129], backtest[129], path[128];
    s_start();
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger", "{\"force\":true}");
    cr_assert_status(reply, 202);
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
    s_await_job("", analysis);
    cr_expect_not(s_accepted(s_report(analysis, "running", "")));
    cr_expect(s_accepted(s_report(analysis, "completed", ",\"result\":" ANALYSIS)));
    cr_expect_not(s_accepted(s_report(analysis, "completed", ",\"result\":" ANALYSIS)));
    s_await_job(analysis, backtest);
    cr_expect(s_accepted(s_report(backtest, "succeeded", ",\"result\":" BACKTEST)));
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (strcmp(rest_text(rest_get_ok(&s_instance.rest, path), "data.status"), "running") == 0)
        cr_assert(program_look_again(deadline), "the cycle ends");
    reply = rest_get_ok(&s_instance.rest, path);
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2);
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_cancelled"), 0);
}

/* The only poll of the analysis is never answered. */
Test(callback, of_the_service_itself_ends_the_stage_when_it_knows_our_address) {
    char setting[96];
    simulator_stop(&s_sim);
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "500"));
    simulator_serve(&s_sim, &s_instance);
    s_start();
    int port = s_instance.port;
    instance_stop(&s_instance);
    snprintf(setting, sizeof setting, "INTEGRATION_PORT=%d", port);
    instance_set(&s_instance, setting);
    snprintf(setting, sizeof setting, "INTEGRATION_PUBLIC_URL=http://127.0.0.1:%d/", port);
    instance_set(&s_instance, setting);
    s_start();
    simulator_fault(&s_sim, SIM_EXECUTION, "{\"path_prefix\":\"" JOBS "\",\"hang\":true,\"count\":1}");
    const rest_reply_t *reply = rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger",
                                          "{\"force\":true,\"wait_seconds\":30}");
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "callbacks_sent"), 1);
    json_t *batches = simulator_requests(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    snprintf(setting, sizeof setting, "http://127.0.0.1:%d" EXECUTION, port);
    cr_expect(strstr(json_text_at(batches, "0.body"), setting), "%s", json_text_at(batches, "0.body"));
    json_decref(batches);
}

Test(callback, of_a_failed_job_fails_its_stage) {
    char analysis[129], path[128];
    s_start();
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger", "{\"force\":true}");
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
    s_await_job("", analysis);
    cr_expect(
        s_accepted(s_report(analysis, "failed", ",\"error\":{\"code\":\"NO_DATA\",\"message\":\"closed\"}")));
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (strcmp(rest_text(rest_get_ok(&s_instance.rest, path), "data.status"), "running") == 0)
        cr_assert(program_look_again(deadline), "the cycle ends");
    reply = rest_get_ok(&s_instance.rest, path);
    cr_expect_str_eq(rest_text(reply, "data.status"), "failed");
    cr_expect(strstr(rest_text(reply, "data.error"), "NO_DATA: closed"), "%s",
              rest_text(reply, "data.error"));
}
