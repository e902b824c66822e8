/* Identification by key or by loopback. */
#include "gateway/auth.h"

#include "gateway/cors.h"
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static void s_set(auth_principal_t *out, const char *name, scope_t scope) {
    snprintf(out->name, sizeof out->name, "%s", name);
    out->scope = scope;
    out->by_key = false;
}

/* Looks at every key whatever matches, so that the time says nothing. */
static const config_api_key_t *s_find_key(const config_t *config, const char *key) {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)key, strlen(key), digest);
    const config_api_key_t *found = NULL;
    for (size_t i = 0; i < config->key_count; i++)
        if (CRYPTO_memcmp(digest, config->keys[i].sha256, sizeof digest) == 0)
            found = &config->keys[i];
    return found;
}

/* The authority of "http://host:port". */
static const char *s_origin_host(const char *origin) {
    const char *slashes = strstr(origin, "://");
    return slashes ? slashes + 3 : "";
}

/* A page of ours, opened through a name of this machine: same host and port as the request, and loopback. */
static bool s_origin_is_local(const headers_t *headers) {
    const char *host = s_origin_host(headers->origin);
    size_t length = strcspn(host, ":/");
    return headers->host && strcmp(host, headers->host) == 0 && config_is_loopback(host, length);
}

static bool s_admits_loopback(const config_t *config, const headers_t *headers, const char *remote) {
    if (config->key_count > 0 || !config_is_loopback(remote, strlen(remote)))
        return false;
    return !headers->origin || s_origin_is_local(headers) ||
           cors_origin_allowed(config->cors_origins, headers->origin);
}

void auth_identify(const config_t *config, const headers_t *headers, const char *remote,
                   auth_principal_t *out) {
    s_set(out, "anonymous", SCOPE_OPEN);
    if (strcmp(config->auth, "off") == 0) {
        out->scope = SCOPE_ADMIN;
        return;
    }
    const char *key = headers->authorization ? header_bearer(headers->authorization) : headers->api_key;
    const config_api_key_t *known = key && *key ? s_find_key(config, key) : NULL;
    if (known) {
        s_set(out, known->name, known->scope);
        out->by_key = true;
    } else if (s_admits_loopback(config, headers, remote)) {
        s_set(out, "loopback", SCOPE_ADMIN);
    }
}

err_t auth_check(const auth_principal_t *self, scope_t needed) {
    if (self->scope >= needed)
        return OK;
    return self->scope == SCOPE_OPEN ? ERR_UNAUTHORIZED : ERR_FORBIDDEN;
}

const char *auth_scope_name(scope_t scope) {
    static const char *const names[] = {"open", "read", "operate", "admin"};
    return names[scope];
}
