/* What is remembered of jobs that were reported: reports that came before anybody waited for their job, so that a
 * service may be faster with its report than with the answer that names the job; and the ids of jobs that have ended
 * here, so that a late report of one is not kept. Both are bounded in number, size and time. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_REPORTS_KEPT    32
#define JOB_REPORTS_ENDED   128
#define JOB_REPORT_MAX_SIZE ((size_t)65536) /* a larger body is kept without its text */
#define JOB_REPORT_LIFE_US  INT64_C(120000000)

typedef struct {
    char job_id[129]; /* empty = free */
    int64_t at_us;
    char *body; /* the job object as JSON text; NULL = was too large */
} job_report_t;

typedef struct {
    job_report_t kept[JOB_REPORTS_KEPT];
    size_t next_kept;
    char ended[JOB_REPORTS_ENDED][129];
    size_t next_ended;
} job_reports_t;

/* Copies; the oldest makes room. False when the job has ended here, or is reported already: the first report stands. */
bool job_reports_keep(job_reports_t *self, int64_t now_us, const char *job_id, const char *body);

/* Takes the report about the job out; *body (NULL when it was too large) is the caller's to free. */
bool job_reports_take(job_reports_t *self, int64_t now_us, const char *job_id, char **body);

/* Nobody will wait for the job any more. */
void job_reports_end(job_reports_t *self, const char *job_id);

void job_reports_clear(job_reports_t *self);
