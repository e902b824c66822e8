/* The test controls of a service. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

static reply_t s_reply(json_t *body) {
    return (reply_t){.status = 200, .body = body};
}

static reply_t s_get_faults(service_t *self, const request_t *request) {
    (void)request;
    return s_reply(json_pack("{s:o}", "faults", faults_json(self->faults)));
}

static reply_t s_put_fault(service_t *self, const request_t *request) {
    check_t check = {0};
    char problem[JSON_ERROR_TEXT_LENGTH + 80] = "must be a JSON object";
    json_t *object = json_parse(request->body, request->body_size, problem, sizeof problem);
    if (!json_is_object(object))
        check_malformed(&check, "", "body", problem);
    else
        faults_add(self->faults, object, &check);
    json_decref(object);
    return check_passed(&check) ? s_get_faults(self, request) : check_reply(&check);
}

static reply_t s_clear_faults(service_t *self, const request_t *request) {
    faults_clear(self->faults);
    return s_get_faults(self, request);
}

static reply_t s_get_requests(service_t *self, const request_t *request) {
    char text[24] = "0", *end = NULL;
    request_query(request, "since", text, sizeof text);
    long long since = strtoll(text, &end, 10);
    if (*end || since < 0) {
        check_t check = {0};
        check_malformed(&check, "", "since", "must be the number of a request");
        return check_reply(&check);
    }
    return s_reply(reqlog_json(self->log, since));
}

static reply_t s_clear_requests(service_t *self, const request_t *request) {
    (void)request;
    reqlog_clear(self->log);
    return s_reply(reqlog_json(self->log, 0));
}

static const route_t s_routes[] = {
    {"GET", CONTROL_PREFIX "/faults", s_get_faults, BODY_NONE},
    {"PUT", CONTROL_PREFIX "/faults", s_put_fault, BODY_REQUIRED},
    {"DELETE", CONTROL_PREFIX "/faults", s_clear_faults, BODY_NONE},
    {"GET", CONTROL_PREFIX "/requests", s_get_requests, BODY_NONE},
    {"DELETE", CONTROL_PREFIX "/requests", s_clear_requests, BODY_NONE},
    {0},
};

bool control_is_for(const request_t *request) {
    size_t length = sizeof CONTROL_PREFIX - 1;
    return strncmp(request->path, CONTROL_PREFIX, length) == 0 &&
           (request->path[length] == '/' || request->path[length] == 0);
}

reply_t control_respond(service_t *self, request_t *request) {
    reply_t reply;
    const route_t *route = route_find(s_routes, request, &reply);
    if (route)
        reply = route->handler(self, request);
    reply_render(&reply);
    return reply;
}
