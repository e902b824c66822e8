/* What a downstream's answer means: envelope, errors, job ids and job states, tolerant where earlier services
 * were loose and strict where a value is needed. Pure, over jansson values. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>
#include <stddef.h>

typedef enum { JOB_QUEUED, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED } job_state_t;

/* Parses a 2xx body: a JSON object is needed (an empty body only with status 204, which means {}).
 * ERR_PROTOCOL with a reason otherwise. *root is the caller's to json_decref. */
ERR_MUST_USE
err_t reply_parse(int status, const char *body, size_t size, json_t **root, char *reason, size_t reason_size);

/* The payload: `data` when that is an object, else the body itself. Borrowed. */
json_t *reply_unwrap(json_t *root);

/* True when a 2xx body says it failed all the same: `success` is false, or `status` is error, fail or failed
 * together with an `error` member and no `job_id`. */
bool reply_is_failure(json_t *root);

/* "CODE: message" of an error body (object, text or top-level message); empty text when it holds none. */
void reply_error_text(json_t *root, char *out, size_t size);

/* error.code of an error body; NULL when there is none. Borrowed. */
const char *reply_error_code(json_t *root);

/* The id of the job that a reply starts: data.job_id, task_id, id, data.job.{…}, then the same at top level;
 * numbers are taken as text. False when there is none, or it is not 1-128 characters. */
bool reply_job_id(json_t *root, char *out, size_t size);

/* True when the reply names a job to wait for: it has an id, and is not a result that merely holds one. */
bool reply_starts_job(int status, json_t *root);

/* The raw text of a member of the JSON object in `text`, as it stands there, so that no number is rewritten.
 * False when it has no such member. Borrowed from `text`. */
bool reply_raw_member(const char *text, size_t size, const char *key, const char **member,
                      size_t *member_size);

/* The raw text of the payload (the member `data` when that is an object, else all), and of a finished job's
 * result: false when there is none or it is null. */
void reply_raw_payload(const char *text, size_t size, const char **payload, size_t *payload_size);
bool reply_raw_result(const char *text, size_t size, const char **result, size_t *result_size);

/* True when a job-creating POST was answered inline: there is a payload that is not just a job reference. */
bool reply_is_inline_result(json_t *root);

/* The job object of a poll: data, data.job or flat. Borrowed. */
json_t *reply_job(json_t *root);
/* Its state by status, state or job_status, in any accepted spelling; an unknown word is failed, a missing one
 * queued. */
job_state_t reply_job_state(json_t *job);
job_state_t job_state_parse(const char *word);
const char *job_state_name(job_state_t state);
static inline bool job_state_is_terminal(job_state_t state) {
    return state >= JOB_SUCCEEDED;
}

/* Makes a text fit to be sent on: bytes that are no UTF-8 become '?'. A peer's words may have been cut in the middle of
 * a character. */
void reply_clean_text(char *text);

/* Appends one path segment, percent-encoded. */
void reply_append_segment(buf_t *out, const char *segment);
