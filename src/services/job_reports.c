/* Reports of jobs: see job_reports.h. */
#include "services/job_reports.h"

#include "base/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_drop(job_report_t *report) {
    free(report->body);
    *report = (job_report_t){0};
}

static job_report_t *s_find(job_reports_t *self, int64_t now_us, const char *job_id) {
    for (size_t i = 0; i < JOB_REPORTS_KEPT; i++) {
        job_report_t *report = &self->kept[i];
        if (*report->job_id && now_us - report->at_us >= JOB_REPORT_LIFE_US)
            s_drop(report);
        if (*report->job_id && strcmp(report->job_id, job_id) == 0)
            return report;
    }
    return NULL;
}

static bool s_has_ended(const job_reports_t *self, const char *job_id) {
    for (size_t i = 0; i < JOB_REPORTS_ENDED; i++)
        if (strcmp(self->ended[i], job_id) == 0)
            return true;
    return false;
}

bool job_reports_keep(job_reports_t *self, int64_t now_us, const char *job_id, const char *body) {
    if (!*job_id || s_has_ended(self, job_id) || s_find(self, now_us, job_id))
        return false;
    job_report_t *report = &self->kept[self->next_kept];
    self->next_kept = (self->next_kept + 1) % JOB_REPORTS_KEPT;
    s_drop(report);
    snprintf(report->job_id, sizeof report->job_id, "%s", job_id);
    report->at_us = now_us;
    if (strlen(body) <= JOB_REPORT_MAX_SIZE) {
        report->body = strdup(body);
        assert_always(report->body);
    }
    return true;
}

bool job_reports_take(job_reports_t *self, int64_t now_us, const char *job_id, char **body) {
    job_report_t *report = s_find(self, now_us, job_id);
    if (!report)
        return false;
    *body = report->body;
    *report = (job_report_t){0};
    return true;
}

void job_reports_end(job_reports_t *self, const char *job_id) {
    if (!*job_id || s_has_ended(self, job_id))
        return;
    snprintf(self->ended[self->next_ended], sizeof self->ended[0], "%s", job_id);
    self->next_ended = (self->next_ended + 1) % JOB_REPORTS_ENDED;
}

void job_reports_clear(job_reports_t *self) {
    for (size_t i = 0; i < JOB_REPORTS_KEPT; i++)
        s_drop(&self->kept[i]);
}
