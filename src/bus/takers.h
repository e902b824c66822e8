/* Who takes commands: the set of components that are subscribed to cmd/<component>/. Private to src/bus.
 *
 * Fed from the XPUB socket's subscription messages, which come at each subscription to a prefix and at the end of
 * the last one. Belongs to the broker's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *prefix; /* "cmd/signals/" */
    size_t length;
} taker_t;

typedef struct {
    taker_t *items;
    size_t count, capacity;
} takers_t;

void takers_free(takers_t *self);
/* What is not the command prefix of one component is ignored. */
void takers_add(takers_t *self, const char *prefix, size_t length);
void takers_remove(takers_t *self, const char *prefix, size_t length);
/* True when a component takes the command of this topic. */
bool takers_have(const takers_t *self, const char *topic);
