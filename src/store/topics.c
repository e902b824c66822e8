/* A hash table with chains, and a list by use. */
#include "store/topics.h"

#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

struct topics_s {
    topic_t **chains;
    size_t chain_mask, size, kept;
    topic_t *oldest, *newest;
    topic_t **touched;
    size_t touched_count, touched_capacity;
};

topics_t *topics_new(size_t kept) {
    topics_t *self = calloc(1, sizeof *self);
    assert_always(self && kept);
    size_t chains = 64;
    while (chains < kept)
        chains *= 2;
    self->chains = calloc(chains, sizeof *self->chains);
    assert_always(self->chains);
    self->chain_mask = chains - 1;
    self->kept = kept;
    return self;
}

static void s_unlink_use(topics_t *self, topic_t *topic) {
    *(topic->older ? &topic->older->newer : &self->oldest) = topic->newer;
    *(topic->newer ? &topic->newer->older : &self->newest) = topic->older;
}

static void s_link_newest(topics_t *self, topic_t *topic) {
    topic->newer = NULL;
    topic->older = self->newest;
    *(self->newest ? &self->newest->newer : &self->oldest) = topic;
    self->newest = topic;
}

static void s_drop(topics_t *self, topic_t *topic) {
    topic_t **at = &self->chains[topic->hash & self->chain_mask];
    while (*at != topic)
        at = &(*at)->next;
    *at = topic->next;
    s_unlink_use(self, topic);
    self->size--;
    free(topic->name);
    free(topic);
}

void topics_forget(topics_t *self) {
    self->touched_count = 0;
    while (self->oldest)
        s_drop(self, self->oldest);
}

void topics_destroy(topics_t **self_p) {
    topics_t *self = *self_p;
    if (!self)
        return;
    topics_forget(self);
    free(self->touched);
    free(self->chains);
    free(self);
    *self_p = NULL;
}

static topic_t *s_find(const topics_t *self, const char *name, uint64_t hash) {
    topic_t *topic = self->chains[hash & self->chain_mask];
    while (topic && (topic->hash != hash || strcmp(topic->name, name) != 0))
        topic = topic->next;
    return topic;
}

static topic_t *s_add(topics_t *self, const char *name, uint64_t hash, uint64_t last) {
    topic_t *topic = calloc(1, sizeof *topic);
    assert_always(topic);
    topic->name = strdup(name);
    assert_always(topic->name);
    topic->hash = hash;
    topic->last = topic->count = last;
    topic->next = self->chains[hash & self->chain_mask];
    self->chains[hash & self->chain_mask] = topic;
    s_link_newest(self, topic);
    self->size++;
    return topic;
}

static void s_list(topics_t *self, topic_t *topic) {
    if (topic->touched)
        return;
    if (self->touched_count == self->touched_capacity) {
        self->touched_capacity = self->touched_capacity ? self->touched_capacity * 2 : 256;
        self->touched = realloc(self->touched, self->touched_capacity * sizeof *self->touched);
        assert_always(self->touched);
    }
    topic->touched = true;
    topic->count = topic->last;
    self->touched[self->touched_count++] = topic;
    s_unlink_use(self, topic);
    s_link_newest(self, topic);
}

err_t topics_touch(topics_t *self, engine_t *engine, const char *name, topic_t **topic) {
    uint64_t hash = ids_hash64(name, strlen(name));
    *topic = s_find(self, name, hash);
    if (!*topic) {
        int64_t last;
        value_t key = value_text(name);
        err_t err = engine_query_int(engine, "stream_topic_get", &key, 1, 0, &last);
        if (err != OK)
            return err;
        *topic = s_add(self, name, hash, (uint64_t)last);
    }
    s_list(self, *topic);
    return OK;
}

size_t topics_touched(const topics_t *self, topic_t *const **list) {
    *list = self->touched;
    return self->touched_count;
}

static void s_end(topics_t *self, bool committed) {
    for (size_t i = 0; i < self->touched_count; i++) {
        topic_t *topic = self->touched[i];
        topic->touched = false;
        if (committed)
            topic->last = topic->count;
    }
    self->touched_count = 0;
    while (self->size > self->kept)
        s_drop(self, self->oldest);
}

void topics_commit(topics_t *self) {
    s_end(self, true);
}

void topics_undo(topics_t *self) {
    s_end(self, false);
}

size_t topics_size(const topics_t *self) {
    return self->size;
}
