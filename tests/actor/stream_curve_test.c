/* CURVE: who is in the allow-list gets the stream, anybody else nothing. */
#include "stream/certificate.h"
#include "stream_fixture.h"

#include <sys/stat.h>

static char s_curve_dir[96];

static void s_begin(fixture_t *f) {
    snprintf(s_curve_dir, sizeof s_curve_dir, "%s/curve", f->dir);
    f->config.curve_dir = s_curve_dir;
    commit_signals(f, "A", 3, 1);
    start_stream(f);
    wait_published(f, 3);
}

static void s_path(char out[160], const char *name) {
    snprintf(out, 160, "%s/%s", s_curve_dir, name);
}

static void s_admit(const certificate_t *client, const char *file) {
    char path[160];
    s_path(path, file);
    cr_assert_eq(certificate_save_public(client, path), OK);
}

static void s_reload(fixture_t *f) {
    Envelope envelope = Envelope_init_zero;
    MESSAGE_PUT(envelope.schema, ConfigReloaded_message()->schema);
    cr_assert_eq(bus_client_send(f->harness.client, "evt/config/Reloaded", &envelope, "", 0), OK);
}

static void *s_socket(int type, const certificate_t *client, const uint8_t *server_key, const char *url) {
    void *socket = zmq_socket(zsys_init(), type);
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){HARNESS_MS}, sizeof(int));
    if (client) {
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 32), 0);
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, client->public_key, 32), 0);
        cr_assert_eq(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, client->secret_key, 32), 0);
    }
    if (type == ZMQ_SUB)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    cr_assert_eq(zmq_connect(socket, url), 0);
    return socket;
}

static certificate_t s_server_key(void) {
    char path[160];
    certificate_t server;
    s_path(path, "server.key");
    cr_assert_eq(certificate_load(&server, path), OK);
    cr_assert_not(server.has_secret, "the public file holds no secret");
    return server;
}

static bool s_refused(void *context) {
    const wanted_t *wanted = context;
    return harness_metric(&wanted->f->harness, "stream", "clients_refused_total") >= (double)wanted->value;
}

STREAM_TEST(stream_curve, the_servers_pair_is_made_at_the_first_start_and_kept) {
    char path[160];
    struct stat info;
    s_begin(f);
    certificate_t first = s_server_key();
    s_path(path, "server.key_secret");
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
    stop_stream(f);
    start_stream(f);
    certificate_t second = s_server_key();
    cr_expect_arr_eq(first.public_key, second.public_key, 32);
}

STREAM_TEST(stream_curve, a_client_of_the_allow_list_gets_stream_and_replay) {
    certificate_t client;
    cr_assert_eq(certificate_make(&client, "alice"), OK);
    s_begin(f);
    s_admit(&client, "clients/alice.key");
    s_reload(f);
    certificate_t server = s_server_key();
    void *sub = s_socket(ZMQ_SUB, &client, server.public_key, f->stream_url);
    void *dealer = s_socket(ZMQ_DEALER, &client, server.public_key, f->replay_url);
    got_t got;
    cr_assert(receive(sub, &got), "a heartbeat comes");
    zmq_send(dealer, "", 0, 0);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        cr_assert(receive(dealer, &got));
        cr_expect_eq(got.header.seq, seq);
    }
    zmq_close(sub);
    zmq_close(dealer);
}

/* Stays silent for the time of two heartbeats, while others get theirs. */
static void s_gets_nothing(void *socket, void *witness) {
    got_t got;
    for (int i = 0; i < 2; i++)
        cr_assert(receive(witness, &got));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){0}, sizeof(int));
    cr_expect_not(receive(socket, &got));
}

STREAM_TEST(stream_curve, an_unknown_key_a_wrong_server_key_and_no_key_get_nothing) {
    certificate_t known, unknown;
    cr_assert_eq(certificate_make(&known, "known"), OK);
    cr_assert_eq(certificate_make(&unknown, "unknown"), OK);
    s_begin(f);
    s_admit(&known, "clients/known.key");
    s_reload(f);
    certificate_t server = s_server_key();
    void *witness = s_socket(ZMQ_SUB, &known, server.public_key, f->stream_url);
    void *stranger = s_socket(ZMQ_SUB, &unknown, server.public_key, f->stream_url);
    void *mistaken = s_socket(ZMQ_SUB, &known, unknown.public_key, f->stream_url);
    void *plain = s_socket(ZMQ_SUB, NULL, NULL, f->stream_url);
    harness_until(s_refused, &(wanted_t){.f = f, .value = 1}, "the stranger is refused");
    s_gets_nothing(stranger, witness);
    s_gets_nothing(mistaken, witness);
    s_gets_nothing(plain, witness);
    StreamStats stats = stream_stats(f);
    cr_expect_eq(stats.subscribers, 1, "the refused are not counted, got %u", stats.subscribers);
    message_release(StreamStats_message(), &stats);
    zmq_close(witness);
    zmq_close(stranger);
    zmq_close(mistaken);
    zmq_close(plain);
}

STREAM_TEST(stream_curve, a_reload_admits_who_was_added) {
    certificate_t client;
    cr_assert_eq(certificate_make(&client, "late"), OK);
    s_begin(f);
    certificate_t server = s_server_key();
    void *sub = s_socket(ZMQ_SUB, &client, server.public_key, f->stream_url);
    harness_until(s_refused, &(wanted_t){.f = f, .value = 1}, "refused at first");
    s_admit(&client, "clients/late.key");
    s_reload(f);
    zmq_close(sub);
    sub = s_socket(ZMQ_SUB, &client, server.public_key, f->stream_url);
    got_t got;
    cr_assert(receive(sub, &got));
    zmq_close(sub);
}

STREAM_TEST(stream_curve, who_was_added_is_admitted_and_who_was_removed_is_not) {
    certificate_t known, late;
    char path[160];
    got_t got;
    cr_assert_eq(certificate_make(&known, "known"), OK);
    cr_assert_eq(certificate_make(&late, "late"), OK);
    s_begin(f);
    certificate_t server = s_server_key();
    s_admit(&known, "clients/known.key");
    void *witness = s_socket(ZMQ_SUB, &known, server.public_key, f->stream_url);
    cr_assert(receive(witness, &got));
    s_admit(&late, "clients/late.key");
    void *sub = s_socket(ZMQ_SUB, &late, server.public_key, f->stream_url);
    cr_assert(receive(sub, &got));
    zmq_close(sub);
    s_path(path, "clients/late.key");
    cr_assert_eq(unlink(path), 0);
    sub = s_socket(ZMQ_SUB, &late, server.public_key, f->stream_url);
    harness_until(s_refused, &(wanted_t){.f = f, .value = 1}, "removed and refused");
    s_gets_nothing(sub, witness);
    zmq_close(sub);
    zmq_close(witness);
}

STREAM_TEST(stream_curve, a_public_key_without_its_secret_fails_the_start) {
    char path[160];
    s_begin(f);
    stop_stream(f);
    s_path(path, "server.key_secret");
    cr_assert_eq(unlink(path), 0);
    actor_handle_t *actor = NULL;
    cr_expect_eq(actor_start(&actor, &stream_class, NULL, &f->config, NULL), ERR_BAD_CONFIG);
}
