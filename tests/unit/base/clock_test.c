/* RFC 3339 both ways: known instants, random round trips, and what is refused. */
#include "base/clock.h"

#include "base/ids.h"
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

TestSuite(clock, .timeout = 20);

static int64_t s_parse(const char *text) {
    int64_t ms;
    cr_assert(clock_parse_ms(text, strlen(text), &ms), "%s is refused", text);
    return ms;
}

static void s_refused(const char *text) {
    int64_t ms;
    cr_assert_not(clock_parse_ms(text, strlen(text), &ms), "%s is taken", text);
}

Test(clock, formats_known_instants) {
    char text[CLOCK_RFC3339_SIZE];
    cr_assert_eq(clock_format_ms(0, text), 24);
    cr_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    clock_format_ms(INT64_C(1767576600123), text);
    cr_assert_str_eq(text, "2026-01-05T01:30:00.123Z");
    clock_format_ms(-1, text);
    cr_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
    clock_format_ms(INT64_C(951782400000), text);
    cr_assert_str_eq(text, "2000-02-29T00:00:00.000Z");
}

Test(clock, far_years_fit_the_buffer) {
    char text[CLOCK_RFC3339_SIZE];
    cr_assert_eq(clock_format_ms(INT64_MIN, text), strlen(text));
    cr_assert_eq(clock_format_ms(INT64_MAX, text), strlen(text));
    cr_assert(strlen(text) < CLOCK_RFC3339_SIZE);
}

Test(clock, any_time_of_the_years_0000_to_9999_comes_back_the_same) {
    const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
    for (int i = 0; i < 200000; i++) {
        int64_t ms = first + (int64_t)(ids_random64() % (uint64_t)(last - first + 1));
        char text[CLOCK_RFC3339_SIZE];
        cr_assert_eq(clock_format_ms(ms, text), 24);
        cr_assert_eq(s_parse(text), ms, "%s", text);
    }
}

Test(clock, agrees_with_the_calendar_of_the_c_library) {
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)(ids_random64() % UINT64_C(4102444800000));
        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char expected[32], text[CLOCK_RFC3339_SIZE];
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
        clock_format_ms(ms, text);
        cr_assert_eq(strncmp(text, expected, 19), 0, "%s is not %s", text, expected);
    }
}

Test(clock, reads_offsets) {
    cr_assert_eq(s_parse("2026-01-05T09:30:00+08:00"), s_parse("2026-01-05T01:30:00Z"));
    cr_assert_eq(s_parse("2026-01-04T20:00:00-05:30"), s_parse("2026-01-05T01:30:00Z"));
    cr_assert_eq(s_parse("2026-01-05t01:30:00z"), s_parse("2026-01-05 01:30:00Z"));
}

Test(clock, reads_one_to_nine_fraction_digits_and_cuts_below_a_millisecond) {
    int64_t whole = s_parse("2026-01-05T01:30:00Z");
    cr_assert_eq(s_parse("2026-01-05T01:30:00.5Z"), whole + 500);
    cr_assert_eq(s_parse("2026-01-05T01:30:00.05Z"), whole + 50);
    cr_assert_eq(s_parse("2026-01-05T01:30:00.123999999Z"), whole + 123);
    s_refused("2026-01-05T01:30:00.Z");
    s_refused("2026-01-05T01:30:00.1234567890Z");
}

Test(clock, a_leap_second_reads_as_the_millisecond_before) {
    cr_assert_eq(s_parse("2016-12-31T23:59:60Z"), s_parse("2016-12-31T23:59:59.999Z"));
    s_refused("2016-12-31T23:59:61Z");
}

Test(clock, refuses_what_is_no_instant) {
    const char *const bad[] = {"",
                               "2026",
                               "2026-01-05",
                               "2026-01-05T01:30:00",
                               "2026-01-05T01:30Z",
                               "2026-02-29T00:00:00Z",
                               "1900-02-29T00:00:00Z",
                               "2026-04-31T00:00:00Z",
                               "2026-13-01T00:00:00Z",
                               "2026-00-01T00:00:00Z",
                               "2026-01-00T00:00:00Z",
                               "2026-01-05T24:00:00Z",
                               "2026-01-05T01:60:00Z",
                               "2026-01-05T01:30:00+24:00",
                               "2026-01-05T01:30:00+0800",
                               "2026-01-05T01:30:00ZZ",
                               " 2026-01-05T01:30:00Z",
                               "2026-01-05T01:30:00Z ",
                               "+026-01-05T01:30:00Z",
                               "2026/01/05T01:30:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        s_refused(bad[i]);
    int64_t ms;
    cr_assert_not(clock_parse_ms("2026-01-05T01:30:00\0Z", 21, &ms));
}

Test(clock, no_prefix_of_an_instant_reads_past_its_length) {
    const char *text = "2026-01-05T09:30:00.123456+08:00";
    int64_t ms;
    for (size_t length = 0; length < strlen(text); length++) {
        char *exact = strndup(text, length);
        cr_assert_not(clock_parse_ms(exact, length, &ms), "%s", exact);
        free(exact);
    }
}

Test(clock, the_clocks_run_forward) {
    int64_t mono = clock_mono_us(), wall = clock_wall_us();
    cr_assert(wall / 1000 >= INT64_C(1700000000000));
    cr_assert(clock_mono_us() >= mono);
    cr_assert(clock_wall_ms() >= wall / 1000 - 1000);
}
