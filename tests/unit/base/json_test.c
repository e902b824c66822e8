/* The JSON reader and writer: the grammar, numbers both ways, strings both ways, positions. */
#include "base/json.h"

#include "base/ids.h"
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(json, .timeout = 60);

static bool s_valid(const char *text) {
    return json_valid(text, strlen(text), NULL);
}

Test(json, takes_what_the_grammar_takes) {
    static const char *const texts[] = {"null",
                                        "true",
                                        " false ",
                                        "0",
                                        "-0",
                                        "12",
                                        "1.5",
                                        "-1.5e+10",
                                        "1E-3",
                                        "\"\"",
                                        "\"a\"",
                                        "[]",
                                        "[1, 2 ,3]",
                                        "{}",
                                        "{\"a\":1}",
                                        "[[[]]]",
                                        "{\"\":{}}",
                                        "\r\n\t[ ]\n",
                                        "\"\\u00e9\"",
                                        "\"\\ud83d\\ude00\"",
                                        "\"é€😀\"",
                                        "{\"a\":1,\"a\":2}",
                                        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert(s_valid(texts[i]), "%s is refused", texts[i]);
}

Test(json, refuses_what_the_grammar_refuses) {
    static const char *const texts[] = {"",
                                        " ",
                                        "nul",
                                        "nullx",
                                        "True",
                                        "'a'",
                                        "01",
                                        "-",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "1e+",
                                        "+1",
                                        "0x10",
                                        "NaN",
                                        "Infinity",
                                        "[",
                                        "]",
                                        "[1",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "{",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "{\"a\" 1}",
                                        "{\"a\":1]",
                                        "[1}",
                                        "1 2",
                                        "[] []",
                                        "\"",
                                        "\"a",
                                        "\"\\\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\n\"",
                                        "\"\t\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\u0041\"",
                                        "// a\n1",
                                        "1 // a",
                                        "{\"a\":1}}",
                                        "\xef\xbb\xbf"
                                        "1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_not(s_valid(texts[i]), "%s is taken", texts[i]);
}

Test(json, refuses_what_is_not_utf8) {
    static const char *const texts[] = {"\"\x80\"",
                                        "\"\xc0\xaf\"",
                                        "\"\xc3\"",
                                        "\"\xe2\x82\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xf8\x88\x80\x80\x80\"",
                                        "\"\xe0\x80\x80\"",
                                        "\"\xff\"",
                                        "\"12345678\xc3\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_not(s_valid(texts[i]), "text %zu is taken", i);
        cr_assert_not(json_utf8_valid(texts[i], strlen(texts[i])), "text %zu is taken", i);
    }
    cr_assert(json_utf8_valid("plain, é, €, 😀", strlen("plain, é, €, 😀")));
}

Test(json, a_control_character_is_found_at_every_place_of_a_string) {
    for (int place = 0; place < 20; place++) {
        for (int c = 1; c < 0x20; c++) {
            char text[32] = "\"aaaaaaaaaaaaaaaaaaaaaaa\"";
            text[1 + place] = (char)c;
            cr_assert_not(s_valid(text), "%#x at %d is taken", c, place);
        }
    }
}

Test(json, nesting_is_bounded) {
    char text[2 * JSON_MAX_DEPTH + 3];
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    cr_assert(json_valid(text, 2 * JSON_MAX_DEPTH, NULL));
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    cr_assert_not(json_valid(text, 2 * JSON_MAX_DEPTH + 2, NULL));
}

Test(json, an_error_says_what_and_where_and_stays) {
    const char *text = "{\n  \"a\": 1,\n  \"b\" 2}";
    json_reader_t reader;
    json_reader_init(&reader, text, strlen(text));
    json_event_t event;
    while ((event = json_next(&reader)) != JSON_ERROR)
        cr_assert_neq(event, JSON_END);
    size_t line, column;
    json_position(&reader, &line, &column);
    cr_assert_eq(line, 3);
    cr_assert_eq(column, 7);
    cr_assert_str_eq(reader.error, "a colon must follow the name");
    cr_assert_eq(json_next(&reader), JSON_ERROR);
}

Test(json, events_come_in_the_order_of_the_text) {
    const char *text = "{\"a\":[1,{\"b\":null}],\"c\":\"x\"}";
    static const json_event_t expected[] = {JSON_OBJECT_BEGIN, JSON_KEY, JSON_ARRAY_BEGIN,  JSON_NUMBER,
                                            JSON_OBJECT_BEGIN, JSON_KEY, JSON_EVENT_NULL,   JSON_OBJECT_END,
                                            JSON_ARRAY_END,    JSON_KEY, JSON_EVENT_STRING, JSON_OBJECT_END,
                                            JSON_END,          JSON_END};
    json_reader_t reader;
    json_reader_init(&reader, text, strlen(text));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        cr_assert_eq(json_next(&reader), expected[i], "event %zu", i);
}

Test(json, raw_gives_the_text_of_a_value_and_goes_on_behind_it) {
    const char *text = "[ {\"a\" : [1, 2]} , \"s\\n\", 12 ]";
    static const char *const raws[] = {"{\"a\" : [1, 2]}", "\"s\\n\"", "12"};
    json_reader_t reader;
    json_reader_init(&reader, text, strlen(text));
    cr_assert_eq(json_next(&reader), JSON_ARRAY_BEGIN);
    for (size_t i = 0; i < 3; i++) {
        const char *raw;
        size_t length;
        cr_assert(json_raw(&reader, json_next(&reader), &raw, &length));
        cr_assert_eq(length, strlen(raws[i]));
        cr_assert_eq(memcmp(raw, raws[i], length), 0);
    }
    cr_assert_eq(json_next(&reader), JSON_ARRAY_END);
}

Test(json, compact_drops_white_space_outside_strings_only) {
    const char *text = " { \"a b\" : [ 1 , \" \\\" x \" ] }\n";
    char out[64];
    size_t length = json_compact(text, strlen(text), out);
    cr_assert_eq(length, strlen("{\"a b\":[1,\" \\\" x \"]}"));
    cr_assert_eq(memcmp(out, "{\"a b\":[1,\" \\\" x \"]}", length), 0);
}

Test(json, unescape_resolves_every_escape) {
    const char *text = "\\\"\\\\\\/\\b\\f\\n\\r\\tA\\u0041\\u00e9\\u20ac\\ud83d\\ude00";
    char out[64];
    size_t length = json_unescape(text, strlen(text), out);
    const char *expected = "\"\\/\b\f\n\r\tAAé€😀";
    cr_assert_eq(length, strlen(expected));
    cr_assert_eq(memcmp(out, expected, length), 0);
}

/* --- numbers --------------------------------------------------------------------------------- */

Test(json, integers_may_be_written_with_fraction_and_exponent) {
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {{"0", 0},
                {"-0", 0},
                {"5.0", 5},
                {"1e3", 1000},
                {"1.5e1", 15},
                {"-12e0", -12},
                {"100e-2", 1},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN},
                {"0.0001e4", 1},
                {"0e999999999999", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value;
        cr_assert(json_read_integer(rows[i].text, strlen(rows[i].text), &value), "%s", rows[i].text);
        cr_assert_eq(value, rows[i].value, "%s", rows[i].text);
    }
}

Test(json, what_is_no_integer_of_64_bits_is_refused) {
    static const char *const texts[] = {"1.5",
                                        "1e-1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "1e19",
                                        "1e999999999999",
                                        "0.1",
                                        "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t value;
        cr_assert_not(json_read_integer(texts[i], strlen(texts[i]), &value), "%s", texts[i]);
    }
    uint64_t value;
    cr_assert(json_read_unsigned("18446744073709551615", 20, &value) && value == UINT64_MAX);
    cr_assert_not(json_read_unsigned("18446744073709551616", 20, &value));
    cr_assert_not(json_read_unsigned("-1", 2, &value));
    cr_assert(json_read_unsigned("-0", 2, &value) && value == 0);
}

Test(json, numbers_read_as_the_c_library_reads_them) {
    for (int i = 0; i < 200000; i++) {
        uint64_t a = ids_random64(), b = ids_random64();
        char text[80];
        snprintf(text, sizeof text, "%s%llu.%0*llue%d", a & 1 ? "-" : "", (unsigned long long)(a >> (a % 64)),
                 (int)(b % 20) + 1, (unsigned long long)(b >> (b % 64)), (int)(a >> 8 & 63) - 32);
        double value;
        cr_assert(json_read_number(text, strlen(text), &value));
        cr_assert_eq(value, strtod(text, NULL), "%s", text);
    }
}

Test(json, a_number_beyond_double_is_refused) {
    double value;
    cr_assert_not(json_read_number("1e309", 5, &value));
    cr_assert(json_read_number("1e-400", 6, &value) && value == 0);
}

static void s_double_comes_back(double value) {
    buf_t out = BUF_INIT;
    double back;
    json_write_double(&out, value);
    cr_assert(json_valid(out.data, out.size, NULL), "%s", out.data);
    cr_assert(json_read_number(out.data, out.size, &back));
    cr_assert_eq(memcmp(&back, &value, sizeof value), 0, "%.17g is written as %s", value, out.data);
    buf_free(&out);
}

Test(json, every_double_comes_back_the_same) {
    static const double values[] = {0.0,
                                    -0.0,
                                    1.0,
                                    0.1,
                                    0.1 + 0.2,
                                    1e22,
                                    1e23,
                                    123456789.125,
                                    DBL_MAX,
                                    DBL_MIN,
                                    5e-324,
                                    1.0 / 3.0,
                                    -1e-7,
                                    1e15,
                                    9007199254740993.0,
                                    0.73,
                                    1e-17,
                                    2.5e-15,
                                    4503599627370496.5};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        s_double_comes_back(values[i]);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = ids_random64();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            s_double_comes_back(value);
        s_double_comes_back((double)(int64_t)(bits >> 20) / 1e6);
    }
}

Test(json, doubles_are_written_short) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.73, "0.73"}, {1, "1"},           {-0.5, "-0.5"},      {1e21, "1e+21"},
                {0.1, "0.1"},   {123.25, "123.25"}, {1e-7, "0.0000001"}, {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_t out = BUF_INIT;
        json_write_double(&out, rows[i].value);
        cr_assert_str_eq(buf_str(&out), rows[i].text);
        buf_free(&out);
    }
}

Test(json, what_json_has_no_number_for_is_null) {
    buf_t out = BUF_INIT;
    json_write_double(&out, NAN);
    json_write_double(&out, INFINITY);
    cr_assert_str_eq(buf_str(&out), "nullnull");
    buf_free(&out);
}

Test(json, integers_are_written_to_their_ends) {
    buf_t out = BUF_INIT;
    json_write_int(&out, INT64_MIN);
    buf_append_char(&out, ' ');
    json_write_int(&out, INT64_MAX);
    buf_append_char(&out, ' ');
    json_write_uint(&out, UINT64_MAX);
    buf_append_char(&out, ' ');
    json_write_int(&out, 0);
    cr_assert_str_eq(buf_str(&out), "-9223372036854775808 9223372036854775807 18446744073709551615 0");
    buf_free(&out);
}

/* --- strings --------------------------------------------------------------------------------- */

Test(json, strings_are_escaped) {
    buf_t out = BUF_INIT;
    json_write_string(&out, "a\"b\\c\n\x01\x1f/é\0z", 13);
    cr_assert_str_eq(buf_str(&out), "\"a\\\"b\\\\c\\n\\u0001\\u001f/é\\u0000z\"");
    buf_clear(&out);
    json_write_str(&out, NULL);
    cr_assert_str_eq(buf_str(&out), "null");
    buf_free(&out);
}

Test(json, bytes_that_are_not_utf8_become_the_replacement_character) {
    buf_t out = BUF_INIT;
    json_write_str(&out, "a\xff\xc3z\xe2\x82");
    cr_assert_str_eq(buf_str(&out), "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
    buf_free(&out);
}

Test(json, any_bytes_are_written_as_a_valid_string) {
    for (int i = 0; i < 20000; i++) {
        char bytes[24];
        uint64_t words[3] = {ids_random64(), ids_random64(), ids_random64()};
        memcpy(bytes, words, sizeof bytes);
        buf_t out = BUF_INIT;
        json_write_string(&out, bytes, (size_t)(i % 25));
        json_event_t kind;
        cr_assert(json_valid(out.data, out.size, &kind));
        cr_assert_eq(kind, JSON_EVENT_STRING);
        buf_free(&out);
    }
}

/* Damaged text ends in an error or in a value; the sanitizers watch that nothing else happens. */
Test(json, damaged_text_is_read_to_an_end) {
    static const char seed[] = "{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\\n\"],\"b\":{\"c\":\"\xc3\xa9\"}}";
    for (int i = 0; i < 100000; i++) {
        size_t size = sizeof seed - 1;
        char *text = malloc(size);
        memcpy(text, seed, size);
        uint64_t dice = ids_random64();
        for (uint64_t n = dice % 4; n; n--, dice = ids_random64())
            text[dice % size] = (char)(dice >> 32);
        json_reader_t reader;
        json_reader_init(&reader, text, dice >> 8 & 1 ? size : dice % size);
        json_event_t event;
        size_t events = 0;
        while ((event = json_next(&reader)) != JSON_END && event != JSON_ERROR)
            cr_assert_lt(events++, size);
        free(text);
    }
}
