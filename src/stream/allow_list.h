/* The public keys of admitted clients: the certificates in a directory. Owned by one thread. */
#pragma once

#include "stream/certificate.h"
#include <stddef.h>

typedef struct {
    certificate_t *items; /* sorted by key */
    size_t count;
} allow_list_t;

/* Reads every file of the directory that is a certificate; one that is none is logged and left out, *_secret files
 * are not looked at. A directory that cannot be read gives an empty list and ERR_IO. */
ERR_MUST_USE
err_t allow_list_load(allow_list_t *self, const char *dir);
void allow_list_free(allow_list_t *self);
/* The client with this key; NULL when it is not admitted. */
const certificate_t *allow_list_find(const allow_list_t *self, const uint8_t key[CERTIFICATE_KEY_SIZE]);

/* Who was refused lately, so that each unknown key is logged once a minute. Who comes with ever new keys fills no log:
 * at most REFUSALS_KEPT keys are logged a minute, the rest is counted. Zero it before use. */
#define REFUSALS_KEPT 32
#define REFUSALS_US   60000000

typedef struct {
    struct {
        uint8_t key[CERTIFICATE_KEY_SIZE];
        int64_t logged_us; /* 0 = free */
    } kept[REFUSALS_KEPT];
    uint64_t untold; /* refusals of keys for which there was no place, since the last that was logged */
} refusals_t;

/* True when this refusal is to be logged; the caller then tells `untold` too and zeroes it. */
bool refusals_note(refusals_t *self, const uint8_t key[CERTIFICATE_KEY_SIZE], int64_t now_us);
