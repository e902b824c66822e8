/* Paths and queries taken apart. */
#include "gateway/uri.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool s_segment_is(const uri_path_t *path, size_t at, const char *word) {
    return at < path->count && uri_text_is(path->segments[at], word);
}

Test(uri, splits_a_path_at_its_slashes, .timeout = 10) {
    uri_path_t path;
    cr_assert(uri_path_split(&path, "/api/v1/tasks") == OK);
    cr_assert(path.count == 3);
    cr_assert(s_segment_is(&path, 0, "api") && s_segment_is(&path, 1, "v1") &&
              s_segment_is(&path, 2, "tasks"));
}

Test(uri, the_root_has_no_segments, .timeout = 10) {
    uri_path_t path;
    cr_assert(uri_path_split(&path, "/") == OK);
    cr_assert(path.count == 0);
}

Test(uri, decodes_a_segment_without_splitting_at_an_encoded_slash, .timeout = 10) {
    uri_path_t path;
    cr_assert(uri_path_split(&path, "/tasks/a%2Fb%20c/x%41") == OK);
    cr_assert(path.count == 3);
    cr_assert(s_segment_is(&path, 1, "a/b c"));
    cr_assert(s_segment_is(&path, 2, "xA"));
}

Test(uri, keeps_empty_segments, .timeout = 10) {
    uri_path_t path;
    cr_assert(uri_path_split(&path, "//health/") == OK);
    cr_assert(path.count == 3);
    cr_assert(s_segment_is(&path, 0, "") && s_segment_is(&path, 1, "health") && s_segment_is(&path, 2, ""));
}

Test(uri, refuses_bad_escapes_and_encoded_nul, .timeout = 10) {
    const char *const bad[] = {"/a%", "/a%4", "/a%zz", "/a%4g", "/a%00b", "no-slash", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uri_path_t path;
        cr_expect(uri_path_split(&path, bad[i]) == ERR_MALFORMED_REQUEST, "%s", bad[i]);
    }
}

Test(uri, a_path_longer_than_any_route_is_not_found, .timeout = 10) {
    uri_path_t path;
    cr_assert(uri_path_split(&path, "/1/2/3/4/5/6/7/8/9/10/11/12/13") == ERR_ROUTE_NOT_FOUND);
    char *text = malloc(4002);
    memset(text, '0', 4001);
    text[0] = '/';
    for (size_t i = 1; i + 2 < 4001; i += 3)
        memcpy(text + i, "%41", 3);
    text[4001] = '\0';
    cr_assert(uri_path_split(&path, text) == ERR_ROUTE_NOT_FOUND);
    free(text);
}

Test(uri, steps_through_a_query, .timeout = 10) {
    char query[] = "symbol=600519.SH&&note=a+b%26c&flag&=x";
    uri_query_t steps;
    uri_param_t param;
    uri_query_init(&steps, query);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert(uri_text_is(param.name, "symbol") && uri_text_is(param.value, "600519.SH") && param.valid);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert(uri_text_is(param.name, "note") && uri_text_is(param.value, "a b&c") && param.valid);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert(uri_text_is(param.name, "flag") && param.value.length == 0);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert(param.name.length == 0 && uri_text_is(param.value, "x"));
    cr_assert_not(uri_query_next(&steps, &param));
}

Test(uri, marks_a_parameter_with_a_bad_escape, .timeout = 10) {
    char query[] = "a=%zz&b=1";
    uri_query_t steps;
    uri_param_t param;
    uri_query_init(&steps, query);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert_not(param.valid);
    cr_assert(uri_query_next(&steps, &param));
    cr_assert(param.valid && uri_text_is(param.value, "1"));
}

Test(uri, an_absent_query_has_no_parameters, .timeout = 10) {
    uri_query_t steps;
    uri_param_t param;
    uri_query_init(&steps, NULL);
    cr_assert_not(uri_query_next(&steps, &param));
}

Test(uri, encodes_everything_but_unreserved_characters, .timeout = 10) {
    buf_t out = BUF_INIT;
    uri_encode(&out, "a-b_c.d~9 /%\xc3\xa9", 14);
    cr_assert_str_eq(buf_str(&out), "a-b_c.d~9%20%2F%25%C3%A9");
    buf_free(&out);
}
