/* Loading the certificate of the listener. */
#pragma once

#include <stdbool.h>

/* Loads the chain and its key (PEM) into an SSL_CTX and sets TLS 1.2 as the least version. False, and logged with
 * OpenSSL's reason, when a file is not usable or the two do not belong together. */
bool tls_load(void *ssl_context, const char *cert_file, const char *key_file);
