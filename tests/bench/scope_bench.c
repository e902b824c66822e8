/* Measures the scope index.
 *
 * usage: bench-scope-bench [index | load [sqlite | postgresql://...] [signals]]
 *   index  what a signal costs with 1,000,000 active ones in 100,000 scopes, against 1,000 in 100:
 *            signal   the index, with scope_index_prefetch, and the making of the row and the event: the router's work
 *            ahead    the index only, with scope_index_prefetch
 *            alone    the index only, without
 *          The memory that they take, and what one costs in a scope that holds all of them.
 *   load   how long the index takes to be rebuilt from the store, through the store's reader
 * Prints one JSON object each; SQLite in a temporary directory (TMPDIR). */
#include "base/clock.h"
#include "base/ids.h"
#include "signals/index/active_load.h"
#include "signals/signal_row.h"
#include "store/link.h"
#include "store/store_actor.h"
#include "store/store_private.h"
#include "tables.gen.h"
#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FEW = 1000, MANY = 1000000, A_SCOPE = 10, GROUP = 256, GROUPS = 400, ROUNDS = 9, LIFE_MS = 300000 };

/* ---- index ---- */

typedef struct {
    char id[UUID_SIZE], symbol[16];
    candidate_t candidate;
    candidate_scopes_t scopes;
    Signal signal;
} newcomer_t;

typedef struct {
    scope_index_t *index;
    int64_t now;
    uint32_t scopes, active;
    uint64_t seq, suspicions;
    int64_t routed_ns, expired_ns, signals;
    newcomer_t newcomers[GROUP];
    scope_key_t keys[GROUP];
} world_t;

/* Compatible with all others: what is measured is that nothing contradicts. */
static void s_make(world_t *self, newcomer_t *newcomer) {
    uint64_t random = ids_random64();
    Signal *signal = &newcomer->signal;
    *signal = (Signal)Signal_init_zero;
    ids_uuid7(signal->signal_id);
    snprintf(signal->symbol, sizeof signal->symbol, "%06u.SH", (unsigned)(random % self->scopes));
    strcpy(signal->source, random >> 40 & 1 ? "macro" : "portfolio");
    strcpy(signal->target, "execution");
    strcpy(signal->side, "buy");
    signal->has_symbol = signal->has_side = true;
    signal->strength = 0.5 + (double)(random >> 50) / 65536;
    signal->confidence = 0.75;
    signal->priority = 3;
    signal->seq = ++self->seq;
    signal->timestamp = self->now;
    signal->expiry_time = self->now + LIFE_MS;
    signal->data = "{\"reason\":\"momentum above its average\"}";
    signal->metadata = "{}";
}

static void s_route(world_t *self, newcomer_t *newcomer) {
    self->suspicions +=
        scope_index_suspects(self->index, newcomer->scopes.keys, &newcomer->candidate, self->now);
    scope_index_add(self->index, &newcomer->candidate, newcomer->scopes.keys, newcomer->scopes.count);
    assert_always(scope_index_find(self->index, newcomer->scopes.keys, newcomer->candidate.signal_id));
}

static int64_t s_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

typedef enum { SIGNAL, AHEAD, ALONE } way_t;

/* One step ahead of those that are being routed. */
static void s_prefetch(const world_t *self, size_t first, size_t count) {
    enum { STEP = 32 };
    if (first % STEP != 0)
        return;
    if (first == 0)
        scope_index_prefetch(self->index, self->keys, count < STEP ? count : STEP);
    first += STEP;
    if (first < count)
        scope_index_prefetch(self->index, self->keys + first, count - first < STEP ? count - first : STEP);
}

static void s_route_group(world_t *self, size_t count, way_t way) {
    for (size_t i = 0; i < count; i++)
        s_make(self, &self->newcomers[i]);
    int64_t begin_ns = s_now_ns();
    store_write_t *write = way == SIGNAL ? store_write_new() : NULL;
    for (size_t i = 0; i < count; i++) {
        newcomer_t *newcomer = &self->newcomers[i];
        candidate_of(&newcomer->signal, &newcomer->candidate);
        candidate_scopes(&newcomer->signal, &newcomer->scopes);
        self->keys[i] = newcomer->scopes.keys[0];
    }
    for (size_t i = 0; i < count; i++) {
        newcomer_t *newcomer = &self->newcomers[i];
        if (way != ALONE)
            s_prefetch(self, i, count);
        s_route(self, newcomer);
        if (write) {
            store_write_unit(write);
            signal_row_write(write, &newcomer->signal, NULL, newcomer->candidate.seq, NULL);
        }
    }
    store_write_destroy(&write);
    self->routed_ns += s_now_ns() - begin_ns;
    self->signals += (int64_t)count;
}

/* A group comes, and the oldest one goes. */
static void s_turn(world_t *self, way_t way) {
    s_route_group(self, GROUP, way);
    int64_t begin_ns = s_now_ns();
    while (scope_index_count(self->index) > self->active)
        if (scope_index_expire(self->index, self->now + LIFE_MS,
                               scope_index_count(self->index) - self->active) == 0)
            break;
    self->expired_ns += s_now_ns() - begin_ns;
    self->now++;
}

static world_t *s_new_world(uint32_t active, uint32_t scopes) {
    world_t *self = calloc(1, sizeof *self);
    assert_always(self);
    *self = (world_t){.index = scope_index_new(), .now = clock_wall_ms(), .scopes = scopes, .active = active};
    while (scope_index_count(self->index) < active) {
        size_t missing = active - scope_index_count(self->index);
        s_route_group(self, missing < GROUP ? missing : GROUP, AHEAD);
        self->now++;
    }
    return self;
}

static void s_end_world(world_t **self_p) {
    scope_index_destroy(&(*self_p)->index);
    free(*self_p);
    *self_p = NULL;
}

static void s_measure(world_t *self, way_t way, double *routed_ns, double *expired_ns) {
    self->routed_ns = self->expired_ns = self->signals = 0;
    self->suspicions = 0;
    for (int i = 0; i < GROUPS; i++)
        s_turn(self, way);
    *routed_ns = (double)self->routed_ns / (double)self->signals;
    *expired_ns = (double)self->expired_ns / (double)self->signals;
}

static int s_by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double s_median(double *values) {
    qsort(values, ROUNDS, sizeof *values, s_by_size);
    return values[ROUNDS / 2];
}

static long s_resident_bytes(void) {
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_always(file && fscanf(file, "%ld %ld", &all, &pages) == 2);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Rounds alternate, so that a busy moment of the machine hits both alike. */
static void s_compare(world_t *few, world_t *many, way_t way, const char *name) {
    double few_ns[ROUNDS], many_ns[ROUNDS], ratios[ROUNDS], few_expired[ROUNDS], many_expired[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        s_measure(few, way, &few_ns[i], &few_expired[i]);
        s_measure(many, way, &many_ns[i], &many_expired[i]);
        ratios[i] = many_ns[i] / few_ns[i];
    }
    double ratio = s_median(ratios);
    printf("{\"bench\":\"scope\",\"part\":\"%s\",\"ratio\":%.2f,\"few_ns\":%.0f,\"many_ns\":%.0f,"
           "\"few_expire_ns\":%.0f,\"many_expire_ns\":%.0f,\"suspicions\":%" PRIu64 "}\n",
           name, ratio, s_median(few_ns), s_median(many_ns), s_median(few_expired), s_median(many_expired),
           few->suspicions + many->suspicions);
    fflush(stdout);
}

static void s_bench_hot_scope(void) {
    double routed, expired;
    world_t *hot = s_new_world(MANY, 1);
    s_measure(hot, AHEAD, &routed, &expired);
    printf("{\"bench\":\"scope\",\"part\":\"hot\",\"ns\":%.0f,\"expire_ns\":%.0f,\"suspicions\":%" PRIu64
           "}\n",
           routed, expired, hot->suspicions);
    s_end_world(&hot);
}

static void s_bench_index(void) {
    malloc_trim(0);
    long before = s_resident_bytes();
    world_t *many = s_new_world(MANY, MANY / A_SCOPE);
    long taken = s_resident_bytes() - before;
    printf(
        "{\"bench\":\"scope\",\"part\":\"memory\",\"bytes\":%.0f,\"resident_bytes\":%.0f,\"scopes\":%zu}\n",
        (double)scope_index_bytes(many->index) / MANY, (double)taken / MANY, scope_index_scopes(many->index));
    fflush(stdout);
    world_t *few = s_new_world(FEW, FEW / A_SCOPE);
    s_compare(few, many, SIGNAL, "signal");
    s_compare(few, many, AHEAD, "ahead");
    s_compare(few, many, ALONE, "alone");
    s_end_world(&few);
    s_end_world(&many);
    s_bench_hot_scope();
}

/* ---- load ---- */

static void s_must(err_t err, const link_t *link, const char *what) {
    if (err == OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, err_name(err),
            buf_str(link->engine ? &link->engine->error : &link->reason));
    exit(1);
}

/* As if one came each millisecond, with one of three lifetimes. */
static void s_fill_row(value_t *row, char texts[3][UUID_SIZE], int64_t seq, int64_t now) {
    ids_uuid7(texts[0]);
    ids_uuid7(texts[1]);
    snprintf(texts[2], UUID_SIZE, "%06d.SH", (int)(ids_random64() % (MANY / A_SCOPE)));
    static const int64_t lifetimes[] = {7200000, 14400000, 86400000};
    int64_t expiry = now + seq + lifetimes[ids_random64() % 3];
    const value_t values[] = {
        VALUE_OF_INT(seq),
        value_text(texts[0]),
        value_text("analysis"),
        value_text("macro"),
        value_text("execution"),
        value_text(texts[2]),
        value_text("buy"),
        {.kind = VALUE_DOUBLE, .real = 0.5},
        {.kind = VALUE_DOUBLE, .real = 0.75},
        VALUE_OF_INT(3),
        value_text("1d"),
        VALUE_NONE,
        VALUE_NONE,
        VALUE_OF_INT(seq),
        VALUE_OF_INT(now),
        VALUE_OF_INT(expiry),
        value_text("{\"symbols\":[\"600519.SH\"],\"reason\":\"momentum above its average\"}"),
        value_text("{\"cycle_id\":\"0198c0de-0000-7000-8000-000000000000\"}"),
        value_text("routed"),
        VALUE_NONE,
        value_text(texts[1]),
        VALUE_OF_INT(ids_random64()),
        VALUE_NONE,
        VALUE_NONE,
        VALUE_OF_INT(now),
        VALUE_OF_INT(now),
        VALUE_NONE};
    memcpy(row, values, sizeof values);
}

static void s_fill_store(link_t *link, int64_t signals) {
    enum { ROWS = 1000, COLUMNS = 27 };
    static value_t rows[ROWS][COLUMNS];
    static char texts[ROWS][3][UUID_SIZE];
    engine_op_t ops[ROWS];
    int64_t now = clock_wall_ms();
    size_t failed;
    for (int64_t done = 0; done < signals; done += ROWS) {
        for (int i = 0; i < ROWS; i++) {
            s_fill_row(rows[i], texts[i], done + i + 1, now);
            ops[i] = (engine_op_t){
                .statement = statement_find("signal_insert"), .values = rows[i], .value_count = COLUMNS};
        }
        s_must(engine_begin(link->engine), link, "begin");
        s_must(engine_run(link->engine, ops, ROWS, &failed), link, "signal_insert");
        s_must(engine_commit(link->engine), link, "commit");
    }
}

typedef struct {
    scope_index_t *index;
    int64_t begun_us;
    double seconds, cpu_seconds;
    atomic_int ended; /* 0: under way; 1: done; 2: failed */
} load_bench_t;

static load_bench_t s_load;

/* Of all threads of the process. */
static double s_cpu_seconds(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

static void s_on_loaded(actor_t *actor, void *context, err_t err, const char *reason) {
    (void)actor;
    (void)context;
    s_load.seconds = (double)(clock_mono_us() - s_load.begun_us) * 1e-6;
    s_load.cpu_seconds = s_cpu_seconds() - s_load.cpu_seconds;
    if (err != OK)
        fprintf(stderr, "load: %s: %s\n", err_name(err), reason);
    atomic_store(&s_load.ended, err == OK ? 1 : 2);
}

static err_t s_start_load(actor_t *actor, const void *args) {
    (void)args;
    s_load.begun_us = clock_mono_us();
    s_load.cpu_seconds = s_cpu_seconds();
    active_load_begin(actor, s_load.index, clock_wall_ms(), s_on_loaded, NULL);
    return OK;
}

static const actor_class_t s_loader_class = {.name = "loader", .start = s_start_load};

static bool s_bench_load(const config_t *config, int64_t signals) {
    enum { LOAD_SECONDS = 120 };
    int64_t deadline_us = clock_mono_us() + LOAD_SECONDS * 1000000LL;
    bus_t *bus = NULL;
    actor_handle_t *reader = NULL, *loader = NULL;
    s_load.index = scope_index_new();
    assert_always(bus_start(&bus) == OK);
    assert_always(actor_start(&reader, &store_reader_class, NULL, config, NULL) == OK);
    assert_always(actor_start(&loader, &s_loader_class, NULL, config, NULL) == OK);
    while (atomic_load(&s_load.ended) == 0 && clock_mono_us() < deadline_us)
        usleep(1000);
    actor_stop(&loader, deadline_us);
    actor_stop(&reader, deadline_us);
    bus_stop(&bus);
    bool good = s_load.ended == 1 && scope_index_count(s_load.index) == (size_t)signals;
    printf("{\"bench\":\"scope\",\"part\":\"load\",\"signals\":%zu,\"seconds\":%.2f,\"cpu_seconds\":%.2f}\n",
           scope_index_count(s_load.index), s_load.seconds, s_load.cpu_seconds);
    scope_index_destroy(&s_load.index);
    return good;
}

static int s_load_main(const char *url, int64_t signals) {
    const char *base = getenv("TMPDIR");
    char dir[256], command[300];
    snprintf(dir, sizeof dir, "%s/integration-bench-XXXXXX", base ? base : "/tmp");
    config_t config = {.data_dir = mkdtemp(dir)};
    if (strcmp(url, "sqlite") != 0)
        config.database_url = (char *)(uintptr_t)url;
    link_t link;
    s_must(link_init(&link, &config, NULL, false), &link, "store");
    s_must(link_open(&link), &link, "store");
    s_fill_store(&link, signals);
    link_free(&link);
    bool good = s_bench_load(&config, signals);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 && good ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "load") == 0)
        return s_load_main(argc > 2 ? argv[2] : "sqlite", argc > 3 ? atoll(argv[3]) : MANY);
    s_bench_index();
    return 0;
}
