/* The price history that everything else is computed from: monthly adjusted closes of a few stocks and indices, and
 * daily adjusted closes of one index. Read once, then constant: any thread may read it without a lock. */
#pragma once

#include "dates.h"

#include <stdbool.h>
#include <stddef.h>

enum { PRICES_MAX_SERIES = 32, PRICES_MIN_BARS = 36, SYMBOL_SIZE = 33 };

#define PRICES_MONTHLY_FILE "monthly-1990-2022.csv"
#define PRICES_DAILY_FILE   "sp500-daily-2000-2020.csv"
#define PRICES_DAILY_SYMBOL "^GSPC"

typedef struct {
    char symbol[SYMBOL_SIZE];
    bool is_index;  /* the symbol starts with ^ */
    int first;      /* first bar with a price */
    double *closes; /* one per monthly bar; NaN before `first` */
} series_t;

typedef struct {
    int bars; /* full monthly bars */
    char (*dates)[DATE_SIZE];
    int series_count;
    series_t series[PRICES_MAX_SERIES];
    int days; /* rows of the daily file */
    char (*day_dates)[DATE_SIZE];
    double *day_closes;
} prices_t;

/* Reads both files of `dir`. NULL on failure, with one line in error. */
prices_t *prices_load(const char *dir, char *error, size_t error_size);
void prices_destroy(prices_t **self_p);

/* Lets the history end at `date`: later bars and days, and series that begin later, are gone, so that everything is
 * computed as it would have been then. false, with a line in error, when that leaves fewer than PRICES_MIN_BARS bars. */
bool prices_cut(prices_t *self, const char *date, char *error, size_t error_size);

/* Date of the last full bar. */
const char *prices_as_of(const prices_t *self);

/* NULL when the symbol is not in the files. */
const series_t *prices_find(const prices_t *self, const char *symbol);

/* Last bar dated at or before `date`, -1 when all are later. */
int prices_bar_at(const prices_t *self, const char *date);

/* Bars of the series that end with bar `bar` (counted from its listing). */
int series_length_at(const series_t *self, int bar);

/* Daily closes dated within [from, to]; NULL bounds are open. */
int prices_days_between(const prices_t *self, const char *from, const char *to);
