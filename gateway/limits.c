/* Token buckets. */
#include "gateway/limits.h"

#include "base/err.h"
#include "base/ids.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A newcomer may take any of this many neighbouring places, so no lookup is longer. */
#define PROBES 16

typedef struct {
    uint64_t who; /* hash of the name; 0 = free. Two names with one hash share a bucket */
    int64_t at_us;
    double tokens;
} bucket_t;

struct limits_s {
    pthread_mutex_t lock;
    size_t mask;
    bucket_t buckets[];
};

limits_t *limits_new(size_t capacity) {
    assert_always(capacity >= PROBES && (capacity & (capacity - 1)) == 0);
    limits_t *self = calloc(1, sizeof *self + capacity * sizeof(bucket_t));
    assert_always(self);
    pthread_mutex_init(&self->lock, NULL);
    self->mask = capacity - 1;
    return self;
}

void limits_destroy(limits_t **self_p) {
    if (!*self_p)
        return;
    pthread_mutex_destroy(&(*self_p)->lock);
    free(*self_p);
    *self_p = NULL;
}

static bucket_t *s_find(limits_t *self, uint64_t who, double burst, int64_t now_us) {
    bucket_t *oldest = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        bucket_t *bucket = &self->buckets[(who + i) & self->mask];
        if (bucket->who == who)
            return bucket;
        if (!oldest || (oldest->who != 0 && (bucket->who == 0 || bucket->at_us < oldest->at_us)))
            oldest = bucket;
    }
    *oldest = (bucket_t){who, now_us, burst};
    return oldest;
}

bool limits_take(limits_t *self, const char *who, int64_t rate, int64_t now_us, uint32_t *retry_after) {
    if (rate <= 0)
        return true;
    uint64_t hash = ids_hash64(who, strlen(who)) | 1;
    double burst = 2.0 * (double)rate;
    pthread_mutex_lock(&self->lock);
    bucket_t *bucket = s_find(self, hash, burst, now_us);
    double elapsed = (double)(now_us - bucket->at_us) / 1e6;
    bucket->tokens = fmin(burst, bucket->tokens + fmax(0, elapsed) * (double)rate);
    bucket->at_us = now_us;
    bool taken = bucket->tokens >= 1.0;
    if (taken)
        bucket->tokens -= 1.0;
    else
        *retry_after = (uint32_t)fmax(1.0, ceil((1.0 - bucket->tokens) / (double)rate));
    pthread_mutex_unlock(&self->lock);
    return taken;
}
