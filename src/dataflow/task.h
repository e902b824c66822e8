/* flowhub's tasks as pure functions: the task that fetches a dataset, finding it among those that exist, and
 * reading what flowhub answers. Bodies are JSON text as the adapter gives them: a success without its envelope, a
 * refusal whole. */
#pragma once

#include "base/err.h"
#include "dataflow/datasets.h"

#define TASK_ID_SIZE    129
#define TASK_WHY_SIZE   200
#define TASK_PAGE_ITEMS 100 /* the most that flowhub gives at once */

/* The body that creates or updates the task of the dataset: always the same bytes. The caller frees it. */
char *task_body(const dataset_t *dataset);

typedef enum { TASK_ABSENT, TASK_SAME, TASK_DIFFERENT } task_found_t;

/* Looks for the task named in `body` on a page of GET /api/v1/tasks. TASK_DIFFERENT: data_type, params, schedule or
 * flags are not those of `body`. *items is the number of tasks on the page. ERR_PROTOCOL with `why`. */
ERR_MUST_USE
err_t task_find(const char *page, const char *body, task_found_t *found, char task_id[TASK_ID_SIZE],
                size_t *items, char why[TASK_WHY_SIZE]);

/* The task_id of a created or updated task. */
ERR_MUST_USE
err_t task_read_id(const char *answer, char task_id[TASK_ID_SIZE], char why[TASK_WHY_SIZE]);

/* The job that POST /api/v1/tasks/{task_id}/run started. */
ERR_MUST_USE
err_t task_read_job(const char *answer, const char *task_id, char job_id[TASK_ID_SIZE],
                    char why[TASK_WHY_SIZE]);

/* A member of error.details of a refusal; false when it is not there. */
bool task_conflict_detail(const char *refusal, const char *key, char id[TASK_ID_SIZE]);

/* The running job of the dataset's task on a page of GET /api/v1/jobs; false when there is none. */
bool task_find_running_job(const char *page, const dataset_t *dataset, char job_id[TASK_ID_SIZE]);

typedef struct {
    bool known;
    uint64_t count;
} task_records_t;

/* How many records a succeeded job brought. ERR_DOWNSTREAM_REFUSED when the dataset may not be empty and the job
 * brought and skipped nothing. */
ERR_MUST_USE
err_t task_read_result(const dataset_t *dataset, const char *result, task_records_t *records,
                       char why[TASK_WHY_SIZE]);

/* When the job ended, by an answer of GET /api/v1/jobs/{job_id}/result: milliseconds since 1970. False when it does not
 * say. */
bool task_read_completed(const char *answer, int64_t *completed_ms);
