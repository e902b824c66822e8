/* Inside of the message folder: base64 (RFC 4648, with padding) of bytes fields. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>

/* Bytes that `length` characters can decode to, at most. */
#define BASE64_ROOM(length) ((length) / 4 * 3)

/* False when the text is not base64; `out` has BASE64_ROOM (length) bytes. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *size);
void base64_encode(const uint8_t *bytes, size_t size, buf_t *out);
