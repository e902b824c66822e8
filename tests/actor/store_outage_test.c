/* A database that is not there, goes away, and comes back; and commits whose answer is lost on the way. */
#include "echo.h"
#include "store_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- a relay in front of the server, that cuts the connection at a commit ---- */

typedef enum {
    RELAY_PASS,
    RELAY_CUT_BEFORE_COMMIT,
    RELAY_CUT_AFTER_COMMIT,
    RELAY_CUT_ANSWERED /* the commit is answered once `go` says so, and nothing after it */
} relay_mode_t;

typedef struct {
    int listener, server_port, port;
    char url[128];
    pthread_t thread;
    _Atomic relay_mode_t mode; /* back to PASS once it has cut */
    atomic_bool ends;
    sem_t go;
} relay_t;

enum { RELAY_PAIRS = 16, RELAY_LOOK_MS = 20 };

static int s_connect(int port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void s_cut(int pair[2]) {
    close(pair[0]);
    close(pair[1]);
    pair[0] = pair[1] = -1;
}

static bool s_pass(int from, int to, char *bytes, size_t capacity, ssize_t *size) {
    *size = read(from, bytes, capacity);
    return *size > 0 && send(to, bytes, (size_t)*size, MSG_NOSIGNAL) == *size;
}

/* What the client says. At its COMMIT the connection may end before the server hears it, or before the client hears
 * the answer. */
static void s_pass_client(relay_t *self, int pair[2]) {
    static const char commit[] = "COMMIT";
    char bytes[65536], answer[64];
    ssize_t size = recv(pair[0], bytes, sizeof bytes, MSG_PEEK);
    relay_mode_t mode = atomic_load(&self->mode);
    bool cuts = mode != RELAY_PASS && size > 0 && memmem(bytes, (size_t)size, commit, sizeof commit);
    if (cuts)
        atomic_store(&self->mode, RELAY_PASS);
    if (cuts && mode == RELAY_CUT_ANSWERED) {
        while (sem_wait(&self->go) != 0)
            cr_assert_eq(errno, EINTR);
        cr_assert(s_pass(pair[0], pair[1], bytes, sizeof bytes, &size) &&
                  s_pass(pair[1], pair[0], answer, sizeof answer, &size));
    }
    if (cuts && mode == RELAY_CUT_AFTER_COMMIT && s_pass(pair[0], pair[1], bytes, sizeof bytes, &size))
        cr_assert(recv(pair[1], answer, sizeof answer, 0) > 0);
    if (cuts || !s_pass(pair[0], pair[1], bytes, sizeof bytes, &size))
        s_cut(pair);
}

static void *s_relay(void *context) {
    relay_t *self = context;
    int pairs[RELAY_PAIRS][2];
    char bytes[65536];
    ssize_t size;
    memset(pairs, -1, sizeof pairs);
    while (!atomic_load(&self->ends)) {
        struct pollfd polled[1 + 2 * RELAY_PAIRS] = {{.fd = self->listener, .events = POLLIN}};
        for (int i = 0; i < RELAY_PAIRS; i++)
            for (int side = 0; side < 2; side++)
                polled[1 + 2 * i + side] = (struct pollfd){.fd = pairs[i][side], .events = POLLIN};
        if (poll(polled, 1 + 2 * RELAY_PAIRS, RELAY_LOOK_MS) <= 0)
            continue;
        for (int i = 0; i < RELAY_PAIRS; i++) {
            if (pairs[i][0] >= 0 && polled[1 + 2 * i].revents)
                s_pass_client(self, pairs[i]);
            if (pairs[i][0] >= 0 && polled[2 + 2 * i].revents &&
                !s_pass(pairs[i][1], pairs[i][0], bytes, sizeof bytes, &size))
                s_cut(pairs[i]);
        }
        for (int i = 0; i < RELAY_PAIRS && polled[0].revents; i++)
            if (pairs[i][0] < 0) {
                pairs[i][0] = accept(self->listener, NULL, NULL);
                pairs[i][1] = s_connect(self->server_port);
                if (pairs[i][1] < 0)
                    s_cut(pairs[i]);
                break;
            }
    }
    for (int i = 0; i < RELAY_PAIRS; i++)
        if (pairs[i][0] >= 0)
            s_cut(pairs[i]);
    return NULL;
}

static void s_relay_start(relay_t *self, int server_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *self = (relay_t){.server_port = server_port, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    cr_assert(bind(self->listener, (struct sockaddr *)&at, size) == 0 && listen(self->listener, 16) == 0);
    cr_assert(getsockname(self->listener, (struct sockaddr *)&at, &size) == 0);
    self->port = ntohs(at.sin_port);
    cr_assert_eq(sem_init(&self->go, 0, 0), 0);
    snprintf(self->url, sizeof self->url, "postgresql://postgres@127.0.0.1:%d/postgres", self->port);
    cr_assert_eq(pthread_create(&self->thread, NULL, s_relay, self), 0);
}

static void s_relay_stop(relay_t *self) {
    atomic_store(&self->ends, true);
    pthread_join(self->thread, NULL);
    close(self->listener);
    sem_destroy(&self->go);
}

/* ---- helpers ---- */

static err_t s_try_state(fixture_t *f, const char *key, const char *value, uint64_t *seq) {
    StoreWritten written;
    store_write_t *write = store_write_new();
    add_state(write, "t/outage", key, value);
    err_t err = commit_to(f, "store", &write, &written, NULL);
    if (err == OK)
        *seq = written.units[0].ops[0].seq;
    written_free(&written);
    return err;
}

/* The seqs in the store are 1 to `last`, each once. */
static void s_expect_contiguous(fixture_t *f, int64_t last) {
    StoreRows rows = query(f, 10000, "stream_events_after", "isi", (int64_t)0, "", (int64_t)10000);
    cr_assert_eq(rows.rows_count, last);
    for (int64_t i = 0; i < last; i++) {
        cr_assert_eq(row_int(&rows, (size_t)i, 0), i + 1);
        cr_assert_eq(row_int(&rows, (size_t)i, 1), i + 1); /* one topic: topic_seq too */
    }
    rows_free(&rows);
}

/* ---- tests ---- */

Test(store_outage, a_server_that_is_down_at_the_start_is_waited_for, .timeout = 120) {
    fixture_t f;
    uint64_t seq = 0;
    fixture_begin(&f, true);
    fixture_start_actors(&f, NULL); /* ready all the same */
    StoreState state = get_state(&f);
    cr_assert(!state.available);
    cr_assert(strlen(state.reason) > 0);
    message_release(StoreState_message(), &state);
    cr_assert_eq(s_try_state(&f, "a", "1", &seq), ERR_STORE_UNAVAILABLE);
    postgres_start(f.postgres);
    wait_available(&f, true);
    cr_assert_eq(s_try_state(&f, "a", "1", &seq), OK);
    cr_assert_eq(seq, 1);
    cr_assert(state_is(&f, "a", "1"));
    fixture_end(&f);
}

Test(store_outage, a_killed_server_loses_nothing_that_was_acknowledged, .timeout = 180) {
    enum { WRITES = 60 };
    fixture_t f;
    char key[16];
    uint64_t seq, last = 0;
    int refused = 0;
    bool killed = false;
    fixture_begin(&f, true);
    postgres_start(f.postgres);
    fixture_start_actors(&f, NULL);
    for (int i = 0; i < WRITES; i++) {
        snprintf(key, sizeof key, "k%d", i);
        err_t err = s_try_state(&f, key, "1", &seq);
        if (i == WRITES / 2 && !killed) {
            postgres_kill(f.postgres);
            killed = true;
        }
        if (err == OK) {
            cr_assert_eq(seq, last + 1);
            last = seq;
            continue;
        }
        cr_assert_eq(err, ERR_STORE_UNAVAILABLE);
        if (refused++ == 0) {
            postgres_start(f.postgres);
            wait_available(&f, false);
            wait_available(&f, true);
        }
        i--; /* again */
    }
    cr_assert_gt(refused, 0);
    s_expect_contiguous(&f, WRITES);
    for (int i = 0; i < WRITES; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert(state_is(&f, key, "1"));
    }
    cr_assert_geq(harness_metric(&f.harness, "store", "reconnects_total"), 1);
    fixture_end(&f);
}

Test(store_outage, a_server_that_goes_away_unused_is_noticed, .timeout = 120) {
    fixture_t f;
    fixture_begin(&f, true);
    postgres_start(f.postgres);
    fixture_start_actors(&f, NULL);
    wait_available(&f, true);
    postgres_kill(f.postgres);
    wait_available(&f, false);
    fixture_end(&f);
}

/* One write whose commit is cut; then one more. */
static void s_cut_at_commit(relay_mode_t mode, err_t expected) {
    fixture_t f;
    relay_t relay;
    uint64_t seq = 0;
    fixture_begin(&f, true);
    postgres_start(f.postgres);
    s_relay_start(&relay, postgres_port(f.postgres));
    f.config.database_url = relay.url;
    fixture_start_actors(&f, NULL);
    cr_assert_eq(s_try_state(&f, "first", "1", &seq), OK);
    atomic_store(&relay.mode, mode);
    cr_assert_eq(s_try_state(&f, "cut", "1", &seq), expected);
    cr_assert(state_is(&f, "cut", expected == OK ? "1" : NULL));
    cr_assert_eq(s_try_state(&f, "last", "1", &seq), OK);
    cr_assert_eq(seq, expected == OK ? 3 : 2);
    s_expect_contiguous(&f, (int64_t)seq);
    for (uint64_t i = 1; i <= seq; i++) { /* and each was published once */
        CommittedEvents events = CommittedEvents_init_zero;
        next_event(&f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
        cr_assert_eq(events.events_count, 1);
        cr_assert_eq(events.events[0].seq, i);
        message_release(CommittedEvents_message(), &events);
    }
    fixture_stop_actors(&f);
    s_relay_stop(&relay);
    fixture_end(&f);
}

Test(store_outage, a_commit_that_took_place_unheard_is_found_and_answered, .timeout = 120) {
    s_cut_at_commit(RELAY_CUT_AFTER_COMMIT, OK);
}

Test(store_outage, a_commit_that_did_not_arrive_is_found_out_and_refused, .timeout = 120) {
    s_cut_at_commit(RELAY_CUT_BEFORE_COMMIT, ERR_STORE_UNAVAILABLE);
}

/* Sends a write, or the end of a key, whose answer comes later. */
static void s_send_write(fixture_t *f, const char *key) {
    store_write_t *write = store_write_new();
    add_state(write, "t/outage", key, "1");
    StoreWrite message = store_write_take(&write);
    harness_send(&f->harness, &rpc_StoreWriter_Write, &message);
    message_release(StoreWrite_message(), &message);
}

static IdempotencyBegin s_begin_of(const char *key) {
    return (IdempotencyBegin){
        .principal = "tester", .operation = "POST /x", .key = (char *)key, .body_hash = 1};
}

static void s_expect_started(fixture_t *f, const char *key) {
    IdempotencyBegin begin = s_begin_of(key);
    IdempotencyState state = IdempotencyState_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_BeginIdempotent, &begin, &state, NULL), OK);
    cr_assert_str_eq(state.state, "started");
    message_release(IdempotencyState_message(), &state);
}

static void s_send_end(fixture_t *f, const char *key) {
    IdempotencyEnd end = {.principal = "tester", .operation = "POST /x", .key = (char *)key};
    strcpy(end.schema, "integration.v1.Empty");
    harness_send(&f->harness, &rpc_StoreWriter_EndIdempotent, &end);
}

static void s_expect_reply(fixture_t *f, const message_t *type, err_t expected) {
    bus_message_t reply;
    char response[512] = {0};
    cr_assert_leq(type->size, sizeof response);
    harness_recv(&f->harness, &reply);
    cr_expect_eq(harness_reply(&reply, type, response), expected);
    message_release(type, response);
    bus_message_close(&reply);
}

/* While the first write's commit is held back, a write, the end of a key and the begin of another come to lie in one
 * turn of the store; then the connection ends with the commit's answer, and the begin is what finds it out. */
Test(store_outage, a_write_that_waits_while_the_connection_is_lost_is_refused, .timeout = 120) {
    fixture_t f;
    relay_t relay;
    uint64_t seq = 0;
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult echoed = StoreOpResult_init_zero;
    IdempotencyBegin begin = s_begin_of("other");
    fixture_begin(&f, true);
    postgres_start(f.postgres);
    s_relay_start(&relay, postgres_port(f.postgres));
    f.config.database_url = relay.url;
    fixture_start_actors(&f, NULL);
    harness_actor(&f.harness, &echo_class, NULL, NULL);
    s_expect_started(&f, "ended");
    atomic_store(&relay.mode, RELAY_CUT_ANSWERED);
    s_send_write(&f, "first");
    while (atomic_load(&relay.mode) != RELAY_PASS)
        sched_yield(); /* until the commit is with the relay */
    s_send_write(&f, "second");
    s_send_end(&f, "ended");
    harness_send(&f.harness, &rpc_StoreWriter_BeginIdempotent, &begin);
    /* One sender's messages keep their order on the bus: both lie in the store's inbox. */
    cr_assert_eq(harness_request(&f.harness, &rpc_Echo_Say, &query, &echoed, NULL), OK);
    sem_post(&relay.go);
    s_expect_reply(&f, StoreWritten_message(), OK);
    s_expect_reply(&f, StoreWritten_message(), ERR_STORE_UNAVAILABLE);
    s_expect_reply(&f, Empty_message(), ERR_STORE_UNAVAILABLE);
    s_expect_reply(&f, IdempotencyState_message(), ERR_STORE_UNAVAILABLE);
    wait_available(&f, false);
    wait_available(&f, true);
    cr_assert_eq(s_try_state(&f, "last", "1", &seq), OK);
    cr_assert_eq(seq, 2);
    cr_assert(state_is(&f, "first", "1"));
    cr_assert(state_is(&f, "second", NULL));
    s_expect_started(&f, "ended"); /* nobody is left to end it: it is free */
    fixture_stop_actors(&f);
    s_relay_stop(&relay);
    fixture_end(&f);
}

Test(store_outage, two_writers_on_one_database_share_the_sequence, .timeout = 120) {
    fixture_t f;
    fixture_begin(&f, true);
    postgres_start(f.postgres);
    fixture_start_actors(&f, NULL);
    harness_actor_named(&f.harness, &store_writer_class, "store-b", &f.config, NULL);
    for (int64_t i = 1; i <= 20; i++) {
        StoreWritten written;
        store_write_t *write = store_write_new();
        add_state(write, "t/outage", "shared", "1");
        cr_assert_eq(commit_to(&f, i % 3 ? "store" : "store-b", &write, &written, NULL), OK);
        cr_assert_str_eq(written.units[0].code, "OK");
        cr_assert_eq(written.units[0].ops[0].seq, i);
        cr_assert_eq(written.units[0].ops[0].topic_seq, i);
        written_free(&written);
    }
    s_expect_contiguous(&f, 20);
    fixture_end(&f);
}
