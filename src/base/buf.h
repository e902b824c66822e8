/* A growing byte buffer, always NUL-terminated past its end, so `data` also reads as a C string.
 *
 * Owned by one thread. Out of memory aborts: every allocation here is bounded by a checked input size. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *data; /* NULL until the first byte */
    size_t size;
    size_t capacity;
} buf_t;

#define BUF_INIT \
    { NULL, 0, 0 }

void buf_free(buf_t *self);  /* frees and resets to BUF_INIT */
void buf_clear(buf_t *self); /* size 0, memory kept */
void buf_reserve(buf_t *self, size_t extra);
void buf_append(buf_t *self, const void *bytes, size_t size);
void buf_append_str(buf_t *self, const char *text);
void buf_append_char(buf_t *self, char c);
void buf_printf(buf_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(buf_t *self, const char *format, va_list args);

/* The NUL-terminated content, "" when empty. Borrowed until the next change. */
const char *buf_str(const buf_t *self);

/* Hands the bytes to the caller, who frees them; never NULL. The buffer is empty after. */
char *buf_steal(buf_t *self);
