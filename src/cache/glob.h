/* Patterns of keys: * stands for any text, ? for one byte, all else for itself. Pure. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>

bool glob_match(const char *pattern, const char *text);

/* Appends the pattern in the language of Redis, where [ and \ mean something too. */
void glob_for_redis(const char *pattern, buf_t *out);
