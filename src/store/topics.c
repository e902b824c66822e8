/* A hash table with chains, and a list by use. */
#include "store/topics.h"

#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    topic_t **items;
    size_t count, capacity;
} topic_list_t;

struct topics_s {
    topic_t **chains;
    size_t chain_mask, size, kept;
    topic_t *oldest, *newest;
    topic_list_t touched, unsaved;
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
    self->touched.count = self->unsaved.count = 0;
    while (self->oldest)
        s_drop(self, self->oldest);
}

void topics_destroy(topics_t **self_p) {
    topics_t *self = *self_p;
    if (!self)
        return;
    topics_forget(self);
    free(self->touched.items);
    free(self->unsaved.items);
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

static void s_append(topic_list_t *list, topic_t *topic) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 256;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        assert_always(list->items);
    }
    list->items[list->count++] = topic;
}

static void s_touch(topics_t *self, topic_t *topic) {
    if (topic->touched)
        return;
    topic->touched = true;
    topic->count = topic->last;
    s_append(&self->touched, topic);
    s_unlink_use(self, topic);
    s_link_newest(self, topic);
}

static void s_mark_unsaved(topics_t *self, topic_t *topic) {
    if (!topic->unsaved)
        s_append(&self->unsaved, topic);
    topic->unsaved = true;
}

/* What is unsaved was used later than what is not, or nearly so. */
static void s_shrink(topics_t *self) {
    while (self->size > self->kept && !self->oldest->unsaved)
        s_drop(self, self->oldest);
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
    s_touch(self, *topic);
    return OK;
}

size_t topics_touched(const topics_t *self, topic_t *const **list) {
    *list = self->touched.items;
    return self->touched.count;
}

static void s_end(topics_t *self, bool committed) {
    for (size_t i = 0; i < self->touched.count; i++) {
        topic_t *topic = self->touched.items[i];
        topic->touched = false;
        if (!committed || topic->last == topic->count)
            continue;
        topic->last = topic->count;
        s_mark_unsaved(self, topic);
    }
    self->touched.count = 0;
    s_shrink(self);
}

void topics_commit(topics_t *self) {
    s_end(self, true);
}

void topics_undo(topics_t *self) {
    s_end(self, false);
}

size_t topics_unsaved(const topics_t *self, topic_t *const **list) {
    *list = self->unsaved.items;
    return self->unsaved.count;
}

void topics_saved(topics_t *self) {
    for (size_t i = 0; i < self->unsaved.count; i++)
        self->unsaved.items[i]->unsaved = false;
    self->unsaved.count = 0;
    s_shrink(self);
}

void topics_enter(topics_t *self, const char *name, uint64_t last) {
    s_mark_unsaved(self, s_add(self, name, ids_hash64(name, strlen(name)), last));
}

size_t topics_size(const topics_t *self) {
    return self->size;
}
