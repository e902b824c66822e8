/* curve-keygen: a key pair for a client. */
#include "cli/commands.h"

#include "base/json.h"
#include "stream/certificate.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static bool s_name_valid(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < 64 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static int s_explain(const char *path, const char *suffix, err_t err) {
    fprintf(stderr, "%s%s: %s\n", path, suffix,
            err == ERR_CONFLICT ? "is there already; it is not overwritten" : strerror(errno));
    return EXIT_FAILED;
}

static void s_print_json(const certificate_t *pair, const char *path) {
    char key[CERTIFICATE_TEXT_SIZE];
    buf_t line = BUF_INIT, secret = BUF_INIT;
    zmq_z85_encode(key, pair->public_key, CERTIFICATE_KEY_SIZE);
    buf_printf(&secret, "%s_secret", path);
    buf_append_str(&line, "{\"public_file\":");
    json_write_str(&line, path);
    buf_append_str(&line, ",\"secret_file\":");
    json_write_str(&line, buf_str(&secret));
    buf_append_str(&line, ",\"public_key\":");
    json_write_str(&line, key);
    buf_append_char(&line, '}');
    puts(buf_str(&line));
    buf_free(&line);
    buf_free(&secret);
}

static void s_print(const certificate_t *pair, const char *path, bool as_json) {
    if (as_json)
        s_print_json(pair, path);
    else
        printf("%s\n%s_secret\n", path, path);
}

static int s_save(const certificate_t *pair, const char *path, bool as_json) {
    err_t err = certificate_save_secret(pair, path);
    if (err != OK)
        return s_explain(path, "_secret", err);
    err = certificate_save_public(pair, path);
    if (err == OK) {
        s_print(pair, path, as_json);
        return EXIT_DONE;
    }
    int code = s_explain(path, "", err);
    buf_t secret = BUF_INIT;
    buf_printf(&secret, "%s_secret", path);
    unlink(buf_str(&secret));
    buf_free(&secret);
    return code;
}

int command_curve_keygen(const options_t *options, int argc, char *const *argv) {
    if (argc - options->first != 2) {
        fprintf(stderr, "usage: integration-cli curve-keygen [--json] DIR NAME\n");
        return EXIT_USAGE;
    }
    const char *dir = argv[options->first], *name = argv[options->first + 1];
    if (!s_name_valid(name)) {
        fprintf(stderr,
                "NAME: \"%s\" must be letters, digits and . _ -, at most 63, not beginning with a dot\n",
                name);
        return EXIT_USAGE;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return s_explain(dir, "", ERR_IO);
    certificate_t pair;
    buf_t path = BUF_INIT;
    int code = EXIT_FAILED;
    buf_printf(&path, "%s/%s.key", dir, name);
    if (certificate_make(&pair, name) == OK)
        code = s_save(&pair, buf_str(&path), options->json);
    else
        fprintf(stderr, "ZeroMQ is built without CURVE\n");
    certificate_wipe(&pair);
    buf_free(&path);
    return code;
}
