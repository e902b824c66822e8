/* Validation of request bodies. A check collects every problem of a body; afterwards it becomes one reply: 400 when a
 * field is missing or of the wrong type, 422 when all is well formed but a value is not allowed.
 *
 * Fields are named by their path ("config.lookback_days"): `path` is the prefix with its dot ("config." or ""). A NULL
 * parent counts as a problem that was reported before, and nothing more is said about its members. */
#pragma once

#include "http.h"

#include <stdint.h>

typedef enum { OPTIONAL, REQUIRED } presence_t;

typedef struct {
    json_t *problems; /* array of {field, problem}; NULL while there are none */
    bool malformed;
} check_t;

bool check_passed(const check_t *self);
void check_clear(check_t *self);

/* 400 or 422 VALIDATION_ERROR naming the first problem in its message and all of them in details; clears the check. */
reply_t check_reply(check_t *self);

/* Missing, or not of the right type. */
void check_malformed(check_t *self, const char *path, const char *name, const char *problem);
/* Well formed, but not an allowed value. */
void check_invalid(check_t *self, const char *path, const char *name, const char *problem);

/* Each returns the member, or NULL when it is absent or bad. null counts as absent only where said. */
json_t *check_object(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);
json_t *check_array(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);
/* 1 to max bytes. */
const char *check_string(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                         size_t max);
/* One of a NULL-terminated list. */
const char *check_word(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                       const char *const *words);
const char *check_date(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);
bool check_bool(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                bool otherwise);
int64_t check_int(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                  int64_t min, int64_t max, int64_t otherwise);
double check_number(check_t *self, json_t *in, const char *path, const char *name, presence_t presence,
                    double min, double max, double otherwise);
/* Array of symbols, not empty; null is allowed and returned as NULL when it is OPTIONAL. */
json_t *check_symbols(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);
/* Array of non-empty strings; null counts as absent. */
json_t *check_strings(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);
/* Object whose members are all numbers. */
json_t *check_numbers(check_t *self, json_t *in, const char *path, const char *name, presence_t presence);

/* 1-32 characters of [A-Z0-9._^-]. */
bool symbol_is_valid(const char *text);
