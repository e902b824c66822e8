/* JSON <-> message, from the field tables alone. Any thread.
 *
 * Reading reports every problem of a body at once: unknown and repeated names, wrong types, ranges,
 * lengths, characters, words, missing required fields, each with its path ("signals[3].strength"). The
 * rules are the Rule annotations of the .proto files.
 *
 * What is understood, field by field:
 *   numbers     JSON numbers; integers may be written 5, 5.0 or 5e0, and must fit the field
 *   booleans    true, false
 *   timestamps  RFC 3339 text with an offset
 *   words       any of `words` or `synonyms` (stored as the word it means)
 *   enums       the lower-case name
 *   bytes       base64
 *   raw JSON    any value (an object when json_object), kept as text
 *   null        the same as leaving the field out
 * A `lenient` list keeps a bad element and notes its problems in the element's own `problems` field, with
 * paths relative to the element. */
#pragma once

#include "message/message.h"

typedef struct {
    char *field;   /* path; "" for the body itself */
    char *problem; /* "must be between 0 and 1, got 1.7" */
} problem_t;

/* Problems found so far; at most PROBLEMS_MAX are kept, the rest only counted. Starts as PROBLEMS_INIT. */
#define PROBLEMS_MAX 64
typedef struct {
    problem_t items[PROBLEMS_MAX];
    size_t count; /* kept */
    size_t found; /* all */
} problems_t;

#define PROBLEMS_INIT \
    { .count = 0 }

void problems_add(problems_t *self, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problems_free(problems_t *self);

/* Which fields of one message have been given: bit i is fields[i]. Starts as 0. */
typedef uint64_t json_seen_t;

/* Reads a whole message: a JSON object into a zeroed struct, required fields checked. ERR_MALFORMED_JSON:
 * not JSON, or not an object (one problem with line and column). ERR_VALIDATION_FAILED: JSON, but not valid
 * for the message. The struct is releasable in every case. */
ERR_MUST_USE
err_t json_decode(const message_t *message, const char *text, size_t size, void *value, problems_t *problems);

/* The same in parts, for a request whose fields come from path, query and body. All parts add to `seen` and
 * `problems`; json_check_required closes:
 *
 *     json_seen_t seen = 0;
 *     json_set_from_text (... path parameters ..., &seen, &problems);
 *     err = json_decode_fields (message, body, size, value, &seen, &problems);   or the query parameters
 *     json_check_required (message, seen, &problems);
 *     valid = err == OK && problems.found == 0;
 *
 * A body may repeat a field that is already in `seen` only with the same value. */
ERR_MUST_USE
err_t json_decode_fields(const message_t *message, const char *text, size_t size, void *value,
                         json_seen_t *seen, problems_t *problems);

/* Sets one field from text (a path or query parameter), by the same rules: numbers, booleans (true, false,
 * 1, 0), timestamps, words, strings; a repeated field takes a comma list and may be given several times. An
 * unknown name is a problem like any other. `name` and `text` are bytes with a length, already unescaped. */
void json_set_from_text(const message_t *message, void *value, const char *name, size_t name_length,
                        const char *text, size_t size, json_seen_t *seen, problems_t *problems);

/* Adds "is required" for each required field that is not in `seen`. */
void json_check_required(const message_t *message, json_seen_t seen, problems_t *problems);

/* Writes the message as a JSON object: its fields in tag order. An unset optional field is null (left out
 * with omit_unset), as is a timestamp of 0 that has no presence and is not required; the unset members of a oneof
 * are left out; internal fields never appear. Cannot fail: a free-form field whose text is not JSON becomes a JSON
 * string. */
void json_encode(const message_t *message, const void *value, buf_t *out);

/* Writes one field's value alone (an array, a map, ...), for envelopes whose data is that field. `field`
 * must be one of the message's. */
void json_encode_field(const message_t *message, const void *value, const char *field, buf_t *out);
