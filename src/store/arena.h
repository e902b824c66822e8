/* Memory for the length of one group of writes: taken in small pieces, given back all at once. Owned by one
 * thread. */
#pragma once

#include <stddef.h>

typedef struct arena_chunk_s arena_chunk_t;
typedef struct {
    arena_chunk_t *first;   /* kept over arena_clear */
    arena_chunk_t *current; /* where pieces come from */
} arena_t;

/* Zeroed and aligned for anything; never NULL. */
void *arena_take(arena_t *self, size_t size);
void arena_clear(arena_t *self);
void arena_free(arena_t *self);
