/* SIGKILL at every boundary of a cycle's stages: the restart goes on, and nothing is done twice. */
#include "postgres.h"
#include "simulator.h"
#include "stream_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Every answer takes a while, so that there is a moment to kill in. */
#define SLOW "{\"latency_ms\":400}"

static const char *const s_stages[] = {"data_readiness",    "macro_analysis",      "portfolio_management",
                                       "strategy_analysis", "strategy_validation", "signal_dispatch"};
enum { STAGES = 6 };

static instance_t s_instance;
static simulator_t s_sim;
static postgres_t *s_server;
static stream_client_t *s_stream;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
}

static void s_teardown(void) {
    stream_client_destroy(&s_stream);
    instance_close(&s_instance);
    simulator_stop(&s_sim);
    if (s_server)
        postgres_destroy(&s_server);
}

TestSuite(kill, .init = s_setup, .fini = s_teardown, .timeout = 240);

static void s_begin(bool postgres) {
    if (postgres) {
        char setting[160];
        s_server = postgres_new();
        postgres_start(s_server);
        snprintf(setting, sizeof setting, "DATABASE_URL=%s", postgres_url(s_server));
        instance_set(&s_instance, setting);
    }
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "400"));
    simulator_serve(&s_sim, &s_instance);
    for (int service = 0; service < SIM_COUNT; service++)
        simulator_fault(&s_sim, service, SLOW);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static void s_kill_and_start(void) {
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static void s_trigger(char path[128]) {
    const rest_reply_t *reply = rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger", "{}");
    cr_assert_status(reply, 202);
    snprintf(path, 128, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
}

/* True when the stage is in the state, or past it: the dispatch is over within a moment. */
static bool s_has_reached(const rest_reply_t *reply, int stage, const char *status) {
    char path[64];
    snprintf(path, sizeof path, "data.stages.%d.status", stage);
    const char *is = rest_text(reply, path);
    return strcmp(is, status) == 0 || strcmp(is, "completed") == 0;
}

static void s_await_stage(const char *cycle, int stage, const char *status) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (!s_has_reached(rest_get_ok(&s_instance.rest, cycle), stage, status))
        cr_assert(program_look_again(deadline), "%s does not get %s", s_stages[stage], status);
}

static const rest_reply_t *s_await_end(const char *cycle) {
    long long deadline = program_now_ms() + 2 * PROGRAM_MS;
    for (;;) {
        const rest_reply_t *reply = rest_get_ok(&s_instance.rest, cycle);
        if (!json_is_null(rest_at(reply, "data.success")))
            return reply;
        cr_assert(program_look_again(deadline), "the cycle does not end: %s", buf_str(&reply->body));
    }
}

/* ---- what must hold at the end ---- */

/* Whatever has an effect and is asked for again, is asked for with the key of the first time. */
static void s_expect_one_key_each(int service) {
    json_t *requests = simulator_requests(&s_sim, service, "POST", "/"), *keys = json_object(), *request;
    size_t index;
    json_array_foreach (requests, index, request) {
        char what[4096];
        const char *key = json_text_at(request, "headers.Idempotency-Key");
        snprintf(what, sizeof what, "%s %s", json_text_at(request, "path"), json_text_at(request, "body"));
        json_t *first = json_object_get(keys, what);
        cr_expect(*key, "%s has no key", what);
        if (first)
            cr_expect_str_eq(json_string_value(first), key, "%s was asked with two keys", what);
        else
            json_object_set_new(keys, what, json_string(key));
    }
    json_decref(keys);
    json_decref(requests);
}

static void s_expect_done_once(const char *cycle) {
    const rest_reply_t *reply = s_await_end(cycle);
    cr_assert_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
    size_t produced = json_array_size(rest_at(reply, "data.signals"));
    cr_expect_gt(produced, 0);
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history"), "data.total"),
                 produced, "each signal was dispatched once");
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/system/analysis/history"), "data.total"),
                 1);
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/validations"), "data.total"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_run"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2, "one analysis, one backtest");
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "pools_created"), 1);
    for (int service = 0; service < SIM_COUNT; service++)
        s_expect_one_key_each(service);
}

/* ---- the moments ---- */

static void s_kill_when_each_stage_is(const char *status, bool postgres) {
    char cycle[128];
    s_begin(postgres);
    s_trigger(cycle);
    for (int stage = 0; stage < STAGES; stage++) {
        s_await_stage(cycle, stage, status);
        s_kill_and_start();
    }
    s_expect_done_once(cycle);
}

Test(kill, when_the_row_of_each_stage_is_stored) {
    s_kill_when_each_stage_is("running", false);
}

Test(kill, when_each_stage_has_its_answer) {
    s_kill_when_each_stage_is("completed", false);
}

Test(kill, on_postgresql_when_the_row_of_each_stage_is_stored) {
    s_kill_when_each_stage_is("running", true);
}

/* The service has got the request, and nobody hears its answer. */
Test(kill, during_each_call) {
    static const struct {
        int service;
        const char *method, *path;
    } calls[] = {
        {SIM_FLOWHUB, "GET", "/api/v1/tasks"},
        {SIM_FLOWHUB, "POST", "/api/v1/tasks"},
        {SIM_FLOWHUB, "POST", "/api/v1/tasks/task-000001/run"},
        {SIM_MACRO, "GET", "/api/v1/macro/state"},
        {SIM_PORTFOLIO, "POST", "/api/v1/portfolios/"},
        {SIM_EXECUTION, "POST", "/api/v1/analyze/batch"},
        {SIM_EXECUTION, "POST", "/api/v1/quantum/pool/create"},
        {SIM_EXECUTION, "POST", "/api/v1/backtest/run"},
        {SIM_EXECUTION, "GET", "/api/v1/quantum/pool/"},
    };
    char cycle[128];
    s_begin(false);
    s_trigger(cycle);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        simulator_await(&s_sim, calls[i].service, calls[i].method, calls[i].path);
        s_kill_and_start();
    }
    s_expect_done_once(cycle);
}

/* The router has committed the signals, and the cycle has hardly heard of it. */
Test(kill, when_the_first_signal_is_on_the_stream) {
    size_t produced = 0;
    s_begin(false);
    for (int i = 0; i < 4; i++) {
        char cycle[128];
        stream_message_t message;
        s_stream = stream_client_new(s_instance.stream_url, "signal/", NULL);
        stream_client_await_heartbeat(s_stream, NULL);
        s_trigger(cycle);
        stream_client_next(s_stream, &message);
        s_kill_and_start();
        stream_message_free(&message);
        stream_client_destroy(&s_stream);
        const rest_reply_t *reply = s_await_end(cycle);
        cr_assert_str_eq(rest_text(reply, "data.status"), "completed", "%s", buf_str(&reply->body));
        produced += json_array_size(rest_at(reply, "data.signals"));
        cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history"), "data.total"),
                     produced, "each signal was dispatched once");
    }
}

/* ---- a cycle whose time is over when the service is back ---- */

static void s_expect_the_job_is_cancelled(const char *starts_job, const char *stage_path) {
    char cycle[128], fault[128];
    instance_set(&s_instance, "ANALYSIS_TIMEOUT_SECONDS=4");
    s_begin(false);
    for (int service = 0; service < SIM_COUNT; service++)
        simulator_clear_faults(&s_sim, service);
    snprintf(fault, sizeof fault, "{\"path_prefix\":\"%s\",\"job_hang\":true}", starts_job);
    simulator_fault(&s_sim, SIM_EXECUTION, fault);
    s_trigger(cycle);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", starts_job);
    long long over = program_now_ms() + 4000, deadline = program_now_ms() + PROGRAM_MS;
    instance_kill(&s_instance);
    while (program_now_ms() < over)
        cr_assert(program_look_again(deadline));
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    const rest_reply_t *reply = s_await_end(cycle);
    cr_expect_str_eq(rest_text(reply, stage_path), "timeout", "%s", buf_str(&reply->body));
    simulator_await(&s_sim, SIM_EXECUTION, "DELETE", "/api/v1/jobs/");
    while (simulator_effects(&s_sim, SIM_EXECUTION, "jobs_cancelled") < 1)
        cr_assert(program_look_again(deadline), "the job is cancelled");
    s_expect_one_key_each(SIM_EXECUTION);
}

Test(kill, the_backtest_of_a_cycle_that_is_over_at_the_restart_is_cancelled) {
    s_expect_the_job_is_cancelled("/api/v1/backtest/run", "data.stages.4.status");
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2, "one analysis, one backtest");
}

Test(kill, the_analysis_of_a_cycle_that_is_over_at_the_restart_is_cancelled) {
    s_expect_the_job_is_cancelled("/api/v1/analyze/batch", "data.stages.3.status");
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 1);
}

/* A cancel that was answered holds. */
Test(kill, after_a_cancel_the_cycle_stays_cancelled) {
    char cycle[128], cancel[160];
    s_begin(false);
    s_trigger(cycle);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    snprintf(cancel, sizeof cancel, "%s/cancel", cycle);
    cr_assert_status(rest_post(&s_instance.rest, cancel, NULL), 200);
    s_kill_and_start();
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, cycle);
    cr_expect_str_eq(rest_text(reply, "data.status"), "cancelled");
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run"), 0);
}
