/* Certificate and key for civetweb's TLS context. */
#include "gateway/tls.h"

#include "base/log.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

static bool s_fail(const char *setting, const char *file) {
    char reason[160];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    log_error("TLS cannot start", LOG_STR("setting", setting), LOG_STR("file", file),
              LOG_STR("reason", reason));
    return false;
}

bool tls_load(void *ssl_context, const char *cert_file, const char *key_file) {
    SSL_CTX *context = ssl_context;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
        return s_fail("INTEGRATION_TLS_CERT", cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return s_fail("INTEGRATION_TLS_KEY", key_file);
    if (SSL_CTX_check_private_key(context) != 1)
        return s_fail("INTEGRATION_TLS_KEY", key_file);
    return true;
}
