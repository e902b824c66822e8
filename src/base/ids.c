/* Identifiers from a generator per thread (xoshiro256**), seeded by the kernel at its first use. */
#include "base/ids.h"

#include "base/clock.h"
#include "base/err.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

typedef struct {
    uint64_t state[4];
    bool seeded;
    int64_t uuid_ms;       /* of the last UUID: never goes back */
    uint32_t uuid_counter; /* its 12 bits of rand_a: rises within one millisecond */
} s_generator_t;

static _Thread_local s_generator_t s_generator;
static atomic_uint_fast64_t s_next_id = 1;

static void s_seed(s_generator_t *self) {
    size_t done = 0;
    while (done < sizeof self->state) {
        ssize_t got = getrandom((char *)self->state + done, sizeof self->state - done, 0);
        assert_always(got > 0 || errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
    self->state[0] |= 1; /* all zero would stay zero */
    self->seeded = true;
}

static uint64_t s_rotate_left(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

uint64_t ids_random64(void) {
    s_generator_t *self = &s_generator;
    if (!self->seeded)
        s_seed(self);
    uint64_t *s = self->state;
    uint64_t result = s_rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s_rotate_left(s[3], 45);
    return result;
}

uint64_t ids_next(void) {
    return atomic_fetch_add_explicit(&s_next_id, 1, memory_order_relaxed);
}

/* Writes the low `digits` * 4 bits in lower-case hex. */
static void s_put_hex(char *out, uint64_t value, int digits) {
    while (digits-- > 0) {
        out[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* RFC 9562 section 6.2 method 1: rand_a counts within the millisecond from a random start below 2048, and
 * borrows from the next millisecond when it runs over. */
static void s_uuid_tick(s_generator_t *self) {
    int64_t now = clock_wall_ms();
    if (now > self->uuid_ms) {
        self->uuid_ms = now;
        self->uuid_counter = (uint32_t)ids_random64() & 0x7ff;
    } else if (++self->uuid_counter > 0xfff) {
        self->uuid_ms++;
        self->uuid_counter = 0;
    }
}

void ids_uuid7(char out[UUID_SIZE]) {
    s_generator_t *self = &s_generator;
    s_uuid_tick(self);
    uint64_t random = ids_random64();
    s_put_hex(out, (uint64_t)self->uuid_ms >> 16, 8);
    out[8] = '-';
    s_put_hex(out + 9, (uint64_t)self->uuid_ms, 4);
    out[13] = '-';
    s_put_hex(out + 14, 0x7000u | self->uuid_counter, 4);
    out[18] = '-';
    s_put_hex(out + 19, 0x8000u | (random >> 50), 4); /* variant 10 and 14 bits */
    out[23] = '-';
    s_put_hex(out + 24, random, 12);
    out[36] = '\0';
}

static uint64_t s_random_nonzero(void) {
    uint64_t value;
    do
        value = ids_random64();
    while (value == 0);
    return value;
}

void ids_traceparent(char out[TRACEPARENT_SIZE]) {
    memcpy(out, "00-", 3);
    s_put_hex(out + 3, s_random_nonzero(), 16);
    s_put_hex(out + 19, ids_random64(), 16);
    out[35] = '-';
    s_put_hex(out + 36, s_random_nonzero(), 16);
    memcpy(out + 52, "-01", 4);
}

/* `count` lower-case hex digits; `any_zero` allows that all are 0. */
static bool s_hex_ok(const char *text, int count, bool any_zero) {
    bool nonzero = any_zero;
    for (int i = 0; i < count; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        nonzero = nonzero || c != '0';
    }
    return nonzero;
}

bool ids_traceparent_valid(const char *text) {
    return text && strnlen(text, TRACEPARENT_SIZE) == TRACEPARENT_SIZE - 1 && memcmp(text, "00-", 3) == 0 &&
           s_hex_ok(text + 3, 32, false) && text[35] == '-' && s_hex_ok(text + 36, 16, false) &&
           text[52] == '-' && s_hex_ok(text + 53, 2, true);
}

void ids_traceparent_child(const char *parent, char out[TRACEPARENT_SIZE]) {
    if (!ids_traceparent_valid(parent)) {
        ids_traceparent(out);
        return;
    }
    memmove(out, parent, TRACEPARENT_SIZE);
    s_put_hex(out + 36, s_random_nonzero(), 16);
}

/* Eight bytes a step, then the finaliser of MurmurHash3. Little-endian by definition, so that a stored hash
 * means the same on every machine. */
uint64_t ids_hash64(const void *bytes, uint64_t size) {
    const unsigned char *p = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (size * UINT64_C(0x100000001b3));
    while (size > 0) {
        uint64_t word = 0;
        unsigned take = size < 8 ? (unsigned)size : 8;
        for (unsigned i = 0; i < take; i++)
            word |= (uint64_t)p[i] << (8 * i);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
        p += take;
        size -= take;
    }
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}
