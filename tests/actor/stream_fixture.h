/* The stream under test: store, store-reader and stream over a real bus, on SQLite in a temporary directory, and
 * ZeroMQ sockets on loopback. */
#pragma once

#include "base/clock.h"
#include "bus/client.h"
#include "harness.h"
#include "routes.gen.h"
#include "store/store_actor.h"
#include "store/store_private.h"
#include "stream/framing.h"
#include "stream/stream.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <czmq.h>
#include <stdio.h>

typedef struct {
    harness_t harness;
    config_t config;
    char dir[64];
    actor_handle_t *writer, *reader, *stream;
    char stream_url[128], replay_url[128];
} fixture_t;

/* What a subscriber got. */
typedef struct {
    char topic[161];
    StreamHeader header;
    char payload[65536];
    size_t size;
} got_t;

/* ---- actors ---- */

static inline StreamStats stream_stats(fixture_t *f) {
    StreamStats stats = StreamStats_init_zero;
    GetStreamStatsRequest request = GetStreamStatsRequest_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_Stream_GetStreamStats, &request, &stats, NULL), OK);
    return stats;
}

static inline void start_stream(fixture_t *f) {
    f->stream = harness_actor(&f->harness, &stream_class, &f->config, NULL);
    StreamStats stats = stream_stats(f);
    snprintf(f->stream_url, sizeof f->stream_url, "%s", stats.stream_url ? stats.stream_url : "");
    snprintf(f->replay_url, sizeof f->replay_url, "%s", stats.replay_url ? stats.replay_url : "");
    message_release(StreamStats_message(), &stats);
}

static inline void stop_stream(fixture_t *f) {
    harness_stop_actor(&f->harness, f->stream, HARNESS_MS);
    f->stream = NULL;
}

/* The store runs, the stream does not. */
static inline void fixture_begin(fixture_t *f) {
    *f = (fixture_t){0};
    strcpy(f->dir, "/tmp/integration-stream-XXXXXX");
    cr_assert(mkdtemp(f->dir));
    zsys_handler_set(NULL);
    harness_start(&f->harness);
    f->config.data_dir = f->dir;
    f->config.database_url = "";
    f->config.stream_url = "tcp://127.0.0.1:0";
    f->config.replay_url = "tcp://127.0.0.1:0";
    f->config.stream_format = "protobuf";
    f->config.stream_hwm = 32768;
    f->config.curve_dir = "";
    f->writer = harness_actor(&f->harness, &store_writer_class, &f->config, NULL);
    f->reader = harness_actor(&f->harness, &store_reader_class, &f->config, NULL);
}

static inline void fixture_end(fixture_t *f) {
    char command[128];
    harness_stop(&f->harness);
    zsys_shutdown();
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

#define STREAM_TEST(suite, name)        \
    static void s_##name(fixture_t *f); \
    Test(suite, name, .timeout = 120) { \
        fixture_t f;                    \
        fixture_begin(&f);              \
        s_##name(&f);                   \
        fixture_end(&f);                \
    }                                   \
    static void s_##name(fixture_t *f)

/* ---- events ---- */

/* `count` signals for a symbol in one write; each is an event on signal/execution/<symbol>. */
static inline void commit_signals(fixture_t *f, const char *symbol, int count, size_t data_size) {
    char topic[BUS_TOPIC_SIZE];
    buf_t data = BUF_INIT;
    snprintf(topic, sizeof topic, "signal/execution/%s", symbol);
    buf_printf(&data, "{\"text\":\"%0*d\"}", (int)data_size, 0);
    store_write_t *write = store_write_new();
    for (int i = 0; i < count; i++) {
        Signal signal = {
            .strength = 0.75, .confidence = 0.5, .priority = 3, .has_symbol = true, .data = data.data};
        MESSAGE_PUT(signal.signal_id, "id");
        MESSAGE_PUT(signal.status, "routed");
        MESSAGE_PUT(signal.symbol, symbol);
        store_write_unit(write);
        store_write_op(write, "event_only", "");
        store_write_event(write, topic, Signal_message(), &signal, NULL);
    }
    StoreWrite message = store_write_take(&write);
    StoreWritten written = StoreWritten_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_Write, &message, &written, NULL), OK);
    cr_assert_eq(written.units_count, count);
    cr_assert_str_eq(written.units[count - 1].code, "OK");
    message_release(StoreWritten_message(), &written);
    message_release(StoreWrite_message(), &message);
    buf_free(&data);
}

/* ---- sockets ---- */

static inline void *connect_socket(int type, const char *url) {
    void *socket = zmq_socket(zsys_init(), type);
    cr_assert(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){HARNESS_MS}, sizeof(int));
    cr_assert_eq(zmq_connect(socket, url), 0);
    return socket;
}

/* The frames of a message, at most three kept; their number, 0 when nothing came in time. */
static inline size_t receive_frames(void *socket, char frames[3][65536], size_t sizes[3]) {
    size_t count = 0;
    int more = 1;
    for (size_t length = sizeof more; more; zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length)) {
        char rest[1];
        int size = count < 3 ? zmq_recv(socket, frames[count], 65536, 0) : zmq_recv(socket, rest, 1, 0);
        if (size < 0)
            return 0;
        if (count < 3)
            sizes[count] = (size_t)size;
        count++;
    }
    return count;
}

static inline bool receive(void *socket, got_t *got) {
    static char frames[3][65536];
    size_t sizes[3];
    size_t count = receive_frames(socket, frames, sizes);
    if (count == 0)
        return false;
    cr_assert_eq(count, 3);
    memset(&got->header, 0, sizeof got->header);
    snprintf(got->topic, sizeof got->topic, "%.*s", (int)sizes[0], frames[0]);
    cr_assert_eq(message_decode(StreamHeader_message(), frames[1], sizes[1], &got->header), OK);
    got->size = sizes[2];
    memcpy(got->payload, frames[2], sizes[2]);
    return true;
}

/* Subscribes to the prefix, and waits for a heartbeat: from then on nothing is missed. */
static inline void *subscribe(fixture_t *f, const char *prefix) {
    void *socket = connect_socket(ZMQ_SUB, f->stream_url);
    got_t *got = malloc(sizeof *got);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    if (*prefix)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "heartbeat", 9);
    do {
        cr_assert(receive(socket, got), "a heartbeat comes");
    } while (strcmp(got->topic, "heartbeat") != 0);
    free(got);
    return socket;
}

/* The next message that is no heartbeat. */
static inline void next_message(void *socket, got_t *got) {
    do {
        cr_assert(receive(socket, got), "a message comes");
    } while (strcmp(got->topic, "heartbeat") == 0);
}

typedef struct {
    fixture_t *f;
    uint64_t value, seen;
} wanted_t;

static inline bool is_published_up_to(void *context) {
    wanted_t *wanted = context;
    StreamStats stats = stream_stats(wanted->f);
    wanted->seen = stats.last_seq;
    message_release(StreamStats_message(), &stats);
    return wanted->seen >= wanted->value;
}

/* However many they are: as long as they advance. */
static inline void wait_published(fixture_t *f, uint64_t seq) {
    wanted_t wanted = {.f = f};
    do {
        harness_until(is_published_up_to, &wanted, "published up to the seq");
        wanted.value = wanted.seen + 1;
    } while (wanted.seen < seq);
}
