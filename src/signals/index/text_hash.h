/* A fast hash of short text for tables in memory. `seed` is random for each table, so that nobody outside can choose
 * texts that collide. Not for anything that is stored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t text_hash_mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide_t;
    wide_t product = (wide_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t text_hash(uint64_t seed, const char *text, size_t length) {
    const uint64_t odd = 0x9E3779B97F4A7C15ULL;
    uint64_t hash = seed ^ text_hash_mix(length + 1, odd), word;
    for (; length >= sizeof word; text += sizeof word, length -= sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = text_hash_mix(hash ^ word, odd);
    }
    word = 0;
    memcpy(&word, text, length);
    return text_hash_mix(hash ^ word, odd ^ (seed << 1));
}

/* Reads no byte behind the texts: strcmp reads whole vectors, and may so wait for a cache line that nobody needs. */
static inline bool text_same(const char *a, const char *b, size_t size) {
    uint64_t left, right;
    for (; size >= sizeof left; a += sizeof left, b += sizeof left, size -= sizeof left) {
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        if (left != right)
            return false;
    }
    while (size > 0 && *a == *b)
        a++, b++, size--;
    return size == 0;
}
