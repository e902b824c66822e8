/* The process from outside: flags, settings, the ready line, signals, exit codes. */
#include "instance.h"
#include "postgres.h"
#include "raw_http.h"
#include "simulator.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static instance_t s_instance;
static simulator_t s_sim;
static program_t *s_program; /* one that ends by itself */
static instance_t s_second;
static postgres_t *s_server;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
}

static void s_teardown(void) {
    program_destroy(&s_program);
    instance_close(&s_second);
    instance_close(&s_instance);
    simulator_stop(&s_sim);
    if (s_server)
        postgres_destroy(&s_server);
}

/* Runs integration-service to its end. Settings in the environment or NULL. */
static int s_run(const char *const *arguments, const char *const *settings) {
    int status;
    program_destroy(&s_program);
    s_program = program_run("integration-service", arguments, settings, &status);
    return status;
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool s_says(const char *text) {
    return strstr(program_err(s_program), text) || strstr(program_out(s_program), text);
}

#define cr_expect_says(text) \
    cr_expect(s_says(text), "nothing says \"%s\" in:\n%s", text, program_err(s_program))

/* ---- flags ---- */

TestSuite(flags, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(flags, version_names_the_program) {
    cr_expect_eq(s_run(ARGUMENTS("--version"), NULL), 0);
    cr_expect_str_eq(program_out(s_program), "integration-service " INTEGRATION_VERSION "\n");
}

Test(flags, help_lists_every_setting_by_its_names) {
    cr_expect_eq(s_run(ARGUMENTS("--help"), NULL), 0);
    cr_expect_says("--check-config");
    cr_expect_says("INTEGRATION_PORT, --port, integration.port");
    cr_expect_says("DATABASE_URL");
}

Test(flags, an_unknown_flag_is_refused_with_2) {
    cr_expect_eq(s_run(ARGUMENTS("--bogus"), NULL), 2);
    cr_expect_says("--bogus");
}

Test(flags, check_config_prints_the_settings_with_secrets_masked) {
    char key[160];
    snprintf(key, sizeof key, "INTEGRATION_API_KEYS=ci:operate:%064d", 7);
    int status =
        s_run(ARGUMENTS("--check-config"),
              ARGUMENTS("DATABASE_URL=postgresql://user:hidden-word@db/x", key, "INTEGRATION_PORT=4711"));
    cr_expect_eq(status, 0);
    cr_expect_says("port: 4711  # environment");
    cr_expect_says("postgresql://user:***@db/x");
    cr_expect_says("level: \"INFO\"  # default");
    cr_expect_not(s_says("hidden-word"));
    cr_expect_not(s_says("0000000000000000007"));
}

Test(flags, check_config_of_a_bad_file_names_file_line_key_and_what_is_allowed) {
    instance_write(&s_instance, "bad.yaml",
                   "integration:\n  port: 99999\nlog:\n  level: loud\n  colour: red\n");
    const char *file = instance_path(&s_instance, "bad.yaml");
    cr_expect_eq(s_run(ARGUMENTS("--config", file, "--check-config"), NULL), 2);
    cr_expect_says("bad.yaml:2: integration.port: \"99999\" is out of range; allowed: 0 to 65535");
    cr_expect_says("bad.yaml:4: log.level");
    cr_expect_says("bad.yaml:5: log.colour");
}

Test(flags, a_flag_beats_the_environment_which_beats_the_file) {
    instance_write(&s_instance, "good.yaml",
                   "integration:\n  port: 1001\n  environment: file\nlog:\n  level: error\n");
    const char *file = instance_path(&s_instance, "good.yaml");
    int status = s_run(ARGUMENTS("--config", file, "--check-config", "--port", "1003"),
                       ARGUMENTS("INTEGRATION_PORT=1002", "INTEGRATION_ENVIRONMENT=outside"));
    cr_expect_eq(status, 0);
    cr_expect_says("port: 1003");
    cr_expect_says("environment: \"outside\"");
    cr_expect_says("level: \"ERROR\"");
}

/* ---- settings ---- */

TestSuite(settings, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(settings, bad_ones_refuse_the_start_with_2_and_are_listed_all_at_once) {
    int status =
        s_run(NULL, ARGUMENTS("INTEGRATION_PORT=abc", "LOG_LEVEL=loud", "ANALYSIS_MAX_CONCURRENT=0",
                              "INTEGRATION_TLS_CERT=/nowhere/cert.pem", "SCHEDULER_TIMEZONE=Mars/Base"));
    cr_expect_eq(status, 2);
    cr_expect_says("INTEGRATION_PORT: \"abc\"");
    cr_expect_says("LOG_LEVEL: \"loud\"");
    cr_expect_says("ANALYSIS_MAX_CONCURRENT: \"0\"");
    cr_expect_says("INTEGRATION_TLS_CERT");
    cr_expect_says("SCHEDULER_TIMEZONE");
}

Test(settings, an_unknown_integration_variable_is_refused) {
    cr_expect_eq(s_run(NULL, ARGUMENTS("INTEGRATION_PROT=8088")), 2);
    cr_expect_says("INTEGRATION_PROT: is not a setting; did you mean INTEGRATION_PORT?");
}

Test(settings, other_variables_are_not_looked_at) {
    cr_expect_eq(s_run(ARGUMENTS("--check-config"), ARGUMENTS("SOMETHING_ELSE=1", "PORT=x")), 0);
}

Test(settings, a_stream_address_beyond_loopback_needs_curve) {
    cr_expect_eq(s_run(NULL, ARGUMENTS("INTEGRATION_STREAM_URL=tcp://0.0.0.0:5556")), 2);
    cr_expect_says("INTEGRATION_CURVE_DIR");
}

Test(settings, rediss_is_refused_and_the_reason_is_told) {
    cr_expect_eq(s_run(NULL, ARGUMENTS("REDIS_URL=rediss://cache:6379/0")), 2);
    cr_expect_says("REDIS_URL");
    cr_expect_says("TLS");
}

/* ---- start ---- */

TestSuite(start, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(start, the_ready_line_tells_the_addresses_that_were_bound) {
    instance_start(&s_instance);
    cr_expect(s_instance.port > 0);
    cr_expect(strncmp(s_instance.stream_url, "tcp://127.0.0.1:", 16) == 0 &&
              atoi(s_instance.stream_url + 16) > 0);
    cr_expect(strncmp(s_instance.replay_url, "tcp://127.0.0.1:", 16) == 0 &&
              atoi(s_instance.replay_url + 16) > 0);
    cr_expect_status(rest_get(&s_instance.rest, "/health"), 200);
    instance_await_readyz(&s_instance, 200);
}

Test(start, an_empty_stream_url_turns_the_stream_off) {
    instance_set(&s_instance, "INTEGRATION_STREAM_URL=");
    instance_set(&s_instance, "INTEGRATION_REPLAY_URL=");
    instance_start(&s_instance);
    cr_expect_str_eq(s_instance.stream_url, "");
    cr_expect_str_eq(s_instance.replay_url, "");
    instance_await_readyz(&s_instance, 200);
}

Test(start, log_lines_are_json_with_the_fixed_fields) {
    static const char *const fields[] = {"ts", "level", "component", "msg", "request_id", "trace_id"};
    instance_start(&s_instance);
    char *log = strdup(program_err(s_instance.program)), *rest = log;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        json_t *json = json_loads(line, 0, NULL);
        cr_assert(json_is_object(json), "no JSON object: %s", line);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            cr_expect(json_object_get(json, fields[i]), "%s is missing: %s", fields[i], line);
        json_decref(json);
    }
    free(log);
}

/* Starts a second service, which must end by itself. */
static void s_expect_end_of_second(const char *setting) {
    int status;
    instance_open(&s_second, ARGUMENTS(setting));
    program_destroy(&s_program);
    s_program = program_run("integration-service", NULL, (const char *const *)s_second.settings, &status);
    instance_close(&s_second);
    cr_expect(status != 0 && status < 128, "exit status %d", status);
}

static void s_expect_port_taken(const char *name, const char *before_port, int port) {
    char setting[96], number[16];
    snprintf(setting, sizeof setting, "%s=%s%d", name, before_port, port);
    snprintf(number, sizeof number, "%d", port);
    s_expect_end_of_second(setting);
    cr_expect_says(number);
    cr_expect_says(name);
}

Test(start, a_port_that_is_taken_ends_it_naming_port_and_setting) {
    instance_start(&s_instance);
    s_expect_port_taken("INTEGRATION_PORT", "", s_instance.port);
    s_expect_port_taken("INTEGRATION_STREAM_URL", "tcp://127.0.0.1:", atoi(s_instance.stream_url + 16));
    s_expect_port_taken("INTEGRATION_REPLAY_URL", "tcp://127.0.0.1:", atoi(s_instance.replay_url + 16));
}

Test(start, a_second_process_on_the_same_data_is_refused) {
    char data[128];
    instance_start(&s_instance);
    snprintf(data, sizeof data, "INTEGRATION_DATA_DIR=%s", instance_path(&s_instance, "data"));
    s_expect_end_of_second(data);
    cr_expect_says("is in use by another process");
    instance_await_readyz(&s_instance, 200);
}

Test(start, the_lock_on_the_data_ends_with_its_process) {
    instance_start(&s_instance);
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

Test(start, authentication_off_is_warned_of) {
    instance_set(&s_instance, "INTEGRATION_AUTH=off");
    instance_start(&s_instance);
    cr_expect(strstr(program_err(s_instance.program), "INTEGRATION_AUTH is off"));
}

/* ---- a database from a later program ---- */

static void s_expect_refusal_of_newer_database(void) {
    instance_launch(&s_instance);
    int status = program_wait(s_instance.program);
    cr_expect(status != 0 && status < 128, "exit status %d", status);
    cr_expect(strstr(program_err(s_instance.program), "migration 9999"), "%s",
              program_err(s_instance.program));
}

TestSuite(newer_database, .init = s_setup, .fini = s_teardown, .timeout = 120);

Test(newer_database, of_sqlite_ends_the_process) {
    sqlite3 *database;
    instance_start(&s_instance);
    cr_expect_eq(instance_stop(&s_instance), 0);
    cr_assert_eq(sqlite3_open(instance_path(&s_instance, "data/integration.db"), &database), SQLITE_OK);
    const char *sql =
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'later', 0, 0)";
    cr_assert_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    sqlite3_close(database);
    s_expect_refusal_of_newer_database();
}

Test(newer_database, of_postgresql_ends_the_process) {
    char setting[160];
    s_server = postgres_new();
    postgres_start(s_server);
    snprintf(setting, sizeof setting, "DATABASE_URL=%s", postgres_url(s_server));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    cr_expect_eq(instance_stop(&s_instance), 0);
    PGconn *connection = PQconnectdb(postgres_url(s_server));
    PGresult *result =
        PQexec(connection, "INSERT INTO integration.schema_migrations "
                           "(version, name, checksum, applied_at) VALUES (9999, 'later', 0, 0)");
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    s_expect_refusal_of_newer_database();
}

/* ---- stop ---- */

TestSuite(stop, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(stop, sigterm_and_sigint_end_it_with_0) {
    instance_start(&s_instance);
    cr_expect_eq(instance_stop(&s_instance), 0);
    instance_start(&s_instance);
    program_signal(s_instance.program, SIGINT);
    cr_expect_eq(program_wait(s_instance.program), 0);
}

/* A health check of a service that answers late is a request that is inside for as long. */
static void s_begin_slow_request(raw_t *slow, const char *latency) {
    simulator_start(&s_sim, NULL);
    simulator_serve(&s_sim, &s_instance);
    instance_start(&s_instance);
    simulator_fault(&s_sim, SIM_MACRO, latency);
    size_t before = simulator_count(&s_sim, SIM_MACRO, "GET", "/health");
    raw_open(slow, s_instance.port);
    raw_send(slow,
             "POST /api/v1/services/macro/health-check HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(&s_sim, SIM_MACRO, "GET", "/health") == before)
        cr_assert(program_look_again(deadline), "the request is not under way");
}

Test(stop, a_request_inside_is_answered_and_newcomers_get_503) {
    raw_t slow;
    raw_reply_t answer = {0};
    s_begin_slow_request(&slow, "{\"path_prefix\":\"/health\",\"latency_ms\":1500}");
    cr_assert_status(rest_get(&s_instance.rest, "/livez"), 200);
    program_signal(s_instance.program, SIGTERM);
    program_line(s_instance.program, "no further request is taken");
    const rest_reply_t *reply = rest_get(&s_instance.rest, "/api/v1/services");
    cr_expect_status(reply, 503);
    cr_expect_str_eq(rest_text(reply, "error_code"), "SHUTTING_DOWN");
    cr_expect_str_eq(rest_header(reply, "Connection"), "close");
    raw_reply(&slow, &answer, false);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(raw_text(&answer, "data.status"), "healthy");
    cr_expect_eq(program_wait(s_instance.program), 0);
    raw_reply_free(&answer);
    raw_close(&slow);
}

Test(stop, a_request_that_does_not_end_is_not_waited_for_beyond_the_limit) {
    raw_t slow;
    instance_set(&s_instance, "INTEGRATION_SHUTDOWN_SECONDS=1");
    s_begin_slow_request(&slow, "{\"path_prefix\":\"/health\",\"hang\":true}");
    long long begun = program_now_ms();
    program_signal(s_instance.program, SIGTERM);
    program_wait(s_instance.program);
    cr_expect(program_now_ms() - begun < 4500, "took %lld ms", program_now_ms() - begun);
    raw_close(&slow);
}

Test(stop, a_second_signal_ends_it_at_once) {
    raw_t slow;
    instance_set(&s_instance, "INTEGRATION_SHUTDOWN_SECONDS=60");
    s_begin_slow_request(&slow, "{\"path_prefix\":\"/health\",\"hang\":true}");
    program_signal(s_instance.program, SIGTERM);
    program_line(s_instance.program, "stopping");
    long long begun = program_now_ms();
    program_signal(s_instance.program, SIGTERM);
    cr_expect_neq(program_wait(s_instance.program), 0);
    cr_expect(program_now_ms() - begun < 10000);
    raw_close(&slow);
}

Test(stop, while_starting_it_is_obeyed) {
    instance_set(&s_instance, "DATABASE_URL=postgresql://nobody@127.0.0.1:9/none");
    instance_start(&s_instance);
    cr_expect_eq(instance_stop(&s_instance), 0);
}

/* ---- SIGHUP ---- */

TestSuite(reload, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(reload, opens_the_log_file_again) {
    char setting[160];
    snprintf(setting, sizeof setting, "LOG_FILE=%s", instance_path(&s_instance, "service.log"));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    cr_assert_eq(
        rename(instance_path(&s_instance, "service.log"), instance_path(&s_instance, "service.log.1")), 0);
    cr_expect_neq(access(instance_path(&s_instance, "service.log"), F_OK), 0);
    program_signal(s_instance.program, SIGHUP);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (access(instance_path(&s_instance, "service.log"), F_OK) != 0)
        cr_assert(program_look_again(deadline), "the log file was not opened again");
    cr_expect_eq(instance_stop(&s_instance), 0);
    FILE *log = fopen(instance_path(&s_instance, "service.log"), "r");
    char line[1024] = "", last[1024] = "";
    cr_assert(log);
    while (fgets(line, sizeof line, log))
        memcpy(last, line, sizeof last);
    fclose(log);
    cr_expect(strstr(last, "\"msg\":\"stopped\""), "%s", last);
}

/* SHA-256 of "alpha" and of "beta". */
#define ALPHA_HASH "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
#define BETA_HASH  "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"

static int s_status_with_key(const char *header) {
    return rest_send(&s_instance.rest, "GET", "/api/v1/services", ARGUMENTS(header), NULL)->status;
}

Test(reload, takes_over_api_keys) {
    char setting[160];
    instance_write(&s_instance, "keys", "reader:read:" ALPHA_HASH "\n");
    snprintf(setting, sizeof setting, "INTEGRATION_API_KEYS_FILE=%s", instance_path(&s_instance, "keys"));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    cr_expect_eq(s_status_with_key("X-API-Key: alpha"), 200);
    cr_expect_eq(s_status_with_key("X-API-Key: beta"), 401);
    instance_write(&s_instance, "keys", "reader:read:" BETA_HASH "\n");
    program_signal(s_instance.program, SIGHUP);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (s_status_with_key("X-API-Key: beta") != 200)
        cr_assert(program_look_again(deadline), "the new key does not count");
    cr_expect_eq(s_status_with_key("X-API-Key: alpha"), 401);
}

Test(reload, of_a_bad_file_changes_nothing) {
    char setting[160];
    instance_write(&s_instance, "keys", "reader:read:" ALPHA_HASH "\n");
    snprintf(setting, sizeof setting, "INTEGRATION_API_KEYS_FILE=%s", instance_path(&s_instance, "keys"));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    instance_write(&s_instance, "keys", "reader:everything:nonsense\n");
    program_signal(s_instance.program, SIGHUP);
    program_line(s_instance.program, "the configuration was not reloaded");
    cr_expect_eq(s_status_with_key("X-API-Key: alpha"), 200);
}
