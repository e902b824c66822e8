/* Open addressing; a mark without signals stays until the table grows. */
#include "signals/index/source_marks.h"

#include "base/err.h"
#include "signals/index/text_hash.h"
#include <stdlib.h>

enum { MARKS_LEAST = 8 };

static void s_allocate(source_marks_t *self, uint32_t count) {
    assert_always(count > 0);
    self->marks = calloc(count, sizeof *self->marks);
    assert_always(self->marks);
    self->mask = count - 1;
    self->used = 0;
}

source_marks_t *source_marks_new(void) {
    source_marks_t *self = calloc(1, sizeof *self);
    assert_always(self);
    s_allocate(self, MARKS_LEAST);
    return self;
}

void source_marks_destroy(source_marks_t **self_p) {
    if (*self_p)
        free((*self_p)->marks);
    free(*self_p);
    *self_p = NULL;
}

size_t source_marks_bytes(const source_marks_t *self) {
    return self ? sizeof *self + (self->mask + 1) * sizeof *self->marks : 0;
}

/* The mark of the source, or the empty one where it belongs. */
static source_mark_t *s_find(const source_marks_t *self, const char *source) {
    uint32_t at = (uint32_t)text_hash_mix((uintptr_t)source, 0x9E3779B97F4A7C15ULL);
    while (self->marks[at & self->mask].source && self->marks[at & self->mask].source != source)
        at++;
    return &self->marks[at & self->mask];
}

static void s_grow(source_marks_t *self) {
    source_mark_t *old = self->marks;
    uint32_t old_count = self->mask + 1, live = 0;
    for (uint32_t i = 0; i < old_count; i++)
        live += old[i].count > 0;
    s_allocate(self, live >= old_count / 2 ? old_count * 2 : old_count);
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].count > 0) {
            *s_find(self, old[i].source) = old[i];
            self->used++;
        }
    free(old);
}

void source_marks_add(source_marks_t *self, const candidate_t *candidate) {
    source_mark_t *mark = s_find(self, candidate->source);
    if (!mark->source && self->used >= (self->mask + 1) / 4 * 3) {
        s_grow(self);
        mark = s_find(self, candidate->source);
    }
    self->used += !mark->source;
    if (mark->count == 0)
        *mark = (source_mark_t){.source = candidate->source, .newest = INT64_MIN, .newest_seq = INT64_MIN};
    mark->count++;
    if (candidate->timestamp > mark->newest)
        mark->newest = candidate->timestamp;
    if (candidate->has_source_seq && candidate->source_seq > mark->newest_seq)
        mark->newest_seq = candidate->source_seq;
}

void source_marks_remove(source_marks_t *self, const candidate_t *candidate) {
    source_mark_t *mark = s_find(self, candidate->source);
    assert_always(mark->count > 0);
    mark->count--;
}

const source_mark_t *source_marks_of(const source_marks_t *self, const char *source) {
    const source_mark_t *mark = s_find(self, source);
    return mark->count > 0 ? mark : NULL;
}
