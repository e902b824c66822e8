/* Values as they are kept: one byte that says how, then the value, compressed with zstd where that makes it smaller.
 * Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>

/* Appends the packed value. Below `compress_from` bytes it is kept as it is. */
void pack_value(const void *value, size_t size, size_t compress_from, buf_t *out);

/* Appends the value. ERR_PROTOCOL: it is not a packed value, or longer than `most` bytes. */
ERR_MUST_USE
err_t pack_open(const void *packed, size_t size, size_t most, buf_t *out);

/* True when the packed value is compressed. */
bool pack_is_compressed(const void *packed, size_t size);
