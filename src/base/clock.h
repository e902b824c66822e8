/* Time: the wall clock for what is stored, the monotonic clock for deadlines.
 *
 * Pure code takes the time as a parameter; only actors and the gateway read a clock. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void); /* milliseconds since 1970-01-01T00:00:00Z */
int64_t clock_wall_us(void);
int64_t clock_mono_us(void); /* CLOCK_MONOTONIC microseconds */

#define CLOCK_RFC3339_SIZE 32 /* "2026-01-05T01:30:00.000Z" and a NUL, with room */

/* Writes `ms` as RFC 3339 UTC with milliseconds; returns the length (24 for years 0000-9999). */
size_t clock_format_ms(int64_t ms, char out[CLOCK_RFC3339_SIZE]);

/* Reads RFC 3339 with any offset and 0-9 fraction digits ("2026-01-05T09:30:00+08:00"); also a plain
 * date-time without offset is refused. False when it is not one. Leap second :60 reads as :59.999. */
bool clock_parse_ms(const char *text, size_t length, int64_t *ms);
