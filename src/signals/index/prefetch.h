/* Starts fetching what will be written soon: done for several objects before the first of them is touched, their cache
 * misses overlap. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64 /* bytes */

/* Changes nothing, whatever `at` is. GCC takes a function that only prefetches for one without effect and drops its
 * calls: the empty asm is there to be an effect. */
static inline void prefetch(const void *at, size_t size) {
    uintptr_t line = (uintptr_t)at & ~(uintptr_t)(CACHE_LINE - 1);
    for (; line < (uintptr_t)at + size; line += CACHE_LINE)
        __builtin_prefetch((const void *)line, 1);
    __asm__ volatile("");
}
