/* A list of chunks; only the first is kept between groups, so a rare big group leaves nothing behind. */
#include "store/arena.h"

#include "base/err.h"
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 * 1024 };

struct arena_chunk_s {
    arena_chunk_t *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static arena_chunk_t *s_chunk(size_t size) {
    if (size < CHUNK)
        size = CHUNK;
    arena_chunk_t *chunk = malloc(sizeof *chunk + size);
    assert_always(chunk);
    chunk->next = NULL;
    chunk->used = 0;
    chunk->size = size;
    return chunk;
}

void *arena_take(arena_t *self, size_t size) {
    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!self->first)
        self->first = self->current = s_chunk(size);
    if (self->current->size - self->current->used < size)
        self->current = self->current->next = s_chunk(size);
    void *piece = self->current->bytes + self->current->used;
    self->current->used += size;
    return memset(piece, 0, size);
}

static void s_free_from(arena_chunk_t *chunk) {
    while (chunk) {
        arena_chunk_t *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_clear(arena_t *self) {
    if (!self->first)
        return;
    s_free_from(self->first->next);
    self->first->next = NULL;
    self->first->used = 0;
    self->current = self->first;
}

void arena_free(arena_t *self) {
    s_free_from(self->first);
    *self = (arena_t){NULL, NULL};
}
