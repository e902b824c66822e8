/* Cancelling a cycle, running it again and stopping the trading flow, over HTTP. */
#include "raw_http.h"
#include "simulator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define TRIGGER "/api/v1/system/analysis/trigger"

static instance_t s_instance;
static simulator_t s_sim;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
}

static void s_teardown(void) {
    instance_close(&s_instance);
    simulator_stop(&s_sim);
}

TestSuite(control, .init = s_setup, .fini = s_teardown, .timeout = 90);

static void s_begin(const char *job_ms) {
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", job_ms));
    simulator_serve(&s_sim, &s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static const rest_reply_t *s_post(const char *cycle_id, const char *what, const char *body) {
    char path[128];
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s/%s", cycle_id, what);
    return rest_post(&s_instance.rest, path, body);
}

static void s_trigger(const char *body, int status, char cycle_id[64]) {
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, body);
    cr_assert_status(reply, status);
    snprintf(cycle_id, 64, "%s", rest_text(reply, "data.cycle_id"));
}

static const rest_reply_t *s_await_end(const char *cycle_id) {
    char path[128];
    long long deadline = program_now_ms() + PROGRAM_MS;
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", cycle_id);
    for (;;) {
        const rest_reply_t *reply = rest_get_ok(&s_instance.rest, path);
        if (!json_is_null(rest_at(reply, "data.success")))
            return reply;
        cr_assert(program_look_again(deadline), "the cycle does not end: %s", buf_str(&reply->body));
    }
}

Test(control, a_cancel_is_answered_with_the_full_record_and_only_once) {
    char cycle_id[64];
    s_begin("20000");
    s_trigger("{\"force\":true}", 202, cycle_id);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    const rest_reply_t *reply = s_post(cycle_id, "cancel", "{\"reason\":\"a test\"}");
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "cancelled");
    cr_expect_str_eq(rest_text(reply, "data.stages.3.status"), "cancelled");
    cr_expect(strstr(rest_text(reply, "data.error"), "a test"));
    simulator_await(&s_sim, SIM_EXECUTION, "DELETE", "/api/v1/jobs/");
    reply = s_post(cycle_id, "cancel", NULL);
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "CYCLE_ENDED");
    cr_expect_status(reply = s_post("no-such-cycle", "cancel", NULL), 404);
    cr_expect(strstr(rest_text(reply, "error"), "no cycle"), "%s", rest_text(reply, "error"));
}

Test(control, a_rerun_is_a_new_cycle_with_an_address) {
    char first[64], second[64], location[160];
    s_begin("0");
    s_trigger("{\"force\":true,\"wait_seconds\":30}", 200, first);
    const rest_reply_t *reply = s_post(first, "rerun", "{\"from_stage\":\"strategy_validation\"}");
    cr_assert_status(reply, 202);
    snprintf(second, sizeof second, "%s", rest_text(reply, "data.cycle_id"));
    snprintf(location, sizeof location, "%s", rest_header(reply, "Location"));
    cr_expect(strcmp(first, second) != 0 && strstr(location, second), "%s", location);
    reply = s_await_end(second);
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    cr_expect_str_eq(rest_text(reply, "data.rerun_of"), first);
    cr_expect_str_eq(rest_text(reply, "data.stages.1.summary.taken_over_from"), first);
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch"), 1);
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run"), 2);
    reply = rest_get_ok(&s_instance.rest, "/api/v1/system/analysis/history?limit=1");
    cr_expect_str_eq(rest_text(reply, "data.history.0.rerun_of"), first);
    reply = s_post(first, "rerun", "{\"from_stage\":\"lunch\"}");
    cr_expect_status(reply, 400);
    cr_expect(rest_problem(reply, "from_stage"));
}

Test(control, the_same_key_runs_it_again_once) {
    char first[64], second[64], path[128];
    s_begin("0");
    s_trigger("{\"force\":true,\"wait_seconds\":30}", 200, first);
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s/rerun", first);
    const rest_reply_t *reply = rest_post_key(&s_instance.rest, path, "again", "{}");
    cr_assert_status(reply, 202);
    snprintf(second, sizeof second, "%s", rest_text(reply, "data.cycle_id"));
    reply = rest_post_key(&s_instance.rest, path, "again", "{}");
    cr_assert_status(reply, 202);
    cr_expect_str_eq(rest_text(reply, "data.cycle_id"), second);
    s_await_end(second);
    reply = rest_get_ok(&s_instance.rest, "/api/v1/system/analysis/history");
    cr_expect_eq(rest_number(reply, "data.total"), 2);
}

#define WAITING_BODY "{\"force\":true,\"wait_seconds\":30}"

static void s_send_waiting(raw_t *first) {
    char request[512];
    snprintf(request, sizeof request,
             "POST " TRIGGER " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
             "Idempotency-Key: waits\r\nContent-Length: %zu\r\n\r\n" WAITING_BODY,
             sizeof WAITING_BODY - 1);
    raw_open(first, s_instance.port);
    raw_send(first, request);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
}

Test(control, while_the_first_trigger_waits_its_key_is_409_and_then_replays_the_end) {
    raw_t first;
    raw_reply_t answer;
    s_begin("1000");
    s_send_waiting(&first);
    const rest_reply_t *reply = rest_post_key(&s_instance.rest, TRIGGER, "waits", WAITING_BODY);
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "IDEMPOTENCY_IN_PROGRESS");
    raw_reply(&first, &answer, false);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(raw_text(&answer, "data.status"), "completed");
    reply = rest_post_key(&s_instance.rest, TRIGGER, "waits", WAITING_BODY);
    cr_expect_status(reply, 200);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    cr_expect(json_equal(rest_at(reply, "data"), json_object_get(answer.json, "data")));
    raw_reply_free(&answer);
    raw_close(&first);
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    cr_expect_status(rest_post_key(&s_instance.rest, TRIGGER, "waits", WAITING_BODY), 200);
}

Test(control, the_key_of_a_trigger_that_waited_through_a_crash_replays_that_it_was_accepted) {
    raw_t first;
    s_begin("1000");
    s_send_waiting(&first);
    instance_kill(&s_instance);
    raw_close(&first);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    const rest_reply_t *reply = rest_post_key(&s_instance.rest, TRIGGER, "waits", WAITING_BODY);
    cr_expect_status(reply, 202);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    reply = rest_get_ok(&s_instance.rest, "/api/v1/system/analysis/history");
    cr_expect_eq(rest_number(reply, "data.total"), 1);
}

Test(control, a_rerun_is_refused_before_the_end_and_past_what_was_completed) {
    char cycle_id[64];
    s_begin("1000");
    simulator_fault(&s_sim, SIM_EXECUTION,
                    "{\"path_prefix\":\"/api/v1/analyze/\",\"job_status\":\"failed\"}");
    s_trigger("{\"force\":true}", 202, cycle_id);
    const rest_reply_t *reply = s_post(cycle_id, "rerun", NULL);
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "CYCLE_RUNNING");
    s_await_end(cycle_id);
    reply = s_post(cycle_id, "rerun", "{\"from_stage\":\"signal_dispatch\"}");
    cr_expect_status(reply, 422);
    cr_expect(strstr(rest_text(reply, "error"), "strategy_analysis is failed"), "%s",
              rest_text(reply, "error"));
}

Test(control, a_stopped_flow_holds_cycles_over_a_restart_until_startup) {
    char cycle_id[64], path[128];
    s_begin("700");
    s_trigger("{\"force\":true}", 202, cycle_id);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    rest_post_ok(&s_instance.rest, "/api/v1/system/shutdown", NULL);
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, NULL);
    cr_expect_status(reply, 503);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SYSTEM_STOPPED");
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", cycle_id);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (strcmp(rest_text(rest_get_ok(&s_instance.rest, path), "data.stages.3.status"), "completed") != 0)
        cr_assert(program_look_again(deadline), "the stage ends");
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    reply = rest_get_ok(&s_instance.rest, path);
    cr_expect_str_eq(rest_text(reply, "data.status"), "running");
    cr_expect_str_eq(rest_text(reply, "data.stages.4.status"), "pending");
    rest_post_ok(&s_instance.rest, "/api/v1/system/startup", NULL);
    reply = s_await_end(cycle_id);
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    cr_expect(rest_number(reply, "data.paused_ms") > 0);
}
