/* Reads the two CSV files of the price history. */
#include "prices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 4096, PATH_SIZE = 4096, MAX_ROWS = 100000 };

typedef struct {
    FILE *file;
    char path[PATH_SIZE];
    char line[LINE_SIZE];
    int number;
} reader_t;

static bool s_open(reader_t *self, const char *dir, const char *name, char *error, size_t size) {
    self->number = 0;
    snprintf(self->path, sizeof self->path, "%s/%s", dir, name);
    self->file = fopen(self->path, "r");
    if (!self->file)
        snprintf(error, size, "cannot read prices from %s: %m", self->path);
    return self->file != NULL;
}

/* Next line that is neither empty nor a comment, without its line end. */
static char *s_next(reader_t *self) {
    while (fgets(self->line, sizeof self->line, self->file)) {
        self->number++;
        self->line[strcspn(self->line, "\r\n")] = 0;
        if (self->line[0] && self->line[0] != '#')
            return self->line;
    }
    return NULL;
}

static bool s_bad_line(const reader_t *self, const char *what, char *error, size_t size) {
    snprintf(error, size, "%s:%d: %s", self->path, self->number, what);
    return false;
}

static bool s_read_header(prices_t *self, reader_t *reader, char *error, size_t size) {
    char *rest = s_next(reader);
    char *cell = rest ? strsep(&rest, ",") : NULL;
    if (!cell || strcmp(cell, "Date") != 0)
        return s_bad_line(reader, "the first column must be Date", error, size);
    while ((cell = strsep(&rest, ","))) {
        if (self->series_count == PRICES_MAX_SERIES || !cell[0] || strlen(cell) >= SYMBOL_SIZE)
            return s_bad_line(reader, "too many columns, or a bad symbol", error, size);
        series_t *series = &self->series[self->series_count++];
        snprintf(series->symbol, sizeof series->symbol, "%s", cell);
        series->is_index = cell[0] == '^';
        series->first = -1;
    }
    return self->series_count > 0 || s_bad_line(reader, "no symbols", error, size);
}

/* Fills `row`; *filled counts the cells that hold a price. */
static bool s_parse_row(prices_t *self, char *rest, double *row, int *filled) {
    *filled = 0;
    for (int i = 0; i < self->series_count; i++) {
        char *cell = strsep(&rest, ",");
        char *end = NULL;
        row[i] = cell && cell[0] ? strtod(cell, &end) : NAN;
        if (!cell || (end && (*end || !(row[i] > 0) || !isfinite(row[i]))))
            return false;
        *filled += end != NULL;
    }
    return rest == NULL;
}

static bool s_append(prices_t *self, const char *date, const double *row) {
    char(*dates)[DATE_SIZE] = realloc(self->dates, (size_t)(self->bars + 1) * sizeof *dates);
    if (!dates)
        return false;
    self->dates = dates;
    snprintf(self->dates[self->bars], DATE_SIZE, "%s", date);
    for (int i = 0; i < self->series_count; i++) {
        series_t *series = &self->series[i];
        double *closes = realloc(series->closes, (size_t)(self->bars + 1) * sizeof *closes);
        if (!closes)
            return false;
        series->closes = closes;
        closes[self->bars] = row[i];
        if (series->first < 0 && !isnan(row[i]))
            series->first = self->bars;
        if (series->first >= 0 && isnan(row[i]))
            return false;
    }
    self->bars++;
    return true;
}

/* A last row that is not dated on a first of the month shows that its month had not ended: the bar of that month,
 * if there is one, repeats the same unfinished price and goes too. */
static void s_drop_part_month(prices_t *self, const char *last_date) {
    if (strcmp(last_date + 8, "01") == 0 || self->bars == 0)
        return;
    if (strncmp(self->dates[self->bars - 1], last_date, 7) == 0)
        self->bars--;
}

static bool s_read_monthly(prices_t *self, reader_t *reader, char *error, size_t size) {
    if (!s_read_header(self, reader, error, size))
        return false;
    char last[DATE_SIZE] = "";
    for (char *rest = s_next(reader); rest; rest = s_next(reader)) {
        const char *date = strsep(&rest, ",");
        double row[PRICES_MAX_SERIES];
        int filled;
        if (!date_is_valid(date) || strcmp(date, last) <= 0 || !rest ||
            !s_parse_row(self, rest, row, &filled) || self->bars == MAX_ROWS)
            return s_bad_line(reader, "want a later date and one price or nothing a column", error, size);
        if (filled == 0)
            continue;
        snprintf(last, sizeof last, "%s", date);
        if (strcmp(date + 8, "01") == 0 && !s_append(self, date, row))
            return s_bad_line(reader, "a price is missing after the listing", error, size);
    }
    s_drop_part_month(self, last);
    return self->bars > 0 || s_bad_line(reader, "no monthly bars", error, size);
}

static bool s_read_daily(prices_t *self, reader_t *reader, char *error, size_t size) {
    s_next(reader);
    for (char *line = s_next(reader); line; line = s_next(reader)) {
        char date[DATE_SIZE] = "";
        double close = 0;
        if (sscanf(line, "%10[0-9-],%*f,%*f,%*f,%*f,%lf", date, &close) != 2 || !date_is_valid(date) ||
            !(close > 0) || self->days == MAX_ROWS ||
            (self->days && strcmp(date, self->day_dates[self->days - 1]) <= 0))
            return s_bad_line(reader, "want date,open,high,low,close,adjclose,volume in date order", error,
                              size);
        char(*dates)[DATE_SIZE] = realloc(self->day_dates, (size_t)(self->days + 1) * sizeof *dates);
        if (dates)
            self->day_dates = dates;
        double *closes = realloc(self->day_closes, (size_t)(self->days + 1) * sizeof *closes);
        if (closes)
            self->day_closes = closes;
        if (!dates || !closes)
            return s_bad_line(reader, "out of memory", error, size);
        snprintf(dates[self->days], DATE_SIZE, "%s", date);
        closes[self->days++] = close;
    }
    return true;
}

prices_t *prices_load(const char *dir, char *error, size_t error_size) {
    prices_t *self = calloc(1, sizeof *self);
    reader_t reader = {0};
    bool ok = self && s_open(&reader, dir, PRICES_MONTHLY_FILE, error, error_size);
    if (ok) {
        ok = s_read_monthly(self, &reader, error, error_size);
        fclose(reader.file);
    }
    if (ok && (ok = s_open(&reader, dir, PRICES_DAILY_FILE, error, error_size))) {
        ok = s_read_daily(self, &reader, error, error_size);
        fclose(reader.file);
    }
    if (!ok)
        prices_destroy(&self);
    return self;
}

void prices_destroy(prices_t **self_p) {
    prices_t *self = *self_p;
    if (!self)
        return;
    for (int i = 0; i < self->series_count; i++)
        free(self->series[i].closes);
    free(self->dates);
    free(self->day_dates);
    free(self->day_closes);
    free(self);
    *self_p = NULL;
}

static void s_drop_late_series(prices_t *self) {
    int kept = 0;
    for (int i = 0; i < self->series_count; i++) {
        if (self->series[i].first >= self->bars)
            free(self->series[i].closes);
        else
            self->series[kept++] = self->series[i];
    }
    self->series_count = kept;
}

bool prices_cut(prices_t *self, const char *date, char *error, size_t error_size) {
    int bar = prices_bar_at(self, date);
    if (bar + 1 < PRICES_MIN_BARS || strlen(date) != DATE_SIZE - 1) {
        snprintf(error, error_size, "must be a date from %s to %s, got %s", self->dates[PRICES_MIN_BARS - 1],
                 prices_as_of(self), date);
        return false;
    }
    self->days = prices_days_between(self, NULL, date);
    self->bars = bar + 1;
    s_drop_late_series(self);
    return true;
}

const char *prices_as_of(const prices_t *self) {
    return self->dates[self->bars - 1];
}

const series_t *prices_find(const prices_t *self, const char *symbol) {
    for (int i = 0; i < self->series_count; i++)
        if (strcmp(self->series[i].symbol, symbol) == 0)
            return &self->series[i];
    return NULL;
}

int prices_bar_at(const prices_t *self, const char *date) {
    int bar = self->bars - 1;
    while (bar >= 0 && strcmp(self->dates[bar], date) > 0)
        bar--;
    return bar;
}

int series_length_at(const series_t *self, int bar) {
    return self->first < 0 || bar < self->first ? 0 : bar - self->first + 1;
}

int prices_days_between(const prices_t *self, const char *from, const char *to) {
    int count = 0;
    for (int i = 0; i < self->days; i++)
        count +=
            (!from || strcmp(self->day_dates[i], from) >= 0) && (!to || strcmp(self->day_dates[i], to) <= 0);
    return count;
}
