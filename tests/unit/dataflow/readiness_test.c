/* Judging datasets, and the table of them. */
#include "dataflow/readiness.h"

#include "base/config_table.h"
#include "base/json_tree.h"
#include "dataflow/task.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1767576600000)
static const dataset_t s_dataset = {.name = "d", .warn_after_s = 100, .error_after_s = 1000};

Test(readiness, goes_by_the_age_of_the_last_success, .timeout = 10) {
    cr_expect_eq(readiness_judge(&s_dataset, NOW, NOW), READINESS_READY);
    cr_expect_eq(readiness_judge(&s_dataset, NOW - 100 * 1000, NOW), READINESS_READY);
    cr_expect_eq(readiness_judge(&s_dataset, NOW - 100 * 1000 - 1, NOW), READINESS_STALE);
    cr_expect_eq(readiness_judge(&s_dataset, NOW - 1000 * 1000, NOW), READINESS_STALE);
    cr_expect_eq(readiness_judge(&s_dataset, NOW - 1000 * 1000 - 1, NOW), READINESS_MISSING);
}

Test(readiness, never_fetched_is_missing, .timeout = 10) {
    cr_expect_eq(readiness_judge(&s_dataset, 0, NOW), READINESS_MISSING);
}

Test(readiness, a_success_in_the_future_is_ready_and_not_of_negative_age, .timeout = 10) {
    cr_expect_eq(readiness_judge(&s_dataset, NOW + 5000, NOW), READINESS_READY);
    cr_expect_eq(readiness_age_s(NOW + 5000, NOW), 0);
    cr_expect_eq(readiness_age_s(NOW - 1500, NOW), 1.5);
}

Test(readiness, has_names, .timeout = 10) {
    cr_expect_str_eq(readiness_name(READINESS_READY), "ready");
    cr_expect_str_eq(readiness_name(READINESS_STALE), "stale");
    cr_expect_str_eq(readiness_name(READINESS_MISSING), "missing");
}

Test(readiness, policies_go_by_their_words, .timeout = 10) {
    policy_t policy;
    cr_expect(readiness_policy("sync", &policy) && policy == POLICY_SYNC);
    cr_expect(readiness_policy("wait", &policy) && policy == POLICY_WAIT);
    cr_expect(readiness_policy("degrade", &policy) && policy == POLICY_DEGRADE);
    cr_expect(readiness_policy("abort", &policy) && policy == POLICY_ABORT);
    cr_expect_not(readiness_policy("", &policy));
}

Test(datasets, are_found_by_name, .timeout = 10) {
    const dataset_t *dataset = datasets_find("batch_daily_ohlc");
    cr_assert(dataset);
    cr_expect_str_eq(dataset->task_name, "brain_daily_data_fetch");
    cr_expect_eq(dataset->warn_after_s, 36 * 3600);
    cr_expect_eq(dataset->error_after_s, 10 * 86400);
    cr_expect_null(datasets_find("BATCH_DAILY_OHLC"));
    cr_expect_null(datasets_find(""));
}

Test(datasets, each_is_whole_and_names_are_unique, .timeout = 10) {
    for (size_t i = 0; i < datasets_count; i++) {
        const dataset_t *dataset = &datasets_all[i];
        json_t *params = json_tree_parse(dataset->params);
        cr_assert(json_is_object(params), "%s", dataset->name);
        cr_expect_str_eq(json_string_value(json_object_get(params, "data_type")), dataset->name);
        json_decref(params);
        cr_expect_eq(datasets_find(dataset->name), dataset);
        cr_expect_lt(dataset->warn_after_s, dataset->error_after_s);
        cr_expect_leq(dataset->wait_s, 86400);
        cr_expect_lt(strlen(dataset->name), 65);
        cr_expect_eq(strcmp(dataset->schedule_type, "cron") == 0, dataset->schedule_value != NULL);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(datasets_all[j].task_name, dataset->task_name);
    }
}

Test(datasets, are_listed_for_whoever_named_a_wrong_one, .timeout = 10) {
    buf_t list = BUF_INIT;
    datasets_list(&list);
    cr_expect_eq(strncmp(buf_str(&list), "batch_daily_ohlc, index_daily_data, ", 36), 0);
    cr_expect(strstr(buf_str(&list), ", batch_daily_basic"));
    buf_free(&list);
}

/* The configuration knows their names of itself: it lies below the data flow. */
Test(datasets, are_those_that_the_setting_allows, .timeout = 10) {
    buf_t known = BUF_INIT, allowed = BUF_INIT;
    buf_append_str(&known, "a comma list of ");
    datasets_list(&known);
    setting_describe_allowed(&settings[SETTING_datasets_required], &allowed);
    cr_expect_str_eq(buf_str(&allowed), buf_str(&known));
    buf_free(&known);
    buf_free(&allowed);
}
