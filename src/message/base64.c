/* Base64, strict: padded, no white space, no bits left over. */
#include "message/base64.h"

static const char s_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int s_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *size) {
    *size = 0;
    if (length % 4)
        return false;
    size_t padding = length && text[length - 1] == '=' ? 1 + (text[length - 2] == '=') : 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = i < length - padding ? s_digit(text[i]) : 0;
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 < 3)
            continue;
        size_t n = i + 1 == length ? 3 - padding : 3;
        const uint8_t three[] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        for (size_t k = 0; k < n && k < sizeof three; k++)
            out[(*size)++] = three[k];
        if (n < 3 && (bits & (n == 2 ? 0xffu : 0xffffu)))
            return false;
        bits = 0;
    }
    return true;
}

void base64_encode(const uint8_t *bytes, size_t size, buf_t *out) {
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= n > 2 ? bytes[i + 2] : 0;
        char four[4] = {s_letters[bits >> 18], s_letters[bits >> 12 & 63], '=', '='};
        if (n > 1)
            four[2] = s_letters[bits >> 6 & 63];
        if (n > 2)
            four[3] = s_letters[bits & 63];
        buf_append(out, four, sizeof four);
    }
}
