/* PostgreSQL that is not there yet, goes away and comes back. */
#include "load.h"
#include "postgres.h"
#include "simulator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static instance_t s_instance;
static simulator_t s_sim;
static load_t *s_load;
static postgres_t *s_server;

static void s_setup(void) {
    char setting[160];
    s_server = postgres_new();
    snprintf(setting, sizeof setting, "DATABASE_URL=%s", postgres_url(s_server));
    instance_open(&s_instance, LIST(setting));
    s_load = load_new();
}

static void s_teardown(void) {
    load_destroy(&s_load);
    instance_close(&s_instance);
    simulator_stop(&s_sim);
    postgres_destroy(&s_server);
}

TestSuite(store_down, .init = s_setup, .fini = s_teardown, .timeout = 180);

static void s_expect_what_needs_no_store(void) {
    static const char *const paths[] = {"/health",
                                        "/livez",
                                        "/status",
                                        "/info",
                                        "/metrics",
                                        "/api/v1/services",
                                        "/api/v1/services/macro/status",
                                        "/docs"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        cr_expect_status(rest_get(&s_instance.rest, paths[i]), 200);
    const rest_reply_t *reply = rest_get(&s_instance.rest, "/readyz");
    cr_expect_status(reply, 503);
    cr_expect(rest_problem(reply, "store"), "%s", buf_str(&reply->body));
    reply = rest_get_ok(&s_instance.rest, "/status");
    cr_expect_str_neq(rest_text(reply, "data.components.store.status"), "running");
}

static void s_expect_refused(const rest_reply_t *reply) {
    cr_expect_status(reply, 503);
    cr_expect_str_eq(rest_text(reply, "error_code"), "STORE_UNAVAILABLE");
    const char *retry_after = rest_header(reply, "Retry-After");
    cr_expect(retry_after && atoi(retry_after) >= 1);
}

static void s_expect_what_needs_the_store_is_refused(void) {
    char *body = signal_body(NULL, "desk", "AAPL", "buy");
    s_expect_refused(rest_post(&s_instance.rest, "/api/v1/signals/route", body));
    s_expect_refused(rest_post_key(&s_instance.rest, "/api/v1/signals/route", "key", body));
    s_expect_refused(rest_get(&s_instance.rest, "/api/v1/signals/history"));
    s_expect_refused(rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger", NULL));
    free(body);
}

Test(store_down, at_the_start_the_service_waits_for_it_and_answers_what_it_can) {
    instance_start(&s_instance);
    s_expect_what_needs_no_store();
    s_expect_what_needs_the_store_is_refused();
    postgres_start(s_server);
    instance_await_readyz(&s_instance, 200);
    cr_expect(instance_route(&s_instance, "first", "desk", "AAPL", "buy") > 0);
    cr_expect_eq(rest_number(rest_get_ok(&s_instance.rest, "/api/v1/signals/history"), "data.total"), 1);
}

Test(store_down, under_load_callers_get_503_and_nothing_acknowledged_is_lost) {
    postgres_start(s_server);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    load_start(s_load, s_instance.port);
    for (int i = 0; i < 3; i++) {
        load_await_acknowledged(s_load, 100);
        postgres_kill(s_server);
        load_await_refused(s_load, 1);
        instance_await_readyz(&s_instance, 503);
        cr_expect_status(rest_get(&s_instance.rest, "/health"), 200);
        postgres_start(s_server);
        instance_await_readyz(&s_instance, 200);
    }
    load_await_acknowledged(s_load, 100);
    load_stop(s_load);
    load_verify(s_load, &s_instance);
}

Test(store_down, while_it_is_away_all_else_goes_on) {
    postgres_start(s_server);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    postgres_kill(s_server);
    instance_await_readyz(&s_instance, 503);
    s_expect_what_needs_no_store();
    s_expect_what_needs_the_store_is_refused();
    cr_expect_eq(instance_stop(&s_instance), 0, "it must not hold up the stop");
}

Test(store_down, a_cycle_goes_on_when_it_is_back) {
    char path[128];
    postgres_start(s_server);
    simulator_start(&s_sim, LIST("--as-of", "2018-09-01", "--job-ms", "800"));
    simulator_serve(&s_sim, &s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    const rest_reply_t *reply =
        rest_post(&s_instance.rest, "/api/v1/system/analysis/trigger", "{\"force\":true}");
    cr_assert_status(reply, 202);
    snprintf(path, sizeof path, "/api/v1/system/analysis/%s", rest_text(reply, "data.cycle_id"));
    simulator_await(&s_sim, SIM_EXECUTION, "POST", "/api/v1/analyze/batch");
    postgres_kill(s_server);
    instance_await_readyz(&s_instance, 503);
    postgres_start(s_server);
    instance_await_readyz(&s_instance, 200);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (strcmp(rest_text(rest_get(&s_instance.rest, path), "data.status"), "completed") != 0)
        cr_assert(program_look_again(deadline), "%s", buf_str(&s_instance.rest.reply.body));
    cr_expect_eq(simulator_effects(&s_sim, SIM_EXECUTION, "jobs_created"), 2);
    cr_expect(json_array_size(rest_at(&s_instance.rest.reply, "data.signals")) > 0);
}
