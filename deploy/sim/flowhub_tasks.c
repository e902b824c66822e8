/* Tasks of flowhub: a named fetch that can be run, one run at a time unless it allows overlap. */
#include "flowhub.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128 };

typedef struct {
    char id[JOB_ID_SIZE];
    json_t *fields; /* name, data_type, params, schedule_type, schedule_value, enabled, allow_overlap */
    char last_job_id[JOB_ID_SIZE];
    int64_t created_at, updated_at, last_run_at;
} task_t;

typedef struct {
    pthread_mutex_t lock; /* guards all below */
    int count, created;
    task_t list[TASKS_MAX];
} tasks_t;

bool tasks_start(service_t *self) {
    tasks_t *state = calloc(1, sizeof *state);
    if (state)
        pthread_mutex_init(&state->lock, NULL);
    self->state = state;
    return state != NULL;
}

void tasks_stop(service_t *self) {
    tasks_t *state = self->state;
    for (int i = 0; i < state->count; i++)
        json_decref(state->list[i].fields);
    pthread_mutex_destroy(&state->lock);
    free(state);
    self->state = NULL;
}

static task_t *s_find(tasks_t *self, const char *id) {
    for (int i = 0; i < self->count; i++)
        if (strcmp(self->list[i].id, id) == 0)
            return &self->list[i];
    return NULL;
}

static const char *s_text(const task_t *task, const char *field) {
    return json_string_value(json_object_get(task->fields, field));
}

static task_t *s_find_named(tasks_t *self, const char *name) {
    for (int i = 0; i < self->count; i++)
        if (strcmp(s_text(&self->list[i], "name"), name) == 0)
            return &self->list[i];
    return NULL;
}

static reply_t s_not_found(const char *id) {
    char message[REQUEST_PARAM_SIZE + 32];
    snprintf(message, sizeof message, "no task %s", id);
    return reply_error(404, "TASK_NOT_FOUND", message, NULL);
}

static reply_t s_exists(const task_t *task) {
    return reply_error(409, "TASK_EXISTS", "a task with this name exists",
                       json_pack("{s:s}", "task_id", task->id));
}

/* The state of the last run, false when there was none (or its job is forgotten). */
static bool s_last_state(service_t *self, const task_t *task, job_state_t *state) {
    job_view_t view;
    if (!task->last_job_id[0] || !jobs_get(self->jobs, task->last_job_id, &view))
        return false;
    *state = view.state;
    job_view_clear(&view);
    return true;
}

static json_t *s_or_null(bool present, json_t *value) {
    if (present)
        return value;
    json_decref(value);
    return json_null();
}

static json_t *s_task_json(service_t *self, const task_t *task) {
    job_state_t state = JOB_QUEUED;
    bool ran = s_last_state(self, task, &state), running = ran && !job_state_is_terminal(state);
    json_t *json = json_pack("{s:s}", "task_id", task->id);
    json_object_update(json, task->fields);
    json_object_set_new(json, "status", json_string(running ? "running" : "idle"));
    json_object_set_new(json, "last_run_at", s_or_null(task->last_run_at, json_integer(task->last_run_at)));
    json_object_set_new(json, "last_status", s_or_null(ran, json_string(job_state_name(state))));
    json_object_set_new(json, "last_job_id", s_or_null(task->last_job_id[0], json_string(task->last_job_id)));
    json_object_set_new(json, "current_job_id", s_or_null(running, json_string(task->last_job_id)));
    json_object_set_new(json, "created_at", json_integer(task->created_at));
    json_object_set_new(json, "updated_at", json_integer(task->updated_at));
    return json;
}

/* null for manual tasks, a cron text or an interval in seconds for the others. */
static json_t *s_parse_schedule(json_t *body, const char *type, check_t *check) {
    json_t *value = json_object_get(body, "schedule_value");
    if (value && !json_is_null(value) && !json_is_string(value) && !json_is_number(value))
        check_malformed(check, "", "schedule_value", "must be null, a string or a number");
    else if (strcmp(type, "cron") == 0 && !json_string_length(value))
        check_invalid(check, "", "schedule_value", "must be a cron expression when schedule_type is cron");
    else if (strcmp(type, "interval") == 0 && !json_string_length(value) && !(json_number_value(value) > 0))
        check_invalid(check, "", "schedule_value", "must be an interval when schedule_type is interval");
    return value ? json_incref(value) : json_null();
}

/* The stored fields of a body, NULL when it is bad. */
static json_t *s_parse(json_t *body, check_t *check) {
    static const char *const types[] = {"manual", "cron", "interval", NULL};
    const char *name = check_string(check, body, "", "name", REQUIRED, NAME_MAX_BYTES);
    const char *data_type = check_string(check, body, "", "data_type", REQUIRED, JOB_TYPE_SIZE - 1);
    json_t *params = check_object(check, body, "", "params", OPTIONAL);
    const char *type = check_word(check, body, "", "schedule_type", OPTIONAL, types);
    json_t *schedule = s_parse_schedule(body, type ? type : "manual", check);
    bool enabled = check_bool(check, body, "", "enabled", OPTIONAL, true);
    bool overlap = check_bool(check, body, "", "allow_overlap", OPTIONAL, false);
    if (params && data_type)
        flowhub_check_params(data_type, params, "params.", check);
    if (!check_passed(check)) {
        json_decref(schedule);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:b, s:b}", "name", name, "data_type", data_type, "params",
                     params ? json_incref(params) : json_object(), "schedule_type", type ? type : "manual",
                     "schedule_value", schedule, "enabled", enabled, "allow_overlap", overlap);
}

static void s_append(json_t *list, json_t *item) {
    json_array_append_new(list, item);
}

reply_t task_api_list(service_t *self, const request_t *request) {
    check_t check = {0};
    int limit, offset;
    query_page(request, PAGE_MAX, &limit, &offset, &check);
    if (!check_passed(&check))
        return check_reply(&check);
    tasks_t *state = self->state;
    json_t *list = json_array();
    pthread_mutex_lock(&state->lock);
    for (int i = offset; i < state->count && i < offset + limit; i++)
        s_append(list, s_task_json(self, &state->list[i]));
    int total = state->count;
    pthread_mutex_unlock(&state->lock);
    return reply_ok(self, 200, json_pack("{s:o, s:i}", "tasks", list, "total", total));
}

/* Takes fields. Lock held. */
static reply_t s_create(service_t *self, tasks_t *state, json_t *fields) {
    const char *name = json_string_value(json_object_get(fields, "name"));
    task_t *same = s_find_named(state, name);
    if (same || state->count == TASKS_MAX) {
        json_decref(fields);
        return same ? s_exists(same) : reply_error(503, "TOO_MANY_TASKS", "no room for another task", NULL);
    }
    task_t *task = &state->list[state->count++];
    *task = (task_t){.fields = fields, .created_at = clock_epoch(), .updated_at = clock_epoch()};
    snprintf(task->id, sizeof task->id, "task-%06d", ++state->created);
    reqlog_effect(self->log, EFFECT_TASKS_CREATED);
    return reply_ok(self, 201, s_task_json(self, task));
}

reply_t task_api_create(service_t *self, const request_t *request) {
    check_t check = {0};
    tasks_t *state = self->state;
    json_t *fields = s_parse(request->json, &check);
    if (!fields)
        return check_reply(&check);
    pthread_mutex_lock(&state->lock);
    reply_t reply = s_create(self, state, fields);
    pthread_mutex_unlock(&state->lock);
    return reply;
}

reply_t task_api_get(service_t *self, const request_t *request) {
    tasks_t *state = self->state;
    pthread_mutex_lock(&state->lock);
    task_t *task = s_find(state, request->params[0]);
    reply_t reply = task ? reply_ok(self, 200, s_task_json(self, task)) : s_not_found(request->params[0]);
    pthread_mutex_unlock(&state->lock);
    return reply;
}

/* Takes fields. Lock held. */
static reply_t s_update(service_t *self, tasks_t *state, const char *id, json_t *fields) {
    task_t *task = s_find(state, id);
    task_t *same = s_find_named(state, json_string_value(json_object_get(fields, "name")));
    if (!task || (same && same != task)) {
        json_decref(fields);
        return task ? s_exists(same) : s_not_found(id);
    }
    json_decref(task->fields);
    task->fields = fields;
    task->updated_at = clock_epoch();
    reqlog_effect(self->log, EFFECT_TASKS_UPDATED);
    return reply_ok(self, 200, s_task_json(self, task));
}

reply_t task_api_update(service_t *self, const request_t *request) {
    check_t check = {0};
    tasks_t *state = self->state;
    json_t *fields = s_parse(request->json, &check);
    if (!fields)
        return check_reply(&check);
    pthread_mutex_lock(&state->lock);
    reply_t reply = s_update(self, state, request->params[0], fields);
    pthread_mutex_unlock(&state->lock);
    return reply;
}

static reply_t s_running(const task_t *task) {
    return reply_error(409, "TASK_RUNNING", "the task is running",
                       json_pack("{s:s}", "job_id", task->last_job_id));
}

static bool s_is_running(service_t *self, const task_t *task) {
    job_state_t state;
    return s_last_state(self, task, &state) && !job_state_is_terminal(state);
}

reply_t task_api_delete(service_t *self, const request_t *request) {
    tasks_t *state = self->state;
    reply_t reply;
    pthread_mutex_lock(&state->lock);
    task_t *task = s_find(state, request->params[0]);
    if (!task) {
        reply = s_not_found(request->params[0]);
    } else if (s_is_running(self, task)) {
        reply = s_running(task);
    } else {
        json_decref(task->fields);
        memmove(task, task + 1, (size_t)(&state->list[state->count] - (task + 1)) * sizeof *task);
        state->count--;
        reply = (reply_t){.status = 204};
    }
    pthread_mutex_unlock(&state->lock);
    return reply;
}

/* Lock held. */
static reply_t s_run(service_t *self, const request_t *request, task_t *task) {
    json_t *params = json_copy(json_object_get(task->fields, "params"));
    json_object_set(params, "data_type", json_object_get(task->fields, "data_type"));
    json_object_set(params, "task_name", json_object_get(task->fields, "name"));
    job_spec_t spec = {.type = s_text(task, "data_type"), .params = params};
    flowhub_fetch(self->prices, spec.type, params, &spec);
    job_view_t view;
    reply_t error;
    if (!service_create_job(self, request, &spec, &view, &error))
        return error;
    snprintf(task->last_job_id, sizeof task->last_job_id, "%s", view.id);
    task->last_run_at = task->updated_at = view.created_at;
    reqlog_effect(self->log, EFFECT_TASKS_RUN);
    job_view_clear(&view);
    return reply_ok(self, 202,
                    json_pack("{s:s, s:s, s:s}", "job_id", task->last_job_id, "status",
                              job_state_name(JOB_QUEUED), "task_id", task->id));
}

reply_t task_api_run(service_t *self, const request_t *request) {
    tasks_t *state = self->state;
    pthread_mutex_lock(&state->lock);
    task_t *task = s_find(state, request->params[0]);
    bool blocked =
        task && !json_is_true(json_object_get(task->fields, "allow_overlap")) && s_is_running(self, task);
    reply_t reply = !task     ? s_not_found(request->params[0])
                    : blocked ? s_running(task)
                              : s_run(self, request, task);
    pthread_mutex_unlock(&state->lock);
    return reply;
}
