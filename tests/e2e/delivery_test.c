/* Signals on their way to HTTP targets, as the outside sees them: over crashes, and by the routes of the API. */
#include "instance.h"
#include "target.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERIES "/api/v1/signals/deliveries"

static instance_t s_instance;
static target_t *s_target;

static int s_hang(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)index;
    (void)headers;
    return 0;
}

static int s_400_once(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)headers;
    return index == 0 ? 400 : 200;
}

static void s_start(target_answer_fn *answer) {
    static char path[256];
    static const char *arguments[] = {"--config", path, NULL};
    char text[512];
    s_target = target_start(answer);
    instance_open(&s_instance, NULL);
    snprintf(text, sizeof text,
             "signal_routes:\n  - target: desk\n    url: http://u:secret@127.0.0.1:%d/in\n",
             target_port(s_target));
    instance_write(&s_instance, "config.yaml", text);
    snprintf(path, sizeof path, "%s", instance_path(&s_instance, "config.yaml"));
    s_instance.arguments = arguments;
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static void s_teardown(void) {
    instance_close(&s_instance);
    target_stop(&s_target);
}

TestSuite(delivery, .fini = s_teardown, .timeout = 120);

static void s_await(const char *status, int total) {
    char path[96];
    long long deadline = program_now_ms() + TARGET_MS;
    snprintf(path, sizeof path, DELIVERIES "?status=%s", status);
    while ((int)rest_number(rest_get_ok(&s_instance.rest, path), "data.total") != total)
        if (!program_look_again(deadline))
            cr_assert_fail("not %d are %s: %s", total, status, buf_str(&s_instance.rest.reply.body));
}

Test(delivery, what_was_sent_before_a_crash_is_sent_again_with_the_same_key) {
    s_start(s_hang);
    instance_route(&s_instance, "a", "desk", "AAPL", "buy");
    instance_route(&s_instance, "b", "desk", "AAPL", "buy");
    target_await(s_target, 1);
    instance_kill(&s_instance); /* between the request and its outcome */
    target_release(s_target);
    instance_start(&s_instance);
    s_await("delivered", 2);
    cr_assert_eq(target_count(s_target), 3);
    cr_expect_str_eq(target_at(s_target, 0)->key, "a");
    cr_expect_str_eq(target_at(s_target, 1)->key, "a");
    cr_expect_str_eq(target_at(s_target, 2)->key, "b");
    cr_expect(json_equal(target_at(s_target, 0)->body, target_at(s_target, 1)->body));
    cr_expect_str_eq(target_header(target_at(s_target, 0), "X-Request-ID"),
                     target_header(target_at(s_target, 1), "X-Request-ID"));
}

Test(delivery, a_target_that_hangs_does_not_hold_up_the_stop) {
    s_start(s_hang);
    instance_route(&s_instance, "a", "desk", "AAPL", "buy");
    target_await(s_target, 1);
    cr_expect_eq(instance_stop(&s_instance), 0);
    target_release(s_target);
    instance_start(&s_instance);
    s_await("delivered", 1);
    cr_expect_str_eq(target_at(s_target, 1)->key, "a");
}

Test(delivery, a_dead_letter_is_listed_and_sent_again) {
    char path[160];
    s_start(s_400_once);
    instance_route(&s_instance, "a", "desk", "AAPL", "buy");
    s_await("dead", 1);
    const rest_reply_t *reply =
        rest_get_ok(&s_instance.rest, DELIVERIES "?status=dead&target=desk&signal_id=a");
    cr_expect_str_eq(rest_text(reply, "data.deliveries.0.signal_id"), "a");
    cr_expect(strstr(rest_text(reply, "data.deliveries.0.last_error"), "HTTP 400"));
    cr_expect_eq(rest_number(reply, "data.deliveries.0.last_status"), 400);
    cr_expect(json_is_null(rest_at(reply, "data.deliveries.0.delivered_at")));
    cr_expect_null(strstr(buf_str(&reply->body), "secret"));
    snprintf(path, sizeof path, DELIVERIES "/%s/retry", rest_text(reply, "data.deliveries.0.delivery_id"));
    reply = rest_post_key(&s_instance.rest, path, "once", NULL);
    cr_expect_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.status"), "pending");
    s_await("delivered", 1);
    cr_expect_str_eq(target_at(s_target, 1)->key, "a");
    cr_expect_status(rest_post_key(&s_instance.rest, path, "once", NULL), 200); /* the first answer */
    cr_expect_status(rest_post(&s_instance.rest, path, NULL), 409);
    cr_expect_status(rest_post(&s_instance.rest, DELIVERIES "/none/retry", NULL), 404);
    cr_expect_status(rest_get(&s_instance.rest, DELIVERIES "?status=lost"), 400);
    cr_expect_eq(target_count(s_target), 2);
}

Test(delivery, no_log_line_shows_the_credentials_of_a_route) {
    s_start(s_400_once);
    instance_route(&s_instance, "a", "desk", "AAPL", "buy");
    program_line(s_instance.program, "a delivery is dead");
    cr_expect_null(strstr(program_err(s_instance.program), "secret"));
    cr_expect_eq(instance_stop(&s_instance), 0);
}
