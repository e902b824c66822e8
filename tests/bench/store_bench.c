/* Measures the store below the bus: groups of signal units, each with its event, committed one group after the other.
 *
 * usage: bench-store-bench [sqlite | postgresql://...] [seconds] [group size]; SQLite in a temporary directory
 * (TMPDIR) and all group sizes when nothing is said.
 * Prints one JSON object a group size; cpu_us is the thread's time a signal. */
#include "base/clock.h"
#include "base/ids.h"
#include "integration/v1/signals.pb.h"
#include "store/group.h"
#include "store/link.h"
#include "store/store_private.h"
#include "tables.gen.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SYMBOLS = 500 };

/* A unit as the signals component makes it; ids differ, so every run of it is a new row. */
static void s_add_signal(store_write_t *write, int number) {
    char id[UUID_SIZE], routing[UUID_SIZE], symbol[16], topic[64];
    ids_uuid7(id);
    ids_uuid7(routing);
    snprintf(symbol, sizeof symbol, "%06d.SH", 600000 + number % SYMBOLS);
    snprintf(topic, sizeof topic, "signal/execution/%s", symbol);
    int64_t now = clock_wall_ms();
    Signal signal = Signal_init_zero;
    assert_always(MESSAGE_SET(signal.signal_id, id));
    assert_always(MESSAGE_SET(signal.source, "macro"));
    assert_always(MESSAGE_SET(signal.target, "execution"));
    assert_always(MESSAGE_SET(signal.signal_type, "analysis"));
    signal.data = message_strdup("{\"symbols\":[\"600519.SH\"],\"reason\":\"momentum above its average\"}");
    signal.metadata = message_strdup("{\"cycle_id\":\"0198c0de-0000-7000-8000-000000000000\"}");
    assert_always(MESSAGE_SET(signal.status, "routed"));
    assert_always(MESSAGE_SET(signal.routing_id, routing));
    signal.seq = STORE_SEQ_OF(0);
    store_write_op(write, "signal_insert", "issssssddisssiiisssssissiin", (int64_t)0, id, "analysis", "macro",
                   "execution", symbol, "buy", 0.5, 0.75, (int64_t)3, "1d", NULL, NULL, (int64_t)number, now,
                   now + 300000, signal.data, signal.metadata, "routed", NULL, routing,
                   (int64_t)ids_random64(), NULL, NULL, now, now);
    store_write_expect(write, 1);
    store_write_event(write, topic, Signal_message(), &signal, NULL);
    store_write_seq(write, 0, 0);
    message_release(Signal_message(), &signal);
}

static StoreWrite s_make_group(int units) {
    store_write_t *write = store_write_new();
    for (int i = 0; i < units; i++) {
        store_write_unit(write);
        s_add_signal(write, (int)(ids_random64() % SYMBOLS));
    }
    return store_write_take(&write);
}

static double s_cpu_seconds(void) {
    struct rusage used;
    assert_always(getrusage(RUSAGE_THREAD, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void s_measure(const char *engine, group_t *group, sequence_t *sequence, int units, double seconds) {
    int64_t spent_us = 0, rows = 0, commits = 0;
    double cpu_seconds = 0;
    while ((double)spent_us < seconds * 1e6) {
        StoreWrite write = s_make_group(units);
        int64_t begin_us = clock_mono_us();
        double cpu_begin = s_cpu_seconds();
        group_add(group, &write);
        err_t err = group_commit(group, sequence);
        spent_us += clock_mono_us() - begin_us;
        cpu_seconds += s_cpu_seconds() - cpu_begin;
        if (err != OK || group_unit(group, 0)->err != OK) {
            fprintf(stderr, "commit failed: %s: %s\n", err_name(err), buf_str(&sequence->engine->error));
            exit(1);
        }
        group_clear(group);
        rows += units;
        commits++;
        message_release(StoreWrite_message(), &write);
    }
    printf(
        "{\"bench\":\"store\",\"engine\":\"%s\",\"group\":%d,\"signals_per_second\":%.0f,\"commit_ms\":%.3f,"
        "\"cpu_us\":%.1f}\n",
        engine, units, (double)rows * 1e6 / (double)spent_us, (double)spent_us / 1e3 / (double)commits,
        cpu_seconds * 1e6 / (double)rows);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const int sizes[] = {1, 16, 256, 1000};
    const char *base = getenv("TMPDIR");
    char dir[256], command[300];
    snprintf(dir, sizeof dir, "%s/integration-bench-XXXXXX", base ? base : "/tmp");
    config_t config = {.data_dir = mkdtemp(dir)};
    link_t link;
    if (argc > 1 && strcmp(argv[1], "sqlite") != 0)
        config.database_url = argv[1];
    if (link_init(&link, &config, NULL, false) != OK || link_open(&link) != OK) {
        fprintf(stderr, "%s\n", buf_str(&link.reason));
        return 1;
    }
    sequence_t sequence = {.engine = link.engine, .topics = topics_new(TOPICS_KEPT)};
    if (sequence_load(&sequence) != OK)
        return 1;
    group_t *group = group_new();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (argc < 4 || atoi(argv[3]) == sizes[i])
            s_measure(link_engine_name(&link), group, &sequence, sizes[i], argc > 2 ? atof(argv[2]) : 2);
    group_destroy(&group);
    topics_destroy(&sequence.topics);
    link_free(&link);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? 0 : 1;
}
