/* Waiting for a job of a service: polls from 100 ms on, doubling up to the caller's interval, until the job has
 * ended, the deadline passes or the polls keep failing; a report from the service ends it at once. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_poll(operation_t *self);

static void s_on_poll_timer(actor_t *actor, void *context) {
    (void)actor;
    operation_t *self = context;
    self->timer = 0;
    s_poll(self);
}

static int64_t s_max_interval_ms(const operation_t *self) {
    uint32_t asked = self->request.has_poll ? self->request.poll.max_interval_ms : 0;
    return asked ? asked : ADAPTER_POLL_MAX_MS;
}

static void s_poll_in(operation_t *self, int64_t delay_ms) {
    int64_t left_ms = (self->deadline_us - clock_mono_us()) / 1000;
    delay_ms = self->nudged ? 0 : delay_ms < left_ms ? delay_ms : left_ms;
    self->nudged = false;
    self->timer = actor_timer_once(self->adapter->actor, delay_ms > 0 ? delay_ms : 0, s_on_poll_timer, self);
}

static void s_poll_later(operation_t *self) {
    int64_t delay_ms = self->poll_interval_ms, max_ms = s_max_interval_ms(self);
    self->poll_interval_ms = delay_ms * 2 < max_ms ? delay_ms * 2 : max_ms;
    s_poll_in(self, delay_ms);
}

static void s_poll_failed(operation_t *self, const char *why, int64_t retry_after_ms) {
    snprintf(self->poll_error, sizeof self->poll_error, "%s", why);
    self->retry_after_ms = retry_after_ms;
    if (++self->failed_polls >= ADAPTER_FAILED_POLLS) {
        operation_fail(self, ERR_SERVICE_UNAVAILABLE, "job %s: %d polls failed in a row, the last with: %s",
                       self->job_id, self->failed_polls, why);
        return;
    }
    int64_t max_ms = s_max_interval_ms(self);
    int64_t delay_ms = max_ms < ADAPTER_FAILED_POLL_WAIT_MS ? max_ms : ADAPTER_FAILED_POLL_WAIT_MS;
    s_poll_in(self, delay_ms > retry_after_ms ? delay_ms : retry_after_ms);
}

/* No poll was sent, so none has failed: it waits until the circuit lets one through. */
static void s_poll_refused(operation_t *self) {
    int64_t wait_us = breaker_retry_at_us(&self->adapter->breaker) - clock_mono_us();
    snprintf(self->poll_error, sizeof self->poll_error, "the circuit is open");
    s_poll_in(self, wait_us > 0 ? wait_us / 1000 + 1 : s_max_interval_ms(self));
}

static void s_job_path(const operation_t *self, const char *suffix, buf_t *out) {
    buf_append_str(out, "/api/v1/jobs/");
    reply_append_segment(out, self->job_id);
    buf_append_str(out, suffix);
}

static void s_job_failed(operation_t *self, json_t *job, job_state_t state) {
    char text[256] = "";
    reply_error_text(job, text, sizeof text);
    operation_fail(self, ERR_DOWNSTREAM_REFUSED, "job %s %s%s%s", self->job_id, job_state_name(state),
                   *text ? ": " : "", text);
}

/* `text` is the body that holds the job. */
static void s_succeed_with_result(operation_t *self, const char *text, size_t text_size) {
    const char *result;
    size_t size;
    if (reply_raw_result(text, text_size, &result, &size))
        operation_succeed(self, result, size);
    else
        operation_fail(self, ERR_PROTOCOL, "job %s succeeded without a result", self->job_id);
}

static void s_poll_not_answered(operation_t *self, const http_response_t *response) {
    char reason[200];
    if (response->err == OK)
        snprintf(reason, sizeof reason, "HTTP %d", response->status);
    else
        snprintf(reason, sizeof reason, "%s", response->error);
    if (response->err == ERR_SHUTTING_DOWN)
        operation_fail(self, ERR_SHUTTING_DOWN, "the adapter is stopping");
    else
        s_poll_failed(self, reason, response->retry_after_ms);
}

static void s_poll_declined(operation_t *self, const http_response_t *response) {
    json_t *root = json_loadb(response->body, response->size, 0, NULL);
    operation_refused(self, root, response->body, response->size);
    json_decref(root);
}

/* Parses a poll's answer; NULL when the poll has failed, or ended the operation. */
static json_t *s_poll_answer(operation_t *self, const http_response_t *response) {
    char reason[200];
    json_t *root = NULL;
    exchange_book(self, &self->under_way[0], response);
    if (response->err != OK || retry_status_is_retryable(response->status))
        s_poll_not_answered(self, response);
    else if (self->job_succeeded && response->status == 409)
        s_poll_later(self); /* JOB_NOT_FINISHED: the result is not there yet */
    else if (response->status < 200 || response->status > 299)
        s_poll_declined(self, response);
    else if (reply_parse(response->status, response->body, response->size, &root, reason, sizeof reason) !=
             OK)
        s_poll_failed(self, reason, 0);
    if (root)
        self->retry_after_ms = self->failed_polls = 0;
    return root;
}

/* The job's whole life was the service's time, not only the polls. */
static void s_book_job_time(operation_t *self) {
    self->downstream_us = self->before_job_us + (clock_mono_us() - self->job_started_us);
}

static void s_on_result(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    operation_t *self = ((attempt_t *)context)->operation;
    json_t *root = s_poll_answer(self, response);
    if (!root)
        return;
    json_t *job = reply_job(root);
    job_state_t state = reply_job_state(job);
    s_book_job_time(self);
    if (state == JOB_FAILED || state == JOB_CANCELLED)
        s_job_failed(self, job, state);
    else if (reply_is_failure(root))
        operation_refused(self, root, response->body, response->size);
    else
        s_succeed_with_result(self, response->body, response->size);
    json_decref(root);
}

static void s_on_ended(operation_t *self, const http_response_t *response, json_t *job, job_state_t state) {
    s_book_job_time(self);
    if (state != JOB_SUCCEEDED) {
        s_job_failed(self, job, state);
    } else if (self->adapter->profile->separate_result) {
        self->job_succeeded = true;
        s_poll(self);
    } else {
        s_succeed_with_result(self, response->body, response->size);
    }
}

static void s_on_polled(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    operation_t *self = ((attempt_t *)context)->operation;
    json_t *root = s_poll_answer(self, response);
    if (!root)
        return;
    json_t *job = reply_job(root);
    job_state_t state = reply_job_state(job);
    if (job_state_is_terminal(state))
        s_on_ended(self, response, job, state);
    else if (reply_is_failure(root))
        operation_refused(self, root, response->body, response->size);
    else
        s_poll_later(self);
    json_decref(root);
}

static const char *s_suffix(const operation_t *self) {
    if (!self->adapter->profile->separate_result)
        return "";
    return self->job_succeeded ? "/result" : "/status";
}

static void s_poll(operation_t *self) {
    if (operation_time_left_ms(self) <= 0) {
        cancel_given_up(self);
        operation_fail(self, ERR_DEADLINE_EXCEEDED, "job %s %s in time%s%s", self->job_id,
                       self->job_succeeded ? "ended, but its result was not read" : "had not ended",
                       *self->poll_error ? "; the last failed poll: " : "", self->poll_error);
        return;
    }
    if (!exchange_may_send(self, &self->under_way[0])) {
        s_poll_refused(self);
        return;
    }
    buf_t path = BUF_INIT;
    s_job_path(self, s_suffix(self), &path);
    exchange_send(self, &self->under_way[0], "GET", buf_str(&path), NULL, NULL, NULL,
                  self->job_succeeded ? s_on_result : s_on_polled);
    buf_free(&path);
}

static void s_apply_give_up(operation_t *self) {
    uint32_t give_up_ms = self->request.has_poll ? self->request.poll.give_up_ms : 0;
    int64_t end_us = self->job_started_us + (int64_t)give_up_ms * 1000;
    if (give_up_ms && end_us < self->deadline_us)
        self->deadline_us = end_us;
}

/* ---- Reports ---- */

/* Asks now; an answer that is under way may be older than what we were told. */
static void s_nudge(operation_t *self) {
    self->nudged = true;
    if (self->timer) {
        actor_timer_cancel(self->adapter->actor, &self->timer);
        s_poll_in(self, 0);
    }
}

/* `body` is the job object. A success without a result object leaves the result to be asked for. */
static void s_take_report(operation_t *self, const char *body) {
    char reason[200];
    const char *result;
    json_t *root = NULL;
    size_t size = strlen(body), result_size;
    if (reply_parse(200, body, size, &root, reason, sizeof reason) != OK) {
        s_nudge(self);
        return;
    }
    job_state_t state = reply_job_state(root);
    bool complete = reply_raw_result(body, size, &result, &result_size) && *result == '{';
    if (state == JOB_SUCCEEDED && !complete) {
        s_nudge(self);
    } else {
        actor_timer_cancel(self->adapter->actor, &self->timer);
        exchange_abort_all(self);
        s_book_job_time(self);
        if (state == JOB_SUCCEEDED)
            s_succeed_with_result(self, body, size);
        else
            s_job_failed(self, root, state);
    }
    json_decref(root);
}

static operation_t *s_find(adapter_t *adapter, operation_t *from, const char *job_id) {
    operation_t *self = from ? from : adapter->operations;
    while (self && (self->phase != OPERATION_WAITING || strcmp(self->job_id, job_id) != 0))
        self = self->next;
    return self;
}

static char *s_report_body(const ReportJobRequest *report) {
    buf_t body = BUF_INIT;
    buf_printf(&body, "{\"status\":\"%s\",\"result\":%s,\"error\":%s}", report->status,
               report->result ? report->result : "null", report->error ? report->error : "null");
    return buf_steal(&body);
}

bool job_wait_report(adapter_t *adapter, const ReportJobRequest *report) {
    if (!job_state_is_terminal(job_state_parse(report->status)))
        return false;
    char *body = s_report_body(report);
    operation_t *self = s_find(adapter, NULL, report->job_id);
    bool accepted = self != NULL;
    if (!accepted)
        job_reports_keep(&adapter->reports, clock_mono_us(), report->job_id, body);
    while (self) {
        operation_t *next = self->next; /* s_take_report ends one operation at most */
        s_take_report(self, body);
        self = next ? s_find(adapter, next, report->job_id) : NULL;
    }
    free(body);
    return accepted;
}

/* ---- Start ---- */

void job_wait_start(operation_t *self) {
    adapter_t *adapter = self->adapter;
    char *reported = NULL;
    bulkhead_leave(self);
    self->phase = OPERATION_WAITING;
    self->job_started_us = clock_mono_us();
    self->before_job_us = self->downstream_us;
    self->poll_interval_ms = ADAPTER_POLL_FIRST_MS;
    self->retry_after_ms = 0;
    s_apply_give_up(self);
    log_request_t before = operation_log_request(self);
    log_info("waiting for a job", LOG_STR("service", service_names[adapter->service]),
             LOG_STR("job_id", self->job_id), LOG_STR("cycle_id", self->request.cycle_id));
    log_switch_back(&before);
    self->nudged = job_reports_take(&adapter->reports, self->job_started_us, self->job_id, &reported);
    s_poll_later(self);
    if (reported)
        s_take_report(self, reported);
    free(reported);
}
