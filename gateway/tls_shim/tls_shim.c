/* A libssl.so for civetweb 1.15 under OpenSSL 3.
 *
 * civetweb dlopens "libssl.so" and looks up SSL_get_peer_certificate, which OpenSSL 3 renamed; it calls the missing
 * name at the first handshake and crashes. This object has that soname, is loaded with the program, and exports the
 * old name; every other symbol is found in the real library, which it links to. */
#include <openssl/ssl.h>

#undef SSL_get_peer_certificate
X509 *SSL_get_peer_certificate(const SSL *ssl);

X509 *SSL_get_peer_certificate(const SSL *ssl) {
    return SSL_get1_peer_certificate(ssl);
}
