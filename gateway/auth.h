/* Who asks, and whether they may: API keys, scopes, the loopback rule.
 *
 * Pure. Keys are compared by their SHA-256, each against all, in constant time; the key itself is never kept. */
#pragma once

#include "base/config.h"
#include "gateway/headers.h"

#define AUTH_NAME_SIZE 65

typedef struct {
    char name[AUTH_NAME_SIZE]; /* of the key; "loopback"; "anonymous" */
    scope_t scope;             /* SCOPE_OPEN: nobody we know */
    bool by_key;
} auth_principal_t;

/* Settles who asks. With INTEGRATION_AUTH=off everybody is "anonymous" with scope admin. With keys configured only
 * a key counts. Without, a peer on loopback is "loopback" with scope admin, unless a browser sends for a page
 * from elsewhere (then it is nobody: else any web page could reach into the machine). */
void auth_identify(const config_t *config, const headers_t *headers, const char *remote,
                   auth_principal_t *out);

/* OK, ERR_UNAUTHORIZED (nobody we know) or ERR_FORBIDDEN (known, but the scope is not enough). */
ERR_MUST_USE
err_t auth_check(const auth_principal_t *self, scope_t needed);

const char *auth_scope_name(scope_t scope);
