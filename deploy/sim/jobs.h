/* Asynchronous jobs of one service. The outcome of a job is computed when it is accepted and shown when its time has
 * come: it runs after a quarter of the delay and ends after the whole of it. States only move forward.
 *
 * Thread safe. At most JOBS_CAPACITY jobs are kept: a new one displaces the oldest, which must have ended. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOBS_CAPACITY = 16384,
    JOB_ID_SIZE = 32,
    JOB_TYPE_SIZE = 129,
    JOB_TEXT_SIZE = 256,
    JOB_URL_SIZE = 1024
};

typedef enum { JOB_QUEUED, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED } job_state_t;
typedef enum { JOB_START, JOB_SUCCEED, JOB_FAIL, JOB_CANCEL } job_event_t;

const char *job_state_name(job_state_t state);
bool job_state_parse(const char *name, job_state_t *out);
bool job_state_is_terminal(job_state_t state);

/* The state that follows; false when the event is not possible in that state. */
bool job_state_next(job_state_t from, job_event_t event, job_state_t *to);

/* What a job is and how it will end: never when `hang`, else cancelled when `cancels`, else failed when error_code is
 * set, else succeeded with `result`. */
typedef struct {
    const char *type;
    json_t *params; /* taken; NULL = {} */
    json_t *result; /* taken */
    char error_code[48];
    char error_message[JOB_TEXT_SIZE];
    char message[JOB_TEXT_SIZE];
    bool hang, cancels;
    const char *callback_url; /* NULL = none */
} job_spec_t;

/* A copy of a job at one moment; the JSON values are shared and constant. Release with job_view_clear. */
typedef struct {
    char id[JOB_ID_SIZE];
    char type[JOB_TYPE_SIZE];
    job_state_t state;
    int progress;                             /* 0-100 */
    int64_t created_at, updated_at, ended_at; /* epoch seconds; ended_at 0 until it ended */
    json_t *params, *result;                  /* result only when succeeded */
    char error_code[48];                      /* these two only when failed */
    char error_message[JOB_TEXT_SIZE];
    char message[JOB_TEXT_SIZE];
    char callback_url[JOB_URL_SIZE];
} job_view_t;

void job_view_clear(job_view_t *self);

/* Job object of the contract; times as epoch seconds or as ISO-8601. */
json_t *job_view_json(const job_view_t *self, bool epoch);

typedef struct jobs jobs_t;

/* Called with each job that ended, from whichever thread noticed; it must not call back into the jobs nor wait. */
typedef void (*job_ended_fn)(const job_view_t *job, void *arg);

/* Ids are prefix-000001, prefix-000002, …; now_ms is a monotonic clock. */
jobs_t *jobs_new(const char *prefix, int64_t delay_ms, int64_t (*now_ms)(void), job_ended_fn ended,
                 void *arg);
void jobs_destroy(jobs_t **self_p);

/* Starts the thread that ends jobs at their time even when nobody asks; without it they end when they are looked at. */
bool jobs_start(jobs_t *self);

/* Takes the JSON values of the spec in any case. false when the store is full of jobs that have not ended. */
bool jobs_create(jobs_t *self, job_spec_t *spec, job_view_t *out);

bool jobs_get(jobs_t *self, const char *id, job_view_t *out);

typedef enum { CANCEL_DONE, CANCEL_UNKNOWN, CANCEL_TERMINAL } cancel_t;
cancel_t jobs_cancel(jobs_t *self, const char *id, job_view_t *out);

/* Fills at most `limit` views, newest first, after `offset`; state NULL = all. Returns how many, *total = all matches. */
int jobs_list(jobs_t *self, const job_state_t *state, int limit, int offset, job_view_t *out, int *total);
