/* A growing byte buffer: doubles its memory, keeps one byte more than `size` for the NUL. */
#include "base/buf.h"

#include "base/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_CAPACITY = 64 };

void buf_free(buf_t *self) {
    free(self->data);
    *self = (buf_t)BUF_INIT;
}

void buf_clear(buf_t *self) {
    self->size = 0;
    if (self->data)
        self->data[0] = '\0';
}

void buf_reserve(buf_t *self, size_t extra) {
    assert_always(extra < SIZE_MAX / 4 && self->size < SIZE_MAX / 4);
    size_t wanted = self->size + extra + 1;
    if (wanted <= self->capacity)
        return;
    size_t capacity = self->capacity ? self->capacity : BUF_FIRST_CAPACITY;
    while (capacity < wanted)
        capacity *= 2;
    self->data = realloc(self->data, capacity);
    assert_always(self->data);
    self->capacity = capacity;
    self->data[self->size] = '\0';
}

void buf_append(buf_t *self, const void *bytes, size_t size) {
    buf_reserve(self, size);
    if (size)
        memcpy(self->data + self->size, bytes, size);
    self->size += size;
    self->data[self->size] = '\0';
}

void buf_append_str(buf_t *self, const char *text) {
    buf_append(self, text, strlen(text));
}

void buf_append_char(buf_t *self, char c) {
    buf_reserve(self, 1);
    self->data[self->size++] = c;
    self->data[self->size] = '\0';
}

void buf_vprintf(buf_t *self, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    buf_reserve(self, BUF_FIRST_CAPACITY);
    size_t room = self->capacity - self->size;
    int needed = vsnprintf(self->data + self->size, room, format, args);
    assert_always(needed >= 0);
    if ((size_t)needed >= room) {
        buf_reserve(self, (size_t)needed);
        vsnprintf(self->data + self->size, (size_t)needed + 1, format, again);
    }
    va_end(again);
    self->size += (size_t)needed;
}

void buf_printf(buf_t *self, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(self, format, args);
    va_end(args);
}

const char *buf_str(const buf_t *self) {
    return self->data ? self->data : "";
}

char *buf_steal(buf_t *self) {
    buf_reserve(self, 0);
    char *bytes = self->data;
    *self = (buf_t)BUF_INIT;
    return bytes;
}
