/* One fetch of a dataset through flowhub: the row, the task, its run, the job, the row again.
 *
 * Every step may be repeated after a restart: tasks are looked up before they are made, and what makes or runs one
 * has an idempotency key of its own that derives from the cycle and the dataset. */
#include "dataflow/dataflow_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "integration/v1/services.pb.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "services/reply.h"
#include "store/store.h"
#include "tables.gen.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_US          300000000 /* four attempts of a minute, and what lies between */
#define RESUMED_LEAST_US 60000000  /* a job that ended while we were away is still read */
#define STORE_RETRY_MS   500
#define JOB_POLL_MAX_MS  30000
#define TASKS_MOST       10000
#define RUNNING_JOBS     "status=running&limit=50"

static void s_list_tasks(sync_t *self);
static void s_run_task(sync_t *self);
static void s_wait_for_job(sync_t *self);
static void s_store_end(actor_t *actor, void *context);

sync_t *sync_find(const dataflow_t *owner, const dataset_t *dataset) {
    sync_t *self = owner->syncs;
    while (self && self->dataset != dataset)
        self = self->next;
    return self;
}

static void s_unlink(sync_t *self) {
    sync_t **link = &self->owner->syncs;
    while (*link && *link != self)
        link = &(*link)->next;
    if (*link)
        *link = self->next;
}

void sync_destroy(sync_t **self_p) {
    sync_t *self = *self_p;
    s_unlink(self);
    free(self->body);
    free(self->error);
    free(self);
    *self_p = NULL;
}

/* ---- The end ---- */

static void s_tell(sync_t *self) {
    dataflow_t *owner = self->owner;
    const char *status = self->err == OK ? "completed" : "failed";
    log_info("dataset fetch ended", LOG_STR("dataset", self->dataset->name),
             LOG_STR("cycle_id", self->cycle_id), LOG_STR("status", status), LOG_STR("job_id", self->job_id),
             LOG_STR("error", self->error));
    actor_count(owner->actor, self->err == OK ? "syncs_completed_total" : "syncs_failed_total",
                "Fetches of datasets that ended so.", 1);
    s_unlink(self); /* whoever is told may begin another fetch of the dataset */
    ensure_sync_ended(owner, self);
    sync_destroy(&self);
}

static bool s_is_stored(err_t err, const void *response) {
    const StoreWritten *written = response;
    return err == OK && written->units_count == 1 && strcmp(written->units[0].code, "OK") == 0;
}

/* An end that is not stored did not happen for those who judge by the store, so it is told after. */
static void s_on_end_stored(actor_t *actor, void *context, err_t err, const void *response,
                            const Fault *fault) {
    (void)fault;
    sync_t *self = context;
    if (self->owner->stopping)
        return;
    if (!s_is_stored(err, response) && clock_mono_us() < self->deadline_us) {
        actor_timer_once(actor, STORE_RETRY_MS, s_store_end, self);
        return;
    }
    if (!s_is_stored(err, response)) {
        self->err = ERR_STORE_UNAVAILABLE;
        free(self->error);
        self->error = message_strdup("the end of the fetch could not be stored");
    }
    s_tell(self);
}

static void s_update_row(sync_t *self, const char *status, actor_reply_fn *reply) {
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.context = &self->context};
    const char *job_id = *self->job_id ? self->job_id : NULL;
    double progress = self->finished_at > 0 && self->err == OK ? 100 : NAN;
    if (self->records.known)
        store_write_op(write, "dataset_sync_update", "ssssfits", self->sync_id, self->dataset->name, job_id,
                       status, progress, (int64_t)self->records.count, self->finished_at, self->error);
    else
        store_write_op(write, "dataset_sync_update", "ssssfnts", self->sync_id, self->dataset->name, job_id,
                       status, progress, self->finished_at, self->error);
    store_commit(self->owner->actor, &write, &options, reply, self);
}

static void s_store_end(actor_t *actor, void *context) {
    (void)actor;
    sync_t *self = context;
    s_update_row(self, self->err == OK ? "completed" : "failed", s_on_end_stored);
}

/* `finished_at` 0 = now. */
static void s_end(sync_t *self, int64_t finished_at) {
    self->finished_at = finished_at ? finished_at : clock_wall_ms();
    s_store_end(self->owner->actor, self);
}

static void s_fail(sync_t *self, err_t err, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void s_fail(sync_t *self, err_t err, const char *format, ...) {
    buf_t text = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    self->err = err;
    self->error = buf_steal(&text);
    s_end(self, 0);
}

/* ---- Calls ---- */

static actor_request_options_t s_options(const sync_t *self, int64_t deadline_us) {
    return (actor_request_options_t){.component = adapter_names[SERVICE_FLOWHUB],
                                     .deadline_us =
                                         deadline_us < self->deadline_us ? deadline_us : self->deadline_us,
                                     .context = &self->context};
}

/* `key` names the call within the fetch; NULL for one without an effect. */
static void s_call(sync_t *self, const char *method, char *path, const char *query, const char *body,
                   const char *key, actor_reply_fn *reply) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, method);
    MESSAGE_PUT(call.cycle_id, self->cycle_id);
    call.path = path;
    call.query = message_strdup(query);
    call.body = message_strdup(body);
    call.accept_refusal = true;
    call.max_attempts = self->max_attempts;
    if (key)
        snprintf(call.idempotency_key, sizeof call.idempotency_key, "%s/data_readiness/%s.%s", self->sync_id,
                 key, self->dataset->name);
    actor_request_options_t options = s_options(self, clock_mono_us() + CALL_US);
    actor_request(self->owner->actor, &rpc_Adapter_Call, &call, &options, reply, self);
    message_release(AdapterCall_message(), &call);
}

static char *s_task_path(const char *task_id, const char *suffix) {
    buf_t path = BUF_INIT;
    buf_append_str(&path, "/api/v1/tasks/");
    reply_append_segment(&path, task_id);
    buf_append_str(&path, suffix);
    return buf_steal(&path);
}

/* True when the call was answered, even if by a refusal; else the fetch has ended. */
static bool s_answered(sync_t *self, err_t err, const AdapterResult *result, const Fault *fault) {
    uint32_t attempts = err == OK ? result->attempts : fault->attempts;
    if (attempts > self->attempts)
        self->attempts = attempts;
    if (err != OK) {
        s_fail(self, err, "%s", fault->message && *fault->message ? fault->message : err_text(err));
        return false;
    }
    self->downstream_ms += result->downstream_ms;
    return true;
}

static bool s_is_refusal(const AdapterResult *result, const char *code) {
    return strcmp(result->error_code, code) == 0;
}

static void s_fail_refused(sync_t *self, const char *what, const AdapterResult *result) {
    s_fail(self, ERR_DOWNSTREAM_REFUSED, "flowhub refused to %s: HTTP %d %s", what, result->status,
           result->error_message && *result->error_message ? result->error_message : result->error_code);
}

/* ---- The job ---- */

/* Freshness counts from when the job ended, not from when we heard of it. Where flowhub does not say, the request is
 * surely not later. */
static void s_on_result_read(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    int64_t completed_ms, now_ms = clock_wall_ms();
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    if (*result->error_code || !task_read_completed(result->body, &completed_ms))
        completed_ms = self->requested_at;
    s_end(self, completed_ms < now_ms ? completed_ms : now_ms);
}

static void s_read_result(sync_t *self) {
    buf_t path = BUF_INIT;
    buf_append_str(&path, "/api/v1/jobs/");
    reply_append_segment(&path, self->job_id);
    buf_append_str(&path, "/result");
    s_call(self, "GET", buf_steal(&path), NULL, NULL, NULL, s_on_result_read);
}

static void s_on_job_ended(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    char why[TASK_WHY_SIZE] = "";
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    err = task_read_result(self->dataset, result->body, &self->records, why);
    if (err != OK)
        s_fail(self, err, "job %s: %s", self->job_id, why);
    else if (self->old_job)
        s_read_result(self);
    else
        s_end(self, 0);
}

static void s_wait_for_job(sync_t *self) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "GET");
    MESSAGE_PUT(call.cycle_id, self->cycle_id);
    MESSAGE_PUT(call.job_id, self->job_id);
    call.path = message_strdup("/api/v1/jobs");
    call.has_poll = true;
    call.poll.max_interval_ms = JOB_POLL_MAX_MS;
    call.poll.give_up_ms = (uint32_t)(self->dataset->wait_s * 1000);
    actor_request_options_t options = s_options(self, self->deadline_us);
    actor_request(self->owner->actor, &rpc_Adapter_RunJob, &call, &options, s_on_job_ended, self);
    message_release(AdapterCall_message(), &call);
}

/* Without the job's id in the row a restart runs the task with the same key, and gets the same job. */
static void s_on_job_stored(actor_t *actor, void *context, err_t err, const void *response,
                            const Fault *fault) {
    (void)actor;
    (void)fault;
    sync_t *self = context;
    if (self->owner->stopping)
        return;
    if (!s_is_stored(err, response))
        log_warning("the job of a dataset fetch was not stored", LOG_STR("dataset", self->dataset->name),
                    LOG_STR("job_id", self->job_id), LOG_ERRT(err));
    s_wait_for_job(self);
}

static void s_job_is_known(sync_t *self) {
    s_update_row(self, "running", s_on_job_stored);
}

/* ---- Running the task ---- */

static void s_on_running_jobs(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    if (!*result->error_code && task_find_running_job(result->body, self->dataset, self->job_id))
        s_job_is_known(self);
    else
        s_fail(self, ERR_PROTOCOL,
               "flowhub says that the task is running, but no running job of it is listed");
}

static void s_on_run(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    char why[TASK_WHY_SIZE] = "";
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    self->old_job = self->old_job || result->idempotent_replayed;
    if (s_is_refusal(result, "TASK_RUNNING")) {
        if (task_conflict_detail(result->body, "job_id", self->job_id))
            s_job_is_known(self);
        else
            s_call(self, "GET", message_strdup("/api/v1/jobs"), RUNNING_JOBS, NULL, NULL, s_on_running_jobs);
        return;
    }
    if (*result->error_code)
        s_fail_refused(self, "run the task", result);
    else if (task_read_job(result->body, self->task_id, self->job_id, why) != OK)
        s_fail(self, ERR_PROTOCOL, "flowhub: %s", why);
    else
        s_job_is_known(self);
}

static void s_run_task(sync_t *self) {
    s_call(self, "POST", s_task_path(self->task_id, "/run"), NULL, "{}", "run", s_on_run);
}

/* ---- The task ---- */

/* Created, updated, or there already. */
static void s_on_task(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    char why[TASK_WHY_SIZE] = "";
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    if (s_is_refusal(result, "TASK_EXISTS") && task_conflict_detail(result->body, "task_id", self->task_id))
        s_run_task(self);
    else if (*result->error_code)
        s_fail_refused(self, "keep the task", result);
    else if (task_read_id(result->body, self->task_id, why) != OK)
        s_fail(self, ERR_PROTOCOL, "flowhub: %s", why);
    else
        s_run_task(self);
}

static void s_on_tasks(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    const AdapterResult *result = response;
    char why[TASK_WHY_SIZE] = "";
    task_found_t found;
    size_t items;
    if (self->owner->stopping || !s_answered(self, err, result, fault))
        return;
    if (*result->error_code) {
        s_fail_refused(self, "list its tasks", result);
    } else if (task_find(result->body, self->body, &found, self->task_id, &items, why) != OK) {
        s_fail(self, ERR_PROTOCOL, "flowhub: %s", why);
    } else if (found == TASK_SAME) {
        s_run_task(self);
    } else if (found == TASK_DIFFERENT) {
        s_call(self, "PUT", s_task_path(self->task_id, ""), NULL, self->body, "update_task", s_on_task);
    } else if (items < TASK_PAGE_ITEMS) {
        s_call(self, "POST", message_strdup("/api/v1/tasks"), NULL, self->body, "create_task", s_on_task);
    } else {
        self->offset += items;
        s_list_tasks(self);
    }
}

static void s_list_tasks(sync_t *self) {
    char query[64];
    if (self->offset >= TASKS_MOST) {
        s_fail(self, ERR_PROTOCOL, "flowhub lists more than %d tasks", TASKS_MOST);
        return;
    }
    snprintf(query, sizeof query, "limit=%d&offset=%zu", TASK_PAGE_ITEMS, self->offset);
    s_call(self, "GET", message_strdup("/api/v1/tasks"), query, NULL, NULL, s_on_tasks);
}

/* ---- Start ---- */

static sync_t *s_new(dataflow_t *owner, const dataset_t *dataset, const char *sync_id, const char *cycle_id) {
    sync_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->owner = owner;
    self->dataset = dataset;
    MESSAGE_PUT(self->sync_id, sync_id);
    MESSAGE_PUT(self->cycle_id, cycle_id);
    self->requested_at = clock_wall_ms();
    self->deadline_us = clock_mono_us() + dataset->wait_s * 1000000;
    self->next = owner->syncs;
    owner->syncs = self;
    actor_count(owner->actor, "syncs_total", "Fetches of datasets that were begun or taken up again.", 1);
    return self;
}

static void s_on_inserted(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    sync_t *self = context;
    if (self->owner->stopping)
        return;
    if (s_is_stored(err, response)) {
        s_list_tasks(self);
        return;
    }
    self->err = err == OK ? ERR_STORE_UNAVAILABLE : err;
    self->error = message_strdup(fault && fault->message ? fault->message : "the fetch could not be stored");
    s_tell(self);
}

/* A cycle that asks again after a failure finds its row: it is opened again. */
sync_t *sync_start(dataflow_t *owner, const dataset_t *dataset, const char *cycle_id, const Envelope *context,
                   uint32_t max_attempts) {
    sync_t *self = s_new(owner, dataset, cycle_id, cycle_id);
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.context = &self->context};
    self->context = *context;
    self->max_attempts = max_attempts;
    self->body = task_body(dataset);
    store_write_op(write, "dataset_sync_insert", "ssssnninnss", self->sync_id, dataset->name, NULL, "running",
                   self->requested_at, self->cycle_id, self->body);
    store_write_op(write, "dataset_sync_update", "ssnsnnnn", self->sync_id, dataset->name, "running");
    store_commit(owner->actor, &write, &options, s_on_inserted, self);
    log_info("dataset fetch begun", LOG_STR("dataset", dataset->name), LOG_STR("cycle_id", cycle_id));
    return self;
}

void sync_resume(dataflow_t *owner, const dataset_t *dataset, const store_row_t *row) {
    const char *cycle_id = store_row_text(row, 9), *job_id = store_row_text(row, 2),
               *body = store_row_text(row, 10);
    sync_t *self = s_new(owner, dataset, store_row_text(row, 0), cycle_id ? cycle_id : "");
    int64_t gone_ms = clock_wall_ms() - store_row_int(row, 6);
    int64_t left_us = dataset->wait_s * 1000000 - (gone_ms > 0 ? gone_ms : 0) * 1000;
    self->requested_at = store_row_int(row, 6);
    self->deadline_us = clock_mono_us() + (left_us > RESUMED_LEAST_US ? left_us : RESUMED_LEAST_US);
    self->body = body ? message_strdup(body) : task_body(dataset);
    /* whoever asked first is not known any more; the calls still go under one id and one trace */
    MESSAGE_PUT(self->context.request_id, self->sync_id);
    ids_traceparent(self->context.traceparent);
    log_info("dataset fetch taken up again", LOG_STR("dataset", dataset->name),
             LOG_STR("cycle_id", self->cycle_id), LOG_STR("job_id", job_id));
    self->old_job = true;
    if (job_id && MESSAGE_SET(self->job_id, job_id))
        s_wait_for_job(self);
    else
        s_list_tasks(self);
}
