/* Tells callback URLs that jobs have ended. */
#include "callback.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long TIMEOUT_MS = 3000, CONNECT_TIMEOUT_MS = 1000;

typedef struct {
    char *url, *body;
} delivery_t;

struct callback {
    reqlog_t *log;
    CURL *curl;
    struct curl_slist *headers;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    bool stopping;
    int head, count;
    delivery_t queue[CALLBACK_QUEUE];
};

static size_t s_discard(char *data, size_t size, size_t count, void *arg) {
    (void)data;
    (void)arg;
    return size * count;
}

static int s_abort_when_stopping(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    callback_t *self = arg;
    pthread_mutex_lock(&self->lock);
    bool stopping = self->stopping;
    pthread_mutex_unlock(&self->lock);
    return stopping;
}

static bool s_take(callback_t *self, delivery_t *out) {
    pthread_mutex_lock(&self->lock);
    while (!self->stopping && self->count == 0)
        pthread_cond_wait(&self->filled, &self->lock);
    bool taken = !self->stopping;
    if (taken) {
        *out = self->queue[self->head];
        self->head = (self->head + 1) % CALLBACK_QUEUE;
        self->count--;
    }
    pthread_mutex_unlock(&self->lock);
    return taken;
}

static void *s_run(void *arg) {
    callback_t *self = arg;
    delivery_t delivery;
    while (s_take(self, &delivery)) {
        long status = 0;
        curl_easy_setopt(self->curl, CURLOPT_URL, delivery.url);
        curl_easy_setopt(self->curl, CURLOPT_POSTFIELDS, delivery.body);
        bool sent = curl_easy_perform(self->curl) == CURLE_OK;
        curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
        bool delivered = sent && status >= 200 && status < 300;
        reqlog_effect(self->log, delivered ? EFFECT_CALLBACKS_SENT : EFFECT_CALLBACKS_FAILED);
        free(delivery.url);
        free(delivery.body);
    }
    return NULL;
}

static void s_configure(callback_t *self, const char *key) {
    self->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (key) {
        char header[1024];
        snprintf(header, sizeof header, "Authorization: Bearer %s", key);
        self->headers = curl_slist_append(self->headers, header);
    }
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt(self->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(self->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(self->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(self->curl, CURLOPT_WRITEFUNCTION, s_discard);
    curl_easy_setopt(self->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(self->curl, CURLOPT_XFERINFOFUNCTION, s_abort_when_stopping);
    curl_easy_setopt(self->curl, CURLOPT_XFERINFODATA, self);
}

callback_t *callback_new(const char *key, reqlog_t *log) {
    callback_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->log = log;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->filled, NULL);
    self->curl = curl_easy_init();
    if (self->curl) {
        s_configure(self, key);
        self->has_thread = pthread_create(&self->thread, NULL, s_run, self) == 0;
    }
    if (!self->has_thread)
        callback_destroy(&self);
    return self;
}

void callback_destroy(callback_t **self_p) {
    callback_t *self = *self_p;
    if (!self)
        return;
    if (self->has_thread) {
        pthread_mutex_lock(&self->lock);
        self->stopping = true;
        pthread_cond_signal(&self->filled);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    for (; self->count > 0; self->count--, self->head = (self->head + 1) % CALLBACK_QUEUE) {
        free(self->queue[self->head].url);
        free(self->queue[self->head].body);
    }
    curl_slist_free_all(self->headers);
    curl_easy_cleanup(self->curl);
    pthread_cond_destroy(&self->filled);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static char *s_body(const job_view_t *job) {
    json_t *body = json_pack("{s:s, s:s}", "job_id", job->id, "status", job_state_name(job->state));
    if (job->result)
        json_object_set(body, "result", job->result);
    if (job->state == JOB_FAILED)
        json_object_set_new(body, "error",
                            json_pack("{s:s, s:s}", "code", job->error_code, "message", job->error_message));
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(body);
    return text;
}

void callback_job_ended(const job_view_t *job, void *arg) {
    callback_t *self = arg;
    if (!self || !job->callback_url[0])
        return;
    pthread_mutex_lock(&self->lock);
    bool fits = self->count < CALLBACK_QUEUE;
    if (fits) {
        delivery_t *slot = &self->queue[(self->head + self->count++) % CALLBACK_QUEUE];
        slot->url = strdup(job->callback_url);
        slot->body = s_body(job);
        pthread_cond_signal(&self->filled);
    }
    pthread_mutex_unlock(&self->lock);
    if (!fits)
        reqlog_effect(self->log, EFFECT_CALLBACKS_FAILED);
}
