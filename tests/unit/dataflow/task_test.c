/* flowhub's tasks: the body, finding one, reading answers. */
#include "dataflow/task.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASK_FIELDS                                                                                       \
    "\"data_type\":\"batch_daily_ohlc\",\"params\":{\"data_type\":\"batch_daily_ohlc\",\"symbols\":null," \
    "\"incremental\":true,\"force_update\":false},\"schedule_type\":\"manual\",\"schedule_value\":null,"  \
    "\"enabled\":true,\"allow_overlap\":false"

static const dataset_t *s_ohlc(void) {
    return datasets_find("batch_daily_ohlc");
}

Test(task, body_is_what_flowhub_takes_and_always_the_same, .timeout = 10) {
    char *body = task_body(s_ohlc()), *again = task_body(s_ohlc());
    cr_expect_str_eq(body, "{\"name\":\"brain_daily_data_fetch\"," TASK_FIELDS "}");
    cr_expect_str_eq(body, again);
    free(body);
    free(again);
}

Test(task, body_of_a_task_by_the_clock_has_its_cron, .timeout = 10) {
    char *body = task_body(datasets_find("industry_board"));
    cr_expect(strstr(body, "\"schedule_type\":\"cron\",\"schedule_value\":\"30 16 * * 1-5\""));
    free(body);
}

static task_found_t s_find(const char *page, char id[TASK_ID_SIZE]) {
    char *body = task_body(s_ohlc()), why[TASK_WHY_SIZE] = "";
    task_found_t found;
    size_t items;
    cr_assert_eq(task_find(page, body, &found, id, &items, why), OK, "%s", why);
    free(body);
    return found;
}

Test(task, is_found_by_its_exact_name, .timeout = 10) {
    char id[TASK_ID_SIZE] = "";
    cr_expect_eq(s_find("{\"tasks\":[{\"task_id\":\"t1\",\"name\":\"other\"},{\"task_id\":\"t2\",\"name\":"
                        "\"brain_daily_data_fetch\"," TASK_FIELDS ",\"status\":\"idle\"}],\"total\":2}",
                        id),
                 TASK_SAME);
    cr_expect_str_eq(id, "t2");
    cr_expect_eq(
        s_find("{\"tasks\":[{\"task_id\":\"t1\",\"name\":\"brain_daily_data_fetch2\"}],\"total\":1}", id),
        TASK_ABSENT);
    cr_expect_eq(s_find("{\"tasks\":[],\"total\":0}", id), TASK_ABSENT);
}

Test(task, differs_when_any_of_its_fields_does, .timeout = 10) {
    static const struct {
        const char *from, *to;
    } changes[] = {{"\"incremental\":true", "\"incremental\":false"},
                   {"\"enabled\":true", "\"enabled\":false"},
                   {"\"allow_overlap\":false", "\"allow_overlap\":true"},
                   {"\"manual\"", "\"cron\""},
                   {"\"schedule_value\":null", "\"schedule_value\":\"x\""},
                   {"\"data_type\":\"batch_daily_ohlc\",\"params\"", "\"data_type\":\"x\",\"params\""},
                   {",\"force_update\":false", ""}};
    const char *same =
        "{\"tasks\":[{\"task_id\":\"t\",\"name\":\"brain_daily_data_fetch\"," TASK_FIELDS "}]}";
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char id[TASK_ID_SIZE], page[1024];
        const char *at = strstr(same, changes[i].from);
        cr_assert(at, "%s", changes[i].from);
        snprintf(page, sizeof page, "%.*s%s%s", (int)(at - same), same, changes[i].to,
                 at + strlen(changes[i].from));
        cr_expect_eq(s_find(page, id), TASK_DIFFERENT, "%s", changes[i].to);
    }
}

Test(task, a_schedule_value_that_is_left_out_is_null, .timeout = 10) {
    char id[TASK_ID_SIZE];
    const char *page =
        "{\"tasks\":[{\"task_id\":\"t\",\"name\":\"brain_daily_data_fetch\",\"data_type\":"
        "\"batch_daily_ohlc\",\"params\":{\"data_type\":\"batch_daily_ohlc\",\"symbols\":null,"
        "\"incremental\":true,\"force_update\":false},\"schedule_type\":\"manual\",\"enabled\":true,"
        "\"allow_overlap\":false}]}";
    cr_expect_eq(s_find(page, id), TASK_SAME);
}

Test(task, a_page_that_is_none_or_a_task_without_id_is_refused, .timeout = 10) {
    static const char *const pages[] = {
        "{}", "{\"tasks\":{}}", "{\"tasks\":null}", "{\"tasks\":[{\"name\":\"brain_daily_data_fetch\"}]}",
        "{\"tasks\":[{\"name\":\"brain_daily_data_fetch\",\"task_id\":\"\"}]}"};
    char *body = task_body(s_ohlc());
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        char id[TASK_ID_SIZE], why[TASK_WHY_SIZE] = "";
        task_found_t found;
        size_t items;
        cr_expect_eq(task_find(pages[i], body, &found, id, &items, why), ERR_PROTOCOL, "%s", pages[i]);
        cr_expect_gt(strlen(why), 10);
    }
    free(body);
}

Test(task, id_of_a_created_task_is_read, .timeout = 10) {
    char id[TASK_ID_SIZE], why[TASK_WHY_SIZE];
    cr_expect_eq(task_read_id("{\"task_id\":\"task-1\",\"name\":\"x\"}", id, why), OK);
    cr_expect_str_eq(id, "task-1");
    cr_expect_eq(task_read_id("{\"name\":\"x\"}", id, why), ERR_PROTOCOL);
    cr_expect_eq(task_read_id("{\"task_id\":7}", id, why), ERR_PROTOCOL);
}

Test(task, job_of_a_run_is_read_and_never_taken_from_the_tasks_id, .timeout = 10) {
    char job[TASK_ID_SIZE], why[TASK_WHY_SIZE];
    cr_expect_eq(task_read_job("{\"job_id\":\"flo-1\",\"status\":\"queued\",\"task_id\":\"task-1\"}",
                               "task-1", job, why),
                 OK);
    cr_expect_str_eq(job, "flo-1");
    cr_expect_eq(task_read_job("{\"status\":\"queued\",\"task_id\":\"task-1\"}", "task-1", job, why),
                 ERR_PROTOCOL);
    cr_expect_str_eq(job, "");
    cr_expect_eq(task_read_job("{}", "task-1", job, why), ERR_PROTOCOL);
}

Test(task, details_of_a_conflict_are_read, .timeout = 10) {
    char id[TASK_ID_SIZE];
    const char *refusal =
        "{\"success\":false,\"error\":{\"code\":\"TASK_RUNNING\",\"message\":\"m\",\"details\":"
        "{\"job_id\":\"flo-9\"}}}";
    cr_expect(task_conflict_detail(refusal, "job_id", id));
    cr_expect_str_eq(id, "flo-9");
    cr_expect_not(task_conflict_detail(refusal, "task_id", id));
    cr_expect_not(task_conflict_detail("{\"error\":\"text\"}", "job_id", id));
}

Test(task, running_job_is_found_by_data_type_and_task_name, .timeout = 10) {
    char id[TASK_ID_SIZE] = "";
    const char *page =
        "{\"jobs\":[{\"job_id\":\"a\",\"status\":\"running\",\"params\":{\"data_type\":\"batch_daily_ohlc\"}},"
        "{\"job_id\":\"b\",\"status\":\"succeeded\",\"params\":{\"data_type\":\"batch_daily_ohlc\",\"task_name\":"
        "\"brain_daily_data_fetch\"}},{\"job_id\":\"c\",\"status\":\"running\",\"params\":{\"data_type\":"
        "\"batch_daily_ohlc\",\"task_name\":\"brain_daily_data_fetch\"}}],\"total\":3}";
    cr_expect(task_find_running_job(page, s_ohlc(), id));
    cr_expect_str_eq(id, "c");
    cr_expect_not(task_find_running_job("{\"jobs\":[]}", s_ohlc(), id));
    cr_expect_not(task_find_running_job("{}", s_ohlc(), id));
}

Test(task, records_of_a_result_are_counted, .timeout = 10) {
    task_records_t records;
    char why[TASK_WHY_SIZE];
    cr_expect_eq(task_read_result(s_ohlc(), "{\"total_records\":7,\"records_count\":3600}", &records, why),
                 OK);
    cr_expect(records.known && records.count == 3600);
    cr_expect_eq(task_read_result(s_ohlc(), "{\"total_records\":7}", &records, why), OK);
    cr_expect(records.known && records.count == 7);
    cr_expect_eq(task_read_result(s_ohlc(), "{\"records_count\":\"many\"}", &records, why), OK);
    cr_expect_not(records.known);
    cr_expect_eq(task_read_result(s_ohlc(), "{\"records_count\":-1}", &records, why), OK);
    cr_expect_not(records.known);
}

Test(task, an_index_job_that_brought_and_skipped_nothing_has_failed, .timeout = 10) {
    const dataset_t *index = datasets_find("index_daily_data");
    task_records_t records;
    char why[TASK_WHY_SIZE] = "";
    const char *empty = "{\"records_count\":0,\"saved_count\":0,\"skipped_count\":0}";
    cr_expect_eq(task_read_result(index, empty, &records, why), ERR_DOWNSTREAM_REFUSED);
    cr_expect_gt(strlen(why), 10);
    cr_expect_eq(task_read_result(s_ohlc(), empty, &records, why), OK);
    cr_expect_eq(task_read_result(index, "{\"records_count\":0,\"skipped_count\":2}", &records, why), OK);
}

Test(task, end_of_a_job_is_read_in_both_forms, .timeout = 10) {
    int64_t ms = 0;
    cr_expect(task_read_completed("{\"completed_at\":1714984260,\"result\":{}}", &ms));
    cr_expect_eq(ms, INT64_C(1714984260000));
    cr_expect(task_read_completed("{\"completed_at\":\"2024-05-06T08:31:00Z\"}", &ms));
    cr_expect_eq(ms, INT64_C(1714984260000));
    cr_expect_not(task_read_completed("{\"completed_at\":null}", &ms));
    cr_expect_not(task_read_completed("{\"completed_at\":\"today\"}", &ms));
    cr_expect_not(task_read_completed("{}", &ms));
}
