/* Arrays that grow. */
#pragma once

#include <stddef.h>

/* Room for one more item of `size` bytes behind `count`: the items, moved when they had to be. `capacity` doubles, and
 * is `first` at the beginning. Out of memory ends the process. */
void *array_grow(void *items, size_t count, size_t *capacity, size_t first, size_t size);
