/* Idempotency-Key over the real store: the same POST twice is carried out once. */
#include "gateway_fixture.h"

#include "routes.gen.h"
#include "store/store_actor.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define ROUTE "/api/v1/signals/route"
#define KEY   "Idempotency-Key: k-1\r\n"

static gateway_fixture_t s_f;
static raw_reply_t s_reply;

static bool s_store_is_available(void *ignored) {
    (void)ignored;
    StoreStateRequest request = StoreStateRequest_init_zero;
    StoreState state = StoreState_init_zero;
    err_t err = harness_request(&s_f.harness, &rpc_StoreWriter_GetState, &request, &state, NULL);
    bool available = err == OK && state.available;
    message_release(StoreState_message(), &state);
    return available;
}

static void s_setup(void) {
    gateway_fixture_start(&s_f, (const char *const[]){"signals", "services", NULL}, NULL);
    harness_actor(&s_f.harness, &store_writer_class, s_f.config, NULL);
    harness_until(s_store_is_available, NULL, "the store opens");
}

static void s_teardown(void) {
    raw_reply_free(&s_reply);
    gateway_fixture_stop(&s_f);
}

TestSuite(gateway_idempotency, .init = s_setup, .fini = s_teardown, .timeout = 60);

static int s_post(const char *path, const char *headers, const char *body) {
    raw_reply_free(&s_reply);
    raw_request(s_f.port, &s_reply, "POST", path, headers, body);
    return s_reply.status;
}

static bool s_is_replay(void) {
    const char *value = raw_header(&s_reply, "Idempotent-Replay");
    return value && strcmp(value, "true") == 0;
}

Test(gateway_idempotency, the_same_key_and_body_get_the_first_answer_again) {
    cr_assert(s_post(ROUTE, KEY, gateway_signal("s1", "echo")) == 200, "%s", buf_str(&s_reply.body));
    cr_expect_not(s_is_replay());
    int handled = answerer_handled();
    char *first = strdup(buf_str(&s_reply.body));
    int64_t next_ms = clock_wall_ms() + 1;
    while (clock_wall_ms() <= next_ms)
        sched_yield(); /* an answer made now would be dated otherwise */
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "echo")) == 200);
    cr_expect(s_is_replay());
    cr_expect_str_eq(raw_text(&s_reply, "data.signal_id"), "s1");
    cr_expect_str_eq(buf_str(&s_reply.body), first);
    free(first);
    cr_expect(answerer_handled() == handled, "the component did not see it again");
}

Test(gateway_idempotency, the_same_key_with_another_body_is_422) {
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "echo")) == 200);
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s2", "echo")) == 422);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "IDEMPOTENCY_MISMATCH");
}

Test(gateway_idempotency, the_same_body_may_be_written_otherwise) {
    cr_expect(s_post(ROUTE, KEY, "{\"source\":\"s\",\"strength\":0.5}") == 400);
    cr_expect(s_post(ROUTE, KEY, "{ \"strength\": 5e-1, \"source\": \"\\u0073\" }\n") == 400);
    cr_expect(s_is_replay());
    cr_expect(s_post(ROUTE, KEY, "{\"source\":\"s\",\"strength\":0.6}") == 422);
}

Test(gateway_idempotency, keys_are_kept_apart_by_path) {
    cr_expect(s_post("/api/v1/services/macro/health-check", KEY, NULL) == 200);
    cr_expect(s_post("/api/v1/services/flowhub/health-check", KEY, NULL) == 200);
    cr_expect_not(s_is_replay());
    cr_expect(s_post("/api/v1/services/macro/health-check", KEY, NULL) == 200);
    cr_expect(s_is_replay());
}

Test(gateway_idempotency, a_refusal_is_kept_like_any_answer) {
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "refuse")) == 409);
    int handled = answerer_handled();
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "refuse")) == 409);
    cr_expect(s_is_replay());
    cr_expect_str_eq(raw_problem(&s_reply, "symbol"), "is taken");
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "CONFLICT");
    cr_expect(answerer_handled() == handled);
}

Test(gateway_idempotency, a_refused_body_is_kept_too) {
    cr_expect(s_post(ROUTE, KEY, "{\"source\":\"s\"}") == 400);
    cr_expect_not(s_is_replay());
    cr_expect(s_post(ROUTE, KEY, "{\"source\":\"s\"}") == 400);
    cr_expect(s_is_replay());
    cr_expect(raw_problem(&s_reply, "strength"));
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "echo")) == 422);
}

Test(gateway_idempotency, an_answer_of_5xx_is_not_kept) {
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "defect")) == 500);
    int handled = answerer_handled();
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "defect")) == 500);
    cr_expect_not(s_is_replay());
    cr_expect(answerer_handled() == handled + 1);
}

static bool s_one_is_kept(void *ignored) {
    (void)ignored;
    return answerer_kept() == 1;
}

Test(gateway_idempotency, while_the_first_still_runs_it_is_409) {
    raw_t first;
    char request[1024];
    const char *body = gateway_signal("s1", "keep");
    snprintf(request, sizeof request,
             "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" KEY
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    raw_open(&first, s_f.port);
    raw_send(&first, request);
    harness_until(s_one_is_kept, NULL, "the first is with the component");
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "keep")) == 409);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "IDEMPOTENCY_IN_PROGRESS");
    cr_expect(s_post(ROUTE, NULL, gateway_signal("r", "release")) == 200);
    raw_reply_free(&s_reply);
    raw_reply(&first, &s_reply, false);
    cr_expect(s_reply.status == 200);
    raw_close(&first);
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "keep")) == 200);
    cr_expect(s_is_replay());
}

Test(gateway_idempotency, a_key_that_is_none_is_400) {
    cr_expect(s_post(ROUTE, "Idempotency-Key: with blank\r\n", gateway_signal("s1", "echo")) == 400);
    cr_expect(raw_problem(&s_reply, "Idempotency-Key"));
    char header[200] = "Idempotency-Key: ";
    memset(header + 17, 'k', 129);
    strcpy(header + 17 + 129, "\r\n");
    cr_expect(s_post(ROUTE, header, gateway_signal("s1", "echo")) == 400);
    strcpy(header + 17 + 128, "\r\n");
    cr_expect(s_post(ROUTE, header, gateway_signal("s1", "echo")) == 200);
}

Test(gateway_idempotency, without_the_store_nothing_is_carried_out) {
    harness_stop_actor(&s_f.harness, s_f.harness.actors[s_f.harness.actor_count - 1], HARNESS_MS);
    int handled = answerer_handled();
    cr_expect(s_post(ROUTE, KEY, gateway_signal("s1", "echo")) == 503);
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), "STORE_UNAVAILABLE");
    cr_expect(raw_header(&s_reply, "Retry-After") != NULL);
    cr_expect(answerer_handled() == handled);
    cr_expect(s_post(ROUTE, KEY, "{}") == 400, "a body that is not valid is refused all the same");
}

Test(gateway_idempotency, a_get_ignores_the_key) {
    raw_reply_free(&s_reply);
    raw_request(s_f.port, &s_reply, "GET", "/info", KEY, NULL);
    cr_expect(s_reply.status == 200);
}
