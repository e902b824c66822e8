/* The request headers that mean something here, found in one pass, and the questions asked of their values.
 *
 * Pure: works on names and values. Values are borrowed; absent ones are NULL. */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *accept;
    const char *access_control_request_method;
    const char *api_key; /* X-API-Key */
    const char *authorization;
    const char *connection;
    const char *content_length;
    const char *content_type;
    const char *expect;
    const char *host;
    const char *idempotency_key;
    const char *origin;
    const char *request_id; /* X-Request-ID */
    const char *traceparent;
    const char *transfer_encoding;
    bool ambiguous; /* body length or identity was said twice */
} headers_t;

/* Takes one header into the set; others are ignored. */
void headers_take(headers_t *self, const char *name, const char *value);

/* The length of the body is said once, and as a number: anything else could be read differently by a proxy. */
ERR_MUST_USE
bool headers_framing_valid(const headers_t *self);

/* 1 to 128 visible ASCII characters: what a request id or an idempotency key may be. */
ERR_MUST_USE
bool header_is_token(const char *value);

/* The comma list holds the word, compared without case, parameters aside. */
bool header_list_has(const char *value, const char *word);

/* RFC 9457 is asked for: application/problem+json is listed, and not with q=0. */
bool header_accepts_problem(const char *accept);

/* application/json or a +json type; a charset other than UTF-8 is not. */
bool header_is_json(const char *content_type);

/* The key after "Bearer "; NULL when the value is of another form. */
const char *header_bearer(const char *authorization);
