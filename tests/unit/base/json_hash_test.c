/* What counts as the same JSON value. */
#include "base/json_hash.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(json_hash, .timeout = 10);

static uint64_t s_hash(const char *text) {
    json_event_t kind;
    uint64_t hash;
    cr_assert(json_hash(text, strlen(text), &kind, &hash), "%s", text);
    return hash;
}

static void s_same(const char *a, const char *b) {
    cr_expect_eq(s_hash(a), s_hash(b), "%s and %s", a, b);
}

static void s_differ(const char *a, const char *b) {
    cr_expect_neq(s_hash(a), s_hash(b), "%s and %s", a, b);
}

Test(json_hash, the_order_of_members_makes_no_difference) {
    s_same("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "{\"b\":{\"d\":3,\"c\":2},\"a\":1}");
}

Test(json_hash, white_space_and_escapes_make_no_difference) {
    s_same("{\"a\": [1 , 2]}", "{\"\\u0061\":[1,2]}");
    s_same("\"\\u00e9\"", "\"\xc3\xa9\"");
}

Test(json_hash, the_spelling_of_a_number_makes_no_difference) {
    s_same("5", "5.0");
    s_same("5", "5e0");
    s_same("0.25", "2.5e-1");
}

Test(json_hash, values_that_differ_differ) {
    s_differ("1", "2");
    s_differ("1", "\"1\"");
    s_differ("true", "false");
    s_differ("null", "false");
    s_differ("{}", "[]");
    s_differ("\"\"", "{}");
    s_differ("[1,2]", "[2,1]");
    s_differ("[[1],2]", "[1,[2]]");
    s_differ("{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}");
    s_differ("{\"a\":{\"b\":1}}", "{\"a\":{},\"b\":1}");
    s_differ("12345678901234567890", "12345678901234567891");
}

Test(json_hash, the_kind_of_the_value_is_told) {
    json_event_t kind;
    uint64_t hash;
    cr_assert(json_hash("[1]", 3, &kind, &hash));
    cr_assert_eq(kind, JSON_ARRAY_BEGIN);
}

Test(json_hash, what_is_not_one_value_is_refused) {
    json_event_t kind;
    uint64_t hash;
    const char *bad[] = {"", "{", "{\"a\"}", "[1,]", "1 2", "{\"a\":1}}", "nul"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(json_hash(bad[i], strlen(bad[i]), &kind, &hash), "%s", bad[i]);
}
