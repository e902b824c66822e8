/* What the four services have in common: envelope, form of requests, idempotency, creation of jobs. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const service_class_t *const sim_classes[SIM_SERVICES] = {&macro_class, &portfolio_class, &execution_class,
                                                          &flowhub_class};

service_t *service_new(const service_class_t *class, const prices_t *prices, int64_t job_ms,
                       const char *callback_key) {
    service_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->class = class;
    self->prices = prices;
    self->job_ms = job_ms;
    self->keys = idempotency_new();
    self->faults = faults_new(class->health_path);
    self->log = reqlog_new();
    self->callback = self->log ? callback_new(callback_key, self->log) : NULL;
    self->jobs = jobs_new(class->job_prefix, job_ms, clock_ms, callback_job_ended, self->callback);
    bool ok = self->keys && self->faults && self->log && self->callback && self->jobs &&
              jobs_start(self->jobs) && (!class->start || class->start(self));
    if (!ok)
        service_destroy(&self);
    return self;
}

void service_destroy(service_t **self_p) {
    service_t *self = *self_p;
    if (!self)
        return;
    jobs_destroy(&self->jobs);
    callback_destroy(&self->callback);
    if (self->class->stop && self->state)
        self->class->stop(self);
    idempotency_destroy(&self->keys);
    faults_destroy(&self->faults);
    reqlog_destroy(&self->log);
    free(self);
    *self_p = NULL;
}

static json_t *s_health_json(const service_t *self) {
    char now[ISO_TIME_SIZE];
    time_iso(clock_epoch(), now);
    json_t *timestamp = self->class->flat ? json_integer(clock_epoch()) : json_string(now);
    return json_pack("{s:s, s:s, s:s, s:o}", "status", "healthy", "service", self->class->name, "version",
                     SIM_VERSION, "timestamp", timestamp);
}

/* Only portfolio has its health under /api and wraps it. */
reply_t service_health(service_t *self, const request_t *request) {
    (void)request;
    json_t *health = s_health_json(self);
    if (strcmp(self->class->health_path, "/health") != 0)
        health = json_pack("{s:b, s:s, s:o}", "success", 1, "status", "success", "data", health);
    return (reply_t){.status = 200, .body = health};
}

reply_t reply_ok(const service_t *self, int status, json_t *data) {
    if (self->class->flat)
        return (reply_t){.status = status, .body = data};
    char now[ISO_TIME_SIZE];
    time_iso(clock_epoch(), now);
    json_t *body =
        json_pack("{s:b, s:s, s:o, s:s}", "success", 1, "status", "success", "data", data, "timestamp", now);
    return (reply_t){.status = status, .body = body};
}

static bool s_is_json_type(const char *content_type) {
    static const char want[] = "application/json";
    size_t length = sizeof want - 1;
    return content_type && strncasecmp(content_type, want, length) == 0 &&
           (content_type[length] == 0 || content_type[length] == ';' || content_type[length] == ' ');
}

/* Parses the body into request->json; false with the reply when it is not what the route takes. */
static bool s_read_body(request_t *request, body_rule_t rule, reply_t *error) {
    check_t check = {0};
    if (rule == BODY_NONE || (rule == BODY_OPTIONAL && request->body_size == 0))
        return true;
    char problem[JSON_ERROR_TEXT_LENGTH + 80];
    if (request->body_size == 0) {
        check_malformed(&check, "", "body", "is required");
    } else if (!s_is_json_type(request->content_type)) {
        check_malformed(&check, "", "Content-Type", "must be application/json");
    } else if (!(request->json = json_parse(request->body, request->body_size, problem, sizeof problem))) {
        check_malformed(&check, "", "body", problem);
    } else if (!json_is_object(request->json)) {
        check_malformed(&check, "", "body", "must be a JSON object");
    }
    if (!check_passed(&check)) {
        *error = check_reply(&check);
        return false;
    }
    return true;
}

static reply_t s_handle(service_t *self, const route_t *route, request_t *request) {
    reply_t reply;
    if (s_read_body(request, route->body, &reply))
        reply = route->handler(self, request);
    json_decref(request->json);
    request->json = NULL;
    reply_render(&reply);
    return reply;
}

static reply_t s_handle_once(service_t *self, const route_t *route, request_t *request) {
    const char *key = request->idempotency_key;
    reply_t reply = {.replayed = true};
    switch (idempotency_begin(self->keys, request->method, request->path, key, request->body,
                              request->body_size, &reply.status, &reply.text)) {
    case KEY_FRESH:
        reply = s_handle(self, route, request);
        idempotency_finish(self->keys, request->method, request->path, key, reply.status, reply.text);
        return reply;
    case KEY_REPLAY: return reply;
    case KEY_REUSED:
        reply =
            reply_error(422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key: was used with another body", NULL);
        break;
    case KEY_BUSY:
        reply =
            reply_error(503, "BUSY", "the first request with this Idempotency-Key is still running", NULL);
        reply.retry_after = 1;
        break;
    }
    reply_render(&reply);
    return reply;
}

reply_t service_respond(service_t *self, request_t *request) {
    bool is_get = strcmp(request->method, "GET") == 0;
    reply_t reply = {0};
    const route_t *route = route_find(self->class->routes, request, &reply);
    if (route && (is_get || !request->idempotency_key))
        return s_handle(self, route, request);
    if (route && idempotency_key_is_valid(request->idempotency_key))
        return s_handle_once(self, route, request);
    if (route) {
        check_t check = {0};
        check_malformed(&check, "", "Idempotency-Key", "must be 1-128 visible ASCII characters");
        reply = check_reply(&check);
    }
    reply_render(&reply);
    return reply;
}

void job_spec_fail(job_spec_t *spec, const char *code, const char *message) {
    snprintf(spec->error_code, sizeof spec->error_code, "%s", code);
    snprintf(spec->error_message, sizeof spec->error_message, "%s", message);
}

static void s_apply_fault(job_spec_t *spec, fault_job_t fault) {
    spec->hang = fault.hangs;
    spec->cancels = fault.cancels;
    if (fault.fails)
        job_spec_fail(spec, "EXECUTION_FAILED", "failed by a fault that is switched on");
}

static bool s_create(service_t *self, job_spec_t *spec, job_view_t *view, reply_t *error) {
    if (jobs_create(self->jobs, spec, view)) {
        reqlog_effect(self->log, EFFECT_JOBS_CREATED);
        return true;
    }
    *error = reply_error(503, "TOO_MANY_JOBS", "too many jobs have not ended", NULL);
    error->retry_after = 1;
    return false;
}

bool service_create_job(service_t *self, const request_t *request, job_spec_t *spec, job_view_t *view,
                        reply_t *error) {
    s_apply_fault(spec, faults_take_job(self->faults, request->method, request->path));
    return s_create(self, spec, view, error);
}

reply_t reply_accepted(const service_t *self, job_view_t *view) {
    json_t *data = json_pack("{s:s, s:s}", "job_id", view->id, "status", job_state_name(JOB_QUEUED));
    if (self->class->flat) {
        char url[JOB_ID_SIZE + 64];
        json_object_set_new(data, "progress", json_integer(0));
        json_object_set_new(data, "created_at", json_integer(view->created_at));
        snprintf(url, sizeof url, "/api/v1/jobs/%s/status", view->id);
        json_object_set_new(data, "status_url", json_string(url));
        snprintf(url, sizeof url, "/api/v1/jobs/%s/result", view->id);
        json_object_set_new(data, "result_url", json_string(url));
    }
    job_view_clear(view);
    return reply_ok(self, 202, data);
}

reply_t service_answer_job(service_t *self, const request_t *request, job_spec_t *spec) {
    job_view_t view;
    reply_t error;
    return service_create_job(self, request, spec, &view, &error) ? reply_accepted(self, &view) : error;
}

static reply_t s_answer_inline(service_t *self, job_spec_t *spec) {
    json_t *result = spec->result;
    json_decref(spec->params);
    spec->params = spec->result = NULL;
    if (spec->error_code[0]) {
        json_decref(result);
        return reply_error(422, spec->error_code, spec->error_message, NULL);
    }
    reqlog_effect(self->log, EFFECT_INLINE_RESULTS);
    return reply_ok(self, 200, result);
}

reply_t service_answer_inline_or_job(service_t *self, const request_t *request, job_spec_t *spec) {
    fault_job_t fault = faults_take_job(self->faults, request->method, request->path);
    if (self->job_ms == 0 && !fault.fails && !fault.cancels && !fault.hangs)
        return s_answer_inline(self, spec);
    job_view_t view;
    reply_t error;
    s_apply_fault(spec, fault);
    return s_create(self, spec, &view, &error) ? reply_accepted(self, &view) : error;
}

static int s_query_int(const request_t *request, const char *name, int min, int max, int otherwise,
                       check_t *check) {
    char text[16], *end = NULL;
    if (!request_query(request, name, text, sizeof text))
        return otherwise;
    long value = strtol(text, &end, 10);
    if (!text[0] || *end)
        check_malformed(check, "", name, "must be an integer");
    else if (value < min || value > max)
        check_invalid(check, "", name, "is out of range");
    else
        return (int)value;
    return otherwise;
}

void query_page(const request_t *request, int default_limit, int *limit, int *offset, check_t *check) {
    *limit = s_query_int(request, "limit", 1, PAGE_MAX, default_limit, check);
    *offset = s_query_int(request, "offset", 0, 1000000000, 0, check);
}

int prices_stocks(const prices_t *prices, const series_t **out) {
    int count = 0;
    for (int i = 0; i < prices->series_count; i++)
        if (!prices->series[i].is_index)
            out[count++] = &prices->series[i];
    return count;
}
