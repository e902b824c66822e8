/* Specification of the listener and its faults, over real HTTP on a free port. */
#include "server.h"
#include "sim_fixture.h"

#include <curl/curl.h>
#include <pthread.h>

#define SPEC(name) Test(sim_server, name, .timeout = 30)

static const char STATE[] = "/api/v1/macro/state";

typedef struct {
    fixture_t base;
    server_t *server;
    long status;      /* of the last call */
    long retry_after; /* seconds */
    char body[65536]; /* of the last call, cut to fit */
    size_t body_size;
} http_t;

static http_t *s_new(const service_class_t *class) {
    char error[256] = "";
    http_t *self = calloc(1, sizeof *self);
    self->base = fixture_new(class, 0);
    self->server = server_new(self->base.service, "127.0.0.1", 0, error, sizeof error);
    cr_assert_not_null(self->server, "%s", error);
    return self;
}

static void s_destroy(http_t *self) {
    server_destroy(&self->server);
    fixture_destroy(&self->base);
    free(self);
}

static size_t s_collect(char *data, size_t size, size_t count, void *arg) {
    http_t *self = arg;
    size_t room = sizeof self->body - 1 - self->body_size, taken = size * count < room ? size * count : room;
    memcpy(self->body + self->body_size, data, taken);
    self->body_size += taken;
    return size * count;
}

static CURLcode s_call(http_t *self, const char *method, const char *path, const char *body,
                       long timeout_ms) {
    char url[256];
    curl_off_t retry_after = 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Idempotency-Key: cycle/stage/1");
    CURL *curl = curl_easy_init();
    memset(self->body, 0, sizeof self->body);
    self->body_size = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server_port(self->server), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &self->status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    self->retry_after = (long)retry_after;
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return code;
}

static void s_put_fault(http_t *self, const char *fault) {
    cr_assert_eq(s_call(self, "PUT", "/_sim/faults", fault, 5000), CURLE_OK);
    cr_assert_eq(self->status, 200, "%s", self->body);
}

static CURLcode s_get(http_t *self) {
    return s_call(self, "GET", STATE, NULL, 5000);
}

SPEC(a_status_fault_answers_with_retry_after_and_then_is_used_up) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"status\":503,\"retry_after\":7,\"count\":1}");
    cr_assert_eq(s_get(http), CURLE_OK);
    cr_assert_eq(http->status, 503);
    cr_assert_eq(http->retry_after, 7);
    cr_assert_eq(s_get(http), CURLE_OK);
    cr_assert_eq(http->status, 200);
    s_destroy(http);
}

SPEC(a_reset_breaks_the_connection) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"reset\":true}");
    cr_assert_eq(s_get(http), CURLE_RECV_ERROR);
    s_destroy(http);
}

SPEC(half_a_body_is_seen_as_partial) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"half_body\":true}");
    cr_assert_eq(s_get(http), CURLE_PARTIAL_FILE);
    s_destroy(http);
}

SPEC(garbage_is_200_without_json) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"garbage\":true}");
    cr_assert_eq(s_get(http), CURLE_OK);
    cr_assert_eq(http->status, 200);
    cr_assert_null(json_loads(http->body, 0, NULL));
    s_destroy(http);
}

SPEC(a_huge_body_starts_like_json_and_goes_on) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"huge_bytes\":1000000}");
    cr_assert_eq(s_get(http), CURLE_OK);
    cr_assert_eq(http->body_size, sizeof http->body - 1);
    cr_assert_eq(strncmp(http->body, "{\"success\":true", 15), 0);
    s_destroy(http);
}

SPEC(a_hanging_request_times_out_while_health_and_controls_answer) {
    http_t *http = s_new(&macro_class);
    s_put_fault(http, "{\"hang\":true}");
    cr_assert_eq(s_call(http, "GET", STATE, NULL, 200), CURLE_OPERATION_TIMEDOUT);
    cr_assert_eq(s_call(http, "GET", "/health", NULL, 5000), CURLE_OK);
    cr_assert_eq(http->status, 200);
    cr_assert_eq(s_call(http, "DELETE", "/_sim/faults", NULL, 5000), CURLE_OK);
    cr_assert_eq(s_get(http), CURLE_OK);
    s_destroy(http);
}

static void *s_get_in_thread(void *arg) {
    http_t *mine = arg;
    return s_get(mine) == CURLE_OK ? mine : NULL;
}

/* Waits until the log shows a request that has no answer yet. */
static void s_await_hanging(http_t *http) {
    for (int64_t end = clock_ms() + 5000; clock_ms() < end;) {
        json_t *log = reqlog_json(http->base.service->log, 0);
        size_t seen = json_array_size(json_object_get(log, "requests"));
        json_decref(log);
        if (seen > 0)
            return;
    }
    cr_assert_fail("the request did not arrive");
}

SPEC(stopping_releases_a_hanging_request) {
    http_t *http = s_new(&macro_class);
    http_t *client = calloc(1, sizeof *client);
    pthread_t thread;
    client->server = http->server;
    s_put_fault(http, "{\"hang\":true}");
    cr_assert_eq(pthread_create(&thread, NULL, s_get_in_thread, client), 0);
    s_await_hanging(http);
    int64_t start = clock_ms();
    s_destroy(http);
    cr_assert_lt(clock_ms() - start, 5000);
    pthread_join(thread, NULL);
    free(client);
}

SPEC(a_lost_answer_and_its_retry_make_one_side_effect) {
    http_t *http = s_new(&execution_class);
    const char *pool = "{\"name\":\"p\",\"strategy_type\":\"livermore\",\"config\":{\"max_capacity\":5,"
                       "\"max_holding_days\":3,\"risk_threshold\":0.05}}";
    s_put_fault(http, "{\"reset\":true,\"count\":1}");
    CURLcode first = s_call(http, "POST", "/api/v1/quantum/pool/create", pool, 5000);
    cr_assert_eq(first, CURLE_RECV_ERROR);
    cr_assert_eq(s_call(http, "POST", "/api/v1/quantum/pool/create", pool, 5000), CURLE_OK);
    cr_assert_eq(http->status, 201);
    cr_assert_eq(s_call(http, "GET", "/_sim/requests?since=0", NULL, 5000), CURLE_OK);
    cr_assert_not_null(strstr(http->body, "\"pools_created\":1"), "%s", http->body);
    cr_assert_not_null(strstr(http->body, "\"fault\":\"reset\""), "%s", http->body);
    s_destroy(http);
}

SPEC(a_full_page_of_jobs_fits_the_small_stack_of_a_worker) {
    http_t *http = s_new(&macro_class);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(fixture_call(&http->base, "POST", "/api/v1/macro/analysis", NULL, "{}"), 202);
    cr_assert_eq(s_call(http, "GET", "/api/v1/jobs?limit=100", NULL, 5000), CURLE_OK);
    cr_assert_eq(http->status, 200);
    s_destroy(http);
}

SPEC(a_taken_port_is_named) {
    http_t *http = s_new(&macro_class);
    char error[256] = "", port[16];
    cr_assert_null(
        server_new(http->base.service, "127.0.0.1", server_port(http->server), error, sizeof error));
    snprintf(port, sizeof port, "%d", server_port(http->server));
    cr_assert_not_null(strstr(error, port));
    cr_assert_not_null(strstr(error, "macro"));
    s_destroy(http);
}
