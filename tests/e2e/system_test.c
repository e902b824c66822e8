/* Stopping and starting, the kill switch, status and resources of the real service, over restarts and crashes. */
#include "simulator.h"
#include "stream_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define STARTUP     "/api/v1/system/startup"
#define SHUTDOWN    "/api/v1/system/shutdown"
#define STATUS      "/api/v1/system/status"
#define MODE        "/api/v1/system/mode"
#define RESOURCES   "/api/v1/system/resources"
#define TRIGGER     "/api/v1/system/analysis/trigger"
#define ROUTE       "/api/v1/signals/route"
#define MACRO_STATE "/api/v1/macro/state"
#define HALT        "{\"mode\":\"halted\",\"reason\":\"drill\"}"

static instance_t s_instance;
static simulator_t s_sim;
static stream_client_t *s_stream;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
}

static void s_teardown(void) {
    stream_client_destroy(&s_stream);
    instance_close(&s_instance);
    if (s_sim.program)
        simulator_stop(&s_sim);
}

TestSuite(system, .init = s_setup, .fini = s_teardown, .timeout = 90);

static void s_start(void) {
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static const rest_reply_t *s_post_signal(const char *symbol, const char *side) {
    char *body = signal_body(NULL, "execution", symbol, side);
    const rest_reply_t *reply = rest_post(&s_instance.rest, ROUTE, body);
    free(body);
    return reply;
}

/* The signal is refused with that code, and the answer says when to come again. */
static void s_expect_refused(const char *symbol, const char *side, const char *code) {
    const rest_reply_t *reply = s_post_signal(symbol, side);
    cr_assert_status(reply, 503);
    cr_assert_str_eq(rest_text(reply, "error_code"), code);
    cr_assert(rest_header(reply, "Retry-After"));
}

static void s_expect_routed(const char *symbol, const char *side) {
    cr_assert_status(s_post_signal(symbol, side), 200);
}

static void s_expect_answer(const char *path, const char *status) {
    cr_assert_str_eq(rest_text(rest_post_ok(&s_instance.rest, path, NULL), "data.status"), status);
}

static void s_set_mode(const char *body) {
    rest_post_ok(&s_instance.rest, MODE, body);
}

/* ---- started and stopped ---- */

Test(system, a_stopped_system_takes_no_signals_and_cycles_until_it_is_started) {
    s_start();
    s_expect_answer(STARTUP, "already_running");
    s_expect_answer(SHUTDOWN, "stopped");
    s_expect_refused("600519.SH", "buy", "SYSTEM_STOPPED");
    const rest_reply_t *reply = rest_post(&s_instance.rest, TRIGGER, "{}");
    cr_assert_status(reply, 503);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SYSTEM_STOPPED");
    cr_expect(rest_header(reply, "Retry-After"));
    s_expect_answer(SHUTDOWN, "already_stopped");
    cr_expect_status(rest_get(&s_instance.rest, "/api/v1/signals/history"), 200);
    reply = rest_get_ok(&s_instance.rest, STATUS);
    cr_expect(json_is_false(rest_at(reply, "data.is_running")));
    cr_expect_str_eq(rest_text(reply, "data.system_status.overall_health"), "offline");
    s_expect_answer(STARTUP, "started");
    s_expect_routed("600519.SH", "buy");
}

Test(system, a_stopped_system_stays_stopped_over_restart_and_crash) {
    s_start();
    s_expect_answer(SHUTDOWN, "stopped");
    cr_assert_eq(instance_stop(&s_instance), 0);
    s_start();
    s_expect_refused("600519.SH", "buy", "SYSTEM_STOPPED");
    instance_kill(&s_instance);
    s_start();
    s_expect_refused("600519.SH", "buy", "SYSTEM_STOPPED");
    cr_expect(json_is_false(rest_at(rest_get_ok(&s_instance.rest, STATUS), "data.is_running")));
    s_expect_answer(STARTUP, "started");
    instance_kill(&s_instance);
    s_start();
    s_expect_routed("600519.SH", "buy");
}

Test(system, the_first_answer_is_given_again_for_its_key) {
    s_start();
    const rest_reply_t *reply = rest_post_key(&s_instance.rest, SHUTDOWN, "stop-1", NULL);
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "stopped");
    s_expect_answer(STARTUP, "started");
    reply = rest_post_key(&s_instance.rest, SHUTDOWN, "stop-1", NULL);
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "stopped");
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    s_expect_routed("600519.SH", "buy");
    cr_assert_status(rest_post_key(&s_instance.rest, MODE, "mode-1", HALT), 200);
    s_set_mode("{\"mode\":\"active\",\"reason\":\"over\"}");
    reply = rest_post_key(&s_instance.rest, MODE, "mode-1", HALT);
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.mode"), "halted");
    s_expect_routed("600519.SH", "buy");
}

/* ---- modes ---- */

Test(system, a_halt_refuses_all_signals_and_is_lifted) {
    s_start();
    const rest_reply_t *reply = rest_post_ok(&s_instance.rest, MODE, HALT);
    cr_expect_str_eq(rest_text(reply, "data.mode"), "halted");
    cr_expect_str_eq(rest_text(reply, "data.reason"), "drill");
    cr_expect(json_is_null(rest_at(reply, "data.scope")));
    cr_expect_str_eq(rest_text(reply, "data.set_by"), "loopback");
    s_expect_refused("600519.SH", "sell", "TRADING_HALTED");
    cr_expect_str_eq(rest_text(rest_get_ok(&s_instance.rest, STATUS), "data.mode"), "halted");
    s_set_mode("{\"mode\":\"active\",\"reason\":\"over\"}");
    s_expect_routed("600519.SH", "sell");
}

Test(system, reducing_admits_sell_and_hold_only) {
    s_start();
    s_set_mode("{\"mode\":\"reducing\",\"reason\":\"drill\"}");
    s_expect_refused("600519.SH", "buy", "TRADING_REDUCING");
    s_expect_refused("600519.SH", NULL, "TRADING_REDUCING");
    s_expect_routed("600519.SH", "sell");
    s_expect_routed("000001.SZ", "hold");
}

Test(system, scoped_modes_hold_for_their_scope_and_survive_a_crash) {
    s_start();
    s_set_mode("{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{\"symbol\":\"600519.SH\"}}");
    s_set_mode("{\"mode\":\"reducing\",\"reason\":\"r\",\"scope\":{\"target\":\"execution\"}}");
    s_set_mode("{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{\"source\":\"nobody\"}}");
    instance_kill(&s_instance);
    s_start();
    s_expect_refused("600519.SH", "sell", "TRADING_HALTED");
    s_expect_refused("000001.SZ", "buy", "TRADING_REDUCING");
    s_expect_routed("000001.SZ", "sell");
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, STATUS);
    cr_expect_str_eq(rest_text(reply, "data.mode"), "active");
    cr_assert_eq(json_array_size(rest_at(reply, "data.modes")), 3);
    s_set_mode("{\"mode\":\"active\",\"reason\":\"r\",\"scope\":{\"target\":\"execution\"}}");
    s_expect_routed("000001.SZ", "buy");
    s_expect_refused("600519.SH", "sell", "TRADING_HALTED");
}

Test(system, every_problem_of_a_mode_is_named) {
    s_start();
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, MODE, "{\"mode\":\"paused\",\"scope\":{\"symbol\":\"lower\"}}");
    cr_assert_status(reply, 400);
    cr_expect(rest_problem(reply, "mode") && rest_problem(reply, "reason"));
    cr_expect(rest_problem(reply, "scope.symbol"));
    reply = rest_post(&s_instance.rest, MODE,
                      "{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{\"symbol\":\"A\",\"source\":\"b\"}}");
    cr_assert_status(reply, 400);
    cr_expect(rest_problem(reply, "scope"));
    reply = rest_post(&s_instance.rest, MODE, "{\"mode\":\"halted\",\"reason\":\"r\",\"scope\":{}}");
    cr_assert_status(reply, 400);
    cr_expect(rest_problem(reply, "scope"));
    s_expect_routed("600519.SH", "buy");
}

static void s_expect_message(const char *topic, const char *schema) {
    stream_message_t message;
    stream_client_next(s_stream, &message);
    cr_expect_str_eq(message.topic, topic);
    cr_expect_str_eq(message.header.schema, schema);
    cr_expect_gt(message.header.seq, 0);
    stream_message_free(&message);
}

Test(system, each_mode_is_told_on_the_stream) {
    Heartbeat heartbeat;
    s_start();
    s_stream = stream_client_new(s_instance.stream_url, "", NULL);
    stream_client_await_heartbeat(s_stream, &heartbeat);
    s_set_mode(HALT);
    s_set_mode("{\"mode\":\"reducing\",\"reason\":\"r\",\"scope\":{\"symbol\":\"600519.SH\"}}");
    stream_message_t message;
    do { /* the services, which are down, say so too */
        stream_client_next(s_stream, &message);
        bool is_mode = strncmp(message.topic, "mode/", 5) == 0;
        if (is_mode)
            cr_expect_str_eq(message.topic, "mode/all/halted");
        stream_message_free(&message);
        if (is_mode)
            break;
    } while (true);
    s_expect_message("mode/symbol.600519.SH/reducing", "integration.v1.ModeEvent");
    stream_replay_t replay;
    stream_replay(&replay, s_instance.replay_url, "mode/", 0, 10, NULL);
    cr_expect_eq(replay.count, 2);
    stream_replay_free(&replay);
}

Test(system, only_administrators_stop_start_and_set_modes) {
    /* SHA-256 of "operator-key" */
    instance_set(&s_instance, "INTEGRATION_API_KEYS=op:operate:"
                              "c9736463f555cdb7d2a78cfd7aa8b8c4f09d906d78f8dab9228eda30a28c2818");
    s_start();
    static const char *const headers[] = {"X-API-Key: operator-key", NULL};
    cr_expect_status(rest_send(&s_instance.rest, "POST", SHUTDOWN, headers, NULL), 403);
    cr_expect_status(rest_send(&s_instance.rest, "POST", STARTUP, headers, NULL), 403);
    cr_expect_status(rest_send(&s_instance.rest, "POST", MODE, headers, HALT), 403);
    cr_expect_status(rest_send(&s_instance.rest, "GET", STATUS, headers, NULL), 200);
    cr_expect_status(rest_send(&s_instance.rest, "PUT", RESOURCES, headers, "{\"strategy\":\"performance\"}"),
                     200);
}

/* ---- status ---- */

static const rest_reply_t *s_await_health(const char *part, const char *health) {
    char path[64];
    long long deadline = program_now_ms() + PROGRAM_MS;
    snprintf(path, sizeof path, "data.system_status.%s", part);
    for (;;) {
        const rest_reply_t *reply = rest_get_ok(&s_instance.rest, STATUS);
        if (strcmp(rest_text(reply, path), health) == 0)
            return reply;
        cr_assert(program_look_again(deadline), "%s does not become %s: %s", part, health,
                  buf_str(&reply->body));
    }
}

Test(system, the_status_follows_the_services) {
    simulator_start(&s_sim, NULL);
    simulator_serve(&s_sim, &s_instance);
    instance_set(&s_instance, "ADAPTER_HEALTH_INTERVAL_SECONDS=1");
    s_start();
    s_await_health("macro_system_status", "healthy");
    s_await_health("strategy_system_status", "healthy");
    const rest_reply_t *reply = s_await_health("tactical_system_status", "healthy");
    cr_expect(*rest_text(reply, "data.system_status.last_update_time"));
    cr_expect_eq(rest_number(reply, "data.active_cycles"), 0);
    simulator_fault(&s_sim, SIM_MACRO, "{\"status\":500,\"path_prefix\":\"/health\"}");
    reply = s_await_health("macro_system_status", "critical");
    cr_expect_geq(rest_number(reply, "data.system_status.error_count"), 1);
    cr_expect_str_eq(rest_text(reply, "data.system_status.strategy_system_status"), "healthy");
    cr_expect(program_line(s_instance.program, "\"part\":\"macro\",\"health\":\"critical\""));
    simulator_clear_faults(&s_sim, SIM_MACRO);
    s_await_health("macro_system_status", "healthy");
    cr_expect(program_line(s_instance.program, "\"part\":\"macro\",\"health\":\"healthy\""));
}

Test(system, the_data_pipeline_is_as_fresh_as_its_required_datasets) {
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "20"));
    simulator_serve(&s_sim, &s_instance);
    s_start();
    s_await_health("data_pipeline_status", "critical");
    cr_expect(strstr(program_err(s_instance.program), "batch_daily_ohlc (missing)"));
    cr_assert_status(rest_post(&s_instance.rest, TRIGGER, "{\"wait_seconds\":30}"), 200);
    s_await_health("data_pipeline_status", "healthy");
    s_await_health("overall_health", "healthy");
}

Test(system, the_status_tells_of_services_that_are_down) {
    s_start();
    const rest_reply_t *reply = s_await_health("macro_system_status", "critical");
    cr_expect(json_is_true(rest_at(reply, "data.is_running")));
    s_await_health("strategy_system_status", "critical");
    reply = s_await_health("overall_health", "critical");
    cr_expect_geq(rest_number(reply, "data.system_status.error_count"), 4);
}

/* ---- resources ---- */

static const rest_reply_t *s_put_strategy(const char *strategy) {
    char body[64];
    snprintf(body, sizeof body, "{\"strategy\":\"%s\"}", strategy);
    const rest_reply_t *reply = rest_send(&s_instance.rest, "PUT", RESOURCES, NULL, body);
    cr_assert_status(reply, 200);
    return reply;
}

Test(system, resources_tell_shares_limits_and_figures) {
    s_start();
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, RESOURCES);
    static const char *const sets[] = {"cpu_allocation", "memory_allocation", "network_allocation",
                                       "storage_allocation"};
    cr_expect_str_eq(rest_text(reply, "data.strategy"), "balanced");
    for (size_t i = 0; i < 4; i++) {
        json_t *set = json_at(rest_at(reply, "data"), sets[i]);
        double sum =
            json_number_at(set, "macro") + json_number_at(set, "portfolio") + json_number_at(set, "strategy");
        cr_expect_float_eq(sum, 1.0, 1e-9, "%s sums to %g", sets[i], sum);
    }
    cr_expect(json_is_true(rest_at(reply, "data.is_active")));
    cr_expect_eq(rest_number(reply, "data.limits.macro.max_in_flight"), 4);
    cr_expect_eq(rest_number(reply, "data.limits.strategy.in_flight"), 0);
    cr_expect_gt(rest_number(reply, "data.host.memory_total_bytes"), 0);
    cr_expect_gt(rest_number(reply, "data.host.disk_free_bytes"), 0);
    cr_expect_gt(rest_number(reply, "data.process.rss_bytes"), 0);
    cr_expect_gt(rest_number(reply, "data.process.open_files"), 0);
}

Test(system, a_strategy_survives_a_crash_and_an_unknown_one_is_refused) {
    char id[64];
    s_start();
    snprintf(id, sizeof id, "%s", rest_text(s_put_strategy("performance"), "data.allocation_id"));
    const rest_reply_t *reply =
        rest_send(&s_instance.rest, "PUT", RESOURCES, NULL, "{\"strategy\":\"greedy\"}");
    cr_assert_status(reply, 400);
    cr_expect(rest_problem(reply, "strategy"));
    instance_kill(&s_instance);
    s_start();
    reply = rest_get_ok(&s_instance.rest, RESOURCES);
    cr_expect_str_eq(rest_text(reply, "data.strategy"), "performance");
    cr_expect_str_eq(rest_text(reply, "data.allocation_id"), id);
}

static void s_await_requests(size_t count) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(&s_sim, SIM_MACRO, "GET", MACRO_STATE) < count)
        cr_assert(program_look_again(deadline), "fewer than %zu cycles reach the macro service", count);
}

/* A pool of 8: balanced admits 3 calls of the macro tier, conservative 2. */
Test(system, a_strategy_limits_the_calls_that_a_service_sees_at_once) {
    enum { CYCLES = 6, LIMIT = 2 };
    simulator_start(&s_sim, NULL);
    simulator_serve(&s_sim, &s_instance);
    simulator_fault(&s_sim, SIM_MACRO, "{\"hang\":true,\"path_prefix\":\"" MACRO_STATE "\"}");
    instance_set(&s_instance, "ADAPTER_POOL_SIZE=8");
    instance_set(&s_instance, "ANALYSIS_MAX_CONCURRENT=6");
    s_start();
    cr_assert_eq(rest_number(s_put_strategy("conservative"), "data.limits.macro.max_in_flight"), LIMIT);
    for (int i = 0; i < CYCLES; i++)
        cr_assert_status(rest_post(&s_instance.rest, TRIGGER, "{\"force\":true}"), 202);
    s_await_requests(LIMIT);
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, RESOURCES);
    cr_expect_eq(rest_number(reply, "data.limits.macro.in_flight"), LIMIT);
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, STATUS), "data.active_cycles"), CYCLES);
    cr_expect_eq(simulator_count(&s_sim, SIM_MACRO, "GET", MACRO_STATE), LIMIT);
    cr_expect_eq(rest_number(s_put_strategy("balanced"), "data.limits.macro.max_in_flight"), LIMIT + 1);
    s_await_requests(LIMIT + 1);
    simulator_clear_faults(&s_sim, SIM_MACRO);
    s_await_requests(CYCLES);
}
