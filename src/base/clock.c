/* Reading the clocks, and RFC 3339 both ways. Dates by the proleptic Gregorian calendar, counted in days
 * from eras of 400 years that begin on 1 March (so that the leap day is the last of its year). */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)

enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 /* 0000-03-01 to 1970-01-01 */ };

static int64_t s_read_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void) {
    return s_read_us(CLOCK_REALTIME);
}

int64_t clock_wall_ms(void) {
    return s_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_us(void) {
    return s_read_us(CLOCK_MONOTONIC);
}

static int64_t s_floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a civil date. */
static int64_t s_days_from_civil(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = s_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void s_civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
    days += DAYS_TO_EPOCH;
    int64_t era = s_floor_div(days, DAYS_PER_ERA);
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static void s_put_digits(char *out, int64_t value, int count) {
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Written by hand: a timestamp is in every answer, log line and stored row. */
size_t clock_format_ms(int64_t ms, char out[CLOCK_RFC3339_SIZE]) {
    int64_t days = s_floor_div(ms, MS_PER_DAY);
    int64_t of_day = ms % MS_PER_DAY + (ms % MS_PER_DAY < 0 ? MS_PER_DAY : 0);
    int64_t year;
    int month, day;
    s_civil_from_days(days, &year, &month, &day);
    char rest[] = "-00-00T00:00:00.000Z";
    s_put_digits(rest + 1, month, 2);
    s_put_digits(rest + 4, day, 2);
    s_put_digits(rest + 7, of_day / 3600000, 2);
    s_put_digits(rest + 10, of_day / 60000 % 60, 2);
    s_put_digits(rest + 13, of_day / 1000 % 60, 2);
    s_put_digits(rest + 16, of_day % 1000, 3);
    size_t year_length = 4;
    if (year >= 0 && year <= 9999)
        s_put_digits(out, year, 4);
    else
        year_length = (size_t)snprintf(out, CLOCK_RFC3339_SIZE, "%lld", (long long)year);
    memcpy(out + year_length, rest, sizeof rest);
    return year_length + sizeof rest - 1;
}

typedef struct {
    const char *cursor, *end;
} s_text_t;

static bool s_take(s_text_t *text, const char *any_of) {
    if (text->cursor == text->end || *text->cursor == '\0' || !strchr(any_of, *text->cursor))
        return false;
    text->cursor++;
    return true;
}

static bool s_take_number(s_text_t *text, int digits, int max, int *value) {
    *value = 0;
    while (digits-- > 0) {
        if (text->cursor == text->end || *text->cursor < '0' || *text->cursor > '9')
            return false;
        *value = *value * 10 + (*text->cursor++ - '0');
    }
    return *value <= max;
}

/* ".5" and ".500000001" are 500 ms: what is finer than a millisecond is cut. */
static bool s_take_fraction(s_text_t *text, int *ms) {
    *ms = 0;
    if (!s_take(text, "."))
        return true;
    int digits = 0;
    for (; text->cursor < text->end && *text->cursor >= '0' && *text->cursor <= '9'; digits++) {
        int digit = *text->cursor++ - '0';
        *ms += digits == 0 ? digit * 100 : digits == 1 ? digit * 10 : digits == 2 ? digit : 0;
    }
    return digits >= 1 && digits <= 9;
}

static bool s_take_offset(s_text_t *text, int *minutes) {
    *minutes = 0;
    if (s_take(text, "Zz"))
        return true;
    bool minus = text->cursor < text->end && *text->cursor == '-';
    int hour, minute;
    if (!s_take(text, "+-") || !s_take_number(text, 2, 23, &hour) || !s_take(text, ":") ||
        !s_take_number(text, 2, 59, &minute))
        return false;
    *minutes = (hour * 60 + minute) * (minus ? -1 : 1);
    return true;
}

static int s_days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_parse_ms(const char *text, size_t length, int64_t *ms) {
    s_text_t in = {text, text + length};
    int year, month, day, hour, minute, second, fraction, offset;
    if (!s_take_number(&in, 4, 9999, &year) || !s_take(&in, "-") || !s_take_number(&in, 2, 12, &month) ||
        !s_take(&in, "-") || !s_take_number(&in, 2, 31, &day) || !s_take(&in, "Tt ") ||
        !s_take_number(&in, 2, 23, &hour) || !s_take(&in, ":") || !s_take_number(&in, 2, 59, &minute) ||
        !s_take(&in, ":") || !s_take_number(&in, 2, 60, &second) || !s_take_fraction(&in, &fraction) ||
        !s_take_offset(&in, &offset) || in.cursor != in.end)
        return false;
    if (month == 0 || day == 0 || day > s_days_in_month(year, month))
        return false;
    if (second == 60) {
        second = 59;
        fraction = 999;
    }
    int64_t minutes = ((int64_t)hour * 60 + minute) - offset;
    *ms = s_days_from_civil(year, month, day) * MS_PER_DAY + minutes * 60000 + second * 1000 + fraction;
    return true;
}
