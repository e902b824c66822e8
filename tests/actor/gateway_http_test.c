/* The gateway as an HTTP server: what is well-formed, what is refused and how, what every answer carries. */
#include "gateway_fixture.h"

#include "base/ids.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE "/api/v1/signals/route"

static gateway_fixture_t s_f;
static raw_reply_t s_reply;

static void s_setup(void) {
    gateway_fixture_start(&s_f, (const char *const[]){"signals", "services", NULL},
                          (const char *const[]){"INTEGRATION_MAX_BODY_BYTES=4096", NULL});
}

static void s_teardown(void) {
    raw_reply_free(&s_reply);
    gateway_fixture_stop(&s_f);
}

TestSuite(gateway_http, .init = s_setup, .fini = s_teardown, .timeout = 60);

static const raw_reply_t *s_ask(const char *method, const char *path, const char *headers, const char *body) {
    raw_reply_free(&s_reply);
    raw_request(s_f.port, &s_reply, method, path, headers, body);
    return &s_reply;
}

/* Bytes as they are, on a connection of their own; takes one answer. */
static const raw_reply_t *s_send(const char *bytes) {
    raw_t raw;
    raw_reply_free(&s_reply);
    raw_open(&raw, s_f.port);
    raw_send(&raw, bytes);
    raw_reply(&raw, &s_reply, false);
    raw_close(&raw);
    return &s_reply;
}

static void s_expect(int status, const char *code) {
    cr_expect(s_reply.status == status, "%d, not %d: %s", status, s_reply.status, buf_str(&s_reply.body));
    cr_expect_str_eq(raw_text(&s_reply, "error_code"), code);
}

Test(gateway_http, an_answer_is_wrapped_and_carries_its_headers) {
    s_ask("GET", "/health", NULL, NULL);
    cr_assert(s_reply.status == 200);
    cr_expect_str_eq(raw_text(&s_reply, "data.status"), "healthy");
    cr_expect_str_eq(raw_header(&s_reply, "Content-Type"), "application/json");
    cr_expect_str_eq(raw_header(&s_reply, "X-Content-Type-Options"), "nosniff");
    cr_expect_str_eq(raw_header(&s_reply, "X-Frame-Options"), "DENY");
    cr_expect(strstr(raw_header(&s_reply, "Content-Security-Policy"), "default-src 'none'"));
    cr_expect(ids_traceparent_valid(raw_header(&s_reply, "traceparent")));
    cr_expect(strlen(raw_header(&s_reply, "X-Request-ID")) == 36);
    cr_expect(strstr(raw_header(&s_reply, "Date"), " GMT"));
    double seconds;
    cr_expect(sscanf(raw_header(&s_reply, "X-Response-Time"), "%lfs", &seconds) == 1 && seconds < 10);
}

Test(gateway_http, a_request_id_is_echoed_when_it_may_be_one) {
    s_ask("GET", "/health", "X-Request-ID: abc-123\r\n", NULL);
    cr_expect_str_eq(raw_header(&s_reply, "X-Request-ID"), "abc-123");
    s_ask("GET", "/health", "X-Request-ID: with blank\r\n", NULL);
    cr_expect(strlen(raw_header(&s_reply, "X-Request-ID")) == 36);
}

Test(gateway_http, a_trace_is_continued) {
    s_ask("GET", "/health", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL);
    const char *trace = raw_header(&s_reply, "traceparent");
    cr_expect(strncmp(trace, "00-0af7651916cd43dd8448eb211c80319c-", 36) == 0);
    cr_expect(strstr(trace, "b7ad6b7169203331") == NULL, "with a span of its own");
    s_ask("GET", "/health", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n", NULL);
    cr_expect(strstr(raw_header(&s_reply, "traceparent"), "-00000000000000000000000000000000-") == NULL);
}

Test(gateway_http, ids_and_trace_reach_the_component) {
    s_ask("POST", ROUTE, "X-Request-ID: r-7\r\n", gateway_signal("s1", "echo"));
    cr_assert(s_reply.status == 200, "%s", buf_str(&s_reply.body));
    cr_expect_str_eq(raw_text(&s_reply, "data.signal_id"), "s1");
    const Envelope *envelope = answerer_last();
    cr_expect_str_eq(envelope->request_id, "r-7");
    cr_expect_str_eq(envelope->principal.name, "loopback");
    cr_expect_str_eq(envelope->principal.scope, "admin");
    cr_expect_str_eq(envelope->principal.remote, "127.0.0.1");
    cr_expect_str_eq(envelope->traceparent, raw_header(&s_reply, "traceparent"));
}

Test(gateway_http, a_connection_is_kept_for_many_requests) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    for (int i = 0; i < 20; i++) {
        raw_reply_free(&s_reply);
        raw_send(&raw, i % 2 ? "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
                             : "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\n\r\n{}");
        raw_reply(&raw, &s_reply, false);
        cr_assert(s_reply.status == (i % 2 ? 200 : 400));
        cr_assert_str_eq(raw_header(&s_reply, "Connection"), "keep-alive");
    }
    raw_close(&raw);
}

Test(gateway_http, pipelined_requests_are_answered_in_order) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(&raw, "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    const int wanted[] = {200, 404, 200};
    for (int i = 0; i < 3; i++) {
        raw_reply_free(&s_reply);
        raw_reply(&raw, &s_reply, false);
        cr_assert(s_reply.status == wanted[i]);
    }
    raw_close(&raw);
}

Test(gateway_http, a_connection_ends_when_the_client_says_so) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(&raw, "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_reply(&raw, &s_reply, false);
    cr_assert_str_eq(raw_header(&s_reply, "Connection"), "close");
    cr_assert(raw_is_closed(&raw));
    raw_close(&raw);
    raw_reply_free(&s_reply);
    raw_open(&raw, s_f.port);
    raw_send(&raw, "GET /health HTTP/1.0\r\n\r\n");
    raw_reply(&raw, &s_reply, false);
    cr_assert(raw_is_closed(&raw));
    raw_close(&raw);
}

Test(gateway_http, head_is_a_get_without_its_body) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(&raw, "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_reply(&raw, &s_reply, true);
    cr_expect(s_reply.status == 200 && atoi(raw_header(&s_reply, "Content-Length")) > 50);
    raw_reply_free(&s_reply);
    raw_reply(&raw, &s_reply, false);
    cr_expect_str_eq(raw_text(&s_reply, "data.status"), "alive");
    raw_close(&raw);
}

Test(gateway_http, an_unknown_path_is_404) {
    const char *const paths[] = {"/",
                                 "/nothing",
                                 "/health/",
                                 "//health",
                                 "/api/v1/signals",
                                 "/HEALTH",
                                 "/health/..",
                                 "/api/v1/tasks/a/b/c/d/e/f/g/h/i/j/k"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        s_ask("GET", paths[i], NULL, NULL);
        cr_expect(s_reply.status == 404, "%s: %d", paths[i], s_reply.status);
        cr_expect_str_eq(raw_text(&s_reply, "error_code"), "ROUTE_NOT_FOUND");
    }
}

Test(gateway_http, a_path_that_cannot_be_decoded_is_400) {
    const char *const paths[] = {"/health%00", "/health%", "/health%zz"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        s_ask("GET", paths[i], NULL, NULL);
        s_expect(400, "MALFORMED_REQUEST");
    }
}

Test(gateway_http, escapes_in_a_path_mean_what_they_stand_for) {
    s_ask("GET", "/he%61lth", NULL, NULL);
    cr_expect(s_reply.status == 200);
}

Test(gateway_http, a_known_path_with_another_method_is_405_with_allow) {
    s_ask("DELETE", "/health", NULL, NULL);
    s_expect(405, "METHOD_NOT_ALLOWED");
    cr_expect_str_eq(raw_header(&s_reply, "Allow"), "GET, HEAD, OPTIONS");
    s_ask("PATCH", ROUTE, NULL, "{}");
    s_expect(405, "METHOD_NOT_ALLOWED");
    cr_expect_str_eq(raw_header(&s_reply, "Allow"), "POST, OPTIONS");
}

Test(gateway_http, a_method_that_nobody_knows_is_405_with_allow) {
    const char *const methods[] = {"BREW", "TRACE", "get"};
    char request[128];
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        snprintf(request, sizeof request, "%s /health?a=1 HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
        s_send(request);
        s_expect(405, "METHOD_NOT_ALLOWED");
        cr_expect_str_eq(raw_header(&s_reply, "Allow"), "GET, HEAD, OPTIONS");
        cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
    }
    s_send("BREW /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    s_expect(404, "ROUTE_NOT_FOUND");
}

Test(gateway_http, options_tells_the_methods) {
    s_ask("OPTIONS", "/api/v1/tasks", "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\n",
          NULL);
    cr_expect(s_reply.status == 204);
    cr_expect_str_eq(raw_header(&s_reply, "Allow"), "GET, HEAD, POST, OPTIONS");
    cr_expect(raw_header(&s_reply, "Access-Control-Allow-Origin") == NULL, "CORS is off");
    cr_expect(raw_header(&s_reply, "Content-Length") == NULL);
    s_ask("OPTIONS", "/nothing", NULL, NULL);
    s_expect(404, "ROUTE_NOT_FOUND");
}

Test(gateway_http, what_is_not_http_is_refused_as_json) {
    const char *const requests[] = {"GET\r\n\r\n",
                                    "BREW\r\n\r\n",
                                    "BREW /health\r\n\r\n",
                                    "BREW health HTTP/1.1\r\n\r\n",
                                    "GET /health HTTP/1.1\r\nbroken header\r\n\r\n",
                                    "GET health HTTP/1.1\r\nHost: a\r\n\r\n",
                                    "\r\n\r\nx\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        s_send(requests[i]);
        cr_expect(s_reply.status == 400, "%s: %d", requests[i], s_reply.status);
        cr_expect_str_eq(raw_text(&s_reply, "error_code"), "MALFORMED_REQUEST");
        cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
    }
}

Test(gateway_http, an_unknown_http_version_is_505) {
    s_send("GET /health HTTP/3.0\r\nHost: a\r\n\r\n");
    s_expect(505, "HTTP_VERSION");
}

Test(gateway_http, headers_that_are_too_large_are_refused) {
    buf_t request = BUF_INIT;
    buf_append_str(&request, "GET /health HTTP/1.1\r\nHost: a\r\nX-Long: ");
    for (int i = 0; i < 40000; i++)
        buf_append_char(&request, 'x');
    buf_append_str(&request, "\r\n\r\n");
    s_send(buf_str(&request));
    s_expect(400, "MALFORMED_REQUEST");
    cr_expect(strstr(raw_text(&s_reply, "error"), "32768"));
    buf_free(&request);
}

Test(gateway_http, contradictory_lengths_are_refused_and_end_the_connection) {
    const char *const requests[] = {
        "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST " ROUTE
        " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Length: 2x\r\n\r\n{}",
        "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{}"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        s_send(requests[i]);
        cr_expect(s_reply.status == 400, "%s: %d", requests[i], s_reply.status);
        cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
    }
}

Test(gateway_http, a_chunked_body_is_read) {
    raw_t raw;
    const char *signal = gateway_signal("c1", "echo");
    buf_t request = BUF_INIT;
    buf_append_str(&request, "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n");
    buf_printf(&request, "a\r\n%.10s\r\n", signal);
    buf_printf(&request, "%zx\r\n%s\r\n0\r\n\r\n", strlen(signal) - 10, signal + 10);
    buf_append_str(&request, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_open(&raw, s_f.port);
    raw_send(&raw, buf_str(&request));
    raw_reply(&raw, &s_reply, false);
    cr_expect(s_reply.status == 200, "%s", buf_str(&s_reply.body));
    cr_expect_str_eq(raw_text(&s_reply, "data.signal_id"), "c1");
    raw_reply_free(&s_reply);
    raw_reply(&raw, &s_reply, false);
    cr_expect_str_eq(raw_text(&s_reply, "data.status"), "alive", "and the next request is found after it");
    raw_close(&raw);
    buf_free(&request);
}

Test(gateway_http, broken_chunks_are_400) {
    s_send("POST " ROUTE
           " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
           "zz\r\n{}\r\n0\r\n\r\n");
    s_expect(400, "MALFORMED_REQUEST");
    cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
}

static void s_fill(buf_t *body, size_t size) {
    buf_append_str(body, "{\"x\":\"");
    while (body->size < size - 2)
        buf_append_char(body, 'x');
    buf_append_str(body, "\"}");
}

Test(gateway_http, a_body_beyond_the_limit_is_413) {
    buf_t body = BUF_INIT;
    s_fill(&body, 4097);
    s_ask("POST", ROUTE, NULL, buf_str(&body));
    s_expect(413, "BODY_TOO_LARGE");
    buf_clear(&body);
    s_fill(&body, 4096);
    s_ask("POST", ROUTE, NULL, buf_str(&body));
    s_expect(400, "VALIDATION_FAILED");
    buf_free(&body);
}

Test(gateway_http, a_chunked_body_beyond_the_limit_is_413) {
    buf_t body = BUF_INIT, request = BUF_INIT;
    s_fill(&body, 4097);
    buf_printf(&request,
               "POST " ROUTE
               " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
               body.size, buf_str(&body));
    s_send(buf_str(&request));
    s_expect(413, "BODY_TOO_LARGE");
    buf_free(&body);
    buf_free(&request);
}

Test(gateway_http, a_huge_announced_body_is_refused_unread) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(&raw, "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n{");
    raw_reply(&raw, &s_reply, false);
    s_expect(413, "BODY_TOO_LARGE");
    cr_assert(raw_is_closed(&raw));
    raw_close(&raw);
}

/* More than the buffers of both sockets hold: a client that sends all before it reads must get that far. */
Test(gateway_http, a_client_that_sends_all_of_a_refused_body_gets_the_answer) {
    buf_t body = BUF_INIT;
    s_fill(&body, 32 * 1048576);
    s_ask("POST", ROUTE, NULL, buf_str(&body));
    s_expect(413, "BODY_TOO_LARGE");
    cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
    buf_free(&body);
}

Test(gateway_http, a_small_body_that_nobody_needs_does_not_end_the_connection) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(
        &raw,
        "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nunusedx"
        "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    const int wanted[] = {404, 200, 200};
    for (int i = 0; i < 3; i++) {
        raw_reply_free(&s_reply);
        raw_reply(&raw, &s_reply, false);
        cr_assert(s_reply.status == wanted[i]);
    }
    raw_close(&raw);
}

Test(gateway_http, a_client_that_waits_for_100_continue_gets_it) {
    raw_t raw;
    char head[256];
    const char *body = gateway_signal("e1", "echo");
    snprintf(head, sizeof head,
             "POST " ROUTE
             " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
             "Content-Length: %zu\r\n\r\n",
             strlen(body));
    raw_open(&raw, s_f.port);
    raw_send(&raw, head);
    raw_reply(&raw, &s_reply, false);
    cr_assert(s_reply.status == 100);
    raw_reply_free(&s_reply);
    raw_send(&raw, body);
    raw_reply(&raw, &s_reply, false);
    cr_assert(s_reply.status == 200);
    raw_close(&raw);
}

Test(gateway_http, a_client_that_waits_for_100_continue_is_refused_without_it) {
    s_send("POST " ROUTE " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n");
    s_expect(413, "BODY_TOO_LARGE");
    cr_expect_str_eq(raw_header(&s_reply, "Connection"), "close");
}

Test(gateway_http, a_body_that_is_not_json_is_415) {
    s_ask("POST", ROUTE, "Content-Type: text/plain\r\n", "{}");
    s_expect(415, "UNSUPPORTED_MEDIA_TYPE");
    s_send("POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    s_expect(415, "UNSUPPORTED_MEDIA_TYPE");
}

Test(gateway_http, a_post_without_a_body_needs_no_content_type) {
    s_ask("POST", "/api/v1/services/macro/health-check", NULL, NULL);
    cr_expect(s_reply.status == 200, "%s", buf_str(&s_reply.body));
}

Test(gateway_http, broken_json_says_where) {
    s_ask("POST", ROUTE, NULL, "{\"a\": 1,\n  oops}");
    s_expect(400, "MALFORMED_JSON");
    cr_expect(json_array_size(json_object_get(s_reply.json, "details")) == 1);
}

Test(gateway_http, every_problem_of_a_body_is_reported_at_once) {
    s_ask("POST", ROUTE, NULL,
          "{\"signal_type\":\"a b\",\"source\":\"s\",\"strength\":1.7,\"colour\":1,\"priority\":9}");
    s_expect(400, "VALIDATION_FAILED");
    const char *const fields[] = {"signal_type", "target", "strength", "confidence", "colour", "priority"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_expect(raw_problem(&s_reply, fields[i]), "%s: %s", fields[i], buf_str(&s_reply.body));
    cr_expect_str_eq(raw_text(&s_reply, "request_id"), raw_header(&s_reply, "X-Request-ID"));
}

Test(gateway_http, an_unknown_query_parameter_is_400_and_the_allowed_ones_are_named) {
    s_ask("GET", "/api/v1/signals/history?colour=red&limit=0", NULL, NULL);
    s_expect(400, "VALIDATION_FAILED");
    cr_expect(strstr(raw_problem(&s_reply, "colour"), "symbol"));
    cr_expect(raw_problem(&s_reply, "limit"));
}

Test(gateway_http, errors_come_as_problem_documents_on_request) {
    s_ask("GET", "/nothing", "Accept: application/problem+json\r\n", NULL);
    cr_expect(s_reply.status == 404);
    cr_expect_str_eq(raw_header(&s_reply, "Content-Type"), "application/problem+json");
    cr_expect_str_eq(raw_text(&s_reply, "type"), "urn:integration:error:ROUTE_NOT_FOUND");
    cr_expect_str_eq(raw_text(&s_reply, "instance"), "/nothing");
}

Test(gateway_http, a_refusal_of_a_component_is_passed_on) {
    s_ask("POST", ROUTE, NULL, gateway_signal("x", "refuse"));
    s_expect(409, "CONFLICT");
    cr_expect_str_eq(raw_text(&s_reply, "error"), "not now");
    cr_expect_str_eq(raw_problem(&s_reply, "symbol"), "is taken");
    cr_expect_str_eq(raw_header(&s_reply, "Retry-After"), "7");
    s_ask("POST", ROUTE, NULL, gateway_signal("x", "defect"));
    s_expect(500, "INTERNAL");
}

Test(gateway_http, a_slow_client_that_stops_half_way_disturbs_nobody) {
    raw_t raw;
    raw_open(&raw, s_f.port);
    raw_send(&raw, "POST " ROUTE " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"si");
    s_ask("GET", "/health", NULL, NULL);
    cr_expect(s_reply.status == 200);
    raw_close(&raw);
}
