/* The flowhub service: data jobs and their routes. */
#include "flowhub.h"

#include <stdio.h>
#include <string.h>

/* The job remembers its data type among its params, so that a caller can find it again. */
static reply_t s_start_fetch(service_t *self, const request_t *request, const char *data_type) {
    check_t check = {0};
    flowhub_check_params(data_type, request->json, "", &check);
    if (!check_passed(&check))
        return check_reply(&check);
    job_spec_t spec = {.type = data_type, .params = json_copy(request->json)};
    json_object_set_new(spec.params, "data_type", json_string(data_type));
    flowhub_fetch(self->prices, data_type, spec.params, &spec);
    return service_answer_job(self, request, &spec);
}

static reply_t s_create_job(service_t *self, const request_t *request) {
    check_t check = {0};
    const char *data_type = check_string(&check, request->json, "", "data_type", REQUIRED, JOB_TYPE_SIZE - 1);
    return data_type ? s_start_fetch(self, request, data_type) : check_reply(&check);
}

static reply_t s_create_kind(service_t *self, const request_t *request) {
    char data_type[JOB_TYPE_SIZE];
    if (flowhub_kind(request->params[0], data_type, sizeof data_type))
        return s_start_fetch(self, request, data_type);
    char message[REQUEST_PARAM_SIZE + 32];
    snprintf(message, sizeof message, "no job kind %s", request->params[0]);
    return reply_error(404, "UNKNOWN_KIND", message, NULL);
}

static reply_t s_get_status(service_t *self, const request_t *request) {
    job_view_t view;
    if (!jobs_get(self->jobs, request->params[0], &view))
        return job_api_not_found(request->params[0]);
    json_t *job = job_view_json(&view, true);
    static const char *const shown[] = {"job_id",     "status",  "progress", "created_at",
                                        "updated_at", "message", "error"};
    json_t *status = json_object();
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        json_object_set(status, shown[i], json_object_get(job, shown[i]));
    json_decref(job);
    job_view_clear(&view);
    return reply_ok(self, 200, status);
}

static reply_t s_result_reply(const service_t *self, const job_view_t *view) {
    const char *state = job_state_name(view->state);
    json_int_t ended = view->ended_at;
    switch (view->state) {
    case JOB_SUCCEEDED:
        return reply_ok(self, 200,
                        json_pack("{s:s, s:s, s:i, s:I, s:O}", "job_id", view->id, "status", state,
                                  "progress", view->progress, "completed_at", ended, "result", view->result));
    case JOB_FAILED:
        return reply_ok(self, 200,
                        json_pack("{s:s, s:s, s:i, s:I, s:s, s:s}", "job_id", view->id, "status", state,
                                  "progress", view->progress, "failed_at", ended, "error",
                                  view->error_message, "error_code", view->error_code));
    case JOB_CANCELLED:
        return reply_error(409, "JOB_TERMINAL", "the job was cancelled and has no result", NULL);
    default: return reply_error(409, "JOB_NOT_FINISHED", "the job has not finished", NULL);
    }
}

static reply_t s_get_result(service_t *self, const request_t *request) {
    job_view_t view;
    if (!jobs_get(self->jobs, request->params[0], &view))
        return job_api_not_found(request->params[0]);
    reply_t reply = s_result_reply(self, &view);
    job_view_clear(&view);
    return reply;
}

static const route_t s_routes[] = {
    {"GET", "/health", service_health, BODY_NONE},
    {"GET", "/api/v1/tasks", task_api_list, BODY_NONE},
    {"POST", "/api/v1/tasks", task_api_create, BODY_REQUIRED},
    {"GET", "/api/v1/tasks/{task_id}", task_api_get, BODY_NONE},
    {"PUT", "/api/v1/tasks/{task_id}", task_api_update, BODY_REQUIRED},
    {"DELETE", "/api/v1/tasks/{task_id}", task_api_delete, BODY_NONE},
    {"POST", "/api/v1/tasks/{task_id}/run", task_api_run, BODY_OPTIONAL},
    {"GET", "/api/v1/jobs", job_api_list, BODY_NONE},
    {"POST", "/api/v1/jobs", s_create_job, BODY_REQUIRED},
    {"GET", "/api/v1/jobs/{job_id}", job_api_get, BODY_NONE},
    {"DELETE", "/api/v1/jobs/{job_id}", job_api_cancel, BODY_NONE},
    {"POST", "/api/v1/jobs/{kind}", s_create_kind, BODY_REQUIRED},
    {"GET", "/api/v1/jobs/{job_id}/status", s_get_status, BODY_NONE},
    {"GET", "/api/v1/jobs/{job_id}/result", s_get_result, BODY_NONE},
    {0},
};

const service_class_t flowhub_class = {.name = "flowhub",
                                       .job_prefix = "flo",
                                       .health_path = "/health",
                                       .flat = true,
                                       .routes = s_routes,
                                       .start = tasks_start,
                                       .stop = tasks_stop};
