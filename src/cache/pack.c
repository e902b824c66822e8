/* Packed values: see pack.h. */
#include "cache/pack.h"

#include <zstd.h>

enum { PLAIN = 'p', ZSTD = 'z', LEVEL = 1 };

/* False when it would not become smaller. */
static bool s_compress(const void *value, size_t size, buf_t *out) {
    size_t start = out->size;
    buf_append_char(out, ZSTD);
    buf_reserve(out, ZSTD_compressBound(size));
    size_t length = ZSTD_compress(out->data + out->size, ZSTD_compressBound(size), value, size, LEVEL);
    if (!ZSTD_isError(length) && length < size) {
        out->size += length;
        out->data[out->size] = '\0';
        return true;
    }
    out->size = start;
    return false;
}

void pack_value(const void *value, size_t size, size_t compress_from, buf_t *out) {
    if (size > 0 && size >= compress_from && s_compress(value, size, out))
        return;
    buf_append_char(out, PLAIN);
    buf_append(out, value, size);
}

bool pack_is_compressed(const void *packed, size_t size) {
    return size > 0 && *(const char *)packed == ZSTD;
}

static err_t s_decompress(const void *packed, size_t size, size_t most, buf_t *out) {
    unsigned long long length = ZSTD_getFrameContentSize(packed, size);
    if (length == ZSTD_CONTENTSIZE_ERROR || length == ZSTD_CONTENTSIZE_UNKNOWN || length > most)
        return ERR_PROTOCOL;
    buf_reserve(out, (size_t)length);
    if (ZSTD_decompress(out->data + out->size, (size_t)length, packed, size) != (size_t)length)
        return ERR_PROTOCOL;
    out->size += (size_t)length;
    out->data[out->size] = '\0';
    return OK;
}

err_t pack_open(const void *packed, size_t size, size_t most, buf_t *out) {
    const char *bytes = packed;
    if (size > 0 && *bytes == ZSTD)
        return s_decompress(bytes + 1, size - 1, most, out);
    if (size == 0 || *bytes != PLAIN || size - 1 > most)
        return ERR_PROTOCOL;
    buf_append(out, bytes + 1, size - 1);
    return OK;
}
