/* CURVE end to end: keys of curve-keygen, who is admitted and who is not, what is logged, the reload by SIGHUP. */
#include "stream_follower.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static instance_t s_instance;
static follower_t s_follower, s_witness;
static program_t *s_cli;

/* ---- keys ---- */

static char s_public_key[64]; /* of the pair made last, Z85 */

static void s_make_keys(const char *name) {
    int status;
    program_destroy(&s_cli);
    s_cli =
        program_run("integration-cli",
                    LIST("curve-keygen", "--json", instance_path(&s_instance, "keys"), name), NULL, &status);
    cr_assert_eq(status, 0, "%s", program_err(s_cli));
    json_t *line = json_loads(program_out(s_cli), 0, NULL);
    snprintf(s_public_key, sizeof s_public_key, "%s", json_text_at(line, "public_key"));
    cr_assert_eq(strlen(s_public_key), 40);
    json_decref(line);
}

static const char *s_file(const char *folder, const char *name, const char *suffix) {
    char file[80];
    snprintf(file, sizeof file, "%s/%s.%s", folder, name, suffix);
    return instance_path(&s_instance, file);
}

static void s_admit(const char *name) {
    cr_assert_eq(link(s_file("keys", name, "key"), s_file("curve/clients", name, "key")), 0);
}

static void s_expel(const char *name) {
    cr_assert_eq(unlink(s_file("curve/clients", name, "key")), 0);
}

static void s_follow_as(follower_t *follower, follower_kind_t kind, const char *name, const char *last_option,
                        const char *value) {
    char server[256], own[256];
    snprintf(server, sizeof server, "%s", instance_path(&s_instance, "curve/server.key"));
    snprintf(own, sizeof own, "%s", s_file("keys", name, "key_secret"));
    follower_start(
        follower, kind, &s_instance,
        LIST("--from-seq", "0", "--curve-server-key", server, "--curve-client-key", own, last_option, value));
}

/* ---- the service ---- */

static void s_setup(void) {
    char setting[160];
    instance_open(&s_instance, NULL);
    snprintf(setting, sizeof setting, "INTEGRATION_CURVE_DIR=%s", instance_path(&s_instance, "curve"));
    instance_set(&s_instance, setting);
    cr_assert_eq(mkdir(instance_path(&s_instance, "curve"), 0700), 0);
    cr_assert_eq(mkdir(instance_path(&s_instance, "curve/clients"), 0700), 0);
    s_make_keys("alice");
    s_admit("alice");
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static void s_teardown(void) {
    program_destroy(&s_cli);
    follower_stop(&s_follower);
    follower_stop(&s_witness);
    instance_close(&s_instance);
}

TestSuite(stream_curve, .init = s_setup, .fini = s_teardown, .timeout = 120);

static uint64_t s_route(const char *name) {
    return (uint64_t)instance_route(&s_instance, name, "desk", "AAPL", "buy");
}

static double s_refused(void) {
    const rest_reply_t *reply = rest_get_ok(&s_instance.rest, "/metrics");
    const char *name = "\nintegration_clients_refused_total{component=\"stream\"} ";
    const char *at = strstr(buf_str(&reply->body), name);
    cr_assert(at, "%s", buf_str(&reply->body));
    return atof(at + strlen(name));
}

static void s_await_refused(double count) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (s_refused() < count)
        cr_assert(program_look_again(deadline), "%g refusals of %g", s_refused(), count);
}

static size_t s_times(const char *text, const char *wanted) {
    size_t times = 0;
    for (const char *at = text; (at = strstr(at, wanted)); at++)
        times++;
    return times;
}

/* ---- admitted ---- */

static void s_expect_dense(uint64_t last) {
    seen_list_t seen = follower_seen(&s_follower);
    cr_assert_eq(seen.count, last);
    for (size_t i = 0; i < seen.count; i++)
        cr_assert_eq(seen.items[i].seq, i + 1);
    cr_expect(seen.items[0].replay);
    seen_list_free(&seen);
}

static void s_is_admitted(follower_kind_t kind) {
    uint64_t before = s_route("before");
    s_follow_as(&s_follower, kind, "alice", NULL, NULL);
    follower_await_seq(&s_follower, before);
    uint64_t last = s_route("after");
    follower_await_seq(&s_follower, last);
    s_expect_dense(last);
}

Test(stream_curve, the_python_client_in_the_list_gets_replay_and_stream) {
    s_is_admitted(FOLLOWER_PYTHON);
}

Test(stream_curve, the_c_client_in_the_list_gets_replay_and_stream) {
    s_is_admitted(FOLLOWER_C);
}

Test(stream_curve, the_cli_in_the_list_gets_replay_and_stream) {
    s_is_admitted(FOLLOWER_CLI);
}

/* ---- refused ---- */

static void s_is_refused(follower_kind_t kind) {
    s_make_keys("mallory");
    uint64_t seq = s_route("secret");
    s_follow_as(&s_witness, FOLLOWER_C, "alice", NULL, NULL);
    follower_await_seq(&s_witness, seq);
    s_follow_as(&s_follower, kind, "mallory", "--give-up", "3");
    cr_expect_eq(program_wait(s_follower.program), 3, "%s", program_err(s_follower.program));
    cr_expect_str_eq(program_out(s_follower.program), "");
    cr_expect(strstr(program_err(s_follower.program), "nothing was heard"));
    cr_expect(program_is_running(s_witness.program));
}

Test(stream_curve, an_unknown_python_client_gets_nothing) {
    s_is_refused(FOLLOWER_PYTHON);
}

Test(stream_curve, an_unknown_c_client_gets_nothing) {
    s_is_refused(FOLLOWER_C);
}

Test(stream_curve, an_unknown_key_gets_no_replay_either) {
    int status;
    s_make_keys("mallory");
    s_route("secret");
    char server[256];
    snprintf(server, sizeof server, "%s", instance_path(&s_instance, "curve/server.key"));
    program_destroy(&s_cli);
    s_cli = program_run("integration-cli",
                        LIST("replay", "--replay-url", s_instance.replay_url, "--timeout", "2",
                             "--curve-server-key", server, "--curve-client-key",
                             s_file("keys", "mallory", "key_secret")),
                        NULL, &status);
    cr_expect_eq(status, 1);
    cr_expect_str_eq(program_out(s_cli), "");
    cr_expect(strstr(program_err(s_cli), "no answer"));
    cr_expect_geq(s_refused(), 1);
}

Test(stream_curve, an_unknown_key_that_comes_again_and_again_is_logged_once) {
    s_make_keys("mallory");
    s_follow_as(&s_follower, FOLLOWER_C, "mallory", NULL, NULL);
    s_await_refused(5);
    const char *log = program_err(s_instance.program);
    cr_expect_eq(s_times(log, "a stream client was refused"), 1);
    cr_expect_eq(s_times(log, "its key is not in clients/"), 1);
    char key[64];
    snprintf(key, sizeof key, "%.10s", s_public_key); /* the rest may hold what JSON escapes */
    if (!strpbrk(key, "\\\"/"))
        cr_expect(strstr(strstr(log, "a stream client was refused"), key), "%s is not named", key);
}

/* ---- reload ---- */

Test(stream_curve, sighup_reads_the_list_again_and_who_was_added_is_admitted) {
    uint64_t seq = s_route("one");
    s_make_keys("bob");
    s_admit("bob");
    program_signal(s_instance.program, SIGHUP);
    cr_expect(strstr(program_line(s_instance.program, "allow-list of the stream read"), "\"clients\":2"));
    s_follow_as(&s_follower, FOLLOWER_C, "bob", NULL, NULL);
    follower_await_seq(&s_follower, seq);
}

Test(stream_curve, a_client_that_waits_is_served_once_it_is_admitted) {
    s_make_keys("bob");
    uint64_t seq = s_route("one");
    s_follow_as(&s_follower, FOLLOWER_C, "bob", NULL, NULL);
    s_await_refused(1);
    cr_expect_str_eq(program_out(s_follower.program), "");
    s_admit("bob");
    program_signal(s_instance.program, SIGHUP);
    follower_await_seq(&s_follower, seq);
}

Test(stream_curve, sighup_reads_the_list_again_and_who_was_removed_is_refused) {
    uint64_t seq = s_route("one");
    s_follow_as(&s_follower, FOLLOWER_C, "alice", NULL, NULL);
    follower_await_seq(&s_follower, seq);
    follower_stop(&s_follower);
    s_expel("alice");
    program_signal(s_instance.program, SIGHUP);
    cr_expect(strstr(program_line(s_instance.program, "allow-list of the stream read"), "\"clients\":0"));
    s_follow_as(&s_follower, FOLLOWER_C, "alice", "--give-up", "2");
    cr_expect_eq(program_wait(s_follower.program), 3);
    cr_expect_str_eq(program_out(s_follower.program), "");
}
