/* Answers that no honest service gives: the adapter takes none of them for more than it is, and nothing breaks. */
#include "canned.h"
#include "flow_fixture.h"

/* A test against a service that answers this to everything but health. */
#define HOSTILE_TEST(name, reply)                      \
    static void s_##name(flow_t *f, canned_t *server); \
    Test(hostile, name, .timeout = 60) {               \
        flow_t f;                                      \
        canned_t server;                               \
        flow_begin(&f, "50");                          \
        canned_start(&server, reply);                  \
        flow_point_at(&f, SERVICE_MACRO, server.port); \
        flow_start_adapter(&f, SERVICE_MACRO);         \
        s_##name(&f, &server);                         \
        canned_stop(&server);                          \
        flow_end(&f);                                  \
    }                                                  \
    static void s_##name(flow_t *f, canned_t *server)

#define HTTP(status, headers, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" headers "\r\n" body

/* A Chinese character is three bytes, so that a cut at any power of two falls into one. */
#define WORDS_8 \
    "\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99\xe5\x80\x99"
#define WORDS_64  WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8
#define WORDS_512 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64

static err_t s_ask(flow_t *f, const rpc_t *rpc, const char *method, Fault *fault) {
    AdapterCall call = AdapterCall_init_zero;
    AdapterResult result = AdapterResult_init_zero;
    MESSAGE_PUT(call.method, method);
    call.path = message_strdup("/api/v1/macro/../macro/analysis");
    call.no_retry = true;
    *fault = (Fault)Fault_init_zero;
    err_t err = flow_ask(f, adapter_names[SERVICE_MACRO], 5000, rpc, &call, &result, fault);
    message_release(AdapterCall_message(), &call);
    message_release(AdapterResult_message(), &result);
    return err;
}

static void s_expect(flow_t *f, const rpc_t *rpc, const char *method, err_t expected, const char *says) {
    Fault fault;
    err_t err = s_ask(f, rpc, method, &fault);
    cr_assert_eq(err, expected, "%s: %s", err_name(err), fault_text(&fault));
    cr_assert(strstr(fault_text(&fault), says), "\"%s\" does not say \"%s\"", fault_text(&fault), says);
    message_release(Fault_message(), &fault);
}

HOSTILE_TEST(a_long_message_in_chinese_is_cut_and_still_arrives,
             HTTP("422 No", "", "{\"error\":{\"code\":\"X\",\"message\":\"" WORDS_512 "\"}}")) {
    (void)server;
    s_expect(f, &rpc_Adapter_Call, "GET", ERR_DOWNSTREAM_REFUSED, "HTTP 422 X: \xe5\x80\x99");
}

HOSTILE_TEST(bytes_that_are_no_utf8_are_no_answer, HTTP("200 OK", "", "{\"a\":\"\xff\xfe\"}")) {
    (void)server;
    s_expect(f, &rpc_Adapter_Call, "GET", ERR_PROTOCOL, "not JSON");
}

HOSTILE_TEST(a_retry_after_of_ages_is_no_wait, HTTP("503 Later", "Retry-After: 999999999999999\r\n", "{}")) {
    AdapterCall call = AdapterCall_init_zero;
    AdapterResult result = AdapterResult_init_zero;
    Fault fault = Fault_init_zero;
    MESSAGE_PUT(call.method, "GET");
    call.path = message_strdup("/api/v1/macro/state");
    cr_assert_eq(flow_ask(f, adapter_names[SERVICE_MACRO], 5000, &rpc_Adapter_Call, &call, &result, &fault),
                 ERR_SERVICE_UNAVAILABLE);
    cr_assert(strstr(fault_text(&fault), "(attempts: 1)"), "%s", fault_text(&fault));
    cr_assert_geq(server->served, 1);
    message_release(AdapterCall_message(), &call);
    message_release(Fault_message(), &fault);
}

static void s_expect_retry_after(flow_t *f, uint32_t attempts, uint32_t retry_after_seconds) {
    AdapterCall call = AdapterCall_init_zero;
    AdapterResult result = AdapterResult_init_zero;
    Fault fault = Fault_init_zero;
    MESSAGE_PUT(call.method, "GET");
    call.path = message_strdup("/api/v1/macro/state");
    cr_assert_eq(flow_ask(f, adapter_names[SERVICE_MACRO], 5000, &rpc_Adapter_Call, &call, &result, &fault),
                 ERR_SERVICE_UNAVAILABLE);
    cr_assert(fault.attempts == attempts && fault.retry_after_seconds == retry_after_seconds,
              "%s, after %u s", fault_text(&fault), fault.retry_after_seconds);
    message_release(AdapterCall_message(), &call);
    message_release(Fault_message(), &fault);
}

HOSTILE_TEST(a_retry_after_may_be_a_date,
             HTTP("503 Later", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n", "{}")) {
    (void)server;
    s_expect_retry_after(f, 1, 86400);
}

HOSTILE_TEST(a_retry_after_that_is_over_or_no_time_is_not_said,
             HTTP("503 Later", "Retry-After: Mon, 01 Jan 2001 00:00:00 GMT\r\nRetry-After: soon\r\n", "{}")) {
    (void)server;
    s_expect_retry_after(f, 4, 0);
}

HOSTILE_TEST(success_false_under_200_is_a_refusal,
             HTTP("200 OK", "",
                  "{\"success\":false,\"error\":{\"code\":\"NO\",\"message\":\"not today\"}}")) {
    (void)server;
    s_expect(f, &rpc_Adapter_Call, "GET", ERR_DOWNSTREAM_REFUSED, "NO: not today");
}

HOSTILE_TEST(a_poll_that_says_success_false_ends_the_wait,
             HTTP("200 OK", "", "{\"success\":false,\"error\":\"the job table is gone\"}")) {
    AdapterCall call = AdapterCall_init_zero;
    AdapterResult result = AdapterResult_init_zero;
    Fault fault = Fault_init_zero;
    (void)server;
    MESSAGE_PUT(call.job_id, "mac-1");
    cr_assert_eq(flow_ask(f, adapter_names[SERVICE_MACRO], 5000, &rpc_Adapter_RunJob, &call, &result, &fault),
                 ERR_DOWNSTREAM_REFUSED);
    cr_assert(strstr(fault_text(&fault), "the job table is gone"), "%s", fault_text(&fault));
    message_release(Fault_message(), &fault);
}

HOSTILE_TEST(a_created_job_without_an_id_is_a_broken_protocol,
             HTTP("202 Accepted", "", "{\"data\":{\"status\":\"queued\"}}")) {
    (void)server;
    s_expect(f, &rpc_Adapter_RunJob, "POST", ERR_PROTOCOL, "names no job");
}

HOSTILE_TEST(a_post_without_a_body_names_no_content_type_and_its_path_is_left_alone,
             HTTP("200 OK", "", "{\"data\":{}}")) {
    Fault fault;
    cr_assert_eq(s_ask(f, &rpc_Adapter_Call, "POST", &fault), OK);
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    cr_assert(strstr(server->head, "POST /api/v1/macro/../macro/analysis HTTP/1.1\r\n"), "%s", server->head);
    cr_assert_null(strcasestr(server->head, "\r\nContent-Type:"), "%s", server->head);
}

/* ---- the same with a cycle behind it ---- */

static CycleDetail s_cycle_over(flow_t *f) {
    fixture_start_actors(&f->store, NULL);
    harness_actor(harness_of(f), &coordinator_class, &f->store.config, NULL);
    TriggerAnalysisRequest request = TriggerAnalysisRequest_init_zero;
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    request.has_force = request.force = request.has_wait_seconds = true;
    request.wait_seconds = 20;
    int64_t deadline_us = harness_deadline(FLOW_MS);
    while (flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_TriggerAnalysis, &request, &reply,
                    NULL) != OK)
        cr_assert(clock_mono_us() < deadline_us && poll(NULL, 0, 20) == 0, "the coordinator takes cycles");
    GetCycleRequest get = GetCycleRequest_init_zero;
    CycleDetail detail = CycleDetail_init_zero;
    MESSAGE_PUT(get.cycle_id, reply.cycle_id);
    cr_assert_eq(flow_ask(f, "coordinator", FLOW_MS, &rpc_SystemCoordinator_GetCycle, &get, &detail, NULL),
                 OK);
    message_release(TriggerAnalysisReply_message(), &reply);
    return detail;
}

HOSTILE_TEST(a_cycle_fails_with_a_word_that_is_cut_in_its_reason,
             HTTP("200 OK", "", "{\"data\":{\"economic_cycle\":\"" WORDS_512 "\",\"risk_level\":\"low\"}}")) {
    (void)server;
    CycleDetail detail = s_cycle_over(f);
    cr_assert_str_eq(detail.status, "failed");
    cr_assert(strstr(detail.error, "economic_cycle must be one of"), "%s", detail.error);
    message_release(CycleDetail_message(), &detail);
}
