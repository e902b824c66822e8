/* Tells a callback URL that a job has ended: POST {job_id,status,result?,error?}, best effort, one attempt, 3 s at most,
 * from one thread with a bounded queue. */
#pragma once

#include "jobs.h"
#include "reqlog.h"

enum { CALLBACK_QUEUE = 256 };

typedef struct callback callback_t;

/* key: sent as "Authorization: Bearer key" when not NULL. Deliveries are counted in log. */
callback_t *callback_new(const char *key, reqlog_t *log);
void callback_destroy(callback_t **self_p);

/* Fits job_ended_fn, with a callback_t as arg. Jobs without a URL are ignored. Never waits. */
void callback_job_ended(const job_view_t *job, void *arg);
