/* Latency percentiles: see latency.h. */
#include "services/latency.h"

#include <math.h>
#include <stddef.h>

/* Values below 16 have a bucket each; above, 16 buckets an octave. */
static size_t s_bucket_of(uint64_t value) {
    if (value < 16)
        return (size_t)value;
    unsigned octave = 63u - (unsigned)__builtin_clzll(value); /* >= 4 */
    size_t bucket = (octave - 3) * 16 + (size_t)((value >> (octave - 4)) & 15);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t s_upper_edge(size_t bucket) {
    if (bucket < 16)
        return bucket;
    unsigned octave = (unsigned)(bucket / 16) + 3;
    uint64_t width = UINT64_C(1) << (octave - 4);
    return (UINT64_C(1) << octave) + (bucket % 16 + 1) * width - 1;
}

void latency_record(latency_t *self, int64_t microseconds) {
    self->buckets[s_bucket_of(microseconds < 0 ? 0 : (uint64_t)microseconds)]++;
    self->count++;
}

double latency_quantile_ms(const latency_t *self, double quantile) {
    if (self->count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil(quantile * (double)self->count);
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= rank && seen > 0)
            return (double)s_upper_edge(i) / 1000.0;
    }
    return (double)s_upper_edge(LATENCY_BUCKETS - 1) / 1000.0;
}
