/* URLs taken apart and masked. */
#include "base/url.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(url, .timeout = 10);

Test(url, parts_of_a_full_url) {
    url_t url;
    cr_assert(url_parse("redis://user:p:w@cache.local:6379/2?x=1", &url));
    cr_assert(url_scheme_is(&url, "REDIS"));
    cr_assert(url_part_is(url.user, "user"));
    cr_assert(url_part_is(url.password, "p:w"));
    cr_assert(url_part_is(url.host, "cache.local"));
    cr_assert_eq(url.port, 6379);
    cr_assert(url_part_is(url.path, "/2"));
    cr_assert(url_part_is(url.query, "x=1"));
}

Test(url, parts_may_be_absent) {
    url_t url;
    cr_assert(url_parse("http://host", &url));
    cr_assert_eq(url.port, -1);
    cr_assert_null(url.user.text);
    cr_assert_eq(url.path.length, 0);
    cr_assert(url_parse("tcp://*:*", &url));
    cr_assert(url_part_is(url.host, "*"));
    cr_assert_eq(url.port, -2);
    cr_assert(url_parse("tcp://[::1]:0", &url));
    cr_assert(url_part_is(url.host, "::1"));
    cr_assert_eq(url.port, 0);
}

Test(url, what_is_no_url_is_refused) {
    const char *const bad[] = {
        "",           "host",         "://host",           "http:/host",    "http://h:65536",
        "http://h:",  "http://h:80a", "http://[::1",       "http://[::1]x", "http://h h",
        "http://h\n", "http://h:-1",  "http://h:123456789"};
    url_t url;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(url_parse(bad[i], &url), "%s", bad[i]);
}

static void s_masks(const char *url, const char *expected) {
    char *masked = url_mask(url);
    cr_assert_str_eq(masked, expected);
    free(masked);
}

Test(url, mask_hides_passwords_and_nothing_else) {
    s_masks("postgresql://u:secret@h:5432/db?sslmode=require",
            "postgresql://u:***@h:5432/db?sslmode=require");
    s_masks("redis://:secret@h/0", "redis://:***@h/0");
    s_masks("postgresql://h/db?password=secret&a=b", "postgresql://h/db?password=***&a=b");
    s_masks("postgresql://h/db?a=b&sslpassword=secret", "postgresql://h/db?a=b&sslpassword=***");
    s_masks("http://h:8080/a@b?c=d", "http://h:8080/a@b?c=d");
    s_masks("sqlite:///data/x.db", "sqlite:///data/x.db");
    s_masks("", "");
}

Test(url, mask_hides_all_before_the_at_sign_of_what_is_no_url) {
    s_masks("postgresql://u:p/w@h/db", "postgresql://***@h/db");
    s_masks("u:secret@h", "***@h");
}
