/* A short array: a process has some fifteen components, and a length is compared before bytes are. */
#include "bus/takers.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>

static const char s_cmd[] = "cmd/";
enum { CMD_LENGTH = sizeof s_cmd - 1 };

/* Length of "cmd/<component>/" at the start of the text; 0 when it is not there. */
static size_t s_prefix_length(const char *text, size_t size) {
    if (size <= CMD_LENGTH || memcmp(text, s_cmd, CMD_LENGTH) != 0)
        return 0;
    const char *end = memchr(text + CMD_LENGTH, '/', size - CMD_LENGTH);
    return end ? (size_t)(end - text) + 1 : 0;
}

static taker_t *s_find(const takers_t *self, const char *prefix, size_t length) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].length == length && memcmp(self->items[i].prefix, prefix, length) == 0)
            return &self->items[i];
    }
    return NULL;
}

void takers_add(takers_t *self, const char *prefix, size_t length) {
    if (length == 0 || s_prefix_length(prefix, length) != length || s_find(self, prefix, length))
        return;
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 16;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        assert_always(self->items);
    }
    char *copy = strndup(prefix, length);
    assert_always(copy);
    self->items[self->count++] = (taker_t){.prefix = copy, .length = length};
}

void takers_remove(takers_t *self, const char *prefix, size_t length) {
    taker_t *known = length ? s_find(self, prefix, length) : NULL;
    if (!known)
        return;
    free(known->prefix);
    *known = self->items[--self->count];
}

bool takers_have(const takers_t *self, const char *topic) {
    size_t length = s_prefix_length(topic, strlen(topic));
    return length && s_find(self, topic, length);
}

void takers_free(takers_t *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i].prefix);
    free(self->items);
    *self = (takers_t){0};
}
