/* Latency percentiles: see latency.h. */
#include "services/latency.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Values below 128 have a bucket each; above, 128 buckets an octave. */
static size_t s_bucket_of(uint64_t value) {
    if (value < 128)
        return (size_t)value;
    unsigned octave = 63u - (unsigned)__builtin_clzll(value); /* >= 7 */
    size_t bucket = (octave - 6) * 128 + (size_t)((value >> (octave - 7)) & 127);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t s_upper_edge(size_t bucket) {
    if (bucket < 128)
        return bucket;
    unsigned octave = (unsigned)(bucket / 128) + 6;
    uint64_t width = UINT64_C(1) << (octave - 7);
    return (UINT64_C(1) << octave) + (bucket % 128 + 1) * width - 1;
}

void latency_record(latency_t *self, int64_t now_us, int64_t microseconds) {
    int64_t number = now_us / LATENCY_SLICE_US;
    size_t slot = (size_t)(number % LATENCY_SLICES);
    if (self->slices[slot].number != number) {
        memset(&self->slices[slot], 0, sizeof self->slices[slot]);
        self->slices[slot].number = number;
    }
    self->slices[slot].buckets[s_bucket_of(microseconds < 0 ? 0 : (uint64_t)microseconds)]++;
    self->slices[slot].count++;
}

static bool s_counts(const latency_t *self, size_t slot, int64_t now_us) {
    return self->slices[slot].number > now_us / LATENCY_SLICE_US - LATENCY_SLICES;
}

uint64_t latency_count(const latency_t *self, int64_t now_us) {
    uint64_t count = 0;
    for (size_t slot = 0; slot < LATENCY_SLICES; slot++)
        if (s_counts(self, slot, now_us))
            count += self->slices[slot].count;
    return count;
}

double latency_quantile_ms(const latency_t *self, int64_t now_us, double quantile) {
    uint64_t count = latency_count(self, now_us), seen = 0;
    if (count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil(quantile * (double)count);
    for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        for (size_t slot = 0; slot < LATENCY_SLICES; slot++)
            if (s_counts(self, slot, now_us))
                seen += self->slices[slot].buckets[bucket];
        if (seen >= rank && seen > 0)
            return (double)s_upper_edge(bucket) / 1000.0;
    }
    return (double)s_upper_edge(LATENCY_BUCKETS - 1) / 1000.0;
}
