/* The example clients (Python, C) and integration-cli tail against the real service: live and replay, restarts, a store
 * that is replaced, and a subscriber that is too slow. Each must end with all messages, each once. */
#include "stream_follower.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static instance_t s_instance;
static follower_t s_follower;

static void s_setup(void) {
    instance_begin(&s_instance, NULL);
    instance_await_readyz(&s_instance, 200);
    instance_keep_addresses(&s_instance);
}

static void s_teardown(void) {
    follower_stop(&s_follower);
    instance_close(&s_instance);
}

TestSuite(stream_clients, .init = s_setup, .fini = s_teardown, .timeout = 240);

/* Each as a test of its own for every client. */
#define FOR_EACH_CLIENT(name)                   \
    static void s_##name(follower_kind_t kind); \
    Test(stream_clients, name##_in_python) {    \
        s_##name(FOLLOWER_PYTHON);              \
    }                                           \
    Test(stream_clients, name##_in_c) {         \
        s_##name(FOLLOWER_C);                   \
    }                                           \
    Test(stream_clients, name##_by_the_cli) {   \
        s_##name(FOLLOWER_CLI);                 \
    }                                           \
    static void s_##name(follower_kind_t kind)

static void s_kill_and_restart(void) {
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static size_t s_count_replayed(void) {
    seen_list_t seen = follower_seen(&s_follower);
    size_t replayed = 0;
    for (size_t i = 0; i < seen.count; i++)
        replayed += seen.items[i].replay;
    seen_list_free(&seen);
    return replayed;
}

FOR_EACH_CLIENT(what_was_is_replayed_and_what_comes_follows_without_gap_or_double) {
    uint64_t before = instance_route_many(&s_instance, "before", 300, 7, 10);
    follower_start(&s_follower, kind, &s_instance, LIST("--from-seq", "0"));
    follower_await_seq(&s_follower, before);
    cr_expect_geq(s_count_replayed(), 300);
    uint64_t last = instance_route_many(&s_instance, "after", 300, 7, 10);
    follower_await_seq(&s_follower, last);
    follower_expect_all(&s_follower, &s_instance, "");
    cr_expect_lt(s_count_replayed(), last, "what came while it was connected came live");
}

FOR_EACH_CLIENT(a_prefix_gets_its_topics_and_nothing_else) {
    instance_route_many(&s_instance, "one", 100, 20, 10);
    follower_start(&s_follower, kind, &s_instance, LIST("--from-seq", "0", "--prefix", "signal/desk/S1"));
    instance_route_many(&s_instance, "two", 100, 20, 10);
    long long last = instance_route(&s_instance, "last", "desk", "S1", "buy");
    follower_await_seq(&s_follower, (uint64_t)last);
    follower_expect_all(&s_follower, &s_instance, "signal/desk/S1"); /* S1, and S10 to S19 */
}

static void s_follow_over_kills(follower_kind_t kind, const char *prefix) {
    char name[16];
    follower_start(&s_follower, kind, &s_instance, LIST("--from-seq", "0", "--prefix", prefix));
    uint64_t first = instance_route_many(&s_instance, "first", 50, 3, 10);
    follower_await_seq(&s_follower, first);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "kill%d", i);
        s_kill_and_restart();
        instance_route_many(&s_instance, name, 50, 3, 10); /* perhaps before the client is connected again */
    }
    long long last = instance_route(&s_instance, "last", "desk", "S1", "buy");
    follower_await_seq(&s_follower, (uint64_t)last);
    follower_expect_all(&s_follower, &s_instance, prefix);
}

FOR_EACH_CLIENT(a_service_that_is_killed_and_restarted_costs_a_subscriber_of_everything_nothing) {
    s_follow_over_kills(kind, "");
}

FOR_EACH_CLIENT(a_service_that_is_killed_and_restarted_costs_a_subscriber_of_a_prefix_nothing) {
    s_follow_over_kills(kind, "signal/");
}

/* Another data directory at the same addresses: what comes is another stream, from its beginning. */
FOR_EACH_CLIENT(a_store_that_was_replaced_is_noticed_and_followed_from_its_beginning) {
    char setting[128];
    follower_start(&s_follower, kind, &s_instance, LIST("--from-seq", "0"));
    uint64_t first = instance_route_many(&s_instance, "old", 40, 3, 10);
    follower_await_seq(&s_follower, first);
    seen_list_t old = follower_seen(&s_follower);
    instance_kill(&s_instance);
    snprintf(setting, sizeof setting, "INTEGRATION_DATA_DIR=%s", instance_path(&s_instance, "other"));
    instance_set(&s_instance, setting);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    uint64_t last = instance_route_many(&s_instance, "new", 60, 3, 10);
    follower_await_seq(&s_follower, last);
    seen_list_t seen = follower_seen(&s_follower), has = service_has(&s_instance, "");
    cr_assert_eq(seen.count, old.count + has.count);
    for (size_t i = 0; i < has.count; i++) {
        cr_assert_eq(seen.items[old.count + i].seq, has.items[i].seq);
        cr_assert_eq(seen.items[old.count + i].epoch, has.items[i].epoch);
    }
    cr_expect_neq(seen.items[0].epoch, has.items[0].epoch);
    cr_expect(strstr(program_err(s_follower.program), "store was replaced"), "%s",
              program_err(s_follower.program));
    seen_list_free(&old);
    seen_list_free(&seen);
    seen_list_free(&has);
}

/* ---- too slow ---- */

enum { SLOW_SIGNALS = 2000, SLOW_BYTES = 8000, SLOW_LOST = 500, TOPICS = 50 };

/* Each topic speaks once; true when the subscriber saw them all, so that it knows what it lost of each. */
static bool s_speak_and_be_seen(int round) {
    uint64_t seqs[TOPICS];
    for (int i = 0; i < TOPICS; i++) {
        char symbol[16], name[32];
        snprintf(symbol, sizeof symbol, "S%d", i);
        snprintf(name, sizeof name, "again-%d-%d", round, i);
        seqs[i] = (uint64_t)instance_route(&s_instance, name, "desk", symbol, "buy");
    }
    long long deadline = program_now_ms() + 3000;
    for (int i = 0; i < TOPICS; i++)
        if (!follower_sees(&s_follower, seqs[i], (int)(deadline - program_now_ms())))
            return false;
    return true;
}

/* Again while the subscriber is still so far behind that it loses that too. */
static void s_speak_until_seen(void) {
    for (int round = 0; !s_speak_and_be_seen(round); round++)
        cr_assert_lt(round, 40, "%s", program_err(s_follower.program));
}

/* A stopped subscriber: nobody waits for it, and when it goes on it sees by seq, topic_seq or heartbeat what it lost, and
 * gets it again. That it lost so much is what shows that the service keeps no more for it than its HWM: the kernel's
 * buffers hold a few megabytes, far less than is sent. */
static void s_stop_a_subscriber(follower_kind_t kind, const char *prefix) {
    instance_kill(&s_instance);
    instance_set(&s_instance, "INTEGRATION_STREAM_HWM=100");
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    instance_route_many(&s_instance, "warm", 100, TOPICS, SLOW_BYTES);
    follower_start(&s_follower, kind, &s_instance, LIST("--from-seq", "0", "--prefix", prefix));
    long long first = instance_route(&s_instance, "first", "desk", "S1", "buy");
    follower_await_seq(&s_follower, (uint64_t)first);
    size_t replayed = s_count_replayed();
    program_signal(s_follower.program, SIGSTOP);
    instance_route_many(&s_instance, "slow", SLOW_SIGNALS, TOPICS, SLOW_BYTES);
    program_signal(s_follower.program, SIGCONT);
    s_speak_until_seen();
    follower_expect_all(&s_follower, &s_instance, prefix);
    cr_expect_geq(s_count_replayed() - replayed, SLOW_LOST, "%s", program_err(s_follower.program));
}

FOR_EACH_CLIENT(a_stopped_subscriber_of_everything_slows_nobody_and_recovers_what_it_lost) {
    s_stop_a_subscriber(kind, "");
}

FOR_EACH_CLIENT(a_stopped_subscriber_of_a_prefix_slows_nobody_and_recovers_what_it_lost) {
    s_stop_a_subscriber(kind, "signal/");
}

/* ---- going on where one left off ---- */

static void s_run_from(follower_kind_t kind, uint64_t after, uint64_t epoch, uint64_t until) {
    char numbers[3][32];
    snprintf(numbers[0], 32, "%" PRIu64, after);
    snprintf(numbers[1], 32, "%" PRIu64, epoch);
    snprintf(numbers[2], 32, "%" PRIu64, until);
    follower_start(&s_follower, kind, &s_instance,
                   LIST("--from-seq", numbers[0], "--epoch", numbers[1], "--until-seq", numbers[2]));
    cr_assert_eq(program_wait(s_follower.program), 0, "%s", program_err(s_follower.program));
}

static void s_goes_on(follower_kind_t kind) {
    uint64_t last = instance_route_many(&s_instance, "kept", 100, 3, 10);
    s_run_from(kind, 0, 0, last);
    seen_list_t all = follower_seen(&s_follower);
    cr_assert_geq(all.count, 100);
    uint64_t epoch = all.items[0].epoch;
    s_run_from(kind, all.items[59].seq, epoch, last);
    seen_list_t rest = follower_seen(&s_follower);
    cr_assert_eq(rest.count, all.count - 60);
    cr_expect_eq(rest.items[0].seq, all.items[60].seq);
    seen_list_free(&rest);
    s_run_from(kind, last + 1000, epoch + 1, last); /* of a store that is no more */
    rest = follower_seen(&s_follower);
    cr_expect_eq(rest.count, all.count, "all of the new store: %zu", rest.count);
    seen_list_free(&rest);
    seen_list_free(&all);
}

Test(stream_clients, the_c_client_goes_on_at_the_epoch_and_seq_it_kept) {
    s_goes_on(FOLLOWER_C);
}

Test(stream_clients, the_python_client_goes_on_at_the_epoch_and_seq_it_kept) {
    s_goes_on(FOLLOWER_PYTHON);
}

/* ---- ends ---- */

static void s_expect_end(follower_kind_t kind, const char *const *more, int status, const char *text) {
    follower_start(&s_follower, kind, &s_instance, more);
    cr_expect_eq(program_wait(s_follower.program), status, "%s", program_err(s_follower.program));
    cr_expect(strstr(program_err(s_follower.program), text), "%s", program_err(s_follower.program));
}

Test(stream_clients, end_with_a_status_that_says_why) {
    for (follower_kind_t kind = FOLLOWER_PYTHON; kind <= FOLLOWER_C; kind++) {
        s_expect_end(kind, LIST("--nonsense"), 2, "--nonsense");
        s_expect_end(kind, LIST("--curve-server-key", "x"), 2, "both or neither");
        s_expect_end(kind, LIST("--curve-server-key", "/none", "--curve-client-key", "/none"), 1,
                     "cannot begin");
        s_expect_end(kind, LIST("--url", "nonsense"), 1, "cannot begin");
        s_expect_end(kind, LIST("--url", "tcp://127.0.0.1:1", "--give-up", "1"), 3, "nothing was heard");
    }
}
