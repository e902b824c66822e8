/* What is remembered of reported jobs: bounded in number, size and time, and the first report stands. */
#include "services/job_reports.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static job_reports_t s_reports; /* too large for a stack */

static void s_expect(int64_t now_us, const char *job_id, const char *body) {
    char *taken = NULL;
    cr_assert_eq(job_reports_take(&s_reports, now_us, job_id, &taken), body != NULL, "%s", job_id);
    if (body)
        cr_assert_str_eq(taken, body);
    free(taken);
}

Test(job_reports, gives_a_report_once, .timeout = 20) {
    cr_assert(job_reports_keep(&s_reports, 0, "job-1", "{}"));
    s_expect(SECOND, "job-2", NULL);
    s_expect(SECOND, "job-1", "{}");
    s_expect(SECOND, "job-1", NULL);
}

Test(job_reports, the_first_report_stands, .timeout = 20) {
    cr_assert(job_reports_keep(&s_reports, 0, "job-1", "first"));
    cr_assert_not(job_reports_keep(&s_reports, 1, "job-1", "second"));
    s_expect(SECOND, "job-1", "first");
}

Test(job_reports, forgets_after_two_minutes, .timeout = 20) {
    cr_assert(job_reports_keep(&s_reports, 0, "job-1", "a"));
    s_expect(120 * SECOND, "job-1", NULL);
    cr_assert(job_reports_keep(&s_reports, 120 * SECOND, "job-1", "b"));
    s_expect(240 * SECOND - 1, "job-1", "b");
}

Test(job_reports, the_oldest_makes_room, .timeout = 20) {
    char job_id[32];
    for (int i = 0; i <= JOB_REPORTS_KEPT; i++) {
        snprintf(job_id, sizeof job_id, "job-%d", i);
        cr_assert(job_reports_keep(&s_reports, i, job_id, job_id));
    }
    s_expect(SECOND, "job-0", NULL);
    for (int i = 1; i <= JOB_REPORTS_KEPT; i++) {
        snprintf(job_id, sizeof job_id, "job-%d", i);
        s_expect(SECOND, job_id, job_id);
    }
}

Test(job_reports, does_not_keep_what_has_ended_here, .timeout = 20) {
    char job_id[32];
    job_reports_end(&s_reports, "job-0");
    job_reports_end(&s_reports, "");
    cr_assert_not(job_reports_keep(&s_reports, 0, "job-0", "late"));
    for (int i = 1; i <= JOB_REPORTS_ENDED; i++) {
        snprintf(job_id, sizeof job_id, "job-%d", i);
        job_reports_end(&s_reports, job_id);
        job_reports_end(&s_reports, job_id);
    }
    cr_assert(job_reports_keep(&s_reports, 0, "job-0", "bounded"));
    job_reports_clear(&s_reports);
    s_expect(SECOND, "job-0", NULL);
}

Test(job_reports, keeps_of_a_large_one_that_it_came, .timeout = 20) {
    char *body = malloc(JOB_REPORT_MAX_SIZE + 2), *taken = (char *)"";
    memset(body, 'x', JOB_REPORT_MAX_SIZE + 1);
    body[JOB_REPORT_MAX_SIZE + 1] = '\0';
    cr_assert(job_reports_keep(&s_reports, 0, "job-1", body));
    cr_assert(job_reports_take(&s_reports, 1, "job-1", &taken));
    cr_assert_null(taken);
    free(body);
}
