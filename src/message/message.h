/* Messages as data: what the generator knows of every protobuf message, and the generic work on them.
 *
 * A message_t describes one message type: where each field lies in its struct, how it looks on the wire and
 * in JSON. From it one generic transcoder reads and writes both for every route and for the stream; nobody
 * writes a mapper by hand. Structs are nanopb's: zero them (message_new or = Foo_init_zero), free what they
 * point to with message_release. Tables are constant; any thread.
 *
 * Only nanopb's generator and header are used. Its library, as Debian builds it, counts list elements and
 * bytes in 16 bits, which an answer kept for its Idempotency-Key outgrows; so the structs are compiled with
 * 32 bits (PB_FIELD_32BIT, for everything) and the wire format is read and written here. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef PB_FIELD_32BIT
#error "compile everything with -DPB_FIELD_32BIT=1: it decides the layout of the structs"
#endif

typedef struct message_s message_t;
typedef struct field_s field_t;
typedef struct field_rule_s field_rule_t;

typedef enum {
    FIELD_BOOL,
    FIELD_INT32,
    FIELD_UINT32,
    FIELD_INT64,
    FIELD_UINT64, /* also fixed64 */
    FIELD_FLOAT,
    FIELD_DOUBLE,
    FIELD_STRING,
    FIELD_JSON,      /* string that holds raw JSON text, inlined */
    FIELD_TIMESTAMP, /* int64 milliseconds, RFC 3339 in JSON */
    FIELD_BYTES,     /* base64 in JSON */
    FIELD_ENUM,      /* its number on the wire, its lower-case name without prefix in JSON */
    FIELD_MESSAGE,
    FIELD_MAP /* repeated entry message {key, value}; an object in JSON */
} field_type_t;

typedef enum {
    CARDINALITY_IMPLICIT, /* proto3 singular: always there */
    CARDINALITY_OPTIONAL, /* has_ flag, or NULL pointer */
    CARDINALITY_REPEATED, /* count at count_offset; items at a pointer */
    CARDINALITY_ONEOF     /* which_ tag at count_offset */
} cardinality_t;

/* protobuf encoding of a single value */
typedef enum { WIRE_VARINT, WIRE_ZIGZAG, WIRE_FIXED32, WIRE_FIXED64, WIRE_BYTES } wire_t;

/* The Rule annotation of a field. */
struct field_rule_s {
    bool required, ignore_case, json_object, output_only, internal, lenient, omit_unset, flatten;
    bool has_min, has_max;
    double min, max;
    uint32_t min_length, max_length; /* 0 = none */
    uint32_t min_items, max_items;   /* of a list that is given; 0 = none */
    const char *charset;             /* "A-Z0-9._^-" for messages; NULL = any */
    const uint64_t *charset_map;     /* the same as 256 bits; NULL = any */
    const char *words;               /* "buy|sell|hold", NULL = any */
    const char *synonyms;            /* "long=buy|bullish=buy" */
    const char *aliases;             /* "condition|metric" */
};

struct field_s {
    const char *name;     /* JSON name = proto name */
    const char *json_key; /* "\"name\":", name_length + 3 bytes */
    uint16_t name_length;
    uint8_t type;        /* field_type_t */
    uint8_t cardinality; /* cardinality_t */
    uint8_t wire;        /* wire_t */
    bool pointer;        /* stored behind a pointer (FT_POINTER); repeated fields always are */
    uint32_t tag;
    uint32_t offset;       /* of the value or of the pointer */
    uint32_t count_offset; /* of has_x, x_count or which_x, by cardinality; 0 where there is none */
    uint32_t size; /* of one value, behind the pointer if there is one; static string: capacity with NUL */
    const message_t *(*message)(void); /* of FIELD_MESSAGE and FIELD_MAP (the entry message); else NULL */
    const char *const *enum_names;     /* FIELD_ENUM: NULL-terminated lower-case names by number, else NULL */
    const field_rule_t *rule;          /* never NULL */
};

struct message_s {
    const char *name;      /* "Signal" */
    const char *schema;    /* "integration.v1.Signal" */
    uint32_t size;         /* sizeof the struct */
    const field_t *fields; /* in tag order */
    uint16_t field_count;  /* at most MESSAGE_FIELDS_MAX */
};

#define MESSAGE_FIELDS_MAX 64

/* tables.gen.h declares `const message_t *Signal_message (void)` for each message. */

/* Every message, sorted by schema (generated). */
extern const message_t *const messages_all[];
extern const size_t messages_count;

/* The message with this full name; NULL when there is none. */
const message_t *message_find(const char *schema);

/* The field with this name; NULL when there is none. */
const field_t *message_field(const message_t *self, const char *name, size_t length);

/* A zeroed struct on the heap; message_free releases its fields and it, and nulls the caller's pointer. */
void *message_new(const message_t *self);
void message_free(const message_t *self, void **value_p);
void message_release(const message_t *self, void *value); /* fields only; the struct is zeroed */

/* Deep copy into a zeroed struct. */
ERR_MUST_USE
err_t message_copy(const message_t *self, void *to, const void *from);

/* protobuf wire format. encode appends to `out`, which is unchanged after a failure; encode_into fills at
 * most `room` bytes. ERR_PROTOCOL: a string is not UTF-8 (other libraries refuse such messages whole), or
 * no room. */
ERR_MUST_USE
err_t message_encode(const message_t *self, const void *value, buf_t *out);
ERR_MUST_USE
err_t message_encode_into(const message_t *self, const void *value, void *bytes, size_t room, size_t *size);

/* decode fills a zeroed struct and releases it again on failure. ERR_PROTOCOL: the bytes are not the
 * message, or a string is not UTF-8, holds a NUL, or is longer than its static field. Unknown fields are
 * skipped. */
ERR_MUST_USE
err_t message_decode(const message_t *self, const void *bytes, size_t size, void *value);

/* Strings and lists of FT_POINTER fields: malloc'ed, so that message_release can free them. */
char *message_strdup(const char *text); /* NULL stays NULL */
char *message_strndup(const char *text, size_t length);
void *message_list(size_t count, size_t element_size); /* zeroed; NULL for count 0 */
pb_bytes_array_t *message_bytes(const void *bytes, size_t size);
/* Copies into a static string field of `capacity`; false (and untouched) when it does not fit. */
ERR_MUST_USE
bool message_set(char *field, size_t capacity, const char *text);
#define MESSAGE_SET(array, text) message_set((array), sizeof(array), (text))

/* The same for a text that fits by construction: a word, a name or an id of ours. */
static inline void message_put(char *field, size_t capacity, const char *text) {
    bool fits = message_set(field, capacity, text);
    assert_always(fits);
}
#define MESSAGE_PUT(array, text) message_put((array), sizeof(array), (text))
