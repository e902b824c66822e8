/* integration-cli on the stream: tail, replay and curve-keygen, for people and as JSON. */
#include "stream_follower.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static instance_t s_instance;
static program_t *s_cli;

static void s_setup(void) {
    instance_begin(&s_instance, NULL);
    instance_await_readyz(&s_instance, 200);
    instance_keep_addresses(&s_instance);
}

static void s_teardown(void) {
    program_destroy(&s_cli);
    instance_close(&s_instance);
}

TestSuite(stream_cli, .init = s_setup, .fini = s_teardown, .timeout = 60);

static void s_run(int expected, const char *const *arguments) {
    int status;
    program_destroy(&s_cli);
    s_cli = program_run("integration-cli", arguments, NULL, &status);
    cr_assert_eq(status, expected, "%d; %s", status, program_err(s_cli));
}

static size_t s_lines(const char *text) {
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void s_route_four(void) {
    instance_route(&s_instance, "one", "desk", "AAPL", "buy");
    instance_route(&s_instance, "two", "desk", "MSFT", "sell");
    instance_route(&s_instance, "three", "other", "AAPL", "buy");
    instance_route(&s_instance, "four", "desk", "AAPL", "buy");
}

/* ---- replay ---- */

Test(stream_cli, replay_prints_a_line_a_message_of_the_prefix) {
    s_route_four();
    s_run(0, LIST("replay", "--replay-url", s_instance.replay_url, "--prefix", "signal/desk/"));
    cr_expect_eq(s_lines(program_out(s_cli)), 3, "%s", program_out(s_cli));
    cr_expect(strstr(program_out(s_cli), "signal/desk/MSFT sell MSFT strength=0.500 confidence=0.750"));
    cr_expect_not(strstr(program_out(s_cli), "signal/other/"));
}

Test(stream_cli, replay_as_json_is_an_object_a_line_with_header_and_payload) {
    s_route_four();
    s_run(0, LIST("replay", "--json", "--replay-url", s_instance.replay_url, "--prefix", "signal/", "--limit",
                  "1"));
    cr_expect_eq(s_lines(program_out(s_cli)), 1);
    json_t *line = json_loads(program_out(s_cli), 0, NULL);
    cr_expect_str_eq(json_text_at(line, "topic"), "signal/desk/AAPL");
    cr_expect_str_eq(json_text_at(line, "schema"), "integration.v1.Signal");
    cr_expect_str_eq(json_text_at(line, "payload.signal_id"), "one");
    cr_expect(json_is_true(json_object_get(line, "replay")));
    cr_expect_eq(json_number_at(line, "topic_seq"), 1);
    cr_expect_gt(json_number_at(line, "published_at_us"), 1.6e15);
    json_decref(line);
}

Test(stream_cli, replay_goes_on_after_a_seq) {
    long long seq = instance_route(&s_instance, "zero", "desk", "AAPL", "buy");
    char after[32];
    s_route_four();
    snprintf(after, sizeof after, "%lld", seq);
    s_run(0, LIST("replay", "--json", "--replay-url", s_instance.replay_url, "--prefix", "signal/", "--after",
                  after));
    cr_expect_eq(s_lines(program_out(s_cli)), 4, "%s", program_out(s_cli));
    cr_expect_not(strstr(program_out(s_cli), "\"zero\""));
}

Test(stream_cli, what_is_wrong_is_told_with_its_status) {
    s_run(1, LIST("replay", "--replay-url", "tcp://127.0.0.1:1", "--timeout", "1"));
    cr_expect(strstr(program_err(s_cli), "no answer from tcp://127.0.0.1:1 within 1 s"), "%s",
              program_err(s_cli));
    s_run(2, LIST("replay", "--limit", "many"));
    cr_expect(strstr(program_err(s_cli), "--limit"));
    s_run(2, LIST("nonsense"));
    cr_expect(strstr(program_err(s_cli), "curve-keygen"));
}

/* ---- tail ---- */

Test(stream_cli, tail_prints_a_line_a_message_of_the_prefix) {
    s_cli = program_start("integration-cli",
                          LIST("tail", "--url", s_instance.stream_url, "--replay-url", s_instance.replay_url,
                               "--prefix", "signal/desk/", "--from-seq", "0", "--count", "3"),
                          NULL);
    s_route_four();
    cr_expect_eq(program_wait(s_cli), 0);
    cr_expect_eq(s_lines(program_out(s_cli)), 3);
    cr_expect(strstr(program_out(s_cli), " signal/desk/AAPL buy  AAPL strength=0.500"), "%s",
              program_out(s_cli));
    cr_expect_not(strstr(program_out(s_cli), "signal/other/"));
}

/* Only heartbeats tell: there are no messages of the prefix. */
Test(stream_cli, tail_of_a_prefix_says_when_the_server_is_gone_and_when_it_is_back) {
    s_cli = program_start("integration-cli",
                          LIST("tail", "--json", "--url", s_instance.stream_url, "--replay-url",
                               s_instance.replay_url, "--prefix", "signal/desk/", "--from-seq", "0",
                               "--timeout", "2"),
                          NULL);
    instance_route(&s_instance, "one", "desk", "AAPL", "buy");
    program_line(s_cli, "\"one\"");
    cr_expect_null(program_has_line(s_cli, "nothing was heard"));
    instance_kill(&s_instance);
    program_line(s_cli, "nothing was heard from tcp://127.0.0.1:");
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    program_line(s_cli, "is heard again");
    instance_route(&s_instance, "two", "desk", "AAPL", "buy");
    program_line(s_cli, "\"two\"");
    program_signal(s_cli, SIGINT);
    cr_expect_eq(program_wait(s_cli), 0);
    cr_expect_eq(s_lines(program_out(s_cli)), 2, "each once: %s", program_out(s_cli));
}

/* ---- keys ---- */

Test(stream_cli, curve_keygen_prints_the_files_it_made) {
    struct stat info;
    const char *dir = instance_path(&s_instance, "keys");
    s_run(0, LIST("curve-keygen", dir, "alice"));
    cr_expect_eq(s_lines(program_out(s_cli)), 2);
    cr_expect(strstr(program_out(s_cli), "/keys/alice.key\n"), "%s", program_out(s_cli));
    cr_expect(strstr(program_out(s_cli), "/keys/alice.key_secret\n"));
    cr_assert_eq(stat(instance_path(&s_instance, "keys/alice.key_secret"), &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
    s_run(1, LIST("curve-keygen", dir, "alice"));
    cr_expect(strstr(program_err(s_cli), "is not overwritten"));
    s_run(2, LIST("curve-keygen", dir, "../alice"));
    s_run(2, LIST("curve-keygen", dir));
}

Test(stream_cli, curve_keygen_as_json_tells_the_files_and_the_public_key) {
    char line[256], quoted[80];
    s_run(0, LIST("curve-keygen", "--json", instance_path(&s_instance, "keys"), "bob"));
    json_t *json = json_loads(program_out(s_cli), 0, NULL);
    cr_assert(json, "%s", program_out(s_cli));
    snprintf(quoted, sizeof quoted, "public-key = \"%s\"", json_text_at(json, "public_key"));
    FILE *file = fopen(json_text_at(json, "public_file"), "r");
    cr_assert(file);
    bool found = false;
    while (fgets(line, sizeof line, file))
        found = found || strstr(line, quoted);
    fclose(file);
    cr_expect(found, "the file holds %s", quoted);
    cr_expect_eq(access(json_text_at(json, "secret_file"), R_OK), 0);
    cr_expect_not(strstr(program_out(s_cli), "secret_key"), "the secret itself is not printed");
    json_decref(json);
}
