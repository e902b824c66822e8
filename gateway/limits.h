/* Requests per second for each key or address: token buckets in a table of fixed size.
 *
 * Any thread. The clock is passed in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct limits_s limits_t;

/* Room for `capacity` (a power of two) askers at once. When it is full the one that was idle longest makes room. */
limits_t *limits_new(size_t capacity);
void limits_destroy(limits_t **self_p);

/* Takes one token of `who`: `rate` a second, at most 2 * rate saved up. False when there is none; then
 * *retry_after is the seconds until there is one, rounded up, at least 1. `rate` 0 = no limit. */
bool limits_take(limits_t *self, const char *who, int64_t rate, int64_t now_us, uint32_t *retry_after);
