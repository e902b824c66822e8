/* HTTPS: a real handshake with a certificate made for the test. */
#include "gateway_fixture.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char s_dir[64], s_cert[96], s_key[96];

static void s_write_files(X509 *cert, EVP_PKEY *key) {
    snprintf(s_cert, sizeof s_cert, "%s/cert.pem", s_dir);
    snprintf(s_key, sizeof s_key, "%s/key.pem", s_dir);
    FILE *file = fopen(s_cert, "w");
    cr_assert(file && PEM_write_X509(file, cert) == 1);
    fclose(file);
    file = fopen(s_key, "w");
    cr_assert(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
}

/* A certificate for 127.0.0.1, signed by itself. */
static void s_make_certificate(void) {
    strcpy(s_dir, "/tmp/integration-tls-XXXXXX");
    cr_assert(mkdtemp(s_dir));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    cr_assert(key && cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    cr_assert(X509_sign(cert, key, EVP_sha256()) > 0);
    s_write_files(cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void s_remove_certificate(void) {
    remove(s_cert);
    remove(s_key);
    remove(s_dir);
}

TestSuite(gateway_tls, .init = s_make_certificate, .fini = s_remove_certificate, .timeout = 60);

static void s_start(gateway_fixture_t *f) {
    char cert[128], key[128];
    snprintf(cert, sizeof cert, "INTEGRATION_TLS_CERT=%s", s_cert);
    snprintf(key, sizeof key, "INTEGRATION_TLS_KEY=%s", s_key);
    gateway_fixture_start(f, NULL, (const char *const[]){cert, key, NULL});
}

static size_t s_take(char *bytes, size_t size, size_t count, void *out) {
    buf_append(out, bytes, size * count);
    return size * count;
}

static long s_get(gateway_fixture_t *f, const char *path, buf_t *out) {
    char url[128];
    long status = 0;
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%s%s", gateway_url(f->gateway), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_HEADER, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    CURLcode rc = curl_easy_perform(curl);
    cr_assert(rc == CURLE_OK, "%s: %s", url, curl_easy_strerror(rc));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status;
}

Test(gateway_tls, serves_over_https) {
    gateway_fixture_t f;
    buf_t out = BUF_INIT;
    s_start(&f);
    cr_expect(strncmp(gateway_url(f.gateway), "https://127.0.0.1:", 18) == 0);
    for (int i = 0; i < 5; i++) {
        buf_clear(&out);
        cr_expect(s_get(&f, "/health", &out) == 200);
        cr_expect(strstr(buf_str(&out), "\"status\":\"healthy\""));
        cr_expect(strstr(buf_str(&out), "Strict-Transport-Security: "));
    }
    buf_free(&out);
    gateway_fixture_stop(&f);
}

Test(gateway_tls, a_failed_handshake_costs_no_worker) {
    gateway_fixture_t f;
    buf_t out = BUF_INIT;
    s_start(&f);
    for (int i = 0; i < 100; i++) {
        raw_t raw;
        raw_open(&raw, f.port);
        raw_send(&raw, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        cr_assert(raw_is_closed(&raw) || raw.in.size > 0, "answered by an alert or closed");
        raw_close(&raw);
    }
    cr_expect(s_get(&f, "/health", &out) == 200);
    buf_free(&out);
    gateway_fixture_stop(&f);
}

Test(gateway_tls, a_key_that_does_not_fit_fails_the_start) {
    char cert[128], key[128];
    snprintf(cert, sizeof cert, "INTEGRATION_TLS_CERT=%s", s_cert);
    snprintf(key, sizeof key, "INTEGRATION_TLS_KEY=%s", s_cert);
    config_t *config = gateway_fixture_config(s_dir, (const char *const[]){cert, key, NULL});
    gateway_t *gateway = NULL;
    cr_expect(gateway_start(&gateway, config) == ERR_BAD_CONFIG);
    config_destroy(&config);
}
