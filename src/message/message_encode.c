/* Message -> protobuf wire format, in one pass: a submessage is written behind one byte for its length and
 * moved when the length needs more. */
#include "message/message.h"

#include "base/json.h"
#include "message/slot.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed-width values are copied as they lie");

enum { VARINT_MAX = 10, WIRETYPE_VARINT = 0, WIRETYPE_FIXED64 = 1, WIRETYPE_BYTES = 2, WIRETYPE_FIXED32 = 5 };

/* Bytes written so far; with `grow` they stand at its end and may move, else `room` is all there is. */
typedef struct {
    uint8_t *bytes;
    size_t size, room;
    buf_t *grow;
} writer_t;

static bool s_write_message(writer_t *self, const message_t *message, const void *value);

static bool s_room(writer_t *self, size_t extra) {
    if (self->size + extra <= self->room)
        return true;
    if (!self->grow)
        return false;
    self->grow->size += self->size; /* or the buffer would put its NUL over our first byte */
    buf_reserve(self->grow, extra);
    self->grow->size -= self->size;
    self->bytes = (uint8_t *)self->grow->data + self->grow->size;
    self->room = self->grow->capacity - self->grow->size - 1;
    return true;
}

static size_t s_varint(uint8_t *out, uint64_t value) {
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        out[length++] = (uint8_t)(value | 0x80);
    out[length++] = (uint8_t)value;
    return length;
}

static bool s_write_long_varint(writer_t *self, uint64_t value) {
    if (!s_room(self, VARINT_MAX)) {
        uint8_t small[VARINT_MAX];
        size_t length = s_varint(small, value);
        if (!s_room(self, length))
            return false;
        memcpy(self->bytes + self->size, small, length);
        self->size += length;
        return true;
    }
    self->size += s_varint(self->bytes + self->size, value);
    return true;
}

/* Most are one byte. */
static inline bool s_write_varint(writer_t *self, uint64_t value) {
    if (value >= 0x80 || self->size >= self->room)
        return s_write_long_varint(self, value);
    self->bytes[self->size++] = (uint8_t)value;
    return true;
}

static bool s_write_raw(writer_t *self, const void *bytes, size_t size) {
    if (!s_room(self, size))
        return false;
    if (size)
        memcpy(self->bytes + self->size, bytes, size);
    self->size += size;
    return true;
}

static bool s_write_tag(writer_t *self, const field_t *field, unsigned wiretype) {
    return s_write_varint(self, (uint64_t)field->tag << 3 | wiretype);
}

/* Puts the length of what was written since `begin` in front of it. */
static bool s_close_length(writer_t *self, size_t begin) {
    uint8_t prefix[VARINT_MAX];
    size_t size = self->size - begin - 1, length = s_varint(prefix, size);
    if (length > 1) {
        if (!s_room(self, length - 1))
            return false;
        memmove(self->bytes + begin + length, self->bytes + begin + 1, size);
        self->size += length - 1;
    }
    memcpy(self->bytes + begin, prefix, length);
    return true;
}

static bool s_open_length(writer_t *self, size_t *begin) {
    *begin = self->size;
    return s_write_raw(self, "", 1);
}

/* --- values ---------------------------------------------------------------------------------- */

static unsigned s_wiretype(const field_t *field) {
    static const uint8_t types[] = {[WIRE_VARINT] = WIRETYPE_VARINT,
                                    [WIRE_ZIGZAG] = WIRETYPE_VARINT,
                                    [WIRE_FIXED32] = WIRETYPE_FIXED32,
                                    [WIRE_FIXED64] = WIRETYPE_FIXED64,
                                    [WIRE_BYTES] = WIRETYPE_BYTES};
    return types[field->wire];
}

/* The bits of a number, sign-extended as the wire wants them. */
static uint64_t s_bits(const field_t *field, const void *value) {
    switch (field->type) {
    case FIELD_BOOL: return *(const bool *)value;
    case FIELD_INT32:
    case FIELD_ENUM: return (uint64_t)(int64_t) * (const int32_t *)value;
    case FIELD_UINT32:
    case FIELD_FLOAT: return *(const uint32_t *)value;
    default: return *(const uint64_t *)value;
    }
}

static bool s_write_number(writer_t *self, const field_t *field, const void *value) {
    uint64_t bits = s_bits(field, value);
    switch (field->wire) {
    case WIRE_VARINT: return s_write_varint(self, bits);
    case WIRE_ZIGZAG: return s_write_varint(self, bits << 1 ^ (uint64_t)((int64_t)bits >> 63));
    case WIRE_FIXED32: return s_write_raw(self, &bits, 4);
    default: return s_write_raw(self, &bits, 8);
    }
}

static bool s_write_text(writer_t *self, const field_t *field, const char *text) {
    size_t length = !text ? 0 : field->pointer ? strlen(text) : strnlen(text, field->size);
    if ((!field->pointer && length == field->size) || !json_utf8_valid(text, length))
        return false;
    return s_write_varint(self, length) && s_write_raw(self, text, length);
}

static bool s_write_bytes(writer_t *self, const pb_bytes_array_t *bytes) {
    size_t size = bytes ? bytes->size : 0;
    return s_write_varint(self, size) && s_write_raw(self, bytes ? bytes->bytes : NULL, size);
}

/* `element`: the value; for text and bytes behind a pointer what it points to, or NULL. */
static bool s_write_element(writer_t *self, const field_t *field, const void *element) {
    if (!s_write_tag(self, field, s_wiretype(field)))
        return false;
    if (slot_is_text(field))
        return s_write_text(self, field, element);
    if (field->type == FIELD_BYTES)
        return s_write_bytes(self, element);
    if (!slot_is_message(field))
        return s_write_number(self, field, element);
    size_t begin;
    return s_open_length(self, &begin) && (!element || s_write_message(self, field->message(), element)) &&
           s_close_length(self, begin);
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool s_write_packed(writer_t *self, const field_t *field, const char *list, size_t count) {
    size_t begin;
    if (!s_write_tag(self, field, WIRETYPE_BYTES) || !s_open_length(self, &begin))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!s_write_number(self, field, list + i * field->size))
            return false;
    return s_close_length(self, begin);
}

static bool s_write_list(writer_t *self, const field_t *field, const void *value) {
    const char *list = *(char *const *)slot_of_const(field, value);
    size_t count = list ? slot_count(field, value) : 0;
    if (count && field->wire != WIRE_BYTES)
        return s_write_packed(self, field, list, count);
    for (size_t i = 0; i < count; i++, list += field->size)
        if (!s_write_element(self, field, slot_is_boxed(field) ? *(void *const *)(const void *)list : list))
            return false;
    return true;
}

/* What a field without presence leaves unsaid: zero and nothing. */
static bool s_is_default(const field_t *field, const void *element) {
    if (!element)
        return true;
    if (slot_is_text(field))
        return *(const char *)element == '\0';
    if (field->type == FIELD_BYTES)
        return ((const pb_bytes_array_t *)element)->size == 0;
    return s_bits(field, element) == 0;
}

static bool s_write_field(writer_t *self, const field_t *field, const void *value) {
    if (field->cardinality == CARDINALITY_REPEATED)
        return s_write_list(self, field, value);
    if (!slot_is_set(field, value))
        return true;
    const void *element = slot_of_const(field, value);
    if (field->pointer)
        element = *(void *const *)element;
    if (field->cardinality == CARDINALITY_IMPLICIT && s_is_default(field, element))
        return true;
    return s_write_element(self, field, element);
}

static bool s_write_message(writer_t *self, const message_t *message, const void *value) {
    for (const field_t *field = message->fields; field < message->fields + message->field_count; field++)
        if (!s_write_field(self, field, value))
            return false;
    return true;
}

/* --- entry ----------------------------------------------------------------------------------- */

err_t message_encode(const message_t *self, const void *value, buf_t *out) {
    writer_t writer = {.grow = out};
    bool written = s_room(&writer, 1) && s_write_message(&writer, self, value);
    out->size += written ? writer.size : 0;
    out->data[out->size] = '\0';
    return written ? OK : ERR_PROTOCOL;
}

err_t message_encode_into(const message_t *self, const void *value, void *bytes, size_t room, size_t *size) {
    writer_t writer = {.bytes = bytes, .room = room};
    if (!s_write_message(&writer, self, value))
        return ERR_PROTOCOL;
    *size = writer.size;
    return OK;
}
