/* A hash of a JSON value that does not depend on how it is written: white space, escapes, the order of an object's
 * members and the spelling of a number (5, 5.0, 5e0) make no difference; the order of an array does. Numbers that are no
 * integers of 64 bits and longer than 15 characters count as they are written. Pure. */
#pragma once

#include "base/json.h"

/* False when the bytes are not exactly one JSON value; `kind` is then undefined too. */
bool json_hash(const char *text, size_t length, json_event_t *kind, uint64_t *hash);

/* Folds `value` into `hash`; the order of folding counts. */
uint64_t hash_fold(uint64_t hash, uint64_t value);
