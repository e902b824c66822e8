/* Inside of the message folder: the rules of single values, the same for JSON and for text. Every function
 * that returns false has added a problem. */
#pragma once

#include "base/json.h"
#include "message/json_codec.h"

/* Where the reading stands: a chain of names and indices on the stack, spelled out only for a problem. */
typedef struct path_s path_t;
struct path_s {
    const path_t *parent; /* NULL at the root */
    const char *name;     /* NULL: an index */
    size_t length;
    size_t index;
};

/* Who is told what is wrong with the value at `path` (NULL: the body itself). */
typedef struct {
    problems_t *problems;
    const path_t *path;
} report_t;

/* Always false, to be returned. */
bool report_problem(report_t report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a number, given as JSON number text, into `slot` by the field's type and range. */
bool rules_put_number(const field_t *field, void *slot, const char *text, size_t length, report_t report);

/* Stores text in `slot`: a char array of field->size, or a new string behind a pointer. False when it does
 * not fit or holds a NUL. */
bool rules_store_text(const field_t *field, void *slot, const char *text, size_t length, report_t report);

/* "a string", "an object", ... for messages. */
const char *rules_kind(json_event_t event);

/* Checks and puts what JSON writes as a string: strings (synonyms become the word they mean), RFC 3339
 * times, enum names. */
bool rules_put_text(const field_t *field, void *slot, const char *text, size_t length, report_t report);

/* The readable field with this name or alias, NULL when there is none. `*next` is tried first and moves on. */
const field_t *rules_find(const message_t *message, const char *name, size_t length, size_t *next);

/* "unknown <what>; allowed: ...", or that the field is set by the server. */
void rules_unknown(const message_t *message, const char *what, const char *name, size_t length,
                   report_t report);
