/* Calendar dates as text (YYYY-MM-DD, compared with strcmp) and clocks. All functions are thread safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATE_SIZE = 11, ISO_TIME_SIZE = 21 };

/* True when text is a real calendar date written YYYY-MM-DD. */
bool date_is_valid(const char *text);

/* Writes `date` moved by `days` (may be negative) to out; false when `date` is not valid. */
bool date_add_days(const char *date, long days, char out[DATE_SIZE]);

/* Days from `from` to `to`; 0 when either is not valid. */
long date_days_between(const char *from, const char *to);

/* Writes seconds since the epoch as YYYY-MM-DDThh:mm:ssZ. */
void time_iso(int64_t epoch_seconds, char out[ISO_TIME_SIZE]);

/* Wall clock, seconds since the epoch. */
int64_t clock_epoch(void);

/* Monotonic clock, milliseconds. */
int64_t clock_ms(void);
