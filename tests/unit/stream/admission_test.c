/* Certificates, the allow-list, refusals, addresses, the count of peers. */
#include "stream/allow_list.h"
#include "stream/endpoint.h"
#include "stream/peers.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <sys/stat.h>

static char s_dir[64], s_file[128];

static const char *s_path(const char *name) {
    snprintf(s_file, sizeof s_file, "%s/%s", s_dir, name);
    return s_file;
}

static void s_enter(void) {
    strcpy(s_dir, "/tmp/integration-keys-XXXXXX");
    cr_assert(mkdtemp(s_dir));
}

static void s_leave(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", s_dir);
    cr_assert_eq(system(command), 0);
}

static void s_write(const char *name, const char *text) {
    FILE *file = fopen(s_path(name), "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

TestSuite(certificate, .init = s_enter, .fini = s_leave, .timeout = 20);
TestSuite(allow_list, .init = s_enter, .fini = s_leave, .timeout = 20);

Test(certificate, what_was_saved_loads_again) {
    certificate_t made, back;
    struct stat info;
    cr_assert_eq(certificate_make(&made, "alice"), OK);
    cr_assert_eq(certificate_save_public(&made, s_path("a.key")), OK);
    cr_assert_eq(certificate_save_secret(&made, s_path("a.key")), OK);
    cr_assert_eq(certificate_load(&back, s_path("a.key")), OK);
    cr_expect_arr_eq(back.public_key, made.public_key, 32);
    cr_expect_not(back.has_secret);
    cr_expect_str_eq(back.name, "alice");
    cr_assert_eq(certificate_load(&back, s_path("a.key_secret")), OK);
    cr_expect(back.has_secret);
    cr_expect_arr_eq(back.secret_key, made.secret_key, 32);
    cr_assert_eq(stat(s_path("a.key_secret"), &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
}

Test(certificate, czmq_reads_what_is_written_here_and_the_other_way_round) {
    certificate_t made, back;
    cr_assert_eq(certificate_make(&made, "alice"), OK);
    cr_assert_eq(certificate_save_public(&made, s_path("a.key")), OK);
    cr_assert_eq(certificate_save_secret(&made, s_path("a.key")), OK);
    zcert_t *cert = zcert_load(s_path("a.key"));
    cr_assert(cert);
    cr_expect_arr_eq(zcert_public_key(cert), made.public_key, 32);
    cr_expect_arr_eq(zcert_secret_key(cert), made.secret_key, 32);
    zcert_destroy(&cert);
    cert = zcert_new();
    zcert_set_meta(cert, "name", "bob");
    cr_assert_eq(zcert_save(cert, s_path("b.key")), 0);
    cr_assert_eq(certificate_load(&back, s_path("b.key_secret")), OK);
    cr_expect_arr_eq(zcert_secret_key(cert), back.secret_key, 32);
    cr_expect_str_eq(back.name, "bob");
    zcert_destroy(&cert);
}

Test(certificate, an_existing_file_is_not_overwritten) {
    certificate_t made;
    s_write("a.key", "mine");
    cr_assert_eq(certificate_make(&made, "alice"), OK);
    cr_expect_eq(certificate_save_public(&made, s_path("a.key")), ERR_CONFLICT);
}

Test(certificate, what_is_none_is_refused) {
    certificate_t back;
    cr_expect_eq(certificate_load(&back, s_path("none.key")), ERR_NOT_FOUND);
    s_write("empty.key", "");
    cr_expect_eq(certificate_load(&back, s_path("empty.key")), ERR_BAD_CONFIG);
    s_write("short.key", "curve\n    public-key = \"abc\"\n");
    cr_expect_eq(certificate_load(&back, s_path("short.key")), ERR_BAD_CONFIG);
    s_write(
        "odd.key",
        "curve\n    public-key = \"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
        "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\"\n");
    cr_expect_eq(certificate_load(&back, s_path("odd.key")), ERR_BAD_CONFIG);
}

Test(certificate, the_servers_pair_is_made_once_and_its_public_file_again_when_it_is_gone) {
    certificate_t first, second;
    buf_t problem = BUF_INIT;
    cr_assert_eq(certificate_load_or_make(&first, s_dir, "server", &problem), OK);
    cr_assert_eq(unlink(s_path("server.key")), 0);
    cr_assert_eq(certificate_load_or_make(&second, s_dir, "server", &problem), OK);
    cr_expect_arr_eq(first.secret_key, second.secret_key, 32);
    cr_assert_eq(certificate_load(&second, s_path("server.key")), OK);
    cr_expect_arr_eq(first.public_key, second.public_key, 32);
    cr_assert_eq(unlink(s_path("server.key_secret")), 0);
    cr_expect_eq(certificate_load_or_make(&second, s_dir, "server", &problem), ERR_BAD_CONFIG);
    cr_expect(strstr(buf_str(&problem), "server.key_secret"), "%s", buf_str(&problem));
    buf_free(&problem);
}

Test(allow_list, holds_the_certificates_of_the_directory_and_leaves_out_the_rest) {
    allow_list_t list = {0};
    certificate_t clients[5], stranger;
    char name[32];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "client%d", i);
        cr_assert_eq(certificate_make(&clients[i], i ? name : ""), OK);
        cr_assert_eq(certificate_save_public(&clients[i], s_path(name)), OK);
    }
    cr_assert_eq(certificate_make(&stranger, "x"), OK);
    cr_assert_eq(certificate_save_secret(&stranger, s_path("x.key")), OK);
    s_write("notes.txt", "not a certificate");
    cr_assert_eq(allow_list_load(&list, s_dir), OK);
    cr_expect_eq(list.count, 5);
    for (int i = 0; i < 5; i++)
        cr_expect_not_null(allow_list_find(&list, clients[i].public_key));
    cr_expect_str_eq(allow_list_find(&list, clients[0].public_key)->name, "client0", "named by its file");
    cr_expect_null(allow_list_find(&list, stranger.public_key));
    allow_list_free(&list);
}

Test(allow_list, of_no_directory_is_empty) {
    allow_list_t list = {0};
    uint8_t key[32] = {0};
    cr_expect_eq(allow_list_load(&list, s_path("nothing")), ERR_IO);
    cr_expect_null(allow_list_find(&list, key));
}

Test(refusals, each_key_is_logged_once_a_minute, .timeout = 10) {
    refusals_t refusals = {0};
    uint8_t one[32] = {1}, two[32] = {2};
    cr_expect(refusals_note(&refusals, one, 1000));
    cr_expect_not(refusals_note(&refusals, one, 2000));
    cr_expect(refusals_note(&refusals, two, 3000));
    cr_expect_not(refusals_note(&refusals, one, 1000 + REFUSALS_US - 1));
    cr_expect(refusals_note(&refusals, one, 1000 + REFUSALS_US));
    cr_expect_not(refusals_note(&refusals, one, 1000 + REFUSALS_US + 1));
}

Test(refusals, of_ever_new_keys_only_so_many_a_minute_are_logged_and_the_rest_is_counted, .timeout = 10) {
    refusals_t refusals = {0};
    uint8_t key[32] = {0};
    for (uint8_t i = 0; i < REFUSALS_KEPT; i++) {
        key[0] = i;
        cr_expect(refusals_note(&refusals, key, 1000 + i));
    }
    for (uint8_t i = 0; i < 100; i++) {
        key[0] = (uint8_t)(REFUSALS_KEPT + i);
        cr_expect_not(refusals_note(&refusals, key, 2000 + i));
    }
    cr_expect_eq(refusals.untold, 100);
    key[0] = 3;
    cr_expect_not(refusals_note(&refusals, key, 3000), "a key that was logged is none of them");
    cr_expect_eq(refusals.untold, 100);
    key[0] = 200;
    cr_expect(refusals_note(&refusals, key, 1000 + REFUSALS_US), "a minute later there is a place again");
}

static void s_expect_bind(const char *url, const char *expected) {
    buf_t out = BUF_INIT;
    endpoint_to_bind(url, &out);
    cr_expect_str_eq(buf_str(&out), expected);
    buf_free(&out);
}

Test(endpoint, port_0_and_star_are_a_free_port, .timeout = 10) {
    s_expect_bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:*");
    s_expect_bind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
    s_expect_bind("tcp://0.0.0.0:5556", "tcp://0.0.0.0:5556");
    s_expect_bind("tcp://*:5556", "tcp://*:5556");
    s_expect_bind("tcp://localhost:5556", "tcp://127.0.0.1:5556");
}

Test(peers, those_whose_handshake_failed_are_not_counted, .timeout = 10) {
    peers_t peers = {0};
    peers_event(&peers, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    peers_event(&peers, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    peers_event(&peers, ZMQ_EVENT_DISCONNECTED);
    cr_expect_eq(peers.admitted, 1);
    peers_event(&peers, ZMQ_EVENT_DISCONNECTED);
    cr_expect_eq(peers.admitted, 0);
    peers_event(&peers, ZMQ_EVENT_DISCONNECTED);
    cr_expect_eq(peers.admitted, 0);
}
