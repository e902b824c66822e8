/* Keys, scopes, loopback. */
#include "gateway/auth.h"

#include <criterion/criterion.h>
#include <openssl/sha.h>
#include <string.h>

static config_api_key_t s_keys[2];

static config_t s_config(const char *auth, size_t keys) {
    const char *const texts[] = {"reader-key", "admin-key"};
    static char reader[] = "reader", admin[] = "admin", origins[] = "http://console.example";
    for (size_t i = 0; i < 2; i++)
        SHA256((const unsigned char *)texts[i], strlen(texts[i]), s_keys[i].sha256);
    s_keys[0].name = reader;
    s_keys[0].scope = SCOPE_READ;
    s_keys[1].name = admin;
    s_keys[1].scope = SCOPE_ADMIN;
    return (config_t){.auth = (char *)auth, .cors_origins = origins, .keys = s_keys, .key_count = keys};
}

static auth_principal_t s_identify(config_t config, headers_t headers, const char *remote) {
    auth_principal_t principal;
    auth_identify(&config, &headers, remote, &principal);
    return principal;
}

Test(auth, a_key_is_taken_from_either_header, .timeout = 10) {
    auth_principal_t by_bearer =
        s_identify(s_config("keys", 2), (headers_t){.authorization = "Bearer reader-key"}, "10.0.0.9");
    auth_principal_t by_header =
        s_identify(s_config("keys", 2), (headers_t){.api_key = "admin-key"}, "10.0.0.9");
    cr_assert_str_eq(by_bearer.name, "reader");
    cr_assert(by_bearer.scope == SCOPE_READ && by_bearer.by_key);
    cr_assert_str_eq(by_header.name, "admin");
    cr_assert(by_header.scope == SCOPE_ADMIN);
}

Test(auth, a_wrong_key_is_nobody_even_on_loopback, .timeout = 10) {
    const char *const keys[] = {"", "reader-ke", "reader-key ", "READER-KEY", "x"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        auth_principal_t who = s_identify(s_config("keys", 2), (headers_t){.api_key = keys[i]}, "127.0.0.1");
        cr_expect(auth_check(&who, SCOPE_READ) == ERR_UNAUTHORIZED, "%s", keys[i]);
        cr_expect(auth_check(&who, SCOPE_OPEN) == OK);
    }
}

Test(auth, another_scheme_than_bearer_is_nobody, .timeout = 10) {
    headers_t headers = {.authorization = "Basic cmVhZGVyLWtleQ==", .api_key = "admin-key"};
    auth_principal_t who = s_identify(s_config("keys", 2), headers, "127.0.0.1");
    cr_assert(auth_check(&who, SCOPE_READ) == ERR_UNAUTHORIZED);
}

Test(auth, without_keys_loopback_is_admin_and_others_are_nobody, .timeout = 10) {
    auth_principal_t local = s_identify(s_config("keys", 0), (headers_t){0}, "127.0.0.1");
    auth_principal_t remote = s_identify(s_config("keys", 0), (headers_t){0}, "10.0.0.9");
    cr_assert_str_eq(local.name, "loopback");
    cr_assert(auth_check(&local, SCOPE_ADMIN) == OK && !local.by_key);
    cr_assert(auth_check(&remote, SCOPE_READ) == ERR_UNAUTHORIZED);
}

Test(auth, a_browser_on_loopback_counts_only_for_our_own_pages, .timeout = 10) {
    headers_t foreign = {.origin = "http://evil.example", .host = "127.0.0.1:8088"};
    headers_t rebound = {.origin = "http://evil.example:8088", .host = "evil.example:8088"};
    headers_t own = {.origin = "http://127.0.0.1:8088", .host = "127.0.0.1:8088"};
    headers_t listed = {.origin = "http://console.example", .host = "127.0.0.1:8088"};
    auth_principal_t who = s_identify(s_config("keys", 0), foreign, "127.0.0.1");
    cr_assert(auth_check(&who, SCOPE_READ) == ERR_UNAUTHORIZED, "a page from elsewhere");
    who = s_identify(s_config("keys", 0), rebound, "127.0.0.1");
    cr_assert(auth_check(&who, SCOPE_READ) == ERR_UNAUTHORIZED, "a name that was rebound to loopback");
    who = s_identify(s_config("keys", 0), own, "127.0.0.1");
    cr_assert(auth_check(&who, SCOPE_ADMIN) == OK);
    who = s_identify(s_config("keys", 0), listed, "127.0.0.1");
    cr_assert(auth_check(&who, SCOPE_ADMIN) == OK);
}

Test(auth, off_admits_everyone_as_admin, .timeout = 10) {
    auth_principal_t who = s_identify(s_config("off", 2), (headers_t){0}, "10.0.0.9");
    cr_assert_str_eq(who.name, "anonymous");
    cr_assert(auth_check(&who, SCOPE_ADMIN) == OK);
}

Test(auth, each_scope_includes_those_before_it, .timeout = 10) {
    auth_principal_t who = {.scope = SCOPE_OPERATE};
    cr_assert(auth_check(&who, SCOPE_OPEN) == OK && auth_check(&who, SCOPE_READ) == OK);
    cr_assert(auth_check(&who, SCOPE_OPERATE) == OK);
    cr_assert(auth_check(&who, SCOPE_ADMIN) == ERR_FORBIDDEN);
}
