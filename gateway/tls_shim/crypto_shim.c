/* A libcrypto.so for civetweb 1.15: it dlopens the unversioned name, which only the development package has. Every
 * symbol is found in the real library, which this object links to. */
#include <openssl/crypto.h>

const char *tls_shim_crypto_version(void);

const char *tls_shim_crypto_version(void) {
    return OpenSSL_version(OPENSSL_VERSION);
}
