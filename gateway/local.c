/* Answers of the gateway's own. */
#include "gateway/local.h"

#include "assets.gen.h"
#include "base/clock.h"
#include "gateway/metrics.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

#define SERVICE_DESCRIPTION \
    "Routes trading signals and runs analysis cycles over the macro, portfolio, execution and data services"

typedef void(local_fn)(exchange_t *self, void *response);

static void s_set(char *field, size_t capacity, const char *text) {
    bool fits = message_set(field, capacity, text);
    assert_always(fits);
}

static void s_health(exchange_t *self, void *response) {
    Health *health = response;
    s_set(health->status, sizeof health->status, "healthy");
    s_set(health->version, sizeof health->version, INTEGRATION_VERSION);
    s_set(health->environment, sizeof health->environment, self->config->environment);
    int64_t uptime_ms = (self->started_us - self->worker->shared->started_us) / 1000;
    health->uptime = (double)uptime_ms / 1000.0;
    exchange_succeed(self, health, Outcome_OUTCOME_DONE);
}

static void s_liveness(exchange_t *self, void *response) {
    Liveness *liveness = response;
    s_set(liveness->status, sizeof liveness->status, "alive");
    exchange_succeed(self, liveness, Outcome_OUTCOME_DONE);
}

static void s_endpoint(const rpc_t *rpc, EndpointInfo *out) {
    s_set(out->method, sizeof out->method, router_method_name(rpc->http->method));
    s_set(out->scope, sizeof out->scope, auth_scope_name(rpc->http->scope));
    out->path = message_strdup(rpc->http->path);
    out->summary = message_strdup(rpc->summary);
}

static void s_info(exchange_t *self, void *response) {
    Info *info = response;
    info->name = message_strdup("integration-service");
    s_set(info->version, sizeof info->version, INTEGRATION_VERSION);
    info->description = message_strdup(SERVICE_DESCRIPTION);
    info->endpoints = message_list(rpcs_count, sizeof *info->endpoints);
    for (size_t i = 0; i < rpcs_count; i++)
        if (rpcs_all[i]->http)
            s_endpoint(rpcs_all[i], &info->endpoints[info->endpoints_count++]);
    exchange_succeed(self, info, Outcome_OUTCOME_DONE);
}

static void s_openapi(exchange_t *self, void *response) {
    (void)response;
    buf_append(&self->worker->content, openapi_json, openapi_json_size);
    exchange_document(self, 200, self->rpc->http->document);
}

static void s_docs(exchange_t *self, void *response) {
    (void)response;
    /* The page carries its script and style, and reads from this server alone. */
    self->csp =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for (size_t i = 0; i < assets_count; i++)
        if (strcmp(assets_all[i].name, "docs.html") == 0)
            buf_append(&self->worker->content, assets_all[i].bytes, assets_all[i].length);
    exchange_document(self, 200, self->rpc->http->document);
}

static void s_metrics(exchange_t *self, void *response) {
    (void)response;
    metrics_write(self, &self->worker->content);
    exchange_document(self, 200, self->rpc->http->document);
}

static const struct {
    const rpc_t *rpc;
    local_fn *answer;
} s_table[] = {
    {&rpc_Gateway_GetHealth, s_health}, {&rpc_Gateway_GetLiveness, s_liveness},
    {&rpc_Gateway_GetInfo, s_info},     {&rpc_Gateway_GetOpenApi, s_openapi},
    {&rpc_Gateway_GetDocs, s_docs},     {&rpc_Gateway_GetMetrics, s_metrics},
};

static local_fn *s_find(const rpc_t *rpc) {
    for (size_t i = 0; i < sizeof s_table / sizeof *s_table; i++)
        if (s_table[i].rpc == rpc)
            return s_table[i].answer;
    return NULL;
}

bool local_answers(const rpc_t *rpc) {
    return s_find(rpc) != NULL;
}

void local_answer(exchange_t *self, void *response) {
    s_find(self->rpc)(self, response);
}
