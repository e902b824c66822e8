/* JSON bodies of answers. */
#include "gateway/envelope.h"

#include "base/json.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define NOW_MS 1767576600000 /* 2026-01-05T01:30:00.000Z */

static json_t *s_parse(buf_t *out) {
    json_t *tree = json_loadb(buf_str(out), out->size, 0, NULL);
    cr_assert(tree, "%s", buf_str(out));
    buf_free(out);
    return tree;
}

static const char *s_text(json_t *tree, const char *key) {
    const char *text = json_string_value(json_object_get(tree, key));
    return text ? text : "";
}

Test(envelope, success_wraps_the_response, .timeout = 10) {
    Liveness alive = Liveness_init_zero;
    cr_assert(MESSAGE_SET(alive.status, "alive"));
    buf_t out = BUF_INIT;
    envelope_success(&out, &rpc_Gateway_GetLiveness, &alive, NOW_MS);
    json_t *tree = s_parse(&out);
    cr_assert(json_is_true(json_object_get(tree, "success")));
    cr_assert_str_eq(s_text(json_object_get(tree, "data"), "status"), "alive");
    cr_assert_str_eq(s_text(tree, "timestamp"), "2026-01-05T01:30:00.000Z");
    cr_assert_str_eq(s_text(tree, "message"), "alive");
    json_decref(tree);
}

Test(envelope, data_is_the_array_itself_where_the_route_says_so, .timeout = 10) {
    const rpc_t *rpc = &rpc_Scheduler_ListTasks;
    void *response = message_new(rpc->response());
    buf_t out = BUF_INIT;
    envelope_success(&out, rpc, response, NOW_MS);
    json_t *tree = s_parse(&out);
    cr_assert(json_is_array(json_object_get(tree, "data")));
    message_free(rpc->response(), &response);
    json_decref(tree);
}

Test(envelope, data_is_null_where_the_route_says_so, .timeout = 10) {
    const rpc_t *rpc = &rpc_Scheduler_DeleteTask;
    void *response = message_new(rpc->response());
    buf_t out = BUF_INIT;
    envelope_success(&out, rpc, response, NOW_MS);
    json_t *tree = s_parse(&out);
    cr_assert(json_is_null(json_object_get(tree, "data")));
    message_free(rpc->response(), &response);
    json_decref(tree);
}

static Fault s_fault(void) {
    Fault fault = Fault_init_zero;
    problems_t problems = PROBLEMS_INIT;
    problems_add(&problems, "strength", "must be between 0 and 1, got %s", "1.7");
    problems_add(&problems, "target", "is required");
    envelope_take_problems(&fault, &problems);
    cr_assert(envelope_fault(&fault, ERR_VALIDATION_FAILED, NULL) == ERR_VALIDATION_FAILED);
    return fault;
}

Test(envelope, an_error_names_code_request_and_every_field, .timeout = 10) {
    Fault fault = s_fault();
    buf_t out = BUF_INIT;
    envelope_error(&out, &fault, "req-1", NOW_MS);
    json_t *tree = s_parse(&out);
    json_t *details = json_object_get(tree, "details");
    cr_assert(json_is_false(json_object_get(tree, "success")));
    cr_assert_str_eq(s_text(tree, "error_code"), "VALIDATION_FAILED");
    cr_assert_str_eq(s_text(tree, "request_id"), "req-1");
    cr_assert(strlen(s_text(tree, "error")) > 0);
    cr_assert(json_array_size(details) == 2);
    cr_assert_str_eq(s_text(json_array_get(details, 0), "field"), "strength");
    cr_assert_str_eq(s_text(json_array_get(details, 0), "problem"), "must be between 0 and 1, got 1.7");
    cr_assert_str_eq(s_text(json_array_get(details, 1), "field"), "target");
    message_release(Fault_message(), &fault);
    json_decref(tree);
}

Test(envelope, a_problem_document_has_the_members_of_rfc_9457, .timeout = 10) {
    Fault fault = s_fault();
    buf_t out = BUF_INIT;
    envelope_problem(&out, &fault, "req-1", "/api/v1/x", NOW_MS);
    json_t *tree = s_parse(&out);
    cr_assert_str_eq(s_text(tree, "type"), "urn:integration:error:VALIDATION_FAILED");
    cr_assert(json_integer_value(json_object_get(tree, "status")) == 400);
    cr_assert_str_eq(s_text(tree, "instance"), "/api/v1/x");
    cr_assert(strlen(s_text(tree, "title")) > 0 && strlen(s_text(tree, "detail")) > 0);
    cr_assert(json_array_size(json_object_get(tree, "details")) == 2);
    message_release(Fault_message(), &fault);
    json_decref(tree);
}

Test(envelope, more_problems_than_are_kept_are_counted, .timeout = 10) {
    Fault fault = Fault_init_zero;
    problems_t problems = PROBLEMS_INIT;
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_add(&problems, "x", "is wrong");
    envelope_take_problems(&fault, &problems);
    cr_assert(fault.details_count == PROBLEMS_MAX + 1);
    cr_assert_str_eq(fault.details[PROBLEMS_MAX].problem, "and 5 more problems");
    message_release(Fault_message(), &fault);
}

Test(envelope, a_sentence_of_its_own_replaces_the_codes, .timeout = 10) {
    Fault fault = Fault_init_zero;
    cr_assert(envelope_fault(&fault, ERR_FORBIDDEN, "scope %s is needed", "admin") == ERR_FORBIDDEN);
    cr_assert_str_eq(fault.message, "scope admin is needed");
    cr_assert_str_eq(fault.code, "FORBIDDEN");
    message_release(Fault_message(), &fault);
}

Test(envelope, the_status_is_what_the_component_or_the_route_says, .timeout = 10) {
    cr_assert(envelope_status(&rpc_Gateway_GetHealth, Outcome_OUTCOME_DONE) == 200);
    cr_assert(envelope_status(&rpc_Gateway_GetHealth, Outcome_OUTCOME_CREATED) == 201);
    cr_assert(envelope_status(&rpc_Gateway_GetHealth, Outcome_OUTCOME_ACCEPTED) == 202);
    cr_assert(envelope_status(&rpc_DataFlowManager_SyncData, Outcome_OUTCOME_DONE) == 202);
}

Test(envelope, a_location_is_filled_from_the_response, .timeout = 10) {
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    buf_t out = BUF_INIT;
    cr_assert_not(envelope_location(&out, &rpc_SystemCoordinator_TriggerAnalysis, &reply), "an empty field");
    buf_clear(&out);
    cr_assert(MESSAGE_SET(reply.cycle_id, "c 1"));
    cr_assert(envelope_location(&out, &rpc_SystemCoordinator_TriggerAnalysis, &reply));
    cr_assert_str_eq(buf_str(&out), "/api/v1/system/analysis/c%201");
    buf_clear(&out);
    cr_assert_not(envelope_location(&out, &rpc_Gateway_GetHealth, &(Health){0}));
    buf_free(&out);
}

Test(envelope, a_field_as_text_goes_without_quotes, .timeout = 10) {
    Health health = {.uptime = 1.5};
    cr_assert(MESSAGE_SET(health.environment, "a\"b"));
    buf_t out = BUF_INIT;
    envelope_field_text(&out, Health_message(), &health, "environment");
    cr_assert_str_eq(buf_str(&out), "a\"b");
    buf_clear(&out);
    envelope_field_text(&out, Health_message(), &health, "uptime");
    cr_assert_str_eq(buf_str(&out), "1.5");
    buf_free(&out);
}
