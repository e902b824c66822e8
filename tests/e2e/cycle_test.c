/* The analysis cycle against the real downstream services: stages, signals, readiness, keys, restarts, limits. */
#include "simulator.h"
#include "stream_client.h"

#include "integration/v1/system.pb.h"
#include "message/message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define TRIGGER "/api/v1/system/analysis/trigger"
#define HISTORY "/api/v1/system/analysis/history"

/* A month in which the strategy passes its validation, and one after a year that it lost in. */
#define GOOD_MONTH "2018-09-01"
#define BAD_MONTH  "2022-05-01"

static const char *const s_stages[] = {"data_readiness",    "macro_analysis",      "portfolio_management",
                                       "strategy_analysis", "strategy_validation", "signal_dispatch"};
enum { STAGES = 6 };

static instance_t s_instance;
static simulator_t s_sim;
static stream_client_t *s_stream;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
}

static void s_teardown(void) {
    stream_client_destroy(&s_stream);
    instance_close(&s_instance);
    simulator_stop(&s_sim);
}

/* The simulator with jobs of so many milliseconds and the service before it. */
static void s_begin(const char *as_of, const char *job_ms) {
    simulator_start(&s_sim, LIST("--as-of", as_of, "--job-ms", job_ms));
    simulator_serve(&s_sim, &s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

/* Triggers a cycle and waits for its end; its full record, owned by the client. */
static const rest_reply_t *s_run_cycle(const char *body) {
    char path[128];
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, body);
    cr_assert_status(reply, 200);
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
    return rest_get_ok(&s_instance.rest, path);
}

static void s_trigger(const char *body, char cycle_id[64]) {
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, body);
    cr_assert_status(reply, 202);
    snprintf(cycle_id, 64, "%s", rest_text(reply, "data.cycle_id"));
}

static const rest_reply_t *s_await_status(const char *cycle_id, const char *status) {
    char path[128];
    long long deadline = program_now_ms() + PROGRAM_MS;
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", cycle_id);
    for (;;) {
        const rest_reply_t *reply = rest_get(&s_instance.rest, path);
        if (reply->status == 200 && strcmp(rest_text(reply, "data.status"), status) == 0)
            return reply;
        cr_assert(program_look_again(deadline), "the cycle does not become %s: %s", status,
                  buf_str(&reply->body));
    }
}

static const char *s_stage_text(const rest_reply_t *reply, int stage, const char *field) {
    char path[64];
    snprintf(path, sizeof path, "data.stages.%d.%s", stage, field);
    return rest_text(reply, path);
}

/* How many requests carry each key; an object of integers. */
static json_t *s_keys(int service, const char *method, const char *path_prefix) {
    json_t *requests = simulator_requests(&s_sim, service, method, path_prefix), *keys = json_object(),
           *request;
    size_t index;
    json_array_foreach (requests, index, request) {
        const char *key =
            json_string_value(json_object_get(json_object_get(request, "headers"), "Idempotency-Key"));
        cr_assert(key, "a request without a key");
        json_object_set_new(keys, key, json_integer(json_integer_value(json_object_get(keys, key)) + 1));
    }
    json_decref(requests);
    return keys;
}

static void s_expect_key(int service, const char *method, const char *path, const char *cycle_id,
                         const char *rest) {
    char key[160];
    json_t *keys = s_keys(service, method, path);
    snprintf(key, sizeof key, "%s/%s", cycle_id, rest);
    cr_expect(json_object_get(keys, key), "%s %s was not asked with the key %s", method, path, key);
    json_decref(keys);
}

/* ---- from the trigger to the stream ---- */

TestSuite(cycle, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(cycle, goes_through_all_six_stages) {
    s_begin(GOOD_MONTH, "50");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect(json_is_true(rest_at(reply, "data.success")));
    cr_assert_eq(json_array_size(rest_at(reply, "data.stages")), STAGES);
    for (int i = 0; i < STAGES; i++) {
        cr_expect_str_eq(s_stage_text(reply, i, "name"), s_stages[i]);
        cr_expect_str_eq(s_stage_text(reply, i, "status"), "completed", "%s: %s", s_stages[i],
                         s_stage_text(reply, i, "error"));
        cr_expect(strlen(s_stage_text(reply, i, "input_digest")) == 64);
        cr_expect(strlen(s_stage_text(reply, i, "output_digest")) == 64);
    }
    cr_expect(*rest_text(reply, "data.validation_id"));
    cr_expect(json_array_size(rest_at(reply, "data.signals")) > 0);
}

static void s_expect_cycle_signal(json_t *signal, const char *cycle_id) {
    double strength = json_number_at(signal, "strength"), confidence = json_number_at(signal, "confidence");
    cr_expect_str_eq(json_text_at(signal, "signal_type"), "analysis");
    cr_expect_str_eq(json_text_at(signal, "source"), "strategy");
    cr_expect_str_eq(json_text_at(signal, "target"), "execution");
    cr_expect_str_eq(json_text_at(signal, "cycle_id"), cycle_id);
    cr_expect_str_eq(json_text_at(signal, "data.cycle_id"), cycle_id);
    cr_expect_str_eq(json_text_at(signal, "metadata.cycle_id"), cycle_id);
    cr_expect(*json_text_at(signal, "metadata.validation.validation_id"));
    const char *tier = json_text_at(signal, "metadata.validation.tier");
    cr_expect(strcmp(tier, "pass") == 0 || strcmp(tier, "review") == 0, "tier %s", tier);
    cr_expect(strength >= 0.2 - 1e-9 && strength <= 1, "a buy or sell has a score beyond 0.6 or 0.4");
    cr_expect(confidence >= 0 && confidence <= 1);
    double score = json_number_at(signal, "data.score"),
           weight = json_number_at(signal, "data.target_weight");
    const char *side = json_text_at(signal, "side");
    cr_expect(strcmp(side, score > 0.6 ? "buy" : "sell") == 0 && (score > 0.6 || score < 0.4));
    cr_expect_float_eq(strength, 2 * (score > 0.5 ? score - 0.5 : 0.5 - score), 1e-9);
    cr_expect(weight >= 0 && weight <= 0.05);
}

Test(cycle, its_signals_are_in_the_history_and_on_the_stream) {
    char cycle_id[64], topic[192];
    s_begin(GOOD_MONTH, "0");
    s_stream = stream_client_new(s_instance.stream_url, "signal/execution/", NULL);
    stream_client_await_heartbeat(s_stream, NULL);
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    snprintf(cycle_id, sizeof cycle_id, "%s", rest_text(reply, "data.cycle_id"));
    size_t produced = json_array_size(rest_at(reply, "data.signals"));
    cr_assert(produced > 0);
    json_t *history = json_incref(rest_at(
        rest_get_ok(&s_instance.rest, "/api/v1/signals/history?source=strategy&order=asc"), "data.history"));
    cr_assert_eq(json_array_size(history), produced);
    for (size_t i = 0; i < produced; i++) {
        stream_message_t message;
        json_t *stored = json_array_get(history, i);
        s_expect_cycle_signal(stored, cycle_id);
        stream_client_next(s_stream, &message);
        Signal *signal = stream_signal(&message);
        snprintf(topic, sizeof topic, "signal/execution/%s", signal->symbol);
        cr_expect_str_eq(message.topic, topic);
        cr_expect_str_eq(signal->signal_id, json_text_at(stored, "signal_id"));
        cr_expect_eq(message.header.seq, (uint64_t)json_number_at(stored, "seq"));
        stream_signal_free(&signal);
        stream_message_free(&message);
    }
    json_decref(history);
}

Test(cycle, the_trace_of_the_caller_reaches_the_services_and_the_stream) {
    stream_message_t message;
    s_begin(GOOD_MONTH, "0");
    s_stream = stream_client_new(s_instance.stream_url, "signal/", NULL);
    stream_client_await_heartbeat(s_stream, NULL);
    const char *trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const rest_reply_t *reply = rest_send(
        &s_instance.rest, "POST", TRIGGER,
        LIST("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-ID: req-7"),
        "{\"wait_seconds\":30}");
    cr_assert_status(reply, 200);
    stream_client_next(s_stream, &message);
    cr_expect(strstr(message.header.traceparent, trace), "%s", message.header.traceparent);
    stream_message_free(&message);
    json_t *requests = simulator_requests(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_expect(strstr(json_text_at(requests, "0.headers.traceparent"), trace));
    cr_expect_str_eq(json_text_at(requests, "0.headers.X-Request-ID"), "req-7");
    cr_expect(*json_text_at(requests, "0.headers.X-Deadline-Ms"));
    json_decref(requests);
}

Test(cycle, its_stages_are_told_on_the_stream) {
    stream_message_t message;
    char cycle_id[64], topic[192];
    uint64_t seq = 0;
    bool over = false;
    s_begin(GOOD_MONTH, "0");
    s_stream = stream_client_new(s_instance.stream_url, "cycle/", NULL);
    stream_client_await_heartbeat(s_stream, NULL);
    s_trigger("{}", cycle_id);
    snprintf(topic, sizeof topic, "cycle/completed/%s", cycle_id);
    while (!over) {
        stream_client_next(s_stream, &message);
        cr_expect_str_eq(message.header.schema, "integration.v1.CycleEvent");
        cr_expect(strstr(message.topic, cycle_id));
        cr_expect(message.header.seq > seq);
        seq = message.header.seq;
        over = strcmp(message.topic, topic) == 0;
        stream_message_free(&message);
    }
    cr_expect(seq > STAGES);
}

Test(cycle, cli_tail_shows_its_signals) {
    int status;
    s_begin(GOOD_MONTH, "0");
    size_t produced = json_array_size(rest_at(s_run_cycle("{\"wait_seconds\":30}"), "data.signals"));
    char count[24];
    snprintf(count, sizeof count, "%zu", produced);
    program_t *tail =
        program_run("integration-cli",
                    LIST("tail", "--url", s_instance.stream_url, "--replay-url", s_instance.replay_url,
                         "--prefix", "signal/", "--from-seq", "0", "--count", count),
                    NULL, &status);
    cr_expect_eq(status, 0, "%s", program_err(tail));
    for (size_t i = 0; i < produced; i++) {
        const char *line = program_has_line(tail, "signal/execution/");
        cr_assert(line, "%s", program_out(tail));
        cr_expect(strstr(line, "strength=") && strstr(line, "routed"), "%s", line);
    }
    program_destroy(&tail);
}

Test(cycle, a_failed_validation_dispatches_nothing_and_the_cycle_completes) {
    s_begin(BAD_MONTH, "0");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect(strstr(rest_text(reply, "data.error"), "tier"));
    cr_expect_str_eq(s_stage_text(reply, STAGES - 1, "status"), "skipped");
    cr_expect_eq(json_array_size(rest_at(reply, "data.signals")), 0);
    reply = rest_get_ok(&s_instance.rest, "/api/v1/validations");
    cr_expect_str_eq(rest_text(reply, "data.validations.0.tier"), "fail", "%s", buf_str(&reply->body));
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history"), "data.total"), 0);
}

Test(cycle, signals_that_are_refused_say_why) {
    s_begin(GOOD_MONTH, "0");
    rest_post_ok(&s_instance.rest, "/api/v1/system/mode",
                 "{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{\"source\":\"strategy\"}}");
    const rest_reply_t *reply = s_run_cycle("{\"force\":true,\"wait_seconds\":30}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect_str_eq(rest_text(reply, "data.signals.0.error"), "trading is halted");
    cr_expect_eq(rest_number(reply, "data.stages.5.summary.refusals.TRADING_HALTED"),
                 rest_number(reply, "data.stages.5.summary.sent"));
}

Test(cycle, every_call_carries_the_key_of_its_stage) {
    char id[64];
    s_begin(GOOD_MONTH, "0");
    snprintf(id, sizeof id, "%s", rest_text(s_run_cycle("{\"wait_seconds\":30}"), "data.cycle_id"));
    s_expect_key(SIM_MACRO, "GET", "/api/v1/macro/state", id, "macro_analysis/call");
    s_expect_key(SIM_PORTFOLIO, "POST", "/api/v1/portfolios/", id, "portfolio_management/call");
    s_expect_key(SIM_EXECUTION, "POST", "/api/v1/analyze/batch", id, "strategy_analysis/call");
    s_expect_key(SIM_EXECUTION, "POST", "/api/v1/backtest/run", id, "strategy_validation/backtest");
    s_expect_key(SIM_EXECUTION, "POST", "/api/v1/quantum/pool/create", id, "strategy_validation/pool");
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch"), 1);
    cr_expect_eq(simulator_count(&s_sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run"), 1);
}

Test(cycle, the_symbols_of_the_trigger_come_first) {
    s_begin(GOOD_MONTH, "0");
    s_run_cycle("{\"wait_seconds\":30,\"symbols\":[\"MSFT\",\"IBM\",\"MSFT\"]}");
    json_t *requests = simulator_requests(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    json_t *body = json_loads(json_text_at(requests, "0.body"), 0, NULL);
    cr_expect_str_eq(json_text_at(body, "symbols.0"), "MSFT");
    cr_expect_str_eq(json_text_at(body, "symbols.1"), "IBM");
    cr_expect(strcmp(json_text_at(body, "symbols.2"), "MSFT") != 0);
    json_decref(body);
    json_decref(requests);
}

Test(cycle, the_portfolio_of_the_trigger_is_optimised) {
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30,\"portfolio_id\":\"unheard-of\"}");
    cr_expect_eq(simulator_count(&s_sim, SIM_PORTFOLIO, "POST", "/api/v1/portfolios/unheard-of/optimize/"),
                 1);
    cr_expect_str_eq(rest_text(reply, "data.portfolio_id"), "unheard-of");
    cr_expect_str_eq(s_stage_text(reply, 2, "status"), "failed");
    cr_expect(strstr(s_stage_text(reply, 2, "error"), "404"), "%s", s_stage_text(reply, 2, "error"));
}

/* ---- data readiness ---- */

TestSuite(readiness, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(readiness, a_missing_dataset_is_fetched_through_flowhub_and_not_again) {
    s_begin(GOOD_MONTH, "20");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(s_stage_text(reply, 0, "status"), "completed");
    cr_expect_str_eq(rest_text(reply, "data.stages.0.summary.datasets.0.status_before"), "missing");
    cr_expect_str_eq(rest_text(reply, "data.stages.0.summary.datasets.0.status"), "ready");
    cr_expect(rest_number(reply, "data.stages.0.summary.datasets.0.records") > 0);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_run"), 1);
    reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(s_stage_text(reply, 0, "status"), "completed");
    cr_expect_str_eq(rest_text(reply, "data.stages.0.summary.datasets.0.status_before"), "ready");
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_run"), 1);
}

Test(readiness, is_remembered_over_a_restart) {
    s_begin(GOOD_MONTH, "0");
    s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_eq(instance_stop(&s_instance), 0);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_run"), 1);
}

Test(readiness, force_skips_it_and_is_recorded) {
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30,\"force\":true}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect(json_is_true(rest_at(reply, "data.force")));
    cr_expect_str_eq(s_stage_text(reply, 0, "status"), "skipped");
    cr_expect_eq(simulator_count(&s_sim, SIM_FLOWHUB, "POST", "/"), 0);
}

Test(readiness, degrade_goes_on_without_and_says_so) {
    instance_set(&s_instance, "ANALYSIS_READINESS_POLICY=degrade");
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "completed");
    cr_expect(json_is_true(rest_at(reply, "data.degraded")));
    cr_expect_eq(simulator_count(&s_sim, SIM_FLOWHUB, "POST", "/"), 0);
}

Test(readiness, abort_ends_the_cycle) {
    instance_set(&s_instance, "ANALYSIS_READINESS_POLICY=abort");
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = s_run_cycle("{\"wait_seconds\":30}");
    cr_expect_str_eq(rest_text(reply, "data.status"), "failed");
    cr_expect_str_eq(s_stage_text(reply, 0, "status"), "failed");
    cr_expect(strstr(s_stage_text(reply, 0, "error"), "batch_daily_ohlc"), "%s",
              s_stage_text(reply, 0, "error"));
    cr_expect_eq(simulator_count(&s_sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 0);
}

/* ---- restarts ---- */

TestSuite(restart, .init = s_setup, .fini = s_teardown, .timeout = 90);

static void s_expect_one_effect_each(void) {
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2, "one analysis, one backtest");
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "pools_created"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_created"), 1);
    cr_expect_eq(simulator_effects(&s_sim, SIM_FLOWHUB, "tasks_run"), 1);
}

static void s_kill_and_start(void) {
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

Test(restart, after_a_kill_the_cycle_goes_on_and_nothing_is_done_twice) {
    char cycle_id[64];
    s_begin(GOOD_MONTH, "600");
    s_trigger("{}", cycle_id);
    simulator_await(&s_sim, SIM_FLOWHUB, "POST", "/api/v1/tasks/task-000001/run");
    s_kill_and_start();
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    s_kill_and_start();
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/backtest/run");
    s_kill_and_start();
    const rest_reply_t *reply = s_await_status(cycle_id, "completed");
    cr_expect(json_is_true(rest_at(reply, "data.success")));
    size_t produced = json_array_size(rest_at(reply, "data.signals"));
    cr_expect(produced > 0);
    s_expect_one_effect_each();
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history"), "data.total"),
                 produced);
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, HISTORY), "data.total"), 1);
}

Test(restart, the_repeated_call_is_the_same_byte_for_byte) {
    char cycle_id[64];
    s_begin(GOOD_MONTH, "1000");
    s_trigger("{\"force\":true}", cycle_id);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    s_kill_and_start();
    s_await_status(cycle_id, "completed");
    json_t *requests = simulator_requests(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_assert_eq(json_array_size(requests), 2);
    cr_expect_str_eq(json_text_at(requests, "0.body"), json_text_at(requests, "1.body"));
    cr_expect_str_eq(json_text_at(requests, "0.headers.Idempotency-Key"),
                     json_text_at(requests, "1.headers.Idempotency-Key"));
    cr_expect(json_is_true(json_at(requests, "1.replayed")));
    json_decref(requests);
}

Test(restart, sigterm_in_the_middle_stops_at_once_and_the_cycle_resumes) {
    char cycle_id[64];
    s_begin(GOOD_MONTH, "1500");
    s_trigger("{\"force\":true}", cycle_id);
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    cr_expect_eq(instance_stop(&s_instance), 0);
    instance_start(&s_instance);
    s_await_status(cycle_id, "completed");
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2);
}

/* ---- triggering ---- */

TestSuite(trigger, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(trigger, answers_202_with_the_address_of_the_cycle) {
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, NULL);
    cr_assert_status(reply, 202);
    char location[160];
    snprintf(location, sizeof location, "%s", rest_header(reply, "Location"));
    cr_expect(strstr(location, rest_text(reply, "data.cycle_id")));
    cr_expect_not(json_is_true(rest_at(reply, "data.duplicate")));
    cr_expect_status(rest_get(&s_instance.rest, location), 200);
}

Test(trigger, wait_seconds_that_are_too_few_answer_202_with_the_state_then) {
    s_begin(GOOD_MONTH, "3000");
    long long begun = program_now_ms();
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, "{\"wait_seconds\":0.3,\"force\":true}");
    cr_expect_status(reply, 202);
    cr_expect_str_eq(rest_text(reply, "data.status"), "running");
    cr_expect(program_now_ms() - begun >= 300);
}

Test(trigger, the_same_key_starts_one_cycle) {
    char first[64];
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply = rest_post_key(&s_instance.rest, TRIGGER, "daily", "{\"force\":true}");
    cr_assert_status(reply, 202);
    snprintf(first, sizeof first, "%s", rest_text(reply, "data.cycle_id"));
    reply = rest_post_key(&s_instance.rest, TRIGGER, "daily", "{\"force\":true}");
    cr_expect_status(reply, 202);
    cr_expect_str_eq(rest_text(reply, "data.cycle_id"), first);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, HISTORY), "data.total"), 1);
}

Test(trigger, beyond_the_limit_cycles_queue_or_fail_as_asked) {
    char first[64], second[64];
    instance_set(&s_instance, "ANALYSIS_MAX_CONCURRENT=1");
    s_begin(GOOD_MONTH, "500");
    s_trigger("{\"force\":true}", first);
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, TRIGGER, "{\"force\":true,\"on_limit\":\"fail\"}");
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "CYCLE_LIMIT");
    reply = rest_post(&s_instance.rest, TRIGGER, "{\"force\":true}");
    cr_assert_status(reply, 202);
    cr_expect_str_eq(rest_text(reply, "data.status"), "queued");
    snprintf(second, sizeof second, "%s", rest_text(reply, "data.cycle_id"));
    s_await_status(second, "completed");
    reply = s_await_status(first, "completed");
    char end[40];
    snprintf(end, sizeof end, "%s", rest_text(reply, "data.end_time"));
    reply = s_await_status(second, "completed");
    cr_expect(strcmp(rest_text(reply, "data.start_time"), end) >= 0,
              "the second began before the first ended");
}

Test(trigger, a_cycle_that_is_cancelled_in_the_queue_has_taken_no_time) {
    char first[64], second[64], text[128];
    stream_message_t message = {0};
    CycleEvent event = CycleEvent_init_zero;
    instance_set(&s_instance, "ANALYSIS_MAX_CONCURRENT=1");
    s_begin(GOOD_MONTH, "20000");
    s_stream = stream_client_new(s_instance.stream_url, "cycle/cancelled/", NULL);
    stream_client_await_heartbeat(s_stream, NULL);
    s_trigger("{\"force\":true}", first);
    s_trigger("{\"force\":true}", second);
    snprintf(text, sizeof text, "/api/v1/system/analysis/%s/cancel", second);
    rest_post_ok(&s_instance.rest, text, NULL);
    snprintf(text, sizeof text, "cycle/cancelled/%s", second);
    do {
        message_release(CycleEvent_message(), &event);
        event = (CycleEvent)CycleEvent_init_zero;
        stream_client_next(s_stream, &message);
        cr_expect_str_eq(message.topic, text);
        cr_assert_eq(message_decode(CycleEvent_message(), message.payload, message.payload_size, &event), OK);
        stream_message_free(&message);
    } while (event.has_stage);
    cr_expect_not(event.has_duration, "%g s", event.duration);
    message_release(CycleEvent_message(), &event);
}

Test(trigger, a_queued_cycle_survives_a_kill) {
    char first[64], second[64];
    instance_set(&s_instance, "ANALYSIS_MAX_CONCURRENT=1");
    s_begin(GOOD_MONTH, "300");
    s_trigger("{\"force\":true}", first);
    s_trigger("{\"force\":true}", second);
    s_kill_and_start();
    s_await_status(first, "completed");
    s_await_status(second, "completed");
}

Test(trigger, a_bad_body_names_its_fields) {
    s_begin(GOOD_MONTH, "0");
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, TRIGGER,
                  "{\"wait_seconds\":61,\"on_limit\":\"explode\",\"symbols\":[\"ok\"],\"forse\":1}");
    cr_expect_status(reply, 400);
    cr_expect(rest_problem(reply, "wait_seconds") && rest_problem(reply, "on_limit") &&
              rest_problem(reply, "forse"));
    cr_expect(rest_problem(reply, "symbols[0]"), "%s", buf_str(&reply->body));
}

Test(trigger, the_history_lists_cycles_newest_first_by_status) {
    char ids[3][64];
    s_begin(GOOD_MONTH, "0");
    for (int i = 0; i < 3; i++)
        snprintf(ids[i], 64, "%s", rest_text(s_run_cycle("{\"wait_seconds\":30}"), "data.cycle_id"));
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, HISTORY "?limit=2&status=completed");
    cr_expect_eq(rest_number(reply, "data.total"), 3);
    cr_expect_eq(json_array_size(rest_at(reply, "data.history")), 2);
    cr_expect_str_eq(rest_text(reply, "data.history.0.cycle_id"), ids[2]);
    cr_expect_str_eq(rest_text(reply, "data.history.1.cycle_id"), ids[1]);
    cr_expect_eq(json_array_size(rest_at(reply, "data.history.0.stages")), STAGES);
    cr_expect_eq(
        json_array_size(rest_at(rest_get_ok(&s_instance.rest, HISTORY "?status=failed"), "data.history")), 0);
    cr_expect_status(rest_get(&s_instance.rest, "/api/v1/system/analysis/no-such-cycle"), 404);
}
