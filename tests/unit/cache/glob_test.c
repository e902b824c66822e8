/* Patterns of keys. */
#include "cache/glob.h"

#include <criterion/criterion.h>
#include <string.h>

Test(glob, star_stands_for_any_text_and_question_mark_for_one_byte, .timeout = 10) {
    cr_expect(glob_match("*", ""));
    cr_expect(glob_match("*", "anything"));
    cr_expect(glob_match("a*c", "ac"));
    cr_expect(glob_match("a*c", "abcabc"));
    cr_expect_not(glob_match("a*c", "abcab"));
    cr_expect(glob_match("?b?", "abc"));
    cr_expect_not(glob_match("?b?", "ab"));
    cr_expect(glob_match("*:ohlc:*:2024", "ds:ohlc:600519.SH:2024"));
    cr_expect_not(glob_match("", "a"));
    cr_expect(glob_match("", ""));
}

Test(glob, all_else_stands_for_itself, .timeout = 10) {
    cr_expect(glob_match("a[bc]d", "a[bc]d"));
    cr_expect_not(glob_match("a[bc]d", "abd"));
    cr_expect(glob_match("a\\*", "a\\xyz"));
    cr_expect_not(glob_match("A", "a"));
}

Test(glob, many_stars_do_not_take_for_ever, .timeout = 10) {
    char text[4096];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_not(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
    cr_expect(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a", text));
}

Test(glob, for_redis_escapes_what_only_redis_takes_for_a_wildcard, .timeout = 10) {
    buf_t out = BUF_INIT;
    glob_for_redis("a*b?[c]\\d^-", &out);
    cr_expect_str_eq(buf_str(&out), "a*b?\\[c\\]\\\\d^-");
    buf_free(&out);
}
