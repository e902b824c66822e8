/* protobuf wire format -> message. Whatever comes in, memory stays in proportion to it: an element costs at
 * least two bytes of input and one struct. */
#include "message/message.h"

#include "base/json.h"
#include "message/slot.h"
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, LIST_MAX = INT32_MAX };

typedef struct {
    const uint8_t *cursor, *end;
    int depth;
} reader_t;

static bool s_read_message(reader_t *self, const message_t *message, void *value);

static bool s_read_long_varint(reader_t *self, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 70 && self->cursor < self->end; shift += 7) {
        uint8_t byte = *self->cursor++;
        if (shift < 64)
            *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Most are one byte. */
static inline bool s_read_varint(reader_t *self, uint64_t *value) {
    if (self->cursor == self->end || *self->cursor >= 0x80)
        return s_read_long_varint(self, value);
    *value = *self->cursor++;
    return true;
}

static bool s_read_fixed(reader_t *self, void *value, size_t size) {
    if ((size_t)(self->end - self->cursor) < size)
        return false;
    memcpy(value, self->cursor, size);
    self->cursor += size;
    return true;
}

/* The bytes of a length-delimited value, as a reader of their own. */
static bool s_read_part(reader_t *self, reader_t *part) {
    uint64_t size;
    if (!s_read_varint(self, &size) || size > (uint64_t)(self->end - self->cursor))
        return false;
    *part = (reader_t){self->cursor, self->cursor + size, self->depth + 1};
    self->cursor += size;
    return part->depth <= DEPTH_MAX;
}

static bool s_skip(reader_t *self, unsigned wiretype) {
    uint64_t ignored;
    reader_t part;
    switch (wiretype) {
    case 0: return s_read_varint(self, &ignored);
    case 1: return s_read_fixed(self, &ignored, 8);
    case 2: return s_read_part(self, &part);
    case 5: return s_read_fixed(self, &ignored, 4);
    default: return false; /* groups are not of this language version */
    }
}

/* --- values ---------------------------------------------------------------------------------- */

static bool s_read_number(reader_t *self, const field_t *field, void *slot) {
    uint64_t bits = 0;
    bool is_read = field->wire == WIRE_FIXED32   ? s_read_fixed(self, &bits, 4)
                   : field->wire == WIRE_FIXED64 ? s_read_fixed(self, &bits, 8)
                                                 : s_read_varint(self, &bits);
    if (field->wire == WIRE_ZIGZAG)
        bits = bits >> 1 ^ (0 - (bits & 1));
    if (field->type == FIELD_BOOL)
        *(bool *)slot = bits != 0;
    else
        memcpy(slot, &bits, field->size);
    return is_read;
}

static bool s_read_text(reader_t *self, const field_t *field, void *slot) {
    reader_t part;
    if (!s_read_part(self, &part))
        return false;
    const char *text = (const char *)part.cursor;
    size_t length = (size_t)(part.end - part.cursor);
    if (memchr(text, '\0', length) || !json_utf8_valid(text, length))
        return false;
    if (field->pointer) {
        free(*(char **)slot);
        *(char **)slot = message_strndup(text, length);
        return true;
    }
    if (length >= field->size)
        return false;
    memcpy(slot, text, length);
    ((char *)slot)[length] = '\0';
    return true;
}

static bool s_read_bytes(reader_t *self, void *slot) {
    reader_t part;
    if (!s_read_part(self, &part))
        return false;
    free(*(void **)slot);
    *(void **)slot = message_bytes(part.cursor, (size_t)(part.end - part.cursor));
    return true;
}

static bool s_read_value(reader_t *self, const field_t *field, void *slot) {
    if (slot_is_text(field))
        return s_read_text(self, field, slot);
    if (field->type == FIELD_BYTES)
        return s_read_bytes(self, slot);
    if (!slot_is_message(field))
        return s_read_number(self, field, slot);
    reader_t part;
    return s_read_part(self, &part) && s_read_message(&part, field->message(), slot);
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool s_read_packed(reader_t *self, const field_t *field, void *value) {
    reader_t part;
    if (!s_read_part(self, &part))
        return false;
    while (part.cursor < part.end)
        if (!s_read_number(&part, field, slot_add(field, value, LIST_MAX)))
            return false;
    return true;
}

/* The last member of a oneof on the wire is the one that counts. */
static void s_leave_member(const message_t *message, const field_t *field, void *value) {
    pb_size_t *which = (pb_size_t *)(void *)((char *)value + field->count_offset);
    if (!*which || *which == field->tag)
        return;
    for (const field_t *old = message->fields; old < message->fields + message->field_count; old++) {
        if (old->tag != *which)
            continue;
        slot_release(old, value);
        memset(slot_of(old, value), 0, old->pointer ? sizeof(void *) : old->size);
    }
    *which = 0;
}

static bool s_read_field(reader_t *self, const message_t *message, const field_t *field, unsigned wiretype,
                         void *value) {
    static const uint8_t types[] = {
        [WIRE_VARINT] = 0, [WIRE_ZIGZAG] = 0, [WIRE_FIXED32] = 5, [WIRE_FIXED64] = 1, [WIRE_BYTES] = 2};
    bool repeated = field->cardinality == CARDINALITY_REPEATED;
    if (repeated && field->wire != WIRE_BYTES && wiretype == 2)
        return s_read_packed(self, field, value);
    if (wiretype != types[field->wire])
        return false;
    if (repeated)
        return s_read_value(self, field, slot_add(field, value, LIST_MAX));
    if (field->cardinality == CARDINALITY_ONEOF)
        s_leave_member(message, field, value);
    return s_read_value(self, field, slot_open(field, value));
}

/* Fields mostly come in tag order: the search begins behind the last one and goes round. */
static const field_t *s_find(const message_t *message, uint64_t tag, size_t *next) {
    size_t count = message->field_count;
    for (size_t i = 0, at = *next; i < count; i++, at++) {
        const field_t *field = &message->fields[at < count ? at : at - count];
        if (field->tag == tag) {
            *next = (size_t)(field - message->fields);
            return field;
        }
    }
    return NULL;
}

static bool s_read_message(reader_t *self, const message_t *message, void *value) {
    size_t next = 0;
    while (self->cursor < self->end) {
        uint64_t key;
        if (!s_read_varint(self, &key) || key >> 3 == 0 || key > UINT32_MAX)
            return false;
        const field_t *field = s_find(message, key >> 3, &next);
        bool is_read = field ? s_read_field(self, message, field, key & 7, value) : s_skip(self, key & 7);
        if (!is_read)
            return false;
    }
    return true;
}

err_t message_decode(const message_t *self, const void *bytes, size_t size, void *value) {
    bytes = size ? bytes : "";
    reader_t reader = {bytes, (const uint8_t *)bytes + size, 0};
    if (s_read_message(&reader, self, value))
        return OK;
    message_release(self, value);
    return ERR_PROTOCOL;
}
