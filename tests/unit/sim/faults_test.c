/* Specification of the faults that tests switch on. */
#include "faults.h"

#include <criterion/criterion.h>

#define SPEC(name) Test(sim_faults, name, .timeout = 30)

static faults_t *s_faults(json_t *fault) {
    faults_t *faults = faults_new("/health");
    check_t check = {0};
    cr_assert(faults_add(faults, fault, &check));
    json_decref(fault);
    return faults;
}

static spoil_t s_spoil(faults_t *faults, const char *path) {
    return faults_take(faults, "GET", path).spoil;
}

SPEC(a_fault_without_a_path_leaves_health_alone) {
    faults_t *faults = s_faults(json_pack("{s:i}", "status", 503));
    cr_assert_eq(s_spoil(faults, "/health"), SPOIL_NONE);
    cr_assert_eq(s_spoil(faults, "/api/v1/jobs"), SPOIL_STATUS);
    faults_destroy(&faults);
}

SPEC(a_fault_hits_as_often_as_it_counts) {
    faults_t *faults = s_faults(json_pack("{s:b, s:i}", "reset", 1, "count", 2));
    cr_assert_eq(s_spoil(faults, "/a"), SPOIL_RESET);
    cr_assert_eq(s_spoil(faults, "/a"), SPOIL_RESET);
    cr_assert_eq(s_spoil(faults, "/a"), SPOIL_NONE);
    faults_destroy(&faults);
}

SPEC(path_prefix_and_method_must_match) {
    faults_t *faults =
        s_faults(json_pack("{s:b, s:s, s:s}", "garbage", 1, "path_prefix", "/a", "method", "GET"));
    cr_assert_eq(faults_take(faults, "POST", "/a/b").spoil, SPOIL_NONE);
    cr_assert_eq(s_spoil(faults, "/b"), SPOIL_NONE);
    cr_assert_eq(s_spoil(faults, "/a/b"), SPOIL_GARBAGE);
    faults_destroy(&faults);
}

SPEC(latencies_add_up_and_the_first_effect_wins) {
    faults_t *faults = s_faults(json_pack("{s:i, s:i}", "latency_ms", 100, "status", 500));
    check_t check = {0};
    json_t *second = json_pack("{s:i, s:b}", "latency_ms", 50, "reset", 1);
    cr_assert(faults_add(faults, second, &check));
    fault_action_t action = faults_take(faults, "GET", "/a");
    cr_assert_eq(action.latency_ms, 150);
    cr_assert(action.spoil == SPOIL_STATUS && action.status == 500 && !action.after_effect);
    json_decref(second);
    faults_destroy(&faults);
}

SPEC(an_error_rate_hits_about_that_share) {
    faults_t *faults = s_faults(json_pack("{s:f}", "error_rate", 0.25));
    int hits = 0;
    for (int i = 0; i < 4000; i++)
        hits += faults_take(faults, "GET", "/a").status == 500;
    cr_assert(hits > 850 && hits < 1150, "%d of 4000", hits);
    faults_destroy(&faults);
}

SPEC(a_spoiled_answer_comes_after_its_effect) {
    faults_t *faults = s_faults(json_pack("{s:b}", "half_body", 1));
    cr_assert(faults_take(faults, "GET", "/a").after_effect);
    faults_destroy(&faults);
}

SPEC(a_job_fault_is_used_up_by_jobs_only) {
    faults_t *faults = s_faults(json_pack("{s:s, s:i}", "job_status", "failed", "count", 1));
    cr_assert_eq(s_spoil(faults, "/a"), SPOIL_NONE);
    cr_assert(faults_take_job(faults, "POST", "/a").fails);
    cr_assert_not(faults_take_job(faults, "POST", "/a").fails);
    faults_destroy(&faults);
}

SPEC(clearing_releases_what_hangs) {
    faults_t *faults = s_faults(json_pack("{s:b}", "hang", 1));
    fault_action_t action = faults_take(faults, "GET", "/a");
    cr_assert(action.hang);
    cr_assert_not(faults_cleared_since(faults, action.generation));
    faults_clear(faults);
    cr_assert(faults_cleared_since(faults, action.generation));
    cr_assert_not(faults_take(faults, "GET", "/a").hang);
    faults_destroy(&faults);
}

SPEC(a_fault_without_effect_or_with_an_unknown_setting_is_refused) {
    faults_t *faults = faults_new("/health");
    json_t *bad[] = {json_object(), json_pack("{s:i, s:i}", "status", 500, "colour", 1),
                     json_pack("{s:i}", "status", 9)};
    for (int i = 0; i < 3; i++) {
        check_t check = {0};
        cr_assert_not(faults_add(faults, bad[i], &check));
        cr_assert_not(check_passed(&check));
        check_clear(&check);
        json_decref(bad[i]);
    }
    faults_destroy(&faults);
}
