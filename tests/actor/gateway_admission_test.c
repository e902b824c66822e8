/* Who is let in, how many, and for how long: keys and scopes, rates, the bus, deadlines, the drain. */
#include "gateway_fixture.h"

#include "routes.gen.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ROUTE "/api/v1/signals/route"

static gateway_fixture_t s_f;
static raw_reply_t s_reply;

static const char *const s_signals[] = {"signals", NULL};

TestSuite(gateway_admission, .timeout = 60);

static void s_begin(const char *const *components, const char *const *settings) {
    gateway_fixture_start(&s_f, components, settings);
}

static void s_end(void) {
    raw_reply_free(&s_reply);
    gateway_fixture_stop(&s_f);
}

static int s_ask(const char *method, const char *path, const char *headers, const char *body) {
    raw_reply_free(&s_reply);
    raw_request(s_f.port, &s_reply, method, path, headers, body);
    return s_reply.status;
}

/* "name:scope:sha256" of a key. */
static const char *s_key(char *out, size_t size, const char *name, const char *scope, const char *key) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)key, strlen(key), digest);
    size_t at = (size_t)snprintf(out, size, "%s:%s:", name, scope);
    for (size_t i = 0; i < sizeof digest; i++)
        at += (size_t)snprintf(out + at, size - at, "%02x", digest[i]);
    return out;
}

static void s_begin_with_keys(const char *extra) {
    static char reader[128], trader[128], chief[128], setting[512];
    snprintf(setting, sizeof setting, "INTEGRATION_API_KEYS=%s,%s,%s",
             s_key(reader, sizeof reader, "reader", "read", "k-read"),
             s_key(trader, sizeof trader, "trader", "read+operate", "k-operate"),
             s_key(chief, sizeof chief, "chief", "admin", "k-admin"));
    s_begin((const char *const[]){"signals", "coordinator", "services", NULL},
            (const char *const[]){setting, extra, NULL});
}

Test(gateway_admission, without_a_key_is_401_once_keys_are_set) {
    s_begin_with_keys(NULL);
    cr_expect(s_ask("GET", "/info", NULL, NULL) == 401);
    cr_expect(strncmp(raw_header(&s_reply, "WWW-Authenticate"), "Bearer", 6) == 0);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "UNAUTHORIZED");
    cr_expect(s_ask("GET", "/info", "X-API-Key: wrong\r\n", NULL) == 401);
    cr_expect(s_ask("GET", "/info", "Authorization: Basic a\r\n", NULL) == 401);
    cr_expect(s_ask("POST", ROUTE, "X-API-Key: wrong\r\n", gateway_signal("a", "echo")) == 401);
    cr_expect(answerer_handled() == 0);
    s_end();
}

Test(gateway_admission, probes_are_open_to_all) {
    s_begin_with_keys(NULL);
    cr_expect(s_ask("GET", "/health", NULL, NULL) == 200);
    cr_expect(s_ask("GET", "/livez", NULL, NULL) == 200);
    cr_expect(s_ask("GET", "/readyz", NULL, NULL) == 503, "nobody answers for readiness here");
    s_end();
}

Test(gateway_admission, each_scope_opens_its_routes) {
    s_begin_with_keys(NULL);
    const char *const read = "X-API-Key: k-read\r\n", *const operate = "Authorization: Bearer k-operate\r\n",
                      *const admin = "Authorization: Bearer k-admin\r\n";
    cr_expect(s_ask("GET", "/info", read, NULL) == 200);
    cr_expect(s_ask("POST", ROUTE, read, gateway_signal("a", "echo")) == 403);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "FORBIDDEN");
    cr_expect(s_ask("POST", ROUTE, operate, gateway_signal("a", "echo")) == 200);
    cr_expect_str_eq(answerer_last()->principal.name, "trader");
    cr_expect(s_ask("POST", "/api/v1/system/shutdown", operate, NULL) == 403);
    cr_expect(s_ask("POST", "/api/v1/services/macro/reconnect", operate, NULL) == 403);
    cr_expect(s_ask("POST", "/api/v1/services/macro/reconnect", admin, NULL) == 200);
    s_end();
}

Test(gateway_admission, the_scope_is_checked_before_the_body) {
    s_begin_with_keys(NULL);
    cr_expect(s_ask("POST", ROUTE, "X-API-Key: k-read\r\nContent-Type: text/plain\r\n", "no json") == 403);
    s_end();
}

Test(gateway_admission, auth_off_admits_without_a_key) {
    s_begin_with_keys("INTEGRATION_AUTH=off");
    cr_expect(s_ask("POST", ROUTE, NULL, gateway_signal("a", "echo")) == 200);
    cr_expect_str_eq(answerer_last()->principal.name, "anonymous");
    s_end();
}

Test(gateway_admission, a_page_from_elsewhere_does_not_count_as_loopback) {
    s_begin(s_signals, NULL);
    cr_expect(s_ask("POST", "/api/v1/signals/cleanup", "Origin: http://evil.example\r\n", NULL) == 401);
    s_end();
}

Test(gateway_admission, listed_origins_are_allowed_by_cors) {
    s_begin(s_signals, (const char *const[]){"INTEGRATION_CORS_ORIGINS=http://a.example", NULL});
    const char *const preflight = "Origin: http://a.example\r\nAccess-Control-Request-Method: POST\r\n";
    cr_expect(s_ask("OPTIONS", ROUTE, preflight, NULL) == 204);
    cr_expect_str_eq(raw_header(&s_reply, "Access-Control-Allow-Origin"), "http://a.example");
    cr_expect(strstr(raw_header(&s_reply, "Access-Control-Allow-Methods"), "POST"));
    cr_expect(s_ask("GET", "/info", "Origin: http://a.example\r\n", NULL) == 200);
    cr_expect_str_eq(raw_header(&s_reply, "Access-Control-Allow-Origin"), "http://a.example");
    cr_expect(s_ask("OPTIONS", ROUTE, "Origin: http://b.example\r\nAccess-Control-Request-Method: POST\r\n",
                    NULL) == 204);
    cr_expect(raw_header(&s_reply, "Access-Control-Allow-Origin") == NULL);
    s_end();
}

Test(gateway_admission, too_many_requests_are_429_with_retry_after) {
    s_begin(s_signals, (const char *const[]){"INTEGRATION_RATE_LIMIT=1", NULL});
    int refused = 0;
    for (int i = 0; i < 6; i++)
        refused += s_ask("GET", "/info", NULL, NULL) == 429;
    cr_expect(refused >= 3, "%d of 6", refused);
    cr_expect(s_ask("GET", "/info", NULL, NULL) == 429);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "RATE_LIMITED");
    cr_expect_str_eq(raw_header(&s_reply, "Retry-After"), "1");
    for (int i = 0; i < 10; i++)
        cr_expect(s_ask("GET", "/health", NULL, NULL) == 200, "probes are not limited");
    s_end();
}

Test(gateway_admission, guessing_keys_is_limited_too) {
    s_begin_with_keys("INTEGRATION_RATE_LIMIT=1");
    int refused = 0;
    for (int i = 0; i < 6; i++)
        refused += s_ask("GET", "/info", "X-API-Key: guess\r\n", NULL) == 429;
    cr_expect(refused >= 3, "%d of 6", refused);
    cr_expect(s_ask("GET", "/info", "X-API-Key: k-read\r\n", NULL) == 200, "a key has a bucket of its own");
    s_end();
}

Test(gateway_admission, a_component_that_does_not_run_is_503) {
    s_begin(s_signals, NULL);
    cr_expect(s_ask("GET", "/api/v1/services", NULL, NULL) == 503);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "NO_SUBSCRIBER");
    cr_expect_str_eq(raw_header(&s_reply, "Retry-After"), "1");
    s_end();
}

/* A request that the component keeps, on a connection of its own; *answered counts when the answer is there. */
static void s_send_kept(raw_t *raw, const char *id) {
    char request[1024];
    const char *body = gateway_signal(id, "keep");
    snprintf(request, sizeof request,
             "POST " ROUTE
             " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    raw_open(raw, s_f.port);
    raw_send(raw, request);
}

static bool s_kept_is(void *wanted) {
    return answerer_kept() == *(int *)wanted;
}

/* The component answers what it kept. Not over HTTP: all places may be taken. */
static void s_release(void) {
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    RouteSignalReply reply = RouteSignalReply_init_zero;
    request.has_target = true;
    cr_assert(MESSAGE_SET(request.target, "release"));
    cr_assert(harness_request(&s_f.harness, &rpc_SignalRouter_RouteSignal, &request, &reply, NULL) == OK);
    message_release(RouteSignalReply_message(), &reply);
}

static void s_expect_released(raw_t *raw) {
    raw_reply_free(&s_reply);
    raw_reply(raw, &s_reply, false);
    cr_expect(s_reply.status == 200, "%s", buf_str(&s_reply.body));
    raw_close(raw);
}

Test(gateway_admission, past_the_in_flight_limit_is_503_and_probes_go_on) {
    raw_t kept[2];
    s_begin((const char *const[]){"signals", "monitoring", NULL},
            (const char *const[]){"INTEGRATION_MAX_IN_FLIGHT=2", NULL});
    s_send_kept(&kept[0], "a");
    s_send_kept(&kept[1], "b");
    harness_until(s_kept_is, &(int){2}, "both requests are inside");
    cr_expect(s_ask("POST", ROUTE, NULL, gateway_signal("c", "echo")) == 503);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "OVERLOADED");
    cr_expect(raw_header(&s_reply, "Retry-After") != NULL);
    cr_expect(s_ask("GET", "/health", NULL, NULL) == 200);
    cr_expect(s_ask("GET", "/livez", NULL, NULL) == 200);
    cr_expect(s_ask("GET", "/readyz", NULL, NULL) == 200, "who is busy is ready");
    s_release();
    s_expect_released(&kept[0]);
    s_expect_released(&kept[1]);
    cr_expect(s_ask("POST", ROUTE, NULL, gateway_signal("c", "echo")) == 200,
              "and the places are free again");
    s_end();
}

Test(gateway_admission, a_component_that_does_not_answer_in_time_is_504) {
    s_begin(s_signals, NULL);
    int64_t begun = clock_mono_us();
    cr_expect(s_ask("POST", ROUTE, NULL, gateway_signal("a", "keep")) == 504);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "DEADLINE_EXCEEDED");
    cr_expect(clock_mono_us() - begun >= 4900000, "not before the deadline of the route");
    s_end();
}

/* ---- the drain ---- */

static void *s_drain(void *result) {
    *(bool *)result = gateway_drain(s_f.gateway, clock_mono_us() + 10000000);
    return NULL;
}

static bool s_refuses(void *ignored) {
    (void)ignored;
    return s_ask("GET", "/info", NULL, NULL) == 503;
}

Test(gateway_admission, a_drain_answers_what_is_inside_and_refuses_newcomers) {
    raw_t kept;
    pthread_t thread;
    bool drained = false;
    s_begin(s_signals, NULL);
    s_send_kept(&kept, "a");
    harness_until(s_kept_is, &(int){1}, "the request is inside");
    cr_assert(pthread_create(&thread, NULL, s_drain, &drained) == 0);
    harness_until(s_refuses, NULL, "newcomers are refused");
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "SHUTTING_DOWN");
    cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
    cr_expect(s_ask("GET", "/readyz", NULL, NULL) == 503);
    cr_expect(s_ask("GET", "/livez", NULL, NULL) == 200);
    harness_stop_actor(&s_f.harness, s_f.harness.actors[0], 5000);
    pthread_join(thread, NULL);
    cr_expect(drained);
    gateway_stop(&s_f.gateway);
    s_expect_released(&kept);
    s_end();
}

Test(gateway_admission, a_drain_gives_up_at_its_deadline) {
    raw_t kept;
    s_begin(s_signals, NULL);
    s_send_kept(&kept, "a");
    harness_until(s_kept_is, &(int){1}, "the request is inside");
    cr_expect_not(gateway_drain(s_f.gateway, clock_mono_us() + 50000));
    raw_close(&kept);
    s_end();
}

Test(gateway_admission, an_idle_connection_does_not_hold_up_the_stop) {
    raw_t idle;
    s_begin(s_signals, NULL);
    raw_open(&idle, s_f.port);
    raw_send(&idle, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_reply(&idle, &s_reply, false);
    int64_t begun = clock_mono_us();
    cr_expect(gateway_drain(s_f.gateway, begun + 5000000));
    gateway_stop(&s_f.gateway);
    cr_expect(clock_mono_us() - begun < 4000000);
    cr_expect(raw_is_closed(&idle));
    raw_close(&idle);
    s_end();
}

/* ---- reload, start ---- */

Test(gateway_admission, reloaded_keys_count_at_once) {
    char key[128], setting[160];
    snprintf(setting, sizeof setting, "INTEGRATION_API_KEYS=%s",
             s_key(key, sizeof key, "new", "admin", "k-new"));
    s_begin(s_signals, NULL);
    cr_expect(s_ask("GET", "/info", NULL, NULL) == 200);
    config_t *fresh = gateway_fixture_config(s_f.dir, (const char *const[]){setting, NULL});
    gateway_reload(s_f.gateway, fresh);
    cr_expect(s_ask("GET", "/info", NULL, NULL) == 401);
    cr_expect(s_ask("GET", "/info", "X-API-Key: k-new\r\n", NULL) == 200);
    s_end();
    config_destroy(&fresh);
}

Test(gateway_admission, a_port_that_is_taken_fails_the_start) {
    char setting[64];
    s_begin(s_signals, NULL);
    snprintf(setting, sizeof setting, "INTEGRATION_PORT=%d", s_f.port);
    config_t *second = gateway_fixture_config(s_f.dir, (const char *const[]){setting, NULL});
    gateway_t *gateway = NULL;
    cr_expect(gateway_start(&gateway, second) == ERR_IO);
    cr_expect(gateway == NULL);
    config_destroy(&second);
    s_end();
}

Test(gateway_admission, more_idle_connections_than_workers_leave_room_for_newcomers) {
    enum { IDLE = 7 };
    raw_t idle[IDLE];
    s_begin(s_signals, (const char *const[]){"INTEGRATION_HTTP_THREADS=8", NULL});
    for (int i = 0; i < IDLE; i++) {
        raw_open(&idle[i], s_f.port);
        raw_send(&idle[i], "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        raw_reply_free(&s_reply);
        raw_reply(&idle[i], &s_reply, false);
    }
    for (int i = 0; i < 20; i++) {
        raw_t newcomer;
        raw_open(&newcomer, s_f.port);
        raw_send(&newcomer, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        raw_reply_free(&s_reply);
        raw_reply(&newcomer, &s_reply, false);
        cr_assert_str_eq(raw_header(&s_reply, "Connection"), "close");
        raw_close(&newcomer);
    }
    for (int i = 0; i < IDLE; i++)
        raw_close(&idle[i]);
    s_end();
}
