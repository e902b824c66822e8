/* CURVE key pairs in ZPL files, as czmq and pyzmq write and read them: NAME.key holds the public key, NAME.key_secret
 * both. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define CERTIFICATE_KEY_SIZE  32
#define CERTIFICATE_TEXT_SIZE 41 /* Z85 and a NUL */

typedef struct {
    uint8_t public_key[CERTIFICATE_KEY_SIZE];
    uint8_t secret_key[CERTIFICATE_KEY_SIZE];
    bool has_secret;
    char name[64]; /* of the metadata; may be empty */
} certificate_t;

/* A new pair. ERR_INTERNAL when ZeroMQ was built without CURVE. */
ERR_MUST_USE
err_t certificate_make(certificate_t *self, const char *name);

/* Writes `path` (the public part) or `path`_secret (both, readable by the owner only). An existing file is left as
 * it is: ERR_CONFLICT. ERR_IO: errno says why. */
ERR_MUST_USE
err_t certificate_save_public(const certificate_t *self, const char *path);
ERR_MUST_USE
err_t certificate_save_secret(const certificate_t *self, const char *path);

/* Reads one file, public or secret. ERR_NOT_FOUND: there is no file. ERR_BAD_CONFIG: it holds no key. */
ERR_MUST_USE
err_t certificate_load(certificate_t *self, const char *path);

/* The pair at dir/name.key: made when neither file is there, the public file made again when only it is missing.
 * `problem` says what is wrong in every other case. */
ERR_MUST_USE
err_t certificate_load_or_make(certificate_t *self, const char *dir, const char *name, buf_t *problem);

/* Overwrites the keys. */
void certificate_wipe(certificate_t *self);
