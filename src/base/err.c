/* The error table of errors.def as arrays, and the end of the process for a broken invariant. */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *text;
    int status;
    bool retryable;
} err_row_t;

/* `#code + 4` drops the ERR_ of the name. */
static const err_row_t s_rows[ERR_COUNT] = {
    [OK] = {"OK", "success", 200, false},
    [ERR_PENDING] = {"PENDING", "the answer follows later", 202, false},
#define ERR(code, http_status, may_retry, message) [code] = {&#code[4], message, http_status, may_retry},
#include "base/errors.def"
#undef ERR
};

static const err_row_t *s_row(err_t err) {
    return (unsigned)err < ERR_COUNT ? &s_rows[err] : &s_rows[ERR_INTERNAL];
}

const char *err_name(err_t err) {
    return s_row(err)->name;
}

const char *err_text(err_t err) {
    return s_row(err)->text;
}

int err_http_status(err_t err) {
    return s_row(err)->status;
}

bool err_is_retryable(err_t err) {
    return s_row(err)->retryable;
}

err_t err_from_name(const char *name) {
    for (unsigned i = 0; name && i < ERR_COUNT; i++)
        if (strcmp(s_rows[i].name, name) == 0)
            return (err_t)i;
    return ERR_INTERNAL;
}

_Noreturn void assert_failed(const char *file, int line, const char *expression) {
    fprintf(stderr, "%s:%d: invariant does not hold: %s\n", file, line, expression);
    fflush(stderr);
    abort();
}
