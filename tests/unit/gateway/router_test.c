/* Method and path to rpc. */
#include "gateway/router.h"

#include "routes.gen.h"
#include <criterion/criterion.h>

#define RPC(id, http_method, http_path, ...)                                                               \
    static const http_binding_t s_##id##_http = {.method = http_method, .path = http_path, ##__VA_ARGS__}; \
    static const rpc_t s_##id = {.name = #id, .http = &s_##id##_http}

RPC(list, HTTP_GET, "/tasks");
RPC(create, HTTP_POST, "/tasks");
RPC(get, HTTP_GET, "/tasks/{task_id}");
RPC(drop, HTTP_DELETE, "/tasks/{task_id}");
RPC(preview, HTTP_POST, "/tasks/preview");
RPC(runs, HTTP_GET, "/tasks/{task_id}/runs/{run_id}");
RPC(one, HTTP_POST, "/route");
RPC(many, HTTP_POST, "/route", .when_body_has = "signals");
RPC(root, HTTP_GET, "/");
static const rpc_t s_internal = {.name = "internal"};

static const rpc_t *const s_rpcs[] = {&s_list, &s_create, &s_get,      &s_drop, &s_preview, &s_runs,
                                      &s_one,  &s_many,   &s_internal, &s_root, NULL};

static router_t *s_router;

static void s_setup(void) {
    s_router = router_new(s_rpcs);
}

static void s_teardown(void) {
    router_destroy(&s_router);
}

TestSuite(router, .init = s_setup, .fini = s_teardown, .timeout = 10);

static err_t s_find(http_method_t method, const char *raw, uri_path_t *path, router_match_t *match) {
    cr_assert(uri_path_split(path, raw) == OK);
    return router_find(s_router, path, method, match);
}

Test(router, finds_by_method_and_path) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_GET, "/tasks", &path, &match) == OK && match.rpcs[0] == &s_list);
    cr_assert(s_find(HTTP_POST, "/tasks", &path, &match) == OK && match.rpcs[0] == &s_create);
    cr_assert(s_find(HTTP_GET, "/", &path, &match) == OK && match.rpcs[0] == &s_root);
}

Test(router, gives_the_parameters_in_path_order) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_GET, "/tasks/t%201/runs/r2", &path, &match) == OK && match.rpcs[0] == &s_runs);
    cr_assert(match.param_count == 2);
    cr_assert(uri_text_is(match.params[0], "t 1") && uri_text_is(match.params[1], "r2"));
}

Test(router, a_word_wins_over_a_parameter) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_POST, "/tasks/preview", &path, &match) == OK && match.rpcs[0] == &s_preview);
    cr_assert(match.param_count == 0);
    cr_assert(s_find(HTTP_GET, "/tasks/preview", &path, &match) == ERR_METHOD_NOT_ALLOWED);
}

Test(router, falls_back_to_the_parameter_when_the_word_leads_nowhere) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_GET, "/tasks/preview/runs/1", &path, &match) == OK && match.rpcs[0] == &s_runs);
    cr_assert(uri_text_is(match.params[0], "preview"));
}

Test(router, tells_an_unknown_path_from_an_unknown_method) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_GET, "/nothing", &path, &match) == ERR_ROUTE_NOT_FOUND);
    cr_assert(match.methods == 0);
    cr_assert(s_find(HTTP_PUT, "/tasks", &path, &match) == ERR_METHOD_NOT_ALLOWED);
    cr_assert(match.methods == (1u << HTTP_GET | 1u << HTTP_POST));
    cr_assert(s_find(HTTP_METHOD_COUNT, "/tasks", &path, &match) == ERR_METHOD_NOT_ALLOWED);
}

Test(router, a_prefix_or_an_empty_segment_is_no_match) {
    const char *const paths[] = {"/tasks/", "//tasks", "/tasks//runs/1", "/tasks/1/runs",
                                 "/task",   "/tasksx", "/route/x"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        uri_path_t path;
        router_match_t match;
        cr_expect(s_find(HTTP_GET, paths[i], &path, &match) == ERR_ROUTE_NOT_FOUND, "%s", paths[i]);
    }
}

Test(router, offers_the_rpc_that_asks_for_a_body_key_first) {
    uri_path_t path;
    router_match_t match;
    cr_assert(s_find(HTTP_POST, "/route", &path, &match) == OK);
    cr_assert(match.rpcs[0] == &s_many && match.rpcs[1] == &s_one && match.rpcs[2] == NULL);
}

Test(router, the_allow_header_lists_what_the_path_takes) {
    char allow[ROUTER_ALLOW_SIZE];
    router_allow(1u << HTTP_GET | 1u << HTTP_DELETE, allow);
    cr_assert_str_eq(allow, "GET, HEAD, DELETE, OPTIONS");
    router_allow(~0u, allow);
    cr_assert_str_eq(allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

Test(router, head_is_a_get) {
    cr_assert(router_method("HEAD") == HTTP_GET);
    cr_assert(router_method("PUT") == HTTP_PUT);
    cr_assert(router_method("get") == HTTP_METHOD_COUNT);
    cr_assert(router_method("PATCH") == HTTP_METHOD_COUNT);
}

Test(router, every_declared_route_is_found_by_its_own_path) {
    router_t *router = router_new(rpcs_all);
    for (size_t i = 0; i < rpcs_count; i++) {
        if (!rpcs_all[i]->http)
            continue;
        uri_path_t path;
        router_match_t match;
        cr_assert(uri_path_split(&path, rpcs_all[i]->http->path) == OK);
        cr_assert(router_find(router, &path, rpcs_all[i]->http->method, &match) == OK);
        bool found = false;
        for (const rpc_t *const *rpc = match.rpcs; *rpc; rpc++)
            found |= *rpc == rpcs_all[i];
        cr_expect(found, "%s", rpcs_all[i]->http->path);
    }
    router_destroy(&router);
}
