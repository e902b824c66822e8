/* Faults that are switched on over HTTP. */
#include "faults.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LATENCY_MS = 3600000 };
static const int64_t MAX_HUGE_BYTES = 1LL << 40;

typedef struct {
    json_t *object; /* as it was put */
    char path_prefix[FAULT_PREFIX_SIZE];
    char method[FAULT_METHOD_SIZE];
    int64_t left; /* -1 = unlimited */
    double error_rate;
    fault_action_t action;
    fault_job_t job;
    bool on_request, on_job;
} fault_t;

struct faults {
    const char *health_path;
    pthread_mutex_t lock; /* guards the list and the seed */
    int count;
    fault_t list[FAULTS_MAX];
    unsigned seed; /* fixed at the start, so that a run can be repeated */
    atomic_int active;
    atomic_uint generation;
};

faults_t *faults_new(const char *health_path) {
    faults_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->health_path = health_path;
    self->seed = 1;
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void faults_destroy(faults_t **self_p) {
    faults_t *self = *self_p;
    if (!self)
        return;
    faults_clear(self);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static void s_parse_match(fault_t *fault, json_t *in, check_t *check) {
    const char *prefix = check_string(check, in, "", "path_prefix", OPTIONAL, FAULT_PREFIX_SIZE - 1);
    const char *method = check_string(check, in, "", "method", OPTIONAL, FAULT_METHOD_SIZE - 1);
    if (prefix)
        snprintf(fault->path_prefix, sizeof fault->path_prefix, "%s", prefix);
    if (method)
        snprintf(fault->method, sizeof fault->method, "%s", method);
    fault->left = check_int(check, in, "", "count", OPTIONAL, 1, INT64_MAX, -1);
    fault->error_rate = check_number(check, in, "", "error_rate", OPTIONAL, 0, 1, 1);
}

static spoil_t s_parse_spoil(fault_t *fault, json_t *in, check_t *check) {
    fault_action_t *action = &fault->action;
    action->status = (int)check_int(check, in, "", "status", OPTIONAL, 100, 599, 0);
    action->retry_after = (int)check_int(check, in, "", "retry_after", OPTIONAL, 0, 86400, 0);
    action->huge_bytes = check_int(check, in, "", "huge_bytes", OPTIONAL, 1, MAX_HUGE_BYTES, 0);
    bool reset = check_bool(check, in, "", "reset", OPTIONAL, false);
    bool garbage = check_bool(check, in, "", "garbage", OPTIONAL, false);
    bool half_body = check_bool(check, in, "", "half_body", OPTIONAL, false);
    if (!action->status && json_object_get(in, "retry_after"))
        action->status = 503;
    return action->status       ? SPOIL_STATUS
           : reset              ? SPOIL_RESET
           : garbage            ? SPOIL_GARBAGE
           : half_body          ? SPOIL_HALF_BODY
           : action->huge_bytes ? SPOIL_HUGE
                                : SPOIL_NONE;
}

static void s_parse_job(fault_t *fault, json_t *in, check_t *check) {
    static const char *const endings[] = {"failed", "cancelled", NULL};
    const char *ending = check_word(check, in, "", "job_status", OPTIONAL, endings);
    fault->job.fails = ending && strcmp(ending, "failed") == 0;
    fault->job.cancels = ending && !fault->job.fails;
    fault->job.hangs = check_bool(check, in, "", "job_hang", OPTIONAL, false);
    fault->on_job = ending || fault->job.hangs;
}

/* An error_rate without any other effect means errors with status 500. */
static void s_parse_action(fault_t *fault, json_t *in, check_t *check) {
    fault_action_t *action = &fault->action;
    action->latency_ms = check_int(check, in, "", "latency_ms", OPTIONAL, 0, MAX_LATENCY_MS, 0);
    action->hang = check_bool(check, in, "", "hang", OPTIONAL, false);
    action->spoil = s_parse_spoil(fault, in, check);
    s_parse_job(fault, in, check);
    bool has_effect = action->latency_ms || action->hang || action->spoil || fault->on_job;
    if (!has_effect && json_object_get(in, "error_rate")) {
        action->spoil = SPOIL_STATUS;
        action->status = 500;
        has_effect = true;
    }
    if (!has_effect)
        check_malformed(
            check, "", "fault",
            "needs one of latency_ms, hang, status, retry_after, error_rate, reset, garbage, half_body, "
            "huge_bytes, job_status, job_hang");
    action->after_effect = check_bool(check, in, "", "after_effect", OPTIONAL, action->spoil > SPOIL_STATUS);
    fault->on_request = action->latency_ms || action->hang || action->spoil;
}

static void s_check_known(json_t *in, check_t *check) {
    static const char *const known[] = {
        "path_prefix", "method",  "count",     "error_rate", "latency_ms", "status",   "retry_after", "hang",
        "reset",       "garbage", "half_body", "huge_bytes", "job_status", "job_hang", "after_effect"};
    const char *key;
    json_t *value;
    json_object_foreach (in, key, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found)
            check_malformed(check, "", key, "is no setting of a fault");
    }
}

bool faults_add(faults_t *self, json_t *object, check_t *check) {
    fault_t fault = {0};
    s_check_known(object, check);
    s_parse_match(&fault, object, check);
    s_parse_action(&fault, object, check);
    if (!check_passed(check))
        return false;
    pthread_mutex_lock(&self->lock);
    bool fits = self->count < FAULTS_MAX;
    if (fits) {
        fault.object = json_deep_copy(object);
        self->list[self->count++] = fault;
        atomic_store(&self->active, self->count);
    }
    pthread_mutex_unlock(&self->lock);
    if (!fits)
        check_invalid(check, "", "fault", "too many are active: DELETE them first");
    return fits;
}

void faults_clear(faults_t *self) {
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->count; i++)
        json_decref(self->list[i].object);
    self->count = 0;
    atomic_store(&self->active, 0);
    atomic_fetch_add(&self->generation, 1);
    pthread_mutex_unlock(&self->lock);
}

json_t *faults_json(faults_t *self) {
    json_t *list = json_array();
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->count; i++) {
        json_t *item = json_copy(self->list[i].object);
        if (self->list[i].left >= 0)
            json_object_set_new(item, "count", json_integer(self->list[i].left));
        json_array_append_new(list, item);
    }
    pthread_mutex_unlock(&self->lock);
    return list;
}

bool faults_cleared_since(faults_t *self, unsigned generation) {
    return atomic_load(&self->generation) != generation;
}

static bool s_matches(const faults_t *self, const fault_t *fault, const char *method, const char *path) {
    if (fault->method[0] && strcmp(fault->method, method) != 0)
        return false;
    if (fault->path_prefix[0])
        return strncmp(path, fault->path_prefix, strlen(fault->path_prefix)) == 0;
    return strcmp(path, self->health_path) != 0;
}

/* True when the fault hits this request; a fault that is used up stays listed with count 0 until it is cleared. */
static bool s_hits(faults_t *self, fault_t *fault, const char *method, const char *path) {
    if (fault->left == 0 || !s_matches(self, fault, method, path))
        return false;
    if (fault->error_rate < 1 && rand_r(&self->seed) / (RAND_MAX + 1.0) >= fault->error_rate)
        return false;
    if (fault->left > 0)
        fault->left--;
    return true;
}

static void s_merge(fault_action_t *into, const fault_action_t *from) {
    into->latency_ms += from->latency_ms;
    into->hang = into->hang || from->hang;
    if (into->spoil != SPOIL_NONE || from->spoil == SPOIL_NONE)
        return;
    into->spoil = from->spoil;
    into->after_effect = from->after_effect;
    into->status = from->status;
    into->retry_after = from->retry_after;
    into->huge_bytes = from->huge_bytes;
}

fault_action_t faults_take(faults_t *self, const char *method, const char *path) {
    fault_action_t action = {.generation = atomic_load(&self->generation)};
    if (atomic_load(&self->active) == 0)
        return action;
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->count; i++)
        if (self->list[i].on_request && s_hits(self, &self->list[i], method, path))
            s_merge(&action, &self->list[i].action);
    pthread_mutex_unlock(&self->lock);
    return action;
}

/* A fault with effects on both was counted when the request came. */
static bool s_hits_job(faults_t *self, fault_t *fault, const char *method, const char *path) {
    if (!fault->on_job)
        return false;
    return fault->on_request ? s_matches(self, fault, method, path) : s_hits(self, fault, method, path);
}

fault_job_t faults_take_job(faults_t *self, const char *method, const char *path) {
    fault_job_t job = {0};
    if (atomic_load(&self->active) == 0)
        return job;
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->count; i++)
        if (s_hits_job(self, &self->list[i], method, path)) {
            job.fails = job.fails || self->list[i].job.fails;
            job.cancels = job.cancels || self->list[i].job.cancels;
            job.hangs = job.hangs || self->list[i].job.hangs;
        }
    pthread_mutex_unlock(&self->lock);
    return job;
}
