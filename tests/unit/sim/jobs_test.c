/* Specification of the life of jobs, on a clock that the test moves. */
#include "jobs.h"

#include <criterion/criterion.h>
#include <string.h>

#define SPEC(name) Test(sim_jobs, name, .timeout = 30)

static int64_t s_now;
static int s_ended_count;
static job_state_t s_ended_state;

static int64_t s_clock(void) {
    return s_now;
}

static void s_ended(const job_view_t *job, void *arg) {
    (void)arg;
    s_ended_count++;
    s_ended_state = job->state;
}

static jobs_t *s_jobs(int64_t delay_ms) {
    jobs_t *jobs = jobs_new("tst", delay_ms, s_clock, s_ended, NULL);
    cr_assert_not_null(jobs);
    return jobs;
}

static void s_create(jobs_t *jobs, job_spec_t spec, char *id) {
    job_view_t view;
    spec.type = "work";
    spec.result = json_pack("{s:i}", "answer", 42);
    cr_assert(jobs_create(jobs, &spec, &view));
    cr_assert_eq(view.state, JOB_QUEUED);
    strcpy(id, view.id);
    job_view_clear(&view);
}

static job_state_t s_state(jobs_t *jobs, const char *id) {
    job_view_t view;
    cr_assert(jobs_get(jobs, id, &view));
    cr_assert_eq(view.result != NULL, view.state == JOB_SUCCEEDED);
    job_view_clear(&view);
    return view.state;
}

SPEC(states_only_move_forward) {
    const job_state_t ends[] = {JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED};
    job_state_t to;
    for (int i = 0; i < 3; i++)
        for (int event = JOB_START; event <= JOB_CANCEL; event++)
            cr_assert_not(job_state_next(ends[i], (job_event_t)event, &to));
    cr_assert_not(job_state_next(JOB_RUNNING, JOB_START, &to));
    cr_assert_not(job_state_next(JOB_QUEUED, JOB_SUCCEED, &to));
    cr_assert(job_state_next(JOB_QUEUED, JOB_CANCEL, &to) && to == JOB_CANCELLED);
    cr_assert(job_state_next(JOB_RUNNING, JOB_FAIL, &to) && to == JOB_FAILED);
}

SPEC(a_job_waits_runs_and_succeeds) {
    jobs_t *jobs = s_jobs(100);
    char id[JOB_ID_SIZE];
    s_create(jobs, (job_spec_t){0}, id);
    cr_assert_str_eq(id, "tst-000001");
    cr_assert_eq(s_state(jobs, id), JOB_QUEUED);
    s_now += 25;
    cr_assert_eq(s_state(jobs, id), JOB_RUNNING);
    s_now += 75;
    cr_assert_eq(s_state(jobs, id), JOB_SUCCEEDED);
    cr_assert(s_ended_count == 1 && s_ended_state == JOB_SUCCEEDED);
    jobs_destroy(&jobs);
}

SPEC(a_job_that_takes_no_time_has_ended_at_once) {
    jobs_t *jobs = s_jobs(0);
    char id[JOB_ID_SIZE];
    s_create(jobs, (job_spec_t){0}, id);
    cr_assert_eq(s_state(jobs, id), JOB_SUCCEEDED);
    jobs_destroy(&jobs);
}

SPEC(a_failing_job_shows_its_error_and_no_result) {
    jobs_t *jobs = s_jobs(0);
    char id[JOB_ID_SIZE];
    s_create(jobs, (job_spec_t){.error_code = "BROKEN", .error_message = "it broke"}, id);
    job_view_t view;
    cr_assert(jobs_get(jobs, id, &view));
    json_t *json = job_view_json(&view, false);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(json, "error"), "code")), "BROKEN");
    cr_assert(json_is_null(json_object_get(json, "result")));
    json_decref(json);
    job_view_clear(&view);
    jobs_destroy(&jobs);
}

SPEC(a_cancelled_job_stays_cancelled) {
    jobs_t *jobs = s_jobs(100);
    char id[JOB_ID_SIZE];
    job_view_t view;
    s_create(jobs, (job_spec_t){0}, id);
    cr_assert_eq(jobs_cancel(jobs, id, &view), CANCEL_DONE);
    job_view_clear(&view);
    s_now += 1000;
    cr_assert_eq(s_state(jobs, id), JOB_CANCELLED);
    cr_assert_eq(jobs_cancel(jobs, id, &view), CANCEL_TERMINAL);
    job_view_clear(&view);
    cr_assert_eq(jobs_cancel(jobs, "tst-000099", &view), CANCEL_UNKNOWN);
    jobs_destroy(&jobs);
}

SPEC(a_hanging_job_never_ends_and_holds_up_no_other) {
    jobs_t *jobs = s_jobs(100);
    char hanging[JOB_ID_SIZE], other[JOB_ID_SIZE];
    s_create(jobs, (job_spec_t){.hang = true}, hanging);
    s_create(jobs, (job_spec_t){0}, other);
    s_now += 100000;
    cr_assert_eq(s_state(jobs, hanging), JOB_RUNNING);
    cr_assert_eq(s_state(jobs, other), JOB_SUCCEEDED);
    jobs_destroy(&jobs);
}

SPEC(a_list_is_newest_first_and_filtered_by_state) {
    jobs_t *jobs = s_jobs(100);
    char id[JOB_ID_SIZE];
    for (int i = 0; i < 5; i++)
        s_create(jobs, (job_spec_t){.hang = i == 1}, id);
    s_now += 100;
    job_view_t views[5];
    int total;
    job_state_t state = JOB_SUCCEEDED;
    cr_assert_eq(jobs_list(jobs, &state, 2, 1, views, &total), 2);
    cr_assert_eq(total, 4);
    cr_assert_str_eq(views[0].id, "tst-000004");
    cr_assert_str_eq(views[1].id, "tst-000003");
    job_view_clear(&views[0]);
    job_view_clear(&views[1]);
    jobs_destroy(&jobs);
}

SPEC(old_jobs_make_room_only_once_they_have_ended) {
    jobs_t *jobs = s_jobs(100);
    char id[JOB_ID_SIZE];
    job_view_t view;
    for (int i = 0; i < JOBS_CAPACITY; i++)
        s_create(jobs, (job_spec_t){0}, id);
    job_spec_t one_more = {.type = "work"};
    cr_assert_not(jobs_create(jobs, &one_more, &view));
    s_now += 100;
    s_create(jobs, (job_spec_t){0}, id);
    cr_assert_not(jobs_get(jobs, "tst-000001", &view));
    jobs_destroy(&jobs);
}
