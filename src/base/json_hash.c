/* One pass of the pull reader. The members of an object are summed up, which makes their order irrelevant without
 * sorting them. */
#include "base/json_hash.h"

#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

/* Longer numbers are told apart by their text, since as doubles two of them might be one. */
enum { EXACT_DIGITS = 15 };

enum { KIND_OBJECT = 1, KIND_ARRAY, KIND_STRING, KIND_INTEGER, KIND_REAL, KIND_DIGITS, KIND_WORD };

uint64_t hash_fold(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 32)) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 29);
}

static uint64_t s_text(const json_reader_t *reader) {
    if (!reader->escaped)
        return ids_hash64(reader->text, reader->length);
    char *text = malloc(reader->length + 1);
    assert_always(text);
    uint64_t hash = ids_hash64(text, json_unescape(reader->text, reader->length, text));
    free(text);
    return hash;
}

static uint64_t s_number(const json_reader_t *reader) {
    int64_t integer;
    double real;
    if (json_read_integer(reader->text, reader->length, &integer))
        return hash_fold(KIND_INTEGER, (uint64_t)integer);
    if (reader->length <= EXACT_DIGITS && json_read_number(reader->text, reader->length, &real)) {
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        return hash_fold(KIND_REAL, bits);
    }
    return hash_fold(KIND_DIGITS, ids_hash64(reader->text, reader->length));
}

static bool s_value(json_reader_t *reader, json_event_t first, uint64_t *hash);

static bool s_object(json_reader_t *reader, uint64_t *hash) {
    uint64_t sum = 0, value;
    json_event_t event;
    while ((event = json_next(reader)) == JSON_KEY) {
        uint64_t member = s_text(reader);
        if (!s_value(reader, json_next(reader), &value))
            return false;
        sum += hash_fold(member, value);
    }
    *hash = hash_fold(KIND_OBJECT, sum);
    return event == JSON_OBJECT_END;
}

static bool s_array(json_reader_t *reader, uint64_t *hash) {
    uint64_t folded = KIND_ARRAY, value;
    json_event_t event;
    while ((event = json_next(reader)) != JSON_ARRAY_END) {
        if (!s_value(reader, event, &value))
            return false;
        folded = hash_fold(folded, value);
    }
    *hash = hash_fold(folded, KIND_ARRAY);
    return true;
}

/* Recursion ends: the reader refuses more than JSON_MAX_DEPTH levels. */
static bool s_value(json_reader_t *reader, json_event_t first, uint64_t *hash) {
    switch (first) {
    case JSON_OBJECT_BEGIN: return s_object(reader, hash);
    case JSON_ARRAY_BEGIN: return s_array(reader, hash);
    case JSON_EVENT_STRING: *hash = hash_fold(KIND_STRING, s_text(reader)); return true;
    case JSON_NUMBER: *hash = s_number(reader); return true;
    case JSON_EVENT_TRUE:
    case JSON_EVENT_FALSE:
    case JSON_EVENT_NULL: *hash = hash_fold(KIND_WORD, (uint64_t)first); return true;
    default: return false;
    }
}

bool json_hash(const char *text, size_t length, json_event_t *kind, uint64_t *hash) {
    json_reader_t reader;
    json_reader_init(&reader, text, length);
    *kind = json_next(&reader);
    return s_value(&reader, *kind, hash) && json_next(&reader) == JSON_END;
}
