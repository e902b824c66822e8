/* Errors: one code for everything that network, disk, client or peer can cause.
 *
 * Functions return err_t and give results through out-parameters. A code has a name (its wire
 * `error_code`), an HTTP status and a retryable mark, all from errors.def. Invariants are not errors:
 * they use assert_always, which is compiled in always. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    OK = 0,
    ERR_PENDING = 1, /* not an error: the answer follows later (see actor.h) */
#define ERR(code, status, retryable, text) code,
#include "base/errors.def"
#undef ERR
    ERR_COUNT
} err_t;

#define ERR_MUST_USE __attribute__((warn_unused_result))

/* "VALIDATION_FAILED"; "OK" for OK. Never NULL. */
const char *err_name(err_t err);

/* The default sentence of the code. Never NULL. */
const char *err_text(err_t err);

/* HTTP status: 200 for OK, 500 for an unknown code. */
int err_http_status(err_t err);

/* True when the same request may succeed later. */
bool err_is_retryable(err_t err);

/* The code with this wire name; ERR_INTERNAL when there is none. */
err_t err_from_name(const char *name);

/* Ends the process with file, line and expression on stderr; for invariants only. */
_Noreturn void assert_failed(const char *file, int line, const char *expression);

#define assert_always(expression) ((expression) ? (void)0 : assert_failed(__FILE__, __LINE__, #expression))
