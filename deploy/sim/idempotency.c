/* What was answered to which Idempotency-Key: a hash table whose entries also form a list by age. */
#include "idempotency.h"

#include "dates.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

enum { BUCKETS = 16384, KEY_MAX = 128 };

typedef struct entry {
    LIST_ENTRY(entry) bucket;
    TAILQ_ENTRY(entry) age;
    char *name; /* method, path and key */
    char *body;
    size_t body_size;
    char *text; /* NULL until it was answered (and for an empty answer) */
    int status; /* 0 until it was answered */
    size_t bytes;
} entry_t;

struct idempotency {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t answered;
    LIST_HEAD(, entry) buckets[BUCKETS];
    TAILQ_HEAD(, entry) ages; /* answered entries only, oldest first */
    size_t entries, bytes;
};

idempotency_t *idempotency_new(void) {
    idempotency_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    TAILQ_INIT(&self->ages);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&self->answered, &attr);
    pthread_condattr_destroy(&attr);
    return self;
}

static void s_entry_free(entry_t *entry) {
    LIST_REMOVE(entry, bucket);
    free(entry->name);
    free(entry->body);
    free(entry->text);
    free(entry);
}

static void s_evict(idempotency_t *self, entry_t *entry) {
    TAILQ_REMOVE(&self->ages, entry, age);
    self->entries--;
    self->bytes -= entry->bytes;
    s_entry_free(entry);
}

void idempotency_destroy(idempotency_t **self_p) {
    idempotency_t *self = *self_p;
    if (!self)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (!LIST_EMPTY(&self->buckets[i]))
            s_entry_free(LIST_FIRST(&self->buckets[i]));
    pthread_cond_destroy(&self->answered);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

bool idempotency_key_is_valid(const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++)
        if (key[i] < '!' || key[i] > '~')
            return false;
    return length >= 1 && length <= KEY_MAX;
}

static char *s_name(const char *method, const char *path, const char *key) {
    char *name = NULL;
    return asprintf(&name, "%s %s %s", method, path, key) < 0 ? NULL : name;
}

/* FNV-1a */
static size_t s_bucket(const char *name) {
    uint64_t hash = 14695981039346656037u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash % BUCKETS;
}

static entry_t *s_find(idempotency_t *self, const char *name) {
    entry_t *entry;
    LIST_FOREACH(entry, &self->buckets[s_bucket(name)], bucket)
    if (strcmp(entry->name, name) == 0)
        return entry;
    return NULL;
}

/* Takes name. */
static void s_insert(idempotency_t *self, char *name, const char *body, size_t body_size) {
    entry_t *entry = calloc(1, sizeof *entry);
    char *copy = malloc(body_size + 1);
    if (!entry || !copy)
        abort();
    memcpy(copy, body, body_size);
    *entry = (entry_t){.name = name, .body = copy, .body_size = body_size};
    LIST_INSERT_HEAD(&self->buckets[s_bucket(name)], entry, bucket);
}

static key_outcome_t s_answer(const entry_t *entry, const char *body, size_t body_size, int *status,
                              char **text) {
    if (entry->body_size != body_size || memcmp(entry->body, body, body_size) != 0)
        return KEY_REUSED;
    if (entry->status == 0)
        return KEY_BUSY;
    *status = entry->status;
    *text = entry->text ? strdup(entry->text) : NULL;
    return KEY_REPLAY;
}

key_outcome_t idempotency_begin(idempotency_t *self, const char *method, const char *path, const char *key,
                                const char *body, size_t body_size, int *status, char **text) {
    char *name = s_name(method, path, key);
    if (!name)
        abort();
    int64_t end = clock_ms() + IDEMPOTENCY_WAIT_MS;
    struct timespec at = {.tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000};
    key_outcome_t outcome = KEY_FRESH;
    pthread_mutex_lock(&self->lock);
    for (bool waiting = true; waiting;) {
        entry_t *entry = s_find(self, name);
        outcome = entry ? s_answer(entry, body, body_size, status, text) : KEY_FRESH;
        waiting = outcome == KEY_BUSY && pthread_cond_timedwait(&self->answered, &self->lock, &at) == 0;
    }
    if (outcome == KEY_FRESH) {
        s_insert(self, name, body, body_size);
        name = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    free(name);
    return outcome;
}

static void s_remember(idempotency_t *self, entry_t *entry, int status, const char *text) {
    entry->status = status;
    entry->text = text ? strdup(text) : NULL;
    entry->bytes = sizeof *entry + strlen(entry->name) + entry->body_size + (text ? strlen(text) : 0);
    TAILQ_INSERT_TAIL(&self->ages, entry, age);
    self->entries++;
    self->bytes += entry->bytes;
    while (self->entries > IDEMPOTENCY_ENTRIES || (self->bytes > IDEMPOTENCY_BYTES && self->entries > 1))
        s_evict(self, TAILQ_FIRST(&self->ages));
}

void idempotency_finish(idempotency_t *self, const char *method, const char *path, const char *key,
                        int status, const char *text) {
    char *name = s_name(method, path, key);
    if (!name)
        abort();
    pthread_mutex_lock(&self->lock);
    entry_t *entry = s_find(self, name);
    bool took_effect = (status >= 200 && status < 300) || status == 409;
    if (entry && took_effect)
        s_remember(self, entry, status, text);
    else if (entry)
        s_entry_free(entry);
    pthread_cond_broadcast(&self->answered);
    pthread_mutex_unlock(&self->lock);
    free(name);
}
