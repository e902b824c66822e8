/* A hash table with chains. */
#include "store/running_keys.h"

#include "base/buf.h"
#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 4096 };

typedef struct entry_s {
    struct entry_s *next;
    uint64_t body_hash;
    int64_t since_us;
    size_t size;
    char name[]; /* principal NUL operation NUL key NUL */
} entry_t;

struct running_keys_s {
    entry_t *chains[CHAINS];
    size_t count;
};

running_keys_t *running_keys_new(void) {
    running_keys_t *self = calloc(1, sizeof *self);
    assert_always(self);
    return self;
}

void running_keys_destroy(running_keys_t **self_p) {
    if (!*self_p)
        return;
    running_keys_expire(*self_p, INT64_MAX);
    free(*self_p);
    *self_p = NULL;
}

static void s_name(idempotency_key_t key, buf_t *out) {
    buf_append(out, key.principal, strlen(key.principal) + 1);
    buf_append(out, key.operation, strlen(key.operation) + 1);
    buf_append(out, key.key, strlen(key.key) + 1);
}

/* The link that holds the entry, or the end of its chain. */
static entry_t **s_place(const running_keys_t *self, const buf_t *name) {
    entry_t *const *at = &self->chains[ids_hash64(name->data, name->size) % CHAINS];
    while (*at && ((*at)->size != name->size || memcmp((*at)->name, name->data, name->size) != 0))
        at = &(*at)->next;
    return (entry_t **)at;
}

bool running_keys_find(const running_keys_t *self, idempotency_key_t key, uint64_t *body_hash) {
    buf_t name = BUF_INIT;
    s_name(key, &name);
    const entry_t *entry = *s_place(self, &name);
    buf_free(&name);
    if (entry)
        *body_hash = entry->body_hash;
    return entry != NULL;
}

err_t running_keys_add(running_keys_t *self, idempotency_key_t key, uint64_t body_hash, int64_t now_us) {
    if (self->count == RUNNING_KEYS_MAX)
        return ERR_OVERLOADED;
    buf_t name = BUF_INIT;
    s_name(key, &name);
    entry_t **place = s_place(self, &name), *entry = calloc(1, sizeof *entry + name.size);
    assert_always(entry && !*place);
    entry->body_hash = body_hash;
    entry->since_us = now_us;
    entry->size = name.size;
    memcpy(entry->name, name.data, name.size);
    *place = entry;
    self->count++;
    buf_free(&name);
    return OK;
}

static void s_drop(running_keys_t *self, entry_t **place) {
    entry_t *entry = *place;
    *place = entry->next;
    free(entry);
    self->count--;
}

void running_keys_remove(running_keys_t *self, idempotency_key_t key) {
    buf_t name = BUF_INIT;
    s_name(key, &name);
    entry_t **place = s_place(self, &name);
    if (*place)
        s_drop(self, place);
    buf_free(&name);
}

void running_keys_expire(running_keys_t *self, int64_t before_us) {
    for (size_t i = 0; i < CHAINS && self->count; i++)
        for (entry_t **place = &self->chains[i]; *place;)
            if ((*place)->since_us < before_us)
                s_drop(self, place);
            else
                place = &(*place)->next;
}
