/* JSON -> message: one pass over the text, values straight into the struct. A function that returns false
 * has met text that is not JSON and everything stops; all else is a problem that is noted, and reading goes
 * on. */
#include "message/json_codec.h"

#include "message/base64.h"
#include "message/rules.h"
#include "message/slot.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    json_reader_t reader;
    problems_t *problems;
} decoder_t;

/* Text of the reader's string with its escapes resolved; in `small`, or on the heap when that is too small. */
typedef struct {
    char small[256];
    char *heap;
    const char *text;
    size_t length;
} plain_t;

static bool s_read_object(decoder_t *self, const message_t *message, void *value, const path_t *path,
                          json_seen_t *seen);

static report_t s_report(const decoder_t *self, const path_t *path) {
    return (report_t){self->problems, path};
}

static void s_plain_open(plain_t *plain, const json_reader_t *reader) {
    plain->heap = NULL;
    plain->text = reader->text;
    plain->length = reader->length;
    if (!reader->escaped)
        return;
    char *room = plain->small;
    if (reader->length > sizeof plain->small)
        room = plain->heap = malloc(reader->length);
    assert_always(room);
    plain->length = json_unescape(reader->text, reader->length, room);
    plain->text = room;
}

static void s_plain_close(plain_t *plain) {
    free(plain->heap);
}

static void s_check_required(const message_t *message, json_seen_t seen, problems_t *problems,
                             const path_t *parent) {
    for (size_t i = 0; i < message->field_count; i++) {
        const field_t *field = &message->fields[i];
        if (!field->rule->required || seen >> i & 1)
            continue;
        path_t path = {parent, field->name, field->name_length, 0};
        report_problem((report_t){problems, &path}, "is required");
    }
}

/* --- single values --------------------------------------------------------------------------- */

static bool s_wrong_kind(decoder_t *self, const path_t *path, json_event_t first, const char *wanted) {
    report_problem(s_report(self, path), "must be %s, got %s", wanted, rules_kind(first));
    return json_skip(&self->reader, first);
}

static bool s_read_text(decoder_t *self, const field_t *field, void *slot, const path_t *path) {
    plain_t plain;
    s_plain_open(&plain, &self->reader);
    rules_put_text(field, slot, plain.text, plain.length, s_report(self, path));
    s_plain_close(&plain);
    return true;
}

static bool s_read_bytes(decoder_t *self, void *slot, const field_t *field, const path_t *path) {
    plain_t plain;
    s_plain_open(&plain, &self->reader);
    size_t room = BASE64_ROOM(plain.length), size = 0;
    uint8_t *bytes = malloc(room + 1);
    assert_always(bytes);
    size_t most = field->rule->max_length ? field->rule->max_length : SIZE_MAX;
    if (!base64_decode(plain.text, plain.length, bytes, &size)) {
        report_problem(s_report(self, path), "must be base64");
    } else if (size > most) {
        report_problem(s_report(self, path), "must be at most %zu bytes, got %zu", most, size);
    } else {
        *(pb_bytes_array_t **)slot = message_bytes(bytes, size);
    }
    free(bytes);
    s_plain_close(&plain);
    return true;
}

static bool s_read_json(decoder_t *self, const field_t *field, void *slot, const path_t *path,
                        json_event_t first) {
    if (field->rule->json_object && first != JSON_OBJECT_BEGIN)
        return s_wrong_kind(self, path, first, "an object");
    const char *text;
    size_t length;
    if (!json_raw(&self->reader, first, &text, &length))
        return false;
    char *compact = malloc(length + 1);
    assert_always(compact);
    length = json_compact(text, length, compact);
    compact[length] = '\0';
    uint32_t most = field->rule->max_length;
    if (most && length > most) {
        report_problem(s_report(self, path), "must be at most %u bytes of JSON, got %zu", most, length);
    } else if (field->pointer) {
        *(char **)slot = compact;
        return true;
    } else {
        rules_store_text(field, slot, compact, length, s_report(self, path));
    }
    free(compact);
    return true;
}

static bool s_read_message(decoder_t *self, const field_t *field, void *slot, const path_t *path,
                           json_event_t first) {
    if (first != JSON_OBJECT_BEGIN)
        return s_wrong_kind(self, path, first, "an object");
    json_seen_t seen = 0;
    if (!s_read_object(self, field->message(), slot, path, &seen))
        return false;
    s_check_required(field->message(), seen, self->problems, path);
    return true;
}

static bool s_read_number(decoder_t *self, const field_t *field, void *slot, const path_t *path,
                          json_event_t first) {
    bool real = field->type == FIELD_DOUBLE || field->type == FIELD_FLOAT;
    if (first != JSON_NUMBER)
        return s_wrong_kind(self, path, first, real ? "a number" : "an integer");
    rules_put_number(field, slot, self->reader.text, self->reader.length, s_report(self, path));
    return true;
}

static bool s_read_value(decoder_t *self, const field_t *field, void *slot, const path_t *path,
                         json_event_t first) {
    switch (field->type) {
    case FIELD_BOOL:
        if (first != JSON_EVENT_TRUE && first != JSON_EVENT_FALSE)
            return s_wrong_kind(self, path, first, "true or false");
        *(bool *)slot = first == JSON_EVENT_TRUE;
        return true;
    case FIELD_JSON: return s_read_json(self, field, slot, path, first);
    case FIELD_MESSAGE: return s_read_message(self, field, slot, path, first);
    case FIELD_TIMESTAMP:
        if (first != JSON_EVENT_STRING)
            return s_wrong_kind(self, path, first, "an RFC 3339 time as a string");
        break;
    case FIELD_STRING:
    case FIELD_ENUM:
    case FIELD_BYTES: break;
    default: return s_read_number(self, field, slot, path, first);
    }
    if (first != JSON_EVENT_STRING)
        return s_wrong_kind(self, path, first, "a string");
    if (field->type == FIELD_BYTES)
        return s_read_bytes(self, slot, field, path);
    return s_read_text(self, field, slot, path);
}

/* --- lists ----------------------------------------------------------------------------------- */

/* A note's text into a field of FieldProblem; a static field takes what fits of it. */
static void s_put_note(const message_t *message, void *note, const char *name, const char *text) {
    const field_t *field = message_field(message, name, strlen(name));
    assert_always(field && field->type == FIELD_STRING);
    char *slot = slot_open(field, note);
    if (field->pointer) {
        *(char **)(void *)slot = message_strdup(text);
        return;
    }
    size_t length = strnlen(text, field->size - 1);
    while (text[length] && length && (text[length] & 0xc0) == 0x80)
        length--;
    memcpy(slot, text, length);
}

static void s_keep_notes(const message_t *message, void *element, const problems_t *problems) {
    const field_t *field = message_field(message, "problems", strlen("problems"));
    assert_always(field && field->type == FIELD_MESSAGE && field->cardinality == CARDINALITY_REPEATED);
    for (size_t i = 0; i < problems->count; i++) {
        void *note = slot_add(field, element, PROBLEMS_MAX);
        if (!note)
            return;
        s_put_note(field->message(), note, "field", problems->items[i].field);
        s_put_note(field->message(), note, "problem", problems->items[i].problem);
    }
}

/* An element whose problems are its own affair; its paths start at the element. */
static bool s_read_lenient(decoder_t *self, const field_t *field, void *element, json_event_t first) {
    problems_t own;
    own.count = own.found = 0;
    problems_t *outer = self->problems;
    self->problems = &own;
    bool is_json = s_read_message(self, field, element, NULL, first);
    self->problems = outer;
    s_keep_notes(field->message(), element, &own);
    problems_free(&own);
    return is_json;
}

static bool s_read_element(decoder_t *self, const field_t *field, void *element, const path_t *path,
                           json_event_t first) {
    if (field->rule->lenient)
        return s_read_lenient(self, field, element, first);
    if (first == JSON_EVENT_NULL) {
        report_problem(s_report(self, path), "must not be null");
        return true;
    }
    return s_read_value(self, field, element, path, first);
}

static void s_check_count(decoder_t *self, const field_t *field, const path_t *path, size_t limit,
                          size_t count) {
    size_t least = field->rule->min_items;
    if (count < least)
        report_problem(s_report(self, path), "must have at least %zu item%s, got %zu", least,
                       least == 1 ? "" : "s", count);
    if (count > limit)
        report_problem(s_report(self, path), "must have at most %zu items, got %zu", limit, count);
}

static bool s_read_list(decoder_t *self, const field_t *field, void *value, const path_t *path,
                        json_event_t first) {
    if (first != JSON_ARRAY_BEGIN)
        return s_wrong_kind(self, path, first, "an array");
    size_t limit = slot_limit(field), count = 0;
    for (;; count++) {
        first = json_next(&self->reader);
        if (first == JSON_ARRAY_END)
            break;
        void *element = first == JSON_ERROR ? NULL : slot_add(field, value, limit);
        path_t here = {path, NULL, 0, count};
        if (element ? !s_read_element(self, field, element, &here, first) : !json_skip(&self->reader, first))
            return false;
    }
    s_check_count(self, field, path, limit, count);
    return true;
}

/* --- maps ------------------------------------------------------------------------------------ */

static bool s_has_key(const field_t *map, const field_t *key, const void *value, const void *newest) {
    const char *list = *(char *const *)slot_of_const(map, value);
    const char *wanted = slot_of_const(key, newest);
    wanted = key->pointer ? *(char *const *)wanted : wanted;
    for (const char *entry = list; wanted && entry != newest; entry += map->size) {
        const char *name = slot_of_const(key, entry);
        name = key->pointer ? *(char *const *)name : name;
        if (name && strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

static bool s_read_entry(decoder_t *self, const field_t *map, void *value, const path_t *path) {
    const field_t *key = &map->message()->fields[0], *item = &map->message()->fields[1];
    void *entry = slot_add(map, value, slot_limit(map));
    plain_t plain;
    s_plain_open(&plain, &self->reader);
    path_t here = {path, plain.text, plain.length, 0};
    if (entry &&
        rules_put_text(key, slot_open(key, entry), plain.text, plain.length, s_report(self, &here)) &&
        s_has_key(map, key, value, entry))
        report_problem(s_report(self, &here), "is given twice");
    json_event_t first = json_next(&self->reader);
    bool is_json;
    if (!entry || first == JSON_ERROR)
        is_json = json_skip(&self->reader, first);
    else
        is_json = s_read_element(self, item, slot_open(item, entry), &here, first);
    s_plain_close(&plain);
    return is_json;
}

static bool s_read_map(decoder_t *self, const field_t *field, void *value, const path_t *path,
                       json_event_t first) {
    if (first != JSON_OBJECT_BEGIN)
        return s_wrong_kind(self, path, first, "an object");
    size_t count = 0;
    for (;; count++) {
        json_event_t event = json_next(&self->reader);
        if (event == JSON_OBJECT_END)
            break;
        if (event == JSON_ERROR || !s_read_entry(self, field, value, path))
            return false;
    }
    s_check_count(self, field, path, slot_limit(field), count);
    return true;
}

/* --- objects --------------------------------------------------------------------------------- */

static bool s_read_field(decoder_t *self, const field_t *field, void *value, const path_t *path,
                         json_event_t first) {
    if (field->type == FIELD_MAP)
        return s_read_map(self, field, value, path, first);
    if (field->cardinality == CARDINALITY_REPEATED)
        return s_read_list(self, field, value, path, first);
    void *slot = slot_open(field, value);
    if (slot)
        return s_read_value(self, field, slot, path, first);
    report_problem(s_report(self, path), "excludes a field that is given as well");
    return json_skip(&self->reader, first);
}

/* A field whose value is already known may only be repeated: both are compared as JSON. */
static bool s_read_known(decoder_t *self, const message_t *message, const field_t *field, const void *value,
                         const path_t *path, json_event_t first) {
    buf_t known = BUF_INIT, given = BUF_INIT;
    void *other = message_new(message);
    bool is_json = s_read_field(self, field, other, path, first);
    json_encode_field(message, value, field->name, &known);
    json_encode_field(message, other, field->name, &given);
    if (strcmp(buf_str(&known), buf_str(&given)) != 0)
        report_problem(s_report(self, path), "is given by the path as %s; the body may only repeat it",
                       buf_str(&known));
    message_free(message, &other);
    buf_free(&known);
    buf_free(&given);
    return is_json;
}

/* What one object has given so far: names met, names that came from elsewhere, where the next name is
 * looked for first. */
typedef struct {
    json_seen_t met, known, *seen;
    size_t next;
} progress_t;

static bool s_read_member(decoder_t *self, const message_t *message, void *value, const path_t *parent,
                          progress_t *progress) {
    plain_t plain;
    s_plain_open(&plain, &self->reader);
    path_t path = {parent, plain.text, plain.length, 0};
    const field_t *field = rules_find(message, plain.text, plain.length, &progress->next);
    if (!field)
        rules_unknown(message, "field", plain.text, plain.length, s_report(self, &path));
    json_event_t first = json_next(&self->reader);
    json_seen_t bit = field ? (json_seen_t)1 << (field - message->fields) : 0;
    bool is_json;
    if (field && (progress->met & bit))
        report_problem(s_report(self, &path), "is given twice");
    if (!field || (progress->met & bit) || first == JSON_EVENT_NULL || first == JSON_ERROR) {
        is_json = json_skip(&self->reader, first);
    } else if (progress->known & bit) {
        is_json = s_read_known(self, message, field, value, &path, first);
    } else {
        *progress->seen |= bit;
        is_json = s_read_field(self, field, value, &path, first);
    }
    progress->met |= bit;
    s_plain_close(&plain);
    return is_json;
}

/* Reads the members up to the closing brace; the opening one has been read. */
static bool s_read_object(decoder_t *self, const message_t *message, void *value, const path_t *path,
                          json_seen_t *seen) {
    progress_t progress = {0, *seen, seen, 0};
    for (;;) {
        json_event_t event = json_next(&self->reader);
        if (event == JSON_OBJECT_END)
            return true;
        if (event == JSON_ERROR || !s_read_member(self, message, value, path, &progress))
            return false;
    }
}

/* --- entry ----------------------------------------------------------------------------------- */

static err_t s_malformed(decoder_t *self) {
    size_t line, column;
    json_position(&self->reader, &line, &column);
    problems_free(self->problems);
    problems_add(self->problems, "", "line %zu, column %zu: %s", line, column, self->reader.error);
    return ERR_MALFORMED_JSON;
}

err_t json_decode_fields(const message_t *message, const char *text, size_t size, void *value,
                         json_seen_t *seen, problems_t *problems) {
    decoder_t self = {.problems = problems};
    size_t before = problems->found;
    json_reader_init(&self.reader, text, size);
    json_event_t first = json_next(&self.reader);
    if (first == JSON_ERROR)
        return s_malformed(&self);
    if (first != JSON_OBJECT_BEGIN) {
        problems_free(problems);
        problems_add(problems, "", "the body must be an object, got %s", rules_kind(first));
        return ERR_MALFORMED_JSON;
    }
    if (!s_read_object(&self, message, value, NULL, seen) || json_next(&self.reader) != JSON_END)
        return s_malformed(&self);
    return problems->found == before ? OK : ERR_VALIDATION_FAILED;
}

err_t json_decode(const message_t *message, const char *text, size_t size, void *value,
                  problems_t *problems) {
    json_seen_t seen = 0;
    size_t before = problems->found;
    err_t err = json_decode_fields(message, text, size, value, &seen, problems);
    if (err == ERR_MALFORMED_JSON)
        return err;
    json_check_required(message, seen, problems);
    return problems->found == before ? OK : ERR_VALIDATION_FAILED;
}

void json_check_required(const message_t *message, json_seen_t seen, problems_t *problems) {
    s_check_required(message, seen, problems, NULL);
}
