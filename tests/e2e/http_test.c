/* REST as a client sees it, through the whole service. */
#include "instance.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define ROUTE "/api/v1/signals/route"

static instance_t s_instance;
static rest_t *s_rest = &s_instance.rest;

static void s_setup(void) {
    instance_begin(&s_instance, NULL);
    instance_await_readyz(&s_instance, 200);
}

static void s_teardown(void) {
    instance_close(&s_instance);
}

static bool s_is_timestamp(const char *text) {
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    if (strlen(text) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
            return false;
    return true;
}

/* ---- answers ---- */

TestSuite(answers, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(answers, a_success_has_the_envelope) {
    const rest_reply_t *reply = rest_get_ok(s_rest, "/health");
    cr_expect(json_is_true(rest_at(reply, "success")));
    cr_expect_str_eq(rest_text(reply, "data.status"), "healthy");
    cr_expect(json_is_string(rest_at(reply, "message")));
    cr_expect(s_is_timestamp(rest_text(reply, "timestamp")), "%s", rest_text(reply, "timestamp"));
}

Test(answers, an_error_has_the_envelope) {
    const rest_reply_t *reply = rest_get(s_rest, "/api/v1/signals/no-such-signal");
    cr_expect_status(reply, 404);
    cr_expect(json_is_false(rest_at(reply, "success")));
    cr_expect(*rest_text(reply, "error"));
    cr_expect_str_eq(rest_text(reply, "error_code"), "NOT_FOUND");
    cr_expect(s_is_timestamp(rest_text(reply, "timestamp")));
    cr_expect_str_eq(rest_text(reply, "request_id"), rest_header(reply, "X-Request-ID"));
    cr_expect(json_is_array(rest_at(reply, "details")));
}

Test(answers, an_error_is_a_problem_document_on_request) {
    const rest_reply_t *reply =
        rest_send(s_rest, "POST", ROUTE, HEADERS("Accept: application/problem+json"), "{\"strength\":2}");
    cr_expect_status(reply, 400);
    cr_expect_str_eq(rest_header(reply, "Content-Type"), "application/problem+json");
    cr_expect_eq(rest_number(reply, "status"), 400);
    cr_expect(*rest_text(reply, "type") && *rest_text(reply, "title") && *rest_text(reply, "detail"));
}

Test(answers, a_request_id_is_echoed_or_made) {
    const rest_reply_t *reply = rest_send(s_rest, "GET", "/health", HEADERS("X-Request-ID: mine-42"), NULL);
    cr_expect_str_eq(rest_header(reply, "X-Request-ID"), "mine-42");
    reply = rest_get_ok(s_rest, "/health");
    cr_expect(strlen(rest_header(reply, "X-Request-ID")) >= 8);
}

Test(answers, the_time_it_took_is_told_in_seconds) {
    const char *time = rest_header(rest_get_ok(s_rest, "/health"), "X-Response-Time");
    char *end;
    cr_assert(time);
    cr_expect(strtod(time, &end) >= 0 && strcmp(end, "s") == 0, "%s", time);
}

Test(answers, a_trace_is_continued_into_the_log) {
    char trace[64] = "0af7651916cd43dd8448eb211c80319c", header[128];
    snprintf(header, sizeof header, "traceparent: 00-%s-b7ad6b7169203331-01", trace);
    const rest_reply_t *reply = rest_send(s_rest, "GET", "/health", HEADERS(header), NULL);
    const char *answered = rest_header(reply, "traceparent");
    cr_assert(answered);
    cr_expect(strstr(answered, trace), "%s", answered);
}

Test(answers, security_headers_are_always_there) {
    static const char *const paths[] = {"/health", "/docs", "/no/such/path"};
    for (size_t i = 0; i < 3; i++) {
        const rest_reply_t *reply = rest_get(s_rest, paths[i]);
        cr_expect_str_eq(rest_header(reply, "X-Content-Type-Options"), "nosniff");
        cr_expect(rest_header(reply, "Content-Security-Policy"));
        cr_expect(rest_header(reply, "Referrer-Policy"));
        cr_expect_not(rest_header(reply, "Access-Control-Allow-Origin"), "CORS is off unless it is set");
    }
}

Test(answers, a_connection_is_kept) {
    cr_expect_eq(rest_get_ok(s_rest, "/health")->connects, 0, "the one that /readyz was asked on");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(rest_get(s_rest, i % 2 ? "/health" : "/nothing")->connects, 0);
}

Test(answers, head_is_get_without_the_body) {
    char length[32];
    snprintf(length, sizeof length, "%s", rest_header(rest_get_ok(s_rest, "/info"), "Content-Length"));
    const rest_reply_t *reply = rest_send(s_rest, "HEAD", "/info", NULL, NULL);
    cr_expect_status(reply, 200);
    cr_expect_eq(reply->body.size, 0);
    cr_expect_str_eq(rest_header(reply, "Content-Length"), length);
}

/* ---- refusals ---- */

TestSuite(refusals, .init = s_setup, .fini = s_teardown, .timeout = 60);

static void s_expect_refusal(const rest_reply_t *reply, int status, const char *code) {
    cr_expect_status(reply, status);
    cr_expect_str_eq(rest_text(reply, "error_code"), code);
}

Test(refusals, every_problem_of_a_body_is_named) {
    const rest_reply_t *reply =
        rest_post(s_rest, ROUTE,
                  "{\"strength\":1.7,\"confidence\":\"high\",\"source\":\"a b\","
                  "\"symbol\":\"aapl\",\"priority\":9,\"colour\":\"red\",\"side\":\"up\"}");
    static const char *const fields[] = {"signal_type", "target",   "strength", "confidence", "source",
                                         "symbol",      "priority", "colour",   "side"};
    s_expect_refusal(reply, 400, "VALIDATION_FAILED");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_expect(rest_problem(reply, fields[i]), "%s is not named in %s", fields[i], buf_str(&reply->body));
    cr_expect(strstr(rest_problem(reply, "strength"), "1.7"));
}

Test(refusals, an_unknown_path_is_404) {
    s_expect_refusal(rest_get(s_rest, "/api/v1/nothing"), 404, "ROUTE_NOT_FOUND");
    s_expect_refusal(rest_get(s_rest, "/api/v1/services/weather/status"), 404, "SERVICE_NOT_FOUND");
}

Test(refusals, another_method_is_405_and_the_allowed_ones_are_told) {
    const rest_reply_t *reply = rest_send(s_rest, "DELETE", "/health", NULL, NULL);
    s_expect_refusal(reply, 405, "METHOD_NOT_ALLOWED");
    cr_expect(strstr(rest_header(reply, "Allow"), "GET"));
    reply = rest_get(s_rest, ROUTE);
    s_expect_refusal(reply, 405, "METHOD_NOT_ALLOWED");
    cr_expect(strstr(rest_header(reply, "Allow"), "POST"));
}

Test(refusals, a_body_beyond_the_limit_is_413) {
    size_t size = 1100000;
    char *body = calloc(1, size + 1);
    memset(body, ' ', size);
    s_expect_refusal(rest_post(s_rest, ROUTE, body), 413, "BODY_TOO_LARGE");
    free(body);
    cr_expect_status(rest_get(s_rest, "/health"), 200);
}

Test(refusals, a_body_that_is_not_json_is_415) {
    const rest_reply_t *reply =
        rest_send(s_rest, "POST", ROUTE, HEADERS("Content-Type: text/plain"), "strength=1");
    s_expect_refusal(reply, 415, "UNSUPPORTED_MEDIA_TYPE");
}

Test(refusals, a_post_without_a_body_needs_no_content_type) {
    cr_expect_status(rest_post(s_rest, "/api/v1/services/macro/health-check", NULL), 200);
}

Test(refusals, a_route_that_is_not_built_is_501_when_its_body_is_valid) {
    s_expect_refusal(rest_post(s_rest, "/api/v1/dataflow/optimize", NULL), 501, "NOT_IMPLEMENTED");
    s_expect_refusal(rest_post(s_rest, "/api/v1/system/mode", "{}"), 400, "VALIDATION_FAILED");
    s_expect_refusal(rest_get(s_rest, "/api/v1/tasks?enabled=perhaps"), 400, "VALIDATION_FAILED");
}

Test(refusals, an_unknown_or_bad_query_parameter_is_400) {
    const rest_reply_t *reply =
        rest_get(s_rest, "/api/v1/signals/history?limit=0&colour=red&from=yesterday&order=up");
    s_expect_refusal(reply, 400, "VALIDATION_FAILED");
    cr_expect(rest_problem(reply, "limit"));
    cr_expect(rest_problem(reply, "colour"));
    cr_expect(rest_problem(reply, "from"));
    cr_expect(rest_problem(reply, "order"));
}

Test(refusals, what_is_not_json_is_400) {
    static const char *const bodies[] = {"{",
                                         "[]",
                                         "nonsense",
                                         "{\"a\":1,}",
                                         "{\"a\":1} x",
                                         "{'a':1}",
                                         "\"text\"",
                                         "{\"strength\":NaN}",
                                         "{\"a\":01}",
                                         "{\"a\":\"\\u12\"}",
                                         "{\"strength\":1,\"strength\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        cr_expect_status(rest_post(s_rest, ROUTE, bodies[i]), 400);
}

Test(refusals, bytes_that_are_not_utf8_are_400) {
    static const char *const texts[] = {"\xff", "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xc0\xaf"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1,"
                 "\"data\":{\"note\":\"%s\"}}",
                 texts[i]);
        cr_expect_status(rest_post(s_rest, ROUTE, body), 400);
    }
}

Test(refusals, deep_nesting_is_400) {
    size_t depth = 100000;
    char *body = calloc(1, 2 * depth + 64);
    strcpy(body, "{\"data\":");
    memset(body + 8, '[', depth);
    memset(body + 8 + depth, ']', depth);
    body[8 + 2 * depth] = '}';
    cr_expect_status(rest_post(s_rest, ROUTE, body), 400);
    free(body);
}

Test(refusals, numbers_beyond_all_measure_are_400) {
    static const char *const numbers[] = {"1e999", "-1e999", "123456789012345678901234567890", "1.0000001",
                                          "-0.1"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":%s,\"confidence\":1}",
                 numbers[i]);
        cr_expect_status(rest_post(s_rest, ROUTE, body), 400);
    }
    const rest_reply_t *reply =
        rest_post(s_rest, ROUTE, "{\"source_seq\":9223372036854775808,\"priority\":1.5}");
    cr_expect(rest_problem(reply, "source_seq"));
    cr_expect(rest_problem(reply, "priority"));
}

Test(refusals, free_form_data_has_a_limit) {
    char *body = calloc(1, 20000);
    strcpy(body, "{\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"d\",\"strength\":1,\"confidence\":1,"
                 "\"data\":{\"x\":\"");
    memset(body + strlen(body), 'x', 17000);
    strcat(body, "\"}}");
    const rest_reply_t *reply = rest_post(s_rest, ROUTE, body);
    s_expect_refusal(reply, 400, "VALIDATION_FAILED");
    cr_expect(rest_problem(reply, "data"));
    free(body);
}

/* ---- keys ---- */

/* SHA-256 of "reader", "operator" and "admin". */
#define KEYS                                                                      \
    "INTEGRATION_API_KEYS="                                                       \
    "r:read:3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30,"    \
    "o:operate:06e55b633481f7bb072957eabcf110c972e86691c3cfedabe088024bffe42f23," \
    "a:admin:8c6976e5b5410415bde908bd4dee15dfb167a9c873fc4bb8a81f6f2ab448a918"

static int s_with_key(const char *key, const char *method, const char *path) {
    char header[96];
    snprintf(header, sizeof header, "Authorization: Bearer %s", key);
    return rest_send(s_rest, method, path, HEADERS(header), NULL)->status;
}

TestSuite(keys, .fini = s_teardown, .timeout = 60);

Test(keys, each_scope_opens_its_routes) {
    instance_begin(&s_instance, HEADERS(KEYS));
    cr_expect_eq(s_with_key("reader", "GET", "/api/v1/services"), 200);
    cr_expect_eq(s_with_key("reader", "POST", "/api/v1/services/macro/health-check"), 403);
    cr_expect_eq(s_with_key("operator", "GET", "/api/v1/services"), 200);
    cr_expect_eq(s_with_key("operator", "POST", "/api/v1/services/macro/health-check"), 200);
    cr_expect_eq(s_with_key("operator", "POST", "/api/v1/services/macro/reconnect"), 403);
    cr_expect_eq(s_with_key("admin", "POST", "/api/v1/services/macro/reconnect"), 200);
    cr_expect_eq(s_with_key("guess", "GET", "/api/v1/services"), 401);
}

Test(keys, once_set_loopback_needs_one_too) {
    instance_begin(&s_instance, HEADERS(KEYS));
    cr_expect_status(rest_get(s_rest, "/status"), 401);
    cr_expect_status(rest_get(s_rest, "/metrics"), 401);
    cr_expect_status(rest_get(s_rest, "/health"), 200);
    cr_expect_status(rest_get(s_rest, "/livez"), 200);
    instance_await_readyz(&s_instance, 200);
    cr_expect_eq(rest_send(s_rest, "GET", "/status", HEADERS("X-API-Key: reader"), NULL)->status, 200);
}

Test(keys, none_set_admits_loopback_as_admin) {
    instance_begin(&s_instance, NULL);
    cr_expect_status(rest_post(s_rest, "/api/v1/services/macro/reconnect", NULL), 200);
}

Test(keys, are_never_logged) {
    instance_begin(&s_instance, HEADERS(KEYS, "LOG_LEVEL=DEBUG"));
    s_with_key("operator", "GET", "/api/v1/services");
    s_with_key("a-wrong-guess", "GET", "/api/v1/services");
    cr_expect_eq(instance_stop(&s_instance), 0);
    const char *log = program_err(s_instance.program);
    cr_expect_not(strstr(log, "06e55b633481f7bb"));
    cr_expect_not(strstr(log, "a-wrong-guess"));
}

/* ---- the same request again ---- */

TestSuite(idempotency, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(idempotency, the_first_answer_comes_again) {
    char *body = signal_body(NULL, "desk", "AAPL", "buy");
    const rest_reply_t *reply = rest_post_key(s_rest, ROUTE, "once-1", body);
    cr_assert_status(reply, 200);
    char *first = strdup(rest_text(reply, "data.signal_id"));
    cr_expect_not(rest_header(reply, "Idempotent-Replay"));
    reply = rest_post_key(s_rest, ROUTE, "once-1", body);
    cr_expect_status(reply, 200);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    cr_expect_str_eq(rest_text(reply, "data.signal_id"), first);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, "/api/v1/signals/history"), "data.total"), 1);
    free(first);
    free(body);
}

Test(idempotency, it_comes_again_after_a_restart) {
    char *body = signal_body(NULL, "desk", "AAPL", "buy");
    const rest_reply_t *reply = rest_post_key(s_rest, ROUTE, "once-2", body);
    cr_assert_status(reply, 200);
    char *first = strdup(rest_text(reply, "data.signal_id"));
    instance_kill(&s_instance);
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
    reply = rest_post_key(s_rest, ROUTE, "once-2", body);
    cr_expect_status(reply, 200);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
    cr_expect_str_eq(rest_text(reply, "data.signal_id"), first);
    free(first);
    free(body);
}

Test(idempotency, another_body_is_422) {
    char *body = signal_body(NULL, "desk", "AAPL", "buy"), *other = signal_body(NULL, "desk", "AAPL", "sell");
    cr_assert_status(rest_post_key(s_rest, ROUTE, "once-3", body), 200);
    s_expect_refusal(rest_post_key(s_rest, ROUTE, "once-3", other), 422, "IDEMPOTENCY_MISMATCH");
    free(body);
    free(other);
}

Test(idempotency, keys_are_of_one_path) {
    char *body = signal_body(NULL, "desk", "AAPL", "buy");
    cr_assert_status(rest_post_key(s_rest, ROUTE, "once-4", body), 200);
    const rest_reply_t *reply = rest_post_key(s_rest, "/api/v1/services/macro/health-check", "once-4", NULL);
    cr_expect_status(reply, 200);
    cr_expect_not(rest_header(reply, "Idempotent-Replay"));
    free(body);
}

/* ---- limits ---- */

TestSuite(rate, .fini = s_teardown, .timeout = 60);

Test(rate, beyond_it_is_429_with_retry_after) {
    instance_begin(&s_instance, HEADERS("INTEGRATION_RATE_LIMIT=2"));
    int refused = 0;
    for (int i = 0; i < 20; i++) {
        const rest_reply_t *reply = rest_get(s_rest, "/info");
        if (reply->status == 200)
            continue;
        s_expect_refusal(reply, 429, "RATE_LIMITED");
        cr_expect(atoi(rest_header(reply, "Retry-After")) >= 1);
        refused++;
    }
    cr_expect(refused >= 10, "%d refused", refused);
    cr_expect_status(rest_get(s_rest, "/health"), 200);
}

/* ---- the routes ---- */

TestSuite(routes, .init = s_setup, .fini = s_teardown, .timeout = 90);

Test(routes, info_lists_what_openapi_describes) {
    json_t *paths = json_incref(rest_at(rest_get_ok(s_rest, "/api/v1/openapi.json"), "paths"));
    json_t *endpoints = json_incref(rest_at(rest_get_ok(s_rest, "/info"), "data.endpoints"));
    json_t *endpoint;
    size_t index;
    cr_expect(json_array_size(endpoints) > 60);
    json_array_foreach (endpoints, index, endpoint) {
        char method[16];
        const char *path = json_text_at(endpoint, "path");
        snprintf(method, sizeof method, "%s", json_text_at(endpoint, "method"));
        for (char *c = method; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        cr_expect(json_object_get(json_object_get(paths, path), method), "%s %s is not described", method,
                  path);
        cr_expect(*json_text_at(endpoint, "summary") && *json_text_at(endpoint, "scope"));
    }
    json_decref(paths);
    json_decref(endpoints);
}

/* Each {name} becomes a word that could be one. */
static void s_fill_path(const char *template, char *path, size_t size) {
    FILE *out = fmemopen(path, size, "w");
    while (*template) {
        if (*template == '{') {
            fputs(strncmp(template, "{service}", 9) == 0 ? "macro" : "no-such-id", out);
            template += strcspn(template, "}") + 1;
        } else {
            fputc(*template ++, out);
        }
    }
    fclose(out);
}

static void s_try_route(const char *method, const char *template) {
    char path[256];
    s_fill_path(template, path, sizeof path);
    bool has_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
    const rest_reply_t *reply = rest_send(s_rest, method, path, NULL, has_body ? "{}" : NULL);
    const char *code = rest_text(reply, "error_code");
    cr_expect(reply->status != 0 && reply->status != 500 && reply->status != 405, "%s %s: %d", method, path,
              reply->status);
    cr_expect_str_neq(code, "ROUTE_NOT_FOUND", "%s %s", method, path);
    cr_expect(reply->status != 503 || strcmp(code, "NO_SUBSCRIBER") != 0, "nobody answers %s %s", method,
              path);
    cr_expect(reply->status != 504, "%s %s: %s", method, path, buf_str(&reply->body));
}

Test(routes, every_one_that_is_described_is_answered) {
    json_t *paths = json_incref(rest_at(rest_get_ok(s_rest, "/api/v1/openapi.json"), "paths"));
    const char *path, *method;
    json_t *methods, *operation;
    json_object_foreach (paths, path, methods) {
        json_object_foreach (methods, method, operation) {
            char upper[16];
            snprintf(upper, sizeof upper, "%s", method);
            for (char *c = upper; *c; c++)
                *c = (char)toupper((unsigned char)*c);
            s_try_route(upper, path);
        }
    }
    json_decref(paths);
}

Test(routes, status_names_every_component_and_the_configuration) {
    static const char *const components[] = {"coordinator",
                                             "signal_router",
                                             "data_flow_manager",
                                             "scheduler",
                                             "system_monitor",
                                             "validation_coordinator",
                                             "store",
                                             "cache",
                                             "bus",
                                             "stream",
                                             "delivery",
                                             "adapters.macro",
                                             "adapters.portfolio",
                                             "adapters.execution",
                                             "adapters.flowhub"};
    const rest_reply_t *reply = rest_get_ok(s_rest, "/status");
    for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
        char at[96];
        snprintf(at, sizeof at, "data.components.%s.status", components[i]);
        cr_expect(*rest_text(reply, at), "%s is missing", at);
    }
    cr_expect_str_eq(rest_text(reply, "data.components.store.status"), "running");
    cr_expect_str_eq(rest_text(reply, "data.configuration.host"), "127.0.0.1");
    cr_expect_eq(rest_number(reply, "data.configuration.port"), s_instance.port);
}

Test(routes, metrics_count_requests_and_the_process) {
    rest_get_ok(s_rest, "/health");
    const rest_reply_t *reply = rest_get_ok(s_rest, "/metrics");
    cr_expect(strstr(buf_str(&reply->body), "process_resident_memory_bytes"));
    cr_expect(strstr(buf_str(&reply->body), "requests_total"));
    cr_expect(strncmp(rest_header(reply, "Content-Type"), "text/plain", 10) == 0);
}

Test(routes, a_service_that_is_down_is_told_as_unhealthy) {
    const rest_reply_t *reply = rest_post_ok(s_rest, "/api/v1/services/macro/health-check", NULL);
    cr_expect_str_eq(rest_text(reply, "data.service"), "macro");
    cr_expect_str_eq(rest_text(reply, "data.status"), "unhealthy");
    cr_expect(*rest_text(reply, "data.error"));
    reply = rest_get_ok(s_rest, "/api/v1/services");
    cr_expect_eq(rest_number(reply, "data.total_count"), 4);
}
