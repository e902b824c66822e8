/* Growth by doubling. */
#include "base/array.h"

#include "base/err.h"
#include <stdlib.h>

void *array_grow(void *items, size_t count, size_t *capacity, size_t first, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : first;
    items = realloc(items, *capacity * size);
    assert_always(items);
    return items;
}
