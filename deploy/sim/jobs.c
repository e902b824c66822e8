/* The store of jobs. Every job of a store takes the same time, so jobs start and end in the order of their numbers and
 * two cursors over a ring replace a timer queue. */
#include "jobs.h"

#include "dates.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PREFIX_SIZE = 8, PROGRESS_HALF = 50, PROGRESS_WHOLE = 100 };

typedef struct {
    int64_t number;
    int64_t created_ms;
    bool hang, cancels;
    json_t *outcome; /* shown as view.result once succeeded */
    job_view_t view; /* error_code and error_message hold the outcome from the start */
} job_t;

struct jobs {
    char prefix[PREFIX_SIZE];
    int64_t delay_ms;
    int64_t (*now_ms)(void);
    job_ended_fn ended;
    void *arg;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread, stopping;
    int64_t last;                /* number of the newest job */
    int64_t to_start, to_finish; /* next numbers to look at */
    job_t *ring[JOBS_CAPACITY];  /* NULL until a job has been there */
};

jobs_t *jobs_new(const char *prefix, int64_t delay_ms, int64_t (*now_ms)(void), job_ended_fn ended,
                 void *arg) {
    jobs_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    snprintf(self->prefix, sizeof self->prefix, "%s", prefix);
    self->delay_ms = delay_ms;
    self->now_ms = now_ms;
    self->ended = ended;
    self->arg = arg;
    self->to_start = self->to_finish = 1;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attr);
    pthread_condattr_destroy(&attr);
    return self;
}

static void s_job_clear(job_t *job) {
    json_decref(job->outcome);
    job_view_clear(&job->view);
    *job = (job_t){0};
}

void jobs_destroy(jobs_t **self_p) {
    jobs_t *self = *self_p;
    if (!self)
        return;
    if (self->has_thread) {
        pthread_mutex_lock(&self->lock);
        self->stopping = true;
        pthread_cond_signal(&self->changed);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    for (int i = 0; i < JOBS_CAPACITY; i++)
        if (self->ring[i]) {
            s_job_clear(self->ring[i]);
            free(self->ring[i]);
        }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static job_t **s_slot(jobs_t *self, int64_t number) {
    return &self->ring[number % JOBS_CAPACITY];
}

/* NULL for a number that is not (or no longer) in the ring. */
static job_t *s_job(jobs_t *self, int64_t number) {
    job_t *job = number > 0 ? *s_slot(self, number) : NULL;
    return job && job->number == number ? job : NULL;
}

static job_t *s_find(jobs_t *self, const char *id) {
    size_t length = strlen(self->prefix);
    if (strncmp(id, self->prefix, length) != 0 || id[length] != '-')
        return NULL;
    job_t *job = s_job(self, strtoll(id + length + 1, NULL, 10));
    return job && strcmp(job->view.id, id) == 0 ? job : NULL;
}

static void s_apply(jobs_t *self, job_t *job, job_event_t event) {
    job_view_t *view = &job->view;
    if (!job_state_next(view->state, event, &view->state))
        return;
    view->updated_at = clock_epoch();
    if (view->state == JOB_RUNNING)
        view->progress = PROGRESS_HALF;
    if (view->state == JOB_SUCCEEDED) {
        view->progress = PROGRESS_WHOLE;
        view->result = json_incref(job->outcome);
    }
    if (job_state_is_terminal(view->state)) {
        view->ended_at = view->updated_at;
        if (self->ended)
            self->ended(view, self->arg);
    }
}

static int64_t s_start_ms(const jobs_t *self, const job_t *job) {
    return job->created_ms + self->delay_ms / 4;
}

static int64_t s_end_ms(const jobs_t *self, const job_t *job) {
    return job->created_ms + self->delay_ms;
}

static job_event_t s_ending(const job_t *job) {
    return job->cancels ? JOB_CANCEL : job->view.error_code[0] ? JOB_FAIL : JOB_SUCCEED;
}

/* Moves every job whose time has come. Lock held. */
static void s_tick(jobs_t *self) {
    int64_t now = self->now_ms();
    for (; self->to_start <= self->last; self->to_start++) {
        job_t *job = s_job(self, self->to_start);
        if (job && s_start_ms(self, job) > now)
            break;
        if (job)
            s_apply(self, job, JOB_START);
    }
    for (; self->to_finish < self->to_start; self->to_finish++) {
        job_t *job = s_job(self, self->to_finish);
        if (job && s_end_ms(self, job) > now)
            break;
        if (job && !job->hang)
            s_apply(self, job, s_ending(job));
    }
}

/* Next moment at which a job moves; -1 when none will. Lock held. */
static int64_t s_due_ms(jobs_t *self) {
    int64_t due = -1;
    job_t *job = self->to_start <= self->last ? s_job(self, self->to_start) : NULL;
    if (job)
        due = s_start_ms(self, job);
    job = self->to_finish < self->to_start ? s_job(self, self->to_finish) : NULL;
    if (job && (due < 0 || s_end_ms(self, job) < due))
        due = s_end_ms(self, job);
    return due;
}

static void *s_run(void *arg) {
    jobs_t *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->stopping) {
        s_tick(self);
        int64_t due = s_due_ms(self);
        struct timespec at = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
        if (due < 0)
            pthread_cond_wait(&self->changed, &self->lock);
        else
            pthread_cond_timedwait(&self->changed, &self->lock, &at);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

bool jobs_start(jobs_t *self) {
    self->has_thread = pthread_create(&self->thread, NULL, s_run, self) == 0;
    return self->has_thread;
}

static void s_copy(const job_t *job, job_view_t *out) {
    *out = job->view; /* trees are not shared between threads: jansson reads its counts without a lock */
    out->params = json_deep_copy(job->view.params);
    out->result = json_deep_copy(job->view.result);
}

static void s_fill(jobs_t *self, job_t *job, job_spec_t *spec) {
    job_view_t *view = &job->view;
    job->number = ++self->last;
    job->created_ms = self->now_ms();
    job->hang = spec->hang;
    job->cancels = spec->cancels;
    job->outcome = spec->result;
    snprintf(view->id, sizeof view->id, "%s-%06lld", self->prefix, (long long)job->number);
    snprintf(view->type, sizeof view->type, "%s", spec->type);
    snprintf(view->message, sizeof view->message, "%s", spec->message);
    snprintf(view->error_code, sizeof view->error_code, "%s", spec->error_code);
    snprintf(view->error_message, sizeof view->error_message, "%s", spec->error_message);
    snprintf(view->callback_url, sizeof view->callback_url, "%s",
             spec->callback_url ? spec->callback_url : "");
    view->params = spec->params ? spec->params : json_object();
    view->created_at = view->updated_at = clock_epoch();
    spec->params = spec->result = NULL;
}

/* An empty place for the next job; NULL when the job that is there has not ended. Lock held. */
static job_t *s_place(jobs_t *self) {
    job_t **slot = s_slot(self, self->last + 1);
    if (!*slot)
        return *slot = calloc(1, sizeof **slot);
    if (!job_state_is_terminal((*slot)->view.state))
        return NULL;
    s_job_clear(*slot);
    return *slot;
}

bool jobs_create(jobs_t *self, job_spec_t *spec, job_view_t *out) {
    pthread_mutex_lock(&self->lock);
    s_tick(self);
    job_t *job = s_place(self);
    if (job) {
        s_fill(self, job, spec);
        s_copy(job, out);
        if (self->delay_ms == 0)
            s_tick(self);
        else
            pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    json_decref(spec->params);
    json_decref(spec->result);
    return job != NULL;
}

bool jobs_get(jobs_t *self, const char *id, job_view_t *out) {
    pthread_mutex_lock(&self->lock);
    s_tick(self);
    job_t *job = s_find(self, id);
    if (job)
        s_copy(job, out);
    pthread_mutex_unlock(&self->lock);
    return job != NULL;
}

cancel_t jobs_cancel(jobs_t *self, const char *id, job_view_t *out) {
    pthread_mutex_lock(&self->lock);
    s_tick(self);
    job_t *job = s_find(self, id);
    cancel_t outcome = !job                                     ? CANCEL_UNKNOWN
                       : job_state_is_terminal(job->view.state) ? CANCEL_TERMINAL
                                                                : CANCEL_DONE;
    if (outcome == CANCEL_DONE)
        s_apply(self, job, JOB_CANCEL);
    if (job)
        s_copy(job, out);
    pthread_mutex_unlock(&self->lock);
    return outcome;
}

int jobs_list(jobs_t *self, const job_state_t *state, int limit, int offset, job_view_t *out, int *total) {
    int found = 0, filled = 0;
    pthread_mutex_lock(&self->lock);
    s_tick(self);
    for (int64_t number = self->last; number > 0 && s_job(self, number); number--) {
        const job_t *job = s_job(self, number);
        if (state && job->view.state != *state)
            continue;
        if (found++ >= offset && filled < limit)
            s_copy(job, &out[filled++]);
    }
    pthread_mutex_unlock(&self->lock);
    *total = found;
    return filled;
}
