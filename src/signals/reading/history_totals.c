/* A short list; the one that was not asked for for longest makes room. */
#include "signals/reading/history_totals.h"

#include "base/buf.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 256 };

typedef struct {
    char *key; /* NULL: free */
    history_total_t known;
    uint64_t used;
} total_t;

struct history_totals_s {
    total_t totals[KEPT];
    uint64_t clock;
    uint64_t age; /* times that it was cleared */
    buf_t key;
};

history_totals_t *history_totals_new(void) {
    history_totals_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->key = (buf_t)BUF_INIT;
    return self;
}

void history_totals_clear(history_totals_t *self) {
    for (size_t i = 0; i < KEPT; i++)
        free(self->totals[i].key);
    memset(self->totals, 0, sizeof self->totals);
    self->age++;
}

uint64_t history_totals_age(const history_totals_t *self) {
    return self->age;
}

void history_totals_destroy(history_totals_t **self_p) {
    history_totals_t *self = *self_p;
    if (!self)
        return;
    history_totals_clear(self);
    buf_free(&self->key);
    free(self);
    *self_p = NULL;
}

/* The texts of the filters hold no space. */
static const char *s_key(history_totals_t *self, const history_query_t *query) {
    const char *texts[] = {query->symbol, query->source, query->target, query->signal_type, query->side};
    buf_clear(&self->key);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_printf(&self->key, "%s ", texts[i] ? texts[i] : "");
    if (query->has_from)
        buf_printf(&self->key, "from %" PRId64, query->from_ms);
    if (query->has_to)
        buf_printf(&self->key, "to %" PRId64, query->to_ms);
    buf_printf(&self->key, "after %" PRId64, query->after_seq);
    return buf_str(&self->key);
}

/* The one with the key, else the one to be replaced. */
static total_t *s_find(history_totals_t *self, const char *key) {
    total_t *oldest = self->totals;
    for (total_t *total = self->totals; total < self->totals + KEPT; total++) {
        if (total->key && strcmp(total->key, key) == 0)
            return total;
        if (total->used < oldest->used)
            oldest = total;
    }
    return oldest;
}

history_total_t history_totals_get(history_totals_t *self, const history_query_t *query) {
    const char *key = s_key(self, query);
    total_t *total = s_find(self, key);
    if (query->status || !total->key || strcmp(total->key, key) != 0)
        return (history_total_t)HISTORY_TOTAL_NONE;
    total->used = ++self->clock;
    return total->known;
}

void history_totals_put(history_totals_t *self, uint64_t age, const history_query_t *query,
                        const history_total_t *known) {
    if (query->status || age != self->age)
        return;
    const char *key = s_key(self, query);
    total_t *total = s_find(self, key);
    if (!total->key || strcmp(total->key, key) != 0) {
        free(total->key);
        *total = (total_t){.key = strdup(key), .known = HISTORY_TOTAL_NONE};
        assert_always(total->key);
    }
    total->used = ++self->clock;
    if (known->up_to_seq >= total->known.up_to_seq)
        total->known = *known;
}
