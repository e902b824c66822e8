/* The allow-list. */
#include "stream/allow_list.h"

#include "base/log.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS_MOST = 10000 };

static int s_compare(const void *a, const void *b) {
    return memcmp(((const certificate_t *)a)->public_key, ((const certificate_t *)b)->public_key,
                  CERTIFICATE_KEY_SIZE);
}

static bool s_is_candidate(const char *name) {
    size_t length = strlen(name), suffix = strlen("_secret");
    return name[0] != '.' && !(length >= suffix && strcmp(name + length - suffix, "_secret") == 0);
}

static void s_add(allow_list_t *self, const certificate_t *certificate) {
    if (self->count == 0 || (self->count & (self->count - 1)) == 0) {
        self->items = realloc(self->items, (self->count ? self->count * 2 : 1) * sizeof *self->items);
        assert_always(self->items);
    }
    self->items[self->count++] = *certificate;
}

static void s_read_file(allow_list_t *self, const char *dir, const char *name) {
    buf_t path = BUF_INIT;
    certificate_t certificate;
    buf_printf(&path, "%s/%s", dir, name);
    err_t err = certificate_load(&certificate, buf_str(&path));
    if (err != OK) {
        log_warning("not a client's certificate", LOG_STR("file", buf_str(&path)), LOG_ERRT(err));
    } else {
        if (!certificate.name[0])
            snprintf(certificate.name, sizeof certificate.name, "%.63s", name);
        explicit_bzero(certificate.secret_key, sizeof certificate.secret_key);
        s_add(self, &certificate);
    }
    buf_free(&path);
}

err_t allow_list_load(allow_list_t *self, const char *dir) {
    allow_list_free(self);
    DIR *stream = opendir(dir);
    if (!stream)
        return ERR_IO;
    for (const struct dirent *entry; self->count < CLIENTS_MOST && (entry = readdir(stream));)
        if (s_is_candidate(entry->d_name))
            s_read_file(self, dir, entry->d_name);
    closedir(stream);
    if (self->count > 0)
        qsort(self->items, self->count, sizeof *self->items, s_compare);
    return OK;
}

void allow_list_free(allow_list_t *self) {
    free(self->items);
    *self = (allow_list_t){0};
}

const certificate_t *allow_list_find(const allow_list_t *self, const uint8_t key[CERTIFICATE_KEY_SIZE]) {
    certificate_t wanted;
    if (self->count == 0)
        return NULL;
    memcpy(wanted.public_key, key, CERTIFICATE_KEY_SIZE);
    return bsearch(&wanted, self->items, self->count, sizeof *self->items, s_compare);
}

/* The place of the key; else the one that was taken longest ago. */
static size_t s_place(const refusals_t *self, const uint8_t *key) {
    size_t oldest = 0;
    for (size_t i = 0; i < REFUSALS_KEPT; i++) {
        if (self->kept[i].logged_us && memcmp(self->kept[i].key, key, CERTIFICATE_KEY_SIZE) == 0)
            return i;
        if (self->kept[i].logged_us < self->kept[oldest].logged_us)
            oldest = i;
    }
    return oldest;
}

bool refusals_note(refusals_t *self, const uint8_t key[CERTIFICATE_KEY_SIZE], int64_t now_us) {
    size_t at = s_place(self, key);
    if (self->kept[at].logged_us && now_us - self->kept[at].logged_us < REFUSALS_US) {
        self->untold += memcmp(self->kept[at].key, key, CERTIFICATE_KEY_SIZE) != 0;
        return false;
    }
    memcpy(self->kept[at].key, key, CERTIFICATE_KEY_SIZE);
    self->kept[at].logged_us = now_us;
    return true;
}
