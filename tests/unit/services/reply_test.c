/* The meaning of downstream answers: the normative forms and the tolerated ones. */
#include "services/reply.h"
#include <criterion/criterion.h>
#include <string.h>

static json_t *s_json(const char *text) {
    json_t *root = json_loads(text, 0, NULL);
    cr_assert_not_null(root, "%s", text);
    return root;
}

static void s_expect_job_id(const char *text, const char *expected) {
    char id[129] = "";
    json_t *root = s_json(text);
    bool found = reply_job_id(root, id, sizeof id);
    cr_expect_eq(found, expected != NULL, "%s", text);
    if (expected)
        cr_expect_str_eq(id, expected, "%s", text);
    json_decref(root);
}

Test(reply, finds_the_job_id_wherever_services_put_it, .timeout = 20) {
    s_expect_job_id("{\"success\":true,\"data\":{\"job_id\":\"a\",\"status\":\"queued\"}}", "a");
    s_expect_job_id("{\"data\":{\"task_id\":\"b\"}}", "b");
    s_expect_job_id("{\"data\":{\"id\":7}}", "7");
    s_expect_job_id("{\"data\":{\"job\":{\"job_id\":\"c\"}}}", "c");
    s_expect_job_id("{\"job_id\":\"d\",\"task_id\":\"e\"}", "d");
    s_expect_job_id("{\"task_id\":\"e\"}", "e");
    s_expect_job_id("{\"data\":{\"status\":\"queued\"}}", NULL);
    s_expect_job_id("{\"job_id\":\"\"}", NULL);
}

Test(reply, reads_every_spelling_of_a_state, .timeout = 20) {
    struct {
        const char *word;
        job_state_t state;
    } words[] = {{"queued", JOB_QUEUED},       {"Pending", JOB_QUEUED},      {"IDLE", JOB_QUEUED},
                 {"running", JOB_RUNNING},     {"In_Progress", JOB_RUNNING}, {"succeeded", JOB_SUCCEEDED},
                 {"done", JOB_SUCCEEDED},      {"COMPLETED", JOB_SUCCEEDED}, {"failed", JOB_FAILED},
                 {"error", JOB_FAILED},        {"timeout", JOB_FAILED},      {"exploded", JOB_FAILED},
                 {"cancelled", JOB_CANCELLED}, {"canceled", JOB_CANCELLED},  {"", JOB_QUEUED}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_eq(job_state_parse(words[i].word), words[i].state, "%s", words[i].word);
    cr_expect_eq(job_state_parse(NULL), JOB_QUEUED);
}

Test(reply, sees_a_failure_under_http_200, .timeout = 20) {
    struct {
        const char *text;
        bool failure;
    } cases[] = {{"{\"success\":false}", true},
                 {"{\"status\":\"error\",\"error\":\"x\"}", true},
                 {"{\"status\":\"failed\",\"error\":{\"code\":\"X\"}}", true},
                 {"{\"status\":\"failed\",\"error\":\"x\",\"job_id\":\"j\"}", false},
                 {"{\"status\":\"error\"}", false},
                 {"{\"status\":\"success\",\"data\":{}}", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = s_json(cases[i].text);
        cr_expect_eq(reply_is_failure(root), cases[i].failure, "%s", cases[i].text);
        json_decref(root);
    }
}

Test(reply, refuses_a_body_that_is_no_object, .timeout = 20) {
    const char *bodies[] = {"", "[]", "null", "<html>", "{\"a\":", "3"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        json_t *root = NULL;
        char reason[100] = "";
        cr_expect_eq(reply_parse(200, bodies[i], strlen(bodies[i]), &root, reason, sizeof reason),
                     ERR_PROTOCOL);
        cr_expect_null(root);
        cr_expect(*reason, "%s", bodies[i]);
    }
}

Test(reply, takes_204_as_an_empty_object, .timeout = 20) {
    json_t *root = NULL;
    char reason[100];
    cr_assert_eq(reply_parse(204, "", 0, &root, reason, sizeof reason), OK);
    cr_assert(json_is_object(root));
    json_decref(root);
}

Test(reply, keeps_the_numbers_of_a_payload_as_they_stand, .timeout = 20) {
    const char *text = "{\"success\":true, \"data\" : {\"weight\":0.350, \"n\":1e2} }", *payload;
    size_t size;
    reply_raw_payload(text, strlen(text), &payload, &size);
    cr_assert_eq(size, strlen("{\"weight\":0.350, \"n\":1e2}"));
    cr_assert_eq(strncmp(payload, "{\"weight\":0.350, \"n\":1e2}", size), 0);
}

Test(reply, finds_the_result_of_a_job_in_each_envelope, .timeout = 20) {
    const char *texts[] = {"{\"data\":{\"job_id\":\"a\",\"result\":{\"x\":1}}}",
                           "{\"data\":{\"job\":{\"result\":{\"x\":1}}}}",
                           "{\"job_id\":\"a\",\"result\":{\"x\":1}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *result = "";
        size_t size = 0;
        cr_assert(reply_raw_result(texts[i], strlen(texts[i]), &result, &size), "%s", texts[i]);
        cr_expect_eq(strncmp(result, "{\"x\":1}", size), 0);
    }
    const char *none = "{\"job_id\":\"a\",\"result\":null}", *result;
    size_t size;
    cr_assert_not(reply_raw_result(none, strlen(none), &result, &size));
}

Test(reply, tells_a_job_from_an_inline_result, .timeout = 20) {
    struct {
        int status;
        const char *text;
        bool job;
    } cases[] = {{202, "{\"data\":{\"job_id\":\"a\",\"status\":\"queued\"}}", true},
                 {200, "{\"data\":{\"job_id\":\"a\",\"status\":\"queued\"}}", true},
                 {200, "{\"data\":{\"results\":{}}}", false},
                 {200, "{\"data\":{\"id\":\"r1\",\"results\":{}}}", false},
                 {200, "{\"task_id\":\"t\"}", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = s_json(cases[i].text);
        cr_expect_eq(reply_starts_job(cases[i].status, root), cases[i].job, "%s", cases[i].text);
        json_decref(root);
    }
}

Test(reply, percent_encodes_path_segments, .timeout = 20) {
    buf_t out = BUF_INIT;
    reply_append_segment(&out, "a/b c-._~%");
    cr_assert_str_eq(buf_str(&out), "a%2Fb%20c-._~%25");
    buf_free(&out);
}

Test(reply, refuses_a_body_that_is_nested_too_deeply_to_be_passed_on, .timeout = 20) {
    char body[400] = "{\"a\":", reason[100] = "";
    json_t *root = NULL;
    for (size_t i = 0; i < 100; i++)
        strcat(body, "[");
    for (size_t i = 0; i < 100; i++)
        strcat(body, "]");
    strcat(body, "}");
    cr_assert_eq(reply_parse(200, body, strlen(body), &root, reason, sizeof reason), ERR_PROTOCOL);
    cr_assert(strstr(reason, "nested"), "%s", reason);
}

Test(reply, makes_a_text_that_was_cut_fit_to_be_sent_on, .timeout = 20) {
    struct {
        char text[16];
        const char *clean;
    } cases[] = {{"plain", "plain"},
                 {"\xe5\x80\x99 ok", "\xe5\x80\x99 ok"},
                 {"cut \xe5\x80", "cut ??"},
                 {"\xff\xfe", "??"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reply_clean_text(cases[i].text);
        cr_expect_str_eq(cases[i].text, cases[i].clean);
    }
}

Test(reply, cuts_a_long_message_between_characters, .timeout = 20) {
    char text[32], long_text[120] = "";
    for (size_t i = 0; i < 15; i++)
        strcat(long_text, "\xe5\x80\x99");
    json_t *root = json_pack("{s:s}", "message", long_text);
    reply_error_text(root, text, sizeof text);
    json_t *again = json_string(text); /* NULL when the text is no UTF-8 */
    cr_assert_not_null(again);
    json_decref(again);
    json_decref(root);
}

Test(reply, reads_an_error_in_each_form, .timeout = 20) {
    struct {
        const char *body, *text, *code;
    } cases[] = {{"{\"error\":{\"code\":\"X\",\"message\":\"y\"}}", "X: y", "X"},
                 {"{\"error\":{\"code\":\"X\"}}", "X", "X"},
                 {"{\"error\":\"text\"}", "text", NULL},
                 {"{\"message\":\"m\"}", "m", NULL},
                 {"{}", "", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        json_t *root = s_json(cases[i].body);
        reply_error_text(root, text, sizeof text);
        const char *code = reply_error_code(root);
        cr_expect_str_eq(text, cases[i].text);
        cr_expect(cases[i].code ? code && strcmp(code, cases[i].code) == 0 : !code, "%s", cases[i].body);
        json_decref(root);
    }
}
