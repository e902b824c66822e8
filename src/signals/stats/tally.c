/* Names in a hash table; latencies in 32 buckets an octave, by microseconds. */
#include "signals/stats/tally.h"

#include "base/err.h"
#include "signals/index/text_hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_OCTAVE_BITS = 5, PER_OCTAVE = 1 << PER_OCTAVE_BITS, BUCKETS = PER_OCTAVE * 28 /* to an hour */ };

typedef struct {
    char name[TALLY_NAME_SIZE];
    uint64_t count;
} name_t;

typedef struct {
    name_t *names;
    uint32_t *slots; /* index of the name plus 1; 0: free */
    size_t count, capacity, slot_count;
    size_t last; /* found last: the next one is often the same */
} names_t;

struct tally_s {
    uint64_t events[TALLY_EVENTS];
    names_t kinds[TALLY_KINDS];
    uint64_t latencies, latency_sum_us;
    uint64_t buckets[BUCKETS];
};

static const char *const s_events[TALLY_EVENTS] = {
    "routed",
    "rejected",
    "held",
    "duplicates",
    "expired",
    "superseded",
    "conflicts_detected",
    "conflicts_resolved",
};
static const char *const s_kinds[TALLY_KINDS] = {"source", "target", "type", "side"};
#define DIMENSION_EVENT       "event"
#define DIMENSION_LATENCY     "latency_bucket"
#define DIMENSION_LATENCY_SUM "latency_us"

tally_t *tally_new(void) {
    tally_t *self = calloc(1, sizeof *self);
    assert_always(self);
    return self;
}

void tally_destroy(tally_t **self_p) {
    tally_t *self = *self_p;
    if (!self)
        return;
    for (names_t *names = self->kinds; names < self->kinds + TALLY_KINDS; names++) {
        free(names->names);
        free(names->slots);
    }
    free(self);
    *self_p = NULL;
}

/* --- names ----------------------------------------------------------------------------------- */

/* The slot of the name, or the free one where it belongs. There always is one. */
static uint32_t *s_slot(const names_t *self, const char *name) {
    size_t mask = self->slot_count - 1;
    size_t at = text_hash((uintptr_t)self, name, strlen(name)) & mask;
    while (self->slots[at] && strcmp(self->names[self->slots[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return &self->slots[at];
}

static void s_grow(names_t *self) {
    self->capacity = self->capacity ? self->capacity * 2 : 8;
    self->slot_count = self->capacity * 2;
    self->names = realloc(self->names, self->capacity * sizeof *self->names);
    free(self->slots);
    self->slots = calloc(self->slot_count, sizeof *self->slots);
    assert_always(self->names && self->slots);
    for (size_t i = 0; i < self->count; i++)
        *s_slot(self, self->names[i].name) = (uint32_t)i + 1;
}

static name_t *s_name(names_t *self, const char *name) {
    if (self->count && strcmp(self->names[self->last].name, name) == 0)
        return &self->names[self->last];
    if (self->count == self->capacity)
        s_grow(self);
    uint32_t *slot = s_slot(self, name);
    if (!*slot) {
        if (self->count >= TALLY_NAMES_MOST && strcmp(name, TALLY_OTHER) != 0)
            return s_name(self, TALLY_OTHER);
        name_t *added = &self->names[self->count++];
        *added = (name_t){.count = 0};
        snprintf(added->name, sizeof added->name, "%s", name);
        *slot = (uint32_t)self->count;
    }
    self->last = *slot - 1;
    return &self->names[self->last];
}

void tally_add_name(tally_t *self, tally_kind_t kind, const char *name, uint64_t count) {
    s_name(&self->kinds[kind], name)->count += count;
}

bool tally_next_name(const tally_t *self, tally_kind_t kind, size_t *at, const char **name, uint64_t *count) {
    const names_t *names = &self->kinds[kind];
    if (*at >= names->count)
        return false;
    *name = names->names[*at].name;
    *count = names->names[(*at)++].count;
    return true;
}

/* --- events and latencies -------------------------------------------------------------------- */

void tally_add(tally_t *self, tally_event_t event, uint64_t count) {
    self->events[event] += count;
}

uint64_t tally_count(const tally_t *self, tally_event_t event) {
    return self->events[event];
}

static size_t s_bucket(int64_t microseconds) {
    if (microseconds < PER_OCTAVE)
        return microseconds > 0 ? (size_t)microseconds : 0;
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)microseconds) - PER_OCTAVE_BITS;
    size_t bucket = (octave + 1) * PER_OCTAVE + ((size_t)(microseconds >> octave) & (PER_OCTAVE - 1));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double s_upper_edge_us(size_t bucket) {
    if (bucket < PER_OCTAVE)
        return (double)bucket + 1;
    size_t octave = bucket / PER_OCTAVE - 1;
    return (double)((uint64_t)(PER_OCTAVE + bucket % PER_OCTAVE + 1) << octave);
}

void tally_add_latency(tally_t *self, int64_t microseconds) {
    self->latencies++;
    self->latency_sum_us += microseconds > 0 ? (uint64_t)microseconds : 0;
    self->buckets[s_bucket(microseconds)]++;
}

uint64_t tally_latencies(const tally_t *self) {
    return self->latencies;
}

double tally_mean_ms(const tally_t *self) {
    return (double)self->latency_sum_us / (double)self->latencies / 1000;
}

double tally_quantile_ms(const tally_t *self, double quantile) {
    double below = quantile * (double)self->latencies, seen = 0;
    size_t bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++) {
        seen += (double)self->buckets[bucket];
        if (seen > 0 && seen >= below)
            break;
    }
    return s_upper_edge_us(bucket) / 1000;
}

/* --- as it is stored ------------------------------------------------------------------------- */

void tally_merge(tally_t *self, const tally_t *from) {
    const char *name;
    uint64_t count;
    for (int i = 0; i < TALLY_EVENTS; i++)
        self->events[i] += from->events[i];
    for (int kind = 0; kind < TALLY_KINDS; kind++)
        for (size_t at = 0; tally_next_name(from, (tally_kind_t)kind, &at, &name, &count);)
            tally_add_name(self, (tally_kind_t)kind, name, count);
    for (size_t i = 0; i < BUCKETS; i++)
        self->buckets[i] += from->buckets[i];
    self->latencies += from->latencies;
    self->latency_sum_us += from->latency_sum_us;
}

void tally_each(const tally_t *self, tally_count_fn *fn, void *context) {
    const char *name;
    uint64_t count;
    for (int i = 0; i < TALLY_EVENTS; i++)
        if (self->events[i])
            fn(context, DIMENSION_EVENT, s_events[i], self->events[i]);
    for (int kind = 0; kind < TALLY_KINDS; kind++)
        for (size_t at = 0; tally_next_name(self, (tally_kind_t)kind, &at, &name, &count);)
            fn(context, s_kinds[kind], name, count);
    if (self->latency_sum_us)
        fn(context, DIMENSION_LATENCY_SUM, "", self->latency_sum_us);
    for (size_t i = 0; i < BUCKETS; i++)
        if (self->buckets[i]) {
            char number[16];
            snprintf(number, sizeof number, "%zu", i);
            fn(context, DIMENSION_LATENCY, number, self->buckets[i]);
        }
}

static bool s_put_bucket(tally_t *self, const char *name, uint64_t count) {
    size_t bucket = strtoul(name, NULL, 10);
    if (bucket >= BUCKETS)
        return false;
    self->buckets[bucket] += count;
    self->latencies += count;
    return true;
}

static int s_find(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool tally_put(tally_t *self, const char *dimension, const char *name, uint64_t count) {
    int kind = s_find(s_kinds, TALLY_KINDS, dimension);
    if (kind >= 0) {
        tally_add_name(self, (tally_kind_t)kind, name, count);
        return true;
    }
    if (strcmp(dimension, DIMENSION_LATENCY) == 0)
        return s_put_bucket(self, name, count);
    if (strcmp(dimension, DIMENSION_LATENCY_SUM) == 0) {
        self->latency_sum_us += count;
        return true;
    }
    int event = strcmp(dimension, DIMENSION_EVENT) == 0 ? s_find(s_events, TALLY_EVENTS, name) : -1;
    if (event >= 0)
        self->events[event] += count;
    return event >= 0;
}
