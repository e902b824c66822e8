/* The life of a job as a table of state and event, and its JSON form. */
#include "dates.h"
#include "jobs.h"

#include <string.h>

enum { JOB_STATES = JOB_CANCELLED + 1, JOB_EVENTS = JOB_CANCEL + 1, NOWHERE = -1 };

static const char *const s_names[JOB_STATES] = {"queued", "running", "succeeded", "failed", "cancelled"};

static const int s_next[JOB_STATES][JOB_EVENTS] = {
    /*                 start        succeed        fail        cancel */
    [JOB_QUEUED] = {JOB_RUNNING, NOWHERE, JOB_FAILED, JOB_CANCELLED},
    [JOB_RUNNING] = {NOWHERE, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED},
    [JOB_SUCCEEDED] = {NOWHERE, NOWHERE, NOWHERE, NOWHERE},
    [JOB_FAILED] = {NOWHERE, NOWHERE, NOWHERE, NOWHERE},
    [JOB_CANCELLED] = {NOWHERE, NOWHERE, NOWHERE, NOWHERE},
};

const char *job_state_name(job_state_t state) {
    return s_names[state];
}

bool job_state_parse(const char *name, job_state_t *out) {
    for (int i = 0; i < JOB_STATES; i++)
        if (strcmp(name, s_names[i]) == 0) {
            *out = (job_state_t)i;
            return true;
        }
    return false;
}

bool job_state_is_terminal(job_state_t state) {
    return state >= JOB_SUCCEEDED;
}

bool job_state_next(job_state_t from, job_event_t event, job_state_t *to) {
    if (s_next[from][event] == NOWHERE)
        return false;
    *to = (job_state_t)s_next[from][event];
    return true;
}

void job_view_clear(job_view_t *self) {
    json_decref(self->params);
    json_decref(self->result);
    self->params = self->result = NULL;
}

static json_t *s_time(int64_t epoch_seconds, bool epoch) {
    if (epoch_seconds == 0)
        return json_null();
    if (epoch)
        return json_integer(epoch_seconds);
    char text[ISO_TIME_SIZE];
    time_iso(epoch_seconds, text);
    return json_string(text);
}

json_t *job_view_json(const job_view_t *self, bool epoch) {
    json_t *error = self->state == JOB_FAILED
                        ? json_pack("{s:s, s:s}", "code", self->error_code, "message", self->error_message)
                        : json_null();
    json_t *result = self->result ? json_incref(self->result) : json_null();
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:O, s:o, s:o, s:o, s:o, s:o}", "job_id", self->id,
                     "job_type", self->type, "status", job_state_name(self->state), "progress",
                     self->progress, "message", self->message, "params", self->params, "created_at",
                     s_time(self->created_at, epoch), "updated_at", s_time(self->updated_at, epoch),
                     "completed_at", s_time(self->ended_at, epoch), "result", result, "error", error);
}
