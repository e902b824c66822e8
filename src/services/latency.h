/* Latency percentiles in fixed memory: 128 buckets an octave, as HdrHistogram with two significant digits, from 1
 * microsecond to 71 minutes; what takes longer counts as that. They slide: samples are kept by the minute, and those
 * of the current one and the five before it count. Pure; time is passed in, microseconds of a monotonic clock. */
#pragma once

#include <stdint.h>

#define LATENCY_SLICES   6
#define LATENCY_SLICE_US INT64_C(60000000)
#define LATENCY_BUCKETS  (128 * 26)

typedef struct {
    struct {
        int64_t number; /* of the minute */
        uint64_t count;
        uint32_t buckets[LATENCY_BUCKETS];
    } slices[LATENCY_SLICES];
} latency_t;

void latency_record(latency_t *self, int64_t now_us, int64_t microseconds);

/* Samples that count now. */
uint64_t latency_count(const latency_t *self, int64_t now_us);

/* The value below which `quantile` (0-1) of the samples lie, in milliseconds, at the upper edge of its bucket: at most
 * 1/128 above the true one; 0 without samples. */
double latency_quantile_ms(const latency_t *self, int64_t now_us, double quantile);
