/* Requests to messages: path, query and body together. */
#include "gateway/bind.h"

#include "routes.gen.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <string.h>

typedef struct {
    const rpc_t *rpc;
    void *request;
    problems_t problems;
    uri_path_t path;
    router_match_t match;
} bound_t;

/* Routes and binds; the caller frees. */
static err_t s_bind(bound_t *out, http_method_t method, const char *path, const char *query,
                    const char *body) {
    router_t *router = router_new(rpcs_all);
    *out = (bound_t){.problems = PROBLEMS_INIT};
    cr_assert(uri_path_split(&out->path, path) == OK);
    cr_assert(router_find(router, &out->path, method, &out->match) == OK);
    out->rpc = bind_choose(&out->match, body ? body : "", body ? strlen(body) : 0);
    out->request = message_new(out->rpc->request());
    bind_input_t input = {query, body ? body : "", body ? strlen(body) : 0};
    err_t err = bind_request(out->rpc, &out->match, &input, out->request, &out->problems);
    router_destroy(&router);
    return err;
}

static void s_free(bound_t *self) {
    message_free(self->rpc->request(), &self->request);
    problems_free(&self->problems);
}

static const char *s_problem(const bound_t *self, const char *field) {
    for (size_t i = 0; i < self->problems.count; i++)
        if (strcmp(self->problems.items[i].field, field) == 0)
            return self->problems.items[i].problem;
    return NULL;
}

TestSuite(bind, .timeout = 10);

Test(bind, takes_path_parameters) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_GET, "/api/v1/signals/abc-1", NULL, NULL) == OK);
    cr_assert(bound.rpc == &rpc_SignalRouter_GetSignal);
    cr_assert_str_eq(((GetSignalRequest *)bound.request)->signal_id, "abc-1");
    s_free(&bound);
}

Test(bind, takes_query_parameters) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_GET, "/api/v1/signals/history", "symbol=600519.SH&limit=50&order=asc",
                     NULL) == OK);
    const ListSignalsRequest *request = bound.request;
    cr_assert(request->has_limit && request->limit == 50);
    cr_assert_str_eq(request->symbol, "600519.SH");
    s_free(&bound);
}

Test(bind, reports_every_problem_of_a_query_at_once) {
    bound_t bound;
    const char *query = "limit=0&colour=red&order=up&offset=x&side=buy&side=sell&symbol=%zz";
    cr_assert(s_bind(&bound, HTTP_GET, "/api/v1/signals/history", query, NULL) == ERR_VALIDATION_FAILED);
    cr_expect(s_problem(&bound, "limit"));
    cr_expect(s_problem(&bound, "order"));
    cr_expect(s_problem(&bound, "offset"));
    cr_expect(s_problem(&bound, "symbol"));
    cr_expect_str_eq(s_problem(&bound, "side"), "is given more than once");
    const char *unknown = s_problem(&bound, "colour");
    cr_assert(unknown && strstr(unknown, "symbol") && strstr(unknown, "limit"), "the allowed ones are named");
    s_free(&bound);
}

Test(bind, refuses_a_query_where_the_body_carries_the_request) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/system/startup", "force=1", NULL) == ERR_VALIDATION_FAILED);
    cr_assert(s_problem(&bound, "force"));
    s_free(&bound);
}

Test(bind, reports_problems_of_query_and_body_together) {
    bound_t bound;
    const char *body = "{\"signal_type\":\"a\",\"source\":\"s\",\"strength\":1.7,\"surprise\":1}";
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/signals/route", "dry=1", body) == ERR_VALIDATION_FAILED);
    cr_expect(s_problem(&bound, "dry"));
    cr_expect(s_problem(&bound, "strength"));
    cr_expect(s_problem(&bound, "surprise"));
    cr_expect(s_problem(&bound, "target"));
    cr_expect(s_problem(&bound, "confidence"));
    s_free(&bound);
}

Test(bind, chooses_the_rpc_by_a_key_of_the_body) {
    bound_t bound;
    (void)s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, "{\"x\":{\"signals\":1},\"signals\":[]}");
    cr_assert(bound.rpc == &rpc_SignalRouter_RouteSignals);
    s_free(&bound);
    (void)s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, "{\"x\":{\"signals\":1}}");
    cr_assert(bound.rpc == &rpc_SignalRouter_RouteSignal);
    s_free(&bound);
    (void)s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, "[\"signals\"]");
    cr_assert(bound.rpc == &rpc_SignalRouter_RouteSignal);
    s_free(&bound);
}

Test(bind, an_optional_body_may_be_absent) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/system/analysis/trigger", NULL, NULL) == OK);
    s_free(&bound);
}

Test(bind, a_needed_body_may_not_be_absent) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, NULL) == ERR_MALFORMED_JSON);
    cr_assert(bound.problems.found > 0);
    s_free(&bound);
}

Test(bind, what_is_not_json_is_told_from_what_is_not_valid) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, "{\"a\":") == ERR_MALFORMED_JSON);
    s_free(&bound);
    cr_assert(s_bind(&bound, HTTP_POST, "/api/v1/signals/route", NULL, "{}") == ERR_VALIDATION_FAILED);
    s_free(&bound);
}

Test(bind, joins_path_and_body) {
    bound_t bound;
    cr_assert(s_bind(&bound, HTTP_PUT, "/api/v1/tasks/t1", NULL, "{\"name\":\"n\"}") == OK);
    const UpdateTaskRequest *request = bound.request;
    cr_assert_str_eq(request->task_id, "t1");
    cr_assert_str_eq(request->name, "n");
    s_free(&bound);
}

Test(bind, the_body_may_not_contradict_the_path) {
    bound_t bound;
    err_t err = s_bind(&bound, HTTP_PUT, "/api/v1/tasks/t1", NULL, "{\"task_id\":\"t2\"}");
    cr_assert(err == ERR_VALIDATION_FAILED && s_problem(&bound, "task_id"));
    s_free(&bound);
}

Test(bind, a_path_parameter_obeys_its_rule) {
    bound_t bound;
    char path[128] = "/api/v1/signals/";
    memset(path + strlen(path), 'x', 70);
    cr_assert(s_bind(&bound, HTTP_GET, path, NULL, NULL) == ERR_VALIDATION_FAILED);
    cr_assert(s_problem(&bound, "signal_id"));
    s_free(&bound);
}
