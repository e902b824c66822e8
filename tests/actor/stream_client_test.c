/* The clients that ship with the service, over the real stream: integration-cli and the example subscribers. */
#include "stream/certificate.h"
#include "stream_fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A program with its output in a pipe. */
typedef struct {
    pid_t pid;
    FILE *out;
} program_t;

/* It ends with the test, whatever becomes of that. */
static program_t s_start(char *const *argv) {
    int ends[2];
    program_t program;
    cr_assert_eq(pipe(ends), 0);
    program.pid = fork();
    if (program.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    cr_assert_gt(program.pid, 0);
    close(ends[1]);
    program.out = fdopen(ends[0], "r");
    return program;
}

static void s_next_line(const program_t *program, char line[4096]) {
    cr_assert(fgets(line, 4096, program->out), "a line comes");
}

static int s_wait(const program_t *program) {
    int status;
    cr_assert_eq(waitpid(program->pid, &status, 0), program->pid);
    fclose(program->out);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static long s_number(const char *line, const char *name) {
    const char *at = strstr(line, name);
    cr_assert(at, "%s in %s", name, line);
    return strtol(at + strlen(name), NULL, 10);
}

#define CLI      TEST_BIN_DIR "/integration-cli"
#define C_CLIENT TEST_BIN_DIR "/stream-subscriber"
#define PYTHON   TEST_SOURCE_DIR "/deploy/examples/subscriber.py"

STREAM_TEST(stream_client, tail_shows_what_was_and_what_comes_and_ends_cleanly_when_interrupted) {
    char line[4096];
    commit_signals(f, "AAPL", 2, 1);
    start_stream(f);
    wait_published(f, 2);
    program_t tail = s_start((char *[]){CLI, "tail", "--url", f->stream_url, "--replay-url", f->replay_url,
                                        "--from-seq", "0", "--prefix", "signal/", NULL});
    s_next_line(&tail, line);
    cr_expect(strstr(line, " #1 signal/execution/AAPL "), "%s", line);
    cr_expect(strstr(line, "AAPL strength=0.750 confidence=0.500 priority=3 routed"), "%s", line);
    s_next_line(&tail, line);
    commit_signals(f, "MSFT", 1, 1);
    s_next_line(&tail, line);
    cr_expect(strstr(line, " #3 signal/execution/MSFT "), "%s", line);
    kill(tail.pid, SIGINT);
    cr_expect_eq(s_wait(&tail), 0);
}

STREAM_TEST(stream_client, tail_follows_over_a_restart_of_the_stream_without_gap_or_double) {
    char line[4096];
    start_stream(f);
    f->config.stream_url = f->stream_url;
    f->config.replay_url = f->replay_url;
    commit_signals(f, "A", 3, 1);
    program_t tail = s_start((char *[]){CLI, "tail", "--url", f->stream_url, "--replay-url", f->replay_url,
                                        "--json", "--from-seq", "0", "--count", "8", NULL});
    for (long seq = 1; seq <= 3; seq++) {
        s_next_line(&tail, line);
        cr_expect_eq(s_number(line, "\"seq\":"), seq);
    }
    stop_stream(f);
    commit_signals(f, "A", 3, 1); /* published at the start, before anybody has connected again */
    start_stream(f);
    wait_published(f, 6);
    commit_signals(f, "A", 2, 1);
    for (long seq = 4; seq <= 8; seq++) {
        s_next_line(&tail, line);
        cr_expect_eq(s_number(line, "\"seq\":"), seq);
        cr_expect(strstr(line, "\"payload\":{\"signal_id\":\"id\""), "%s", line);
    }
    cr_expect_eq(s_wait(&tail), 0);
}

STREAM_TEST(stream_client, replay_shows_what_is_kept_and_ends) {
    char line[4096];
    commit_signals(f, "A", 10, 1);
    start_stream(f);
    wait_published(f, 10);
    program_t replay = s_start((char *[]){CLI, "replay", "--replay-url", f->replay_url, "--after", "4",
                                          "--limit", "3", "--json", NULL});
    for (long seq = 5; seq <= 7; seq++) {
        s_next_line(&replay, line);
        cr_expect_eq(s_number(line, "\"seq\":"), seq);
        cr_expect(strstr(line, "\"replay\":true"));
    }
    cr_expect_null(fgets(line, sizeof line, replay.out));
    cr_expect_eq(s_wait(&replay), 0);
}

STREAM_TEST(stream_client, replay_fails_when_nobody_answers) {
    program_t replay =
        s_start((char *[]){CLI, "replay", "--replay-url", "tcp://127.0.0.1:1", "--timeout", "1", NULL});
    cr_expect_eq(s_wait(&replay), 1);
    (void)f;
}

/* Keys from curve-keygen; both clients are admitted by the public one. */
static void s_make_keys(fixture_t *f, char server[160], char secret[160]) {
    static char dir[96];
    char clients[160], public_key[160];
    snprintf(dir, sizeof dir, "%s/curve", f->dir);
    snprintf(clients, sizeof clients, "%s/clients", dir);
    snprintf(server, 160, "%s/server.key", dir);
    snprintf(secret, 160, "%s/clients/alice.key_secret", dir);
    snprintf(public_key, sizeof public_key, "%s/clients/alice.key", dir);
    cr_assert_eq(mkdir(dir, 0700), 0);
    program_t keygen = s_start((char *[]){CLI, "curve-keygen", clients, "alice", NULL});
    cr_assert_eq(s_wait(&keygen), 0);
    struct stat info;
    cr_assert_eq(stat(secret, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
    cr_assert_eq(access(public_key, R_OK), 0);
    program_t again = s_start((char *[]){CLI, "curve-keygen", clients, "alice", NULL});
    cr_expect_eq(s_wait(&again), 1, "keys are not overwritten");
    f->config.curve_dir = dir;
}

STREAM_TEST(stream_client, tail_and_python_read_an_encrypted_stream_with_keys_of_curve_keygen) {
    char server[160], secret[160], line[4096];
    s_make_keys(f, server, secret);
    commit_signals(f, "A", 2, 1);
    start_stream(f);
    wait_published(f, 2);
    program_t tail = s_start((char *[]){CLI, "tail", "--url", f->stream_url, "--replay-url", f->replay_url,
                                        "--from-seq", "0", "--count", "2", "--curve-server-key", server,
                                        "--curve-client-key", secret, NULL});
    s_next_line(&tail, line);
    s_next_line(&tail, line);
    cr_expect_eq(s_wait(&tail), 0);
    program_t python = s_start((char *[]){PYTHON, "--url", f->stream_url, "--replay-url", f->replay_url,
                                          "--json", "--from-seq", "1", "--count", "1", "--curve-server-key",
                                          server, "--curve-client-key", secret, NULL});
    s_next_line(&python, line);
    cr_expect_eq(s_number(line, "\"seq\": "), 2);
    cr_expect_eq(s_wait(&python), 0);
}

static void s_follow_with_python(fixture_t *f, const char *prefix) {
    char line[4096];
    start_stream(f);
    f->config.stream_url = f->stream_url;
    f->config.replay_url = f->replay_url;
    commit_signals(f, "A", 3, 1);
    program_t python =
        s_start((char *[]){PYTHON, "--url", f->stream_url, "--replay-url", f->replay_url, "--json",
                           "--from-seq", "0", "--prefix", (char *)prefix, "--count", "8", NULL});
    for (long seq = 1; seq <= 3; seq++) {
        s_next_line(&python, line);
        cr_expect_eq(s_number(line, "\"seq\": "), seq);
    }
    stop_stream(f);
    commit_signals(f, "A", 3, 1);
    start_stream(f);
    wait_published(f, 6);
    commit_signals(f, "A", 2, 1);
    for (long seq = 4; seq <= 8; seq++) {
        s_next_line(&python, line);
        cr_expect_eq(s_number(line, "\"seq\": "), seq);
    }
    cr_expect_eq(s_wait(&python), 0);
}

STREAM_TEST(stream_client, the_python_subscriber_follows_over_a_restart_without_gap_or_double) {
    s_follow_with_python(f, "");
}

STREAM_TEST(stream_client, the_python_subscriber_follows_a_prefix_over_a_restart) {
    s_follow_with_python(f, "signal/");
}

STREAM_TEST(stream_client, all_clients_read_a_stream_of_json) {
    char line[4096];
    f->config.stream_format = "json";
    commit_signals(f, "A", 1, 1);
    start_stream(f);
    wait_published(f, 1);
    program_t tail = s_start((char *[]){CLI, "tail", "--url", f->stream_url, "--replay-url", f->replay_url,
                                        "--from-seq", "0", "--count", "1", NULL});
    s_next_line(&tail, line);
    cr_expect(strstr(line, "A strength=0.750"), "%s", line);
    cr_expect_eq(s_wait(&tail), 0);
    program_t python = s_start((char *[]){PYTHON, "--url", f->stream_url, "--replay-url", f->replay_url,
                                          "--json", "--from-seq", "0", "--count", "1", NULL});
    s_next_line(&python, line);
    cr_expect(strstr(line, "\"symbol\": \"A\""), "%s", line);
    cr_expect_eq(s_wait(&python), 0);
    program_t c = s_start((char *[]){C_CLIENT, "--url", f->stream_url, "--replay-url", f->replay_url,
                                     "--json", "--from-seq", "0", "--count", "1", NULL});
    s_next_line(&c, line);
    cr_expect(strstr(line, "\"symbol\":\"A\""), "%s", line);
    cr_expect_eq(s_wait(&c), 0);
}
