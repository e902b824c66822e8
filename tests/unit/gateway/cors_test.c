/* Origins. */
#include "gateway/cors.h"

#include <criterion/criterion.h>
#include <string.h>

Test(cors, is_off_when_no_origin_is_set, .timeout = 10) {
    buf_t out = BUF_INIT;
    cors_headers(&out, "", "http://a.example");
    cr_assert(out.size == 0);
    cr_assert_not(cors_origin_allowed("", "http://a.example"));
}

Test(cors, allows_listed_origins_only, .timeout = 10) {
    const char *origins = "http://a.example,https://b.example:8443";
    cr_assert(cors_origin_allowed(origins, "https://b.example:8443"));
    cr_assert_not(cors_origin_allowed(origins, "https://b.example"));
    cr_assert_not(cors_origin_allowed(origins, "http://a.example.evil"));
    cr_assert_not(cors_origin_allowed(origins, NULL));
}

Test(cors, names_the_origin_and_varies_by_it, .timeout = 10) {
    buf_t out = BUF_INIT;
    cors_headers(&out, "http://a.example", "http://a.example");
    cr_assert(strstr(buf_str(&out), "Access-Control-Allow-Origin: http://a.example\r\n"));
    cr_assert(strstr(buf_str(&out), "Vary: Origin\r\n"));
    buf_clear(&out);
    cors_headers(&out, "http://a.example", "http://b.example");
    cr_assert_null(strstr(buf_str(&out), "Allow-Origin"));
    cr_assert(strstr(buf_str(&out), "Vary: Origin\r\n"));
    buf_free(&out);
}

Test(cors, a_star_allows_everyone, .timeout = 10) {
    buf_t out = BUF_INIT;
    cors_headers(&out, "*", "http://b.example");
    cr_assert(strstr(buf_str(&out), "Access-Control-Allow-Origin: *\r\n"));
    buf_free(&out);
}

Test(cors, a_preflight_lists_methods_and_headers, .timeout = 10) {
    buf_t out = BUF_INIT;
    cors_preflight_headers(&out, "GET, HEAD");
    cr_assert(strstr(buf_str(&out), "Access-Control-Allow-Methods: GET, HEAD\r\n"));
    cr_assert(strstr(buf_str(&out), "Idempotency-Key"));
    buf_free(&out);
}
