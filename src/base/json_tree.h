/* jansson trees as text, for the irregular JSON of other services: numbers as short as they read back exactly
 * (jansson's own writer prints 0.35 as 0.34999999999999998), members in their order. Any thread. */
#pragma once

#include "base/buf.h"
#include <jansson.h>

void json_tree_write(const json_t *value, buf_t *out);

/* The text as a string on the heap; the caller frees it. */
char *json_tree_text(const json_t *value);

/* Parses a text of ours; NULL when it is NULL or no JSON. The caller json_decrefs. */
json_t *json_tree_parse(const char *text);

/* A number of the object, or `fallback` when it has none there. */
double json_tree_number(const json_t *object, const char *key, double fallback);
