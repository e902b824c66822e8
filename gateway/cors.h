/* Which origins browsers may call from. Off unless INTEGRATION_CORS_ORIGINS is set. Pure. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>

/* `origins` is the setting: a comma list of scheme://host[:port], or "*"; "" = none. */
bool cors_origin_allowed(const char *origins, const char *origin);

/* Header lines for an answer to this origin; none when it is not allowed. Vary is sent whenever CORS is on. */
void cors_headers(buf_t *out, const char *origins, const char *origin);

/* Further header lines for a preflight; `allow` is the methods that the path takes. */
void cors_preflight_headers(buf_t *out, const char *allow);
