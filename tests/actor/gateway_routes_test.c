/* What the gateway answers itself, and the route table as the outside sees it. */
#include "gateway_fixture.h"

#include "gateway/router.h"
#include "routes.gen.h"
#include <criterion/criterion.h>
#include <string.h>

static gateway_fixture_t s_f;
static raw_reply_t s_reply;

static void s_setup(void) {
    gateway_fixture_start(&s_f, NULL, NULL);
}

static void s_teardown(void) {
    raw_reply_free(&s_reply);
    gateway_fixture_stop(&s_f);
}

TestSuite(gateway_routes, .init = s_setup, .fini = s_teardown, .timeout = 60);

static int s_ask(const char *method, const char *path, const char *body) {
    raw_reply_free(&s_reply);
    raw_request(s_f.port, &s_reply, method, path, NULL, body);
    return s_reply.status;
}

Test(gateway_routes, health_tells_status_version_uptime_and_environment) {
    cr_assert(s_ask("GET", "/health", NULL) == 200);
    json_t *data = json_object_get(s_reply.json, "data");
    cr_expect_str_eq(raw_text(&s_reply, "data.status"), "healthy");
    cr_expect_str_eq(raw_text(&s_reply, "data.version"), INTEGRATION_VERSION);
    cr_expect_str_eq(raw_text(&s_reply, "data.environment"), "production");
    cr_expect(json_number_value(json_object_get(data, "uptime")) >= 0);
}

Test(gateway_routes, info_answers_below_the_api_and_at_the_root) {
    cr_expect(s_ask("GET", "/api/v1/info", NULL) == 200);
    cr_expect(s_ask("GET", "/info", NULL) == 200);
    cr_expect(s_ask("POST", "/info", "{}") == 405);
    cr_expect_str_eq(raw_header(&s_reply, "Allow"), "GET, HEAD, OPTIONS");
}

Test(gateway_routes, info_lists_every_route_of_the_table) {
    cr_assert(s_ask("GET", "/api/v1/info", NULL) == 200);
    json_t *endpoints = json_object_get(json_object_get(s_reply.json, "data"), "endpoints");
    size_t routes = 0;
    for (size_t i = 0; i < rpcs_count; i++)
        routes += rpcs_all[i]->http != NULL;
    cr_assert(json_array_size(endpoints) == routes && routes > 60);
    size_t index;
    json_t *endpoint;
    json_array_foreach (endpoints, index, endpoint) {
        cr_expect(strlen(json_string_value(json_object_get(endpoint, "summary"))) > 0);
        cr_expect(json_string_value(json_object_get(endpoint, "path"))[0] == '/');
    }
}

Test(gateway_routes, the_openapi_document_stands_free) {
    cr_assert(s_ask("GET", "/api/v1/openapi.json", NULL) == 200);
    cr_expect_str_eq(raw_header(&s_reply, "Content-Type"), "application/json");
    cr_expect(strncmp(raw_text(&s_reply, "openapi"), "3.1", 3) == 0);
    cr_expect(json_object_get(json_object_get(s_reply.json, "paths"), "/health"));
}

Test(gateway_routes, the_docs_are_one_page_without_outside_assets) {
    cr_assert(s_ask("GET", "/docs", NULL) == 200);
    cr_expect(strncmp(raw_header(&s_reply, "Content-Type"), "text/html", 9) == 0);
    cr_expect(strstr(raw_header(&s_reply, "Content-Security-Policy"), "connect-src 'self'"));
    const char *page = buf_str(&s_reply.body);
    cr_expect(strstr(page, "/api/v1/openapi.json"));
    cr_expect(strstr(page, "src=") == NULL && strstr(page, "http://") == NULL &&
              strstr(page, "https://") == NULL);
}

Test(gateway_routes, metrics_are_there_without_any_component) {
    cr_assert(s_ask("GET", "/health", NULL) == 200);
    cr_assert(s_ask("GET", "/metrics", NULL) == 200);
    cr_expect(strncmp(raw_header(&s_reply, "Content-Type"), "text/plain; version=0.0.4", 25) == 0);
    const char *const wanted[] = {"integration_process_resident_memory_bytes ",
                                  "integration_process_cpu_seconds_total ", "integration_uptime_seconds ",
                                  "integration_components_reachable 0",
                                  "integration_http_requests_total{route=\"GetHealth\",status=\"2xx\"} 1"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_expect(strstr(buf_str(&s_reply.body), wanted[i]), "%s", wanted[i]);
}

/* "/a/{x}/b" with a value in place of the parameters. */
static void s_fill_path(const char *path, char out[256]) {
    size_t at = 0;
    for (; *path; path++) {
        if (*path == '{') {
            out[at++] = 'x';
            path = strchr(path, '}');
        } else {
            out[at++] = *path;
        }
    }
    out[at] = '\0';
}

Test(gateway_routes, a_route_that_is_not_built_is_501_unless_its_request_is_not_valid) {
    size_t tried = 0;
    for (size_t i = 0; i < rpcs_count; i++) {
        const rpc_t *rpc = rpcs_all[i];
        if (!rpc->not_implemented || !rpc->http)
            continue;
        char path[256];
        s_fill_path(rpc->http->path, path);
        int status = s_ask(router_method_name(rpc->http->method), path, NULL);
        cr_expect(status == 501 || status == 400, "%s: %d", rpc->name, status);
        if (status == 501)
            cr_expect_str_eq(raw_text(&s_reply, "error_code"), "NOT_IMPLEMENTED");
        else
            cr_expect(json_array_size(json_object_get(s_reply.json, "details")) > 0, "%s", rpc->name);
        tried++;
    }
    cr_log_info("%zu routes", tried);
}

Test(gateway_routes, a_route_whose_component_is_absent_is_503) {
    for (size_t i = 0; i < rpcs_count; i++) {
        const rpc_t *rpc = rpcs_all[i];
        if (rpc->not_implemented || !rpc->http || rpc->http->method != HTTP_GET ||
            strcmp(rpc->component, "gateway") == 0)
            continue;
        char path[256];
        s_fill_path(rpc->http->path, path);
        cr_expect(s_ask("GET", path, NULL) == 503, "%s: %d", rpc->name, s_reply.status);
        cr_expect_str_eq(raw_text(&s_reply, "error_code"), "NO_SUBSCRIBER");
    }
}
