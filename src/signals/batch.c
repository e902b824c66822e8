/* One hash table over the names that the items of a body carry. */
#include "signals/batch.h"

#include "base/ids.h"
#include "base/json_hash.h"
#include "signals/dedup.h"
#include <stdlib.h>
#include <string.h>

typedef enum { NAME_ID = 1, NAME_DEDUP, NAME_GROUP } name_kind_t;

typedef struct {
    uint64_t hash;
    uint32_t index;
    uint32_t kind; /* 0: free */
} name_slot_t;

typedef struct {
    const RouteSignalRequest *requests;
    name_slot_t *slots;
    size_t mask;
} names_t;

static uint64_t s_hash(name_kind_t kind, const RouteSignalRequest *request) {
    switch (kind) {
    case NAME_ID: return hash_fold(kind, ids_hash64(request->signal_id, strlen(request->signal_id)));
    case NAME_GROUP: return hash_fold(kind, ids_hash64(request->group_id, strlen(request->group_id)));
    default:
        return hash_fold(hash_fold(kind, ids_hash64(request->source, strlen(request->source))),
                         ids_hash64(request->dedup_key, strlen(request->dedup_key)));
    }
}

static bool s_same(name_kind_t kind, const RouteSignalRequest *a, const RouteSignalRequest *b) {
    switch (kind) {
    case NAME_ID: return strcmp(a->signal_id, b->signal_id) == 0;
    case NAME_GROUP: return strcmp(a->group_id, b->group_id) == 0;
    default: return strcmp(a->dedup_key, b->dedup_key) == 0 && strcmp(a->source, b->source) == 0;
    }
}

/* The item that has the name; when there is none, `index` takes it (unless ITEM_NONE). */
static uint32_t s_name(names_t *self, name_kind_t kind, size_t of, bool take) {
    const RouteSignalRequest *request = &self->requests[of];
    uint64_t hash = s_hash(kind, request);
    size_t at = hash & self->mask;
    for (; self->slots[at].kind; at = (at + 1) & self->mask) {
        const name_slot_t *slot = &self->slots[at];
        if (slot->hash == hash && slot->kind == kind && s_same(kind, request, &self->requests[slot->index]))
            return slot->index;
    }
    if (take)
        self->slots[at] = (name_slot_t){.hash = hash, .index = (uint32_t)of, .kind = kind};
    return ITEM_NONE;
}

static void s_bind_twin(route_t *self, names_t *names, size_t index) {
    item_t *item = &self->items[index];
    const RouteSignalRequest *request = &names->requests[index];
    uint32_t first = request->has_signal_id ? s_name(names, NAME_ID, index, false) : ITEM_NONE;
    if (first == ITEM_NONE && request->has_dedup_key)
        first = s_name(names, NAME_DEDUP, index, false);
    if (first != ITEM_NONE) {
        if (self->items[first].body_hash == item->body_hash) {
            item->state = ITEM_TWIN;
            item->twin_of = first;
        } else {
            item_refuse(item, ERR_SIGNAL_ID_REUSED, dedup_reason(DEDUP_OTHER_BODY));
        }
        return;
    }
    if (request->has_signal_id)
        s_name(names, NAME_ID, index, true);
    if (request->has_dedup_key)
        s_name(names, NAME_DEDUP, index, true);
}

static void s_bind_group(route_t *self, names_t *names, uint32_t *last_member, size_t index) {
    uint32_t first = s_name(names, NAME_GROUP, index, true);
    if (first == ITEM_NONE) {
        last_member[index] = (uint32_t)index;
        return;
    }
    self->items[index].group_first = first;
    self->items[last_member[first]].group_next = (uint32_t)index;
    last_member[first] = (uint32_t)index;
}

void batch_bind(route_t *self, const RouteSignalRequest *requests) {
    size_t size = 4;
    while (size < 4 * self->count) /* at most three names an item */
        size *= 2;
    names_t names = {.requests = requests, .slots = calloc(size, sizeof *names.slots), .mask = size - 1};
    uint32_t *last_member = calloc(self->count + 1, sizeof *last_member);
    assert_always(names.slots && last_member);
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].state != ITEM_REFUSED)
            s_bind_twin(self, &names, i);
        if (requests[i].has_group_id && self->items[i].state != ITEM_TWIN)
            s_bind_group(self, &names, last_member, i);
    }
    free(last_member);
    free(names.slots);
}

static const item_t *s_refused_member(const route_t *self, uint32_t first) {
    for (uint32_t at = first; at != ITEM_NONE; at = self->items[at].group_next)
        if (self->items[at].state == ITEM_REFUSED)
            return &self->items[at];
    return NULL;
}

void batch_settle_groups(route_t *self) {
    for (uint32_t first = 0; first < self->count; first++) {
        if (self->items[first].group_first != first || self->items[first].group_next == ITEM_NONE)
            continue;
        const item_t *refused = s_refused_member(self, first);
        for (uint32_t at = first; refused && at != ITEM_NONE; at = self->items[at].group_next) {
            if (self->items[at].state != ITEM_OPEN)
                continue;
            item_refuse(&self->items[at], refused->err, "another signal of its group_id was refused");
            self->items[at].by_group = true;
        }
    }
}
