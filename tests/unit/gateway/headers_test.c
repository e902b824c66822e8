/* Request headers: which count, and what their values may be. */
#include "gateway/headers.h"

#include <criterion/criterion.h>
#include <string.h>

Test(headers, are_found_whatever_their_case, .timeout = 10) {
    headers_t headers = {0};
    headers_take(&headers, "x-request-id", "r1");
    headers_take(&headers, "AUTHORIZATION", "Bearer k");
    headers_take(&headers, "X-Something", "else");
    cr_assert_str_eq(headers.request_id, "r1");
    cr_assert_str_eq(headers.authorization, "Bearer k");
    cr_assert_null(headers.api_key);
    cr_assert(headers_framing_valid(&headers));
}

Test(headers, said_twice_make_the_framing_ambiguous, .timeout = 10) {
    headers_t headers = {0};
    headers_take(&headers, "Content-Length", "5");
    headers_take(&headers, "Content-Length", "6");
    cr_assert_not(headers_framing_valid(&headers));
}

Test(headers, length_and_chunks_together_are_refused, .timeout = 10) {
    headers_t headers = {0};
    headers_take(&headers, "Content-Length", "5");
    headers_take(&headers, "Transfer-Encoding", "chunked");
    cr_assert_not(headers_framing_valid(&headers));
}

Test(headers, a_length_is_digits_only, .timeout = 10) {
    const char *const bad[] = {"5x", "-1", "+5", "", " 5", "9999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        headers_t headers = {.content_length = bad[i]};
        cr_expect_not(headers_framing_valid(&headers), "%s", bad[i]);
    }
    headers_t good = {.content_length = "0"};
    cr_assert(headers_framing_valid(&good));
}

Test(headers, a_repeated_harmless_header_counts_once, .timeout = 10) {
    headers_t headers = {0};
    headers_take(&headers, "Accept", "application/json");
    headers_take(&headers, "Accept", "text/html");
    cr_assert(headers_framing_valid(&headers));
    cr_assert_str_eq(headers.accept, "application/json");
}

Test(headers, a_token_is_1_to_128_visible_ascii_characters, .timeout = 10) {
    char longest[130];
    memset(longest, 'x', sizeof longest);
    longest[128] = '\0';
    cr_assert(header_is_token("a!~") && header_is_token(longest));
    longest[128] = 'x';
    longest[129] = '\0';
    cr_assert_not(header_is_token(longest));
    cr_assert_not(header_is_token(""));
    cr_assert_not(header_is_token("a b"));
    cr_assert_not(header_is_token("a\xc3\xa9"));
    cr_assert_not(header_is_token("a\x7f"));
}

Test(headers, a_list_is_searched_by_whole_words, .timeout = 10) {
    cr_assert(header_list_has("Keep-Alive, TE", "keep-alive"));
    cr_assert(header_list_has(" close ", "close"));
    cr_assert_not(header_list_has("closed", "close"));
    cr_assert_not(header_list_has("", "close"));
}

Test(headers, problem_json_must_be_listed_to_be_sent, .timeout = 10) {
    cr_assert(header_accepts_problem("application/problem+json"));
    cr_assert(header_accepts_problem("text/html, application/problem+json;q=0.5"));
    cr_assert_not(header_accepts_problem("application/problem+json;q=0"));
    cr_assert_not(header_accepts_problem("application/problem+json; q=0.000"));
    cr_assert(header_accepts_problem("application/problem+json;q=0.01"));
    cr_assert_not(header_accepts_problem("*/*"));
    cr_assert_not(header_accepts_problem(NULL));
}

Test(headers, json_content_types, .timeout = 10) {
    const char *const good[] = {"application/json", "Application/JSON; charset=UTF-8",
                                "application/json;charset=\"utf-8\"", "application/merge-patch+json"};
    const char *const bad[] = {"text/plain",
                               "application/jsonx",
                               "application/json; charset=latin1",
                               "application/x-www-form-urlencoded",
                               "",
                               "+json"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(header_is_json(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(header_is_json(bad[i]), "%s", bad[i]);
    cr_assert_not(header_is_json(NULL));
}

Test(headers, the_key_of_a_bearer_header, .timeout = 10) {
    cr_assert_str_eq(header_bearer("Bearer abc"), "abc");
    cr_assert_str_eq(header_bearer("bearer  abc"), "abc");
    cr_assert_null(header_bearer("Basic abc"));
    cr_assert_null(header_bearer(NULL));
}
