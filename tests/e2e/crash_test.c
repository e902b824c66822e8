/* SIGKILL under load, again and again: what was acknowledged is there after the restart, once, and reaches the stream.
 *
 * CRASH_KILLS sets how often the process is killed on SQLite (50), CRASH_KILLS_POSTGRES on PostgreSQL (4), CRASH_SEED
 * the moments (the time). */
#include "load.h"
#include "postgres.h"
#include "simulator.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { KILLS = 50, KILLS_POSTGRES = 4, ACKNOWLEDGED_MOST = 150 };

static instance_t s_instance;
static load_t *s_load;
static program_t *s_tail;
static postgres_t *s_server;

static void s_setup(void) {
    instance_open(&s_instance, NULL);
    s_load = load_new();
}

static void s_teardown(void) {
    load_destroy(&s_load);
    program_destroy(&s_tail);
    instance_close(&s_instance);
    if (s_server)
        postgres_destroy(&s_server);
}

TestSuite(crash, .init = s_setup, .fini = s_teardown, .timeout = 7200);

static unsigned s_from_environment(const char *name, unsigned otherwise) {
    const char *text = getenv(name);
    return text && atoi(text) > 0 ? (unsigned)atoi(text) : otherwise;
}

/* A restart binds the addresses of the first start, so that subscribers find it again. */
static void s_keep_addresses(void) {
    char setting[128];
    snprintf(setting, sizeof setting, "INTEGRATION_STREAM_URL=%s", s_instance.stream_url);
    instance_set(&s_instance, setting);
    snprintf(setting, sizeof setting, "INTEGRATION_REPLAY_URL=%s", s_instance.replay_url);
    instance_set(&s_instance, setting);
}

static void s_start_tail(void) {
    s_tail = program_start("integration-cli",
                           LIST("tail", "--url", s_instance.stream_url, "--replay-url", s_instance.replay_url,
                                "--json", "--from-seq", "0"),
                           NULL);
}

/* Kills at a moment given by the number of signals acknowledged, which is as good as any. */
static void s_kill_under_load(unsigned *seed) {
    load_start(s_load, s_instance.port);
    load_await_acknowledged(s_load, 1 + (size_t)rand_r(seed) % ACKNOWLEDGED_MOST);
    instance_kill(&s_instance);
    load_stop(s_load);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static unsigned s_seed(void) {
    unsigned seed = s_from_environment("CRASH_SEED", (unsigned)time(NULL));
    fprintf(stderr, "CRASH_SEED=%u\n", seed);
    return seed;
}

/* What one subscriber that never went away has seen: every seq, in order, once. Line by line, as sanitizers measure the
 * whole text at each search in it. */
static void s_expect_tail_saw_all(uint64_t last) {
    char needle[48];
    uint64_t seq = 0;
    snprintf(needle, sizeof needle, "\"seq\":%" PRIu64 ",", last);
    program_line(s_tail, needle);
    char *text = strdup(program_out(s_tail)), *end = text + strlen(text), *line = text, *next;
    for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1) {
        *next = '\0';
        const char *at = strstr(line, "\"seq\":");
        cr_assert(at);
        cr_assert_eq(strtoull(at + 6, NULL, 10), seq + 1, "after %" PRIu64 " came %.60s", seq, line);
        seq++;
    }
    cr_assert_eq(seq, last);
    free(text);
}

/* A load without superseding would prove less. */
static void s_expect_all_there(void) {
    load_account_t account = load_verify(s_load, &s_instance);
    fprintf(stderr, "seq %" PRIu64 ": %zu routed, %zu rejected, %zu superseded\n", account.last_seq,
            account.routed, account.rejected, account.superseded);
    cr_expect(account.routed && account.rejected && account.superseded);
    s_expect_tail_saw_all(account.last_seq);
}

Test(crash, on_sqlite_nothing_acknowledged_is_lost_or_doubled) {
    unsigned kills = s_from_environment("CRASH_KILLS", KILLS), seed = s_seed();
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    s_keep_addresses();
    s_start_tail();
    for (unsigned i = 0; i < kills; i++)
        s_kill_under_load(&seed);
    s_expect_all_there();
}

Test(crash, on_postgresql_nothing_acknowledged_is_lost_or_doubled) {
    unsigned kills = s_from_environment("CRASH_KILLS_POSTGRES", KILLS_POSTGRES), seed = s_seed();
    char setting[160];
    s_server = postgres_new();
    postgres_start(s_server);
    snprintf(setting, sizeof setting, "DATABASE_URL=%s", postgres_url(s_server));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    s_keep_addresses();
    s_start_tail();
    for (unsigned i = 0; i < kills; i++)
        s_kill_under_load(&seed);
    s_expect_all_there();
}

Test(crash, a_kill_during_the_start_harms_nothing) {
    unsigned seed = s_seed();
    instance_start(&s_instance);
    load_start(s_load, s_instance.port);
    load_await_acknowledged(s_load, 50);
    instance_kill(&s_instance);
    load_stop(s_load);
    for (int i = 0; i < 5; i++) {
        long long until = program_now_ms() + rand_r(&seed) % 120;
        instance_launch(&s_instance);
        while (program_look_again(until))
            ;
        program_kill(s_instance.program);
    }
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    load_verify(s_load, &s_instance);
}
