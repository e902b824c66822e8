/* An adapter verifies who it talks to: a certificate that nobody vouches for, or that is another's, is refused. */
#include "services_fixture.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEALTHY                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{" \
    "\"status\":\"healthy\",\"service\":\"macro\"}"

/* A service over TLS that is always well. */
typedef struct {
    int listener, port;
    SSL_CTX *tls;
    atomic_bool ends;
    atomic_int served;
    pthread_t thread;
} server_t;

static char s_dir[64], s_cert[96], s_other[96];

/* Signed by itself, for one address. */
static X509 *s_make(EVP_PKEY *key, const char *names) {
    X509 *cert = X509_new();
    cr_assert(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"macro", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    cr_assert(extension && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    cr_assert(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static void s_write(char path[96], const char *name, X509 *cert) {
    snprintf(path, 96, "%s/%s", s_dir, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && PEM_write_X509(file, cert) == 1);
    fclose(file);
}

static void s_serve(server_t *self, int fd) {
    char head[4096];
    SSL *tls = SSL_new(self->tls);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) == 1 && SSL_read(tls, head, sizeof head) > 0) {
        atomic_fetch_add(&self->served, 1);
        SSL_write(tls, HEALTHY, sizeof HEALTHY - 1);
        SSL_shutdown(tls);
    }
    SSL_free(tls);
    close(fd);
}

static void *s_run(void *context) {
    server_t *self = context;
    while (!atomic_load(&self->ends)) {
        struct pollfd look = {.fd = self->listener, .events = POLLIN};
        int fd = poll(&look, 1, 20) == 1 ? accept(self->listener, NULL, NULL) : -1;
        if (fd >= 0)
            s_serve(self, fd);
    }
    return NULL;
}

/* `names` are those that its certificate is good for. */
static void s_server_start(server_t *self, const char *names) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    signal(SIGPIPE, SIG_IGN); /* a client that refuses the certificate leaves in the middle */
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other_key = EVP_EC_gen("P-256");
    strcpy(s_dir, "/tmp/integration-tls-XXXXXX");
    cr_assert(key && other_key && mkdtemp(s_dir));
    X509 *cert = s_make(key, names), *other = s_make(other_key, names);
    s_write(s_cert, "cert.pem", cert);
    s_write(s_other, "other.pem", other);
    *self = (server_t){.tls = SSL_CTX_new(TLS_server_method())};
    cr_assert(SSL_CTX_use_certificate(self->tls, cert) == 1 && SSL_CTX_use_PrivateKey(self->tls, key) == 1);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(self->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
              listen(self->listener, 8) == 0 &&
              getsockname(self->listener, (struct sockaddr *)&at, &size) == 0);
    self->port = ntohs(at.sin_port);
    cr_assert_eq(pthread_create(&self->thread, NULL, s_run, self), 0);
    X509_free(cert);
    X509_free(other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
}

static void s_server_stop(server_t *self) {
    atomic_store(&self->ends, true);
    pthread_join(self->thread, NULL);
    close(self->listener);
    SSL_CTX_free(self->tls);
    remove(s_cert);
    remove(s_other);
    remove(s_dir);
}

/* What the adapter says of it when it trusts that file. */
static void s_expect(const char *names, const char *trusts, const char *status, const char *says) {
    flow_t f;
    server_t server;
    flow_begin(&f, "0");
    s_server_start(&server, names);
    flow_point_at(&f, SERVICE_MACRO, server.port);
    snprintf(f.urls[SERVICE_MACRO], sizeof f.urls[SERVICE_MACRO], "https://127.0.0.1:%d", server.port);
    f.store.config.adapter_ca_file = (char *)trusts;
    flow_start_adapter(&f, SERVICE_MACRO);
    ServiceItem item = adapter_probe(&f, SERVICE_MACRO);
    cr_expect_str_eq(item.status, status, "%s", item.error);
    cr_expect(!says || (item.error && strstr(item.error, says)), "\"%s\" does not say \"%s\"", item.error,
              says);
    cr_expect_eq(atomic_load(&server.served) > 0, strcmp(status, "healthy") == 0);
    if (says) {
        outcome_t out = adapter_call(&f, SERVICE_MACRO, adapter_get(MACRO_STATE));
        expect_refused(&out, ERR_PROTOCOL, "(attempts: 1)");
        outcome_done(&out);
    }
    item_done(&item);
    flow_end(&f);
    s_server_stop(&server);
}

Test(tls, a_service_is_trusted_by_its_authority, .timeout = 60) {
    s_expect("IP:127.0.0.1", s_cert, "healthy", NULL);
}

Test(tls, a_certificate_that_signs_itself_is_refused, .timeout = 60) {
    s_expect("IP:127.0.0.1", "", "unhealthy", "certificate");
}

Test(tls, a_certificate_of_another_authority_is_refused, .timeout = 60) {
    s_expect("IP:127.0.0.1", s_other, "unhealthy", "certificate");
}

Test(tls, a_certificate_for_another_host_is_refused, .timeout = 60) {
    s_expect("IP:127.0.0.2", s_cert, "unhealthy", "127.0.0.1");
}
