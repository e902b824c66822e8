/* CURVE key pairs in files. */
#include "stream/certificate.h"

#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static void s_set_name(certificate_t *self, const char *name) {
    snprintf(self->name, sizeof self->name, "%s", name ? name : "");
}

err_t certificate_make(certificate_t *self, const char *name) {
    char public_text[CERTIFICATE_TEXT_SIZE], secret_text[CERTIFICATE_TEXT_SIZE];
    memset(self, 0, sizeof *self);
    if (zmq_curve_keypair(public_text, secret_text) != 0)
        return ERR_INTERNAL;
    s_set_name(self, name);
    self->has_secret = true;
    bool decoded =
        zmq_z85_decode(self->public_key, public_text) && zmq_z85_decode(self->secret_key, secret_text);
    explicit_bzero(secret_text, sizeof secret_text);
    return decoded ? OK : ERR_INTERNAL;
}

void certificate_wipe(certificate_t *self) {
    explicit_bzero(self, sizeof *self);
}

/* ---- writing ---- */

static err_t s_write_new(const char *path, mode_t mode, const buf_t *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return errno == EEXIST ? ERR_CONFLICT : ERR_IO;
    bool written = write(fd, text->data, text->size) == (ssize_t)text->size && fsync(fd) == 0;
    int reason = errno;
    close(fd);
    if (written)
        return OK;
    unlink(path);
    errno = reason;
    return ERR_IO;
}

static void s_print(const certificate_t *self, bool secret, buf_t *out) {
    char now[CLOCK_RFC3339_SIZE], key[CERTIFICATE_TEXT_SIZE];
    clock_format_ms(clock_wall_ms(), now);
    buf_printf(out, "#   Made at %s by integration-service\n", now);
    buf_printf(out, secret ? "#   ZeroMQ CURVE **Secret** Certificate\n#   Give this file to nobody.\n\n"
                           : "#   ZeroMQ CURVE Public Certificate\n\n");
    buf_printf(out, "metadata\n    name = \"%s\"\ncurve\n", self->name);
    buf_printf(out, "    public-key = \"%s\"\n", zmq_z85_encode(key, self->public_key, CERTIFICATE_KEY_SIZE));
    if (secret)
        buf_printf(out, "    secret-key = \"%s\"\n",
                   zmq_z85_encode(key, self->secret_key, CERTIFICATE_KEY_SIZE));
    explicit_bzero(key, sizeof key);
}

static void s_wipe_text(buf_t *text) {
    explicit_bzero(text->data, text->capacity);
    buf_free(text);
}

static err_t s_save(const certificate_t *self, bool secret, const char *path) {
    buf_t text = BUF_INIT;
    buf_reserve(&text, 1024); /* so that no copy of a secret is left behind by growing */
    s_print(self, secret, &text);
    err_t err = s_write_new(path, secret ? 0600 : 0644, &text);
    s_wipe_text(&text);
    return err;
}

err_t certificate_save_public(const certificate_t *self, const char *path) {
    return s_save(self, false, path);
}

static void s_secret_path(const char *path, buf_t *out) {
    buf_clear(out);
    buf_printf(out, "%s_secret", path);
}

err_t certificate_save_secret(const certificate_t *self, const char *path) {
    buf_t secret_path = BUF_INIT;
    s_secret_path(path, &secret_path);
    err_t err = s_save(self, true, buf_str(&secret_path));
    buf_free(&secret_path);
    return err;
}

/* ---- reading ---- */

static bool s_decode(uint8_t key[CERTIFICATE_KEY_SIZE], const char *text) {
    return strlen(text) == CERTIFICATE_TEXT_SIZE - 1 && zmq_z85_decode(key, text);
}

/* The text of `key = "text"`, cut out of the line; NULL when the line is another. */
static char *s_value(char *line, const char *key) {
    char *at = line + strspn(line, " \t"), *end;
    size_t length = strlen(key);
    if (strncmp(at, key, length) != 0)
        return NULL;
    at += length;
    at += strspn(at, " \t");
    if (*at++ != '=')
        return NULL;
    at += strspn(at, " \t");
    if (*at != '"' && *at != '\'')
        return NULL;
    end = strchr(at + 1, *at);
    if (end)
        *end = '\0';
    return end ? at + 1 : NULL;
}

/* What a certificate holds of ZPL: names and quoted texts. Each key stands in one section only. */
static bool s_take_line(certificate_t *self, char *line, bool *has_public) {
    const char *text;
    if ((text = s_value(line, "public-key")))
        return *has_public = s_decode(self->public_key, text);
    if ((text = s_value(line, "secret-key")))
        return self->has_secret = s_decode(self->secret_key, text);
    if ((text = s_value(line, "name")))
        s_set_name(self, text);
    return true;
}

err_t certificate_load(certificate_t *self, const char *path) {
    char line[1024];
    bool valid = true, has_public = false;
    memset(self, 0, sizeof *self);
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    while (valid && fgets(line, sizeof line, file))
        valid = s_take_line(self, line, &has_public);
    if (ferror(file))
        valid = false;
    fclose(file);
    explicit_bzero(line, sizeof line);
    return valid && has_public ? OK : ERR_BAD_CONFIG;
}

/* ---- the server's own ---- */

static err_t s_explain(buf_t *problem, const char *path, err_t err, const char *doing) {
    const char *why = err == ERR_BAD_CONFIG ? "it is not a certificate" : strerror(errno);
    buf_printf(problem, "%s cannot be %s: %s", path, doing, why);
    return err;
}

static err_t s_make_pair(certificate_t *self, const char *name, const char *path, buf_t *problem) {
    err_t err = certificate_make(self, name);
    if (err != OK) {
        buf_append_str(problem, "ZeroMQ is built without CURVE");
        return err;
    }
    err = certificate_save_secret(self, path);
    if (err == OK)
        err = certificate_save_public(self, path);
    return err == OK ? OK : s_explain(problem, path, err, "written");
}

static err_t s_restore_public(const certificate_t *self, const char *path, buf_t *problem) {
    if (access(path, F_OK) == 0)
        return OK;
    err_t err = certificate_save_public(self, path);
    return err == OK ? OK : s_explain(problem, path, err, "written");
}

static err_t s_load_or_make(certificate_t *self, const char *name, const char *path, const char *secret_path,
                            buf_t *problem) {
    err_t err = certificate_load(self, secret_path);
    if (err == ERR_NOT_FOUND && access(path, F_OK) == 0) {
        buf_printf(problem, "%s is there without %s", path, secret_path);
        return ERR_BAD_CONFIG;
    }
    if (err == ERR_NOT_FOUND)
        return s_make_pair(self, name, path, problem);
    if (err != OK)
        return s_explain(problem, secret_path, err, "read");
    if (!self->has_secret) {
        buf_printf(problem, "%s holds no secret key", secret_path);
        return ERR_BAD_CONFIG;
    }
    return s_restore_public(self, path, problem);
}

err_t certificate_load_or_make(certificate_t *self, const char *dir, const char *name, buf_t *problem) {
    buf_t path = BUF_INIT, secret_path = BUF_INIT;
    buf_printf(&path, "%s/%s.key", dir, name);
    s_secret_path(buf_str(&path), &secret_path);
    err_t err = s_load_or_make(self, name, buf_str(&path), buf_str(&secret_path), problem);
    buf_free(&path);
    buf_free(&secret_path);
    return err;
}
