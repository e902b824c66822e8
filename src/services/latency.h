/* Latency percentiles in fixed memory: buckets of 1/16 relative width (as HdrHistogram with 4 bits), from 1
 * microsecond to about 70 minutes. Pure. */
#pragma once

#include <stdint.h>

#define LATENCY_BUCKETS (16 * 29)

typedef struct {
    uint64_t count;
    uint32_t buckets[LATENCY_BUCKETS];
} latency_t;

void latency_record(latency_t *self, int64_t microseconds);

/* The value below which `quantile` (0-1) of the samples lie, in milliseconds, at the upper edge of its bucket;
 * 0 without samples. */
double latency_quantile_ms(const latency_t *self, double quantile);
