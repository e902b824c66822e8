/* The list of problems of a request, bounded. */
#include "message/json_codec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void problems_add(problems_t *self, const char *field, const char *format, ...) {
    self->found++;
    if (self->count == PROBLEMS_MAX)
        return;
    buf_t text = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    self->items[self->count++] = (problem_t){message_strdup(field), buf_steal(&text)};
}

void problems_free(problems_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].field);
        free(self->items[i].problem);
    }
    self->count = self->found = 0;
}
