/* Calendar dates and clocks. The day numbers follow the proleptic Gregorian calendar (timegm). */
#include "dates.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const long SECONDS_PER_DAY = 86400;

static bool s_parse(const char *text, struct tm *out) {
    if (!text || strlen(text) != DATE_SIZE - 1 || text[4] != '-' || text[7] != '-')
        return false;
    for (int i = 0; i < DATE_SIZE - 1; i++)
        if (i != 4 && i != 7 && !isdigit((unsigned char)text[i]))
            return false;
    memset(out, 0, sizeof *out);
    if (sscanf(text, "%d-%d-%d", &out->tm_year, &out->tm_mon, &out->tm_mday) != 3)
        return false;
    out->tm_year -= 1900;
    out->tm_mon -= 1;
    return true;
}

/* timegm normalises 02-30 to 03-01, so a date is real when it comes back unchanged. */
bool date_is_valid(const char *text) {
    struct tm tm;
    if (!s_parse(text, &tm))
        return false;
    struct tm back = tm;
    timegm(&back);
    return back.tm_year == tm.tm_year && back.tm_mon == tm.tm_mon && back.tm_mday == tm.tm_mday;
}

bool date_add_days(const char *date, long days, char out[DATE_SIZE]) {
    struct tm tm;
    if (!date_is_valid(date) || !s_parse(date, &tm))
        return false;
    time_t moved = timegm(&tm) + days * SECONDS_PER_DAY;
    return gmtime_r(&moved, &tm) && strftime(out, DATE_SIZE, "%Y-%m-%d", &tm) == DATE_SIZE - 1;
}

long date_days_between(const char *from, const char *to) {
    struct tm a, b;
    if (!s_parse(from, &a) || !s_parse(to, &b))
        return 0;
    return (long)((timegm(&b) - timegm(&a)) / SECONDS_PER_DAY);
}

void time_iso(int64_t epoch_seconds, char out[ISO_TIME_SIZE]) {
    time_t t = (time_t)epoch_seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, ISO_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int64_t clock_epoch(void) {
    return (int64_t)time(NULL);
}

int64_t clock_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
