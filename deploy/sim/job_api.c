/* The generic job endpoints that all four services have. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

reply_t job_api_not_found(const char *id) {
    char message[REQUEST_PARAM_SIZE + 32];
    snprintf(message, sizeof message, "no job %s", id);
    return reply_error(404, "JOB_NOT_FOUND", message, NULL);
}

reply_t job_api_create(service_t *self, const request_t *request) {
    check_t check = {0};
    const char *type = check_string(&check, request->json, "", "job_type", REQUIRED, JOB_TYPE_SIZE - 1);
    json_t *params = check_object(&check, request->json, "", "params", OPTIONAL);
    job_spec_t spec = {.type = type, .params = params ? json_deep_copy(params) : json_object()};
    if (type && check_passed(&check) && !self->class->run_job(self, type, spec.params, &spec))
        check_invalid(&check, "", "job_type", "is not known to this service");
    if (check_passed(&check))
        return service_answer_job(self, request, &spec);
    json_decref(spec.params);
    return check_reply(&check);
}

static bool s_query_state(const request_t *request, job_state_t *state, check_t *check) {
    char text[32];
    if (!request_query(request, "status", text, sizeof text))
        return false;
    if (!job_state_parse(text, state))
        check_invalid(check, "", "status", "must be one of queued, running, succeeded, failed, cancelled");
    return true;
}

reply_t job_api_list(service_t *self, const request_t *request) {
    check_t check = {0};
    int limit, offset, total;
    job_state_t state = JOB_QUEUED;
    query_page(request, PAGE_DEFAULT, &limit, &offset, &check);
    bool filtered = s_query_state(request, &state, &check);
    if (!check_passed(&check))
        return check_reply(&check);
    /* Not on the stack: a civetweb worker has 100 KiB of it. */
    job_view_t *views = calloc(PAGE_MAX, sizeof *views);
    if (!views)
        abort();
    int count = jobs_list(self->jobs, filtered ? &state : NULL, limit, offset, views, &total);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, job_view_json(&views[i], self->class->flat));
        job_view_clear(&views[i]);
    }
    free(views);
    return reply_ok(
        self, 200,
        json_pack("{s:o, s:i, s:i, s:i}", "jobs", list, "total", total, "limit", limit, "offset", offset));
}

static reply_t s_reply_job(const service_t *self, job_view_t *view) {
    json_t *job = job_view_json(view, self->class->flat);
    job_view_clear(view);
    return reply_ok(self, 200, job);
}

reply_t job_api_get(service_t *self, const request_t *request) {
    job_view_t view;
    if (!jobs_get(self->jobs, request->params[0], &view))
        return job_api_not_found(request->params[0]);
    return s_reply_job(self, &view);
}

reply_t job_api_cancel(service_t *self, const request_t *request) {
    job_view_t view;
    switch (jobs_cancel(self->jobs, request->params[0], &view)) {
    case CANCEL_UNKNOWN: return job_api_not_found(request->params[0]);
    case CANCEL_TERMINAL: {
        char message[REQUEST_PARAM_SIZE + 64];
        snprintf(message, sizeof message, "job %s is %s already", view.id, job_state_name(view.state));
        job_view_clear(&view);
        return reply_error(409, "JOB_TERMINAL", message, NULL);
    }
    case CANCEL_DONE: break;
    }
    reqlog_effect(self->log, EFFECT_JOBS_CANCELLED);
    return s_reply_job(self, &view);
}
