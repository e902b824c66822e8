/* Writes put together as the message that travels. It is made in its wire format from the start, op after op: as
 * structs, every op would be half a dozen allocations, which cost more than all the rest of a small signal. */
#include "store/store_private.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/ids.h"
#include "routes.gen.h"
#include "store/group.h"
#include "tables.gen.h"
#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 8 };

enum {
    TAG_UNITS = StoreWrite_units_tag << 3 | 2,
    TAG_OPS = StoreUnit_ops_tag << 3 | 2,
    LENGTH_BYTES = 4 /* of what is still open: a varint with room to grow */
};

struct store_write_s {
    buf_t wire;     /* StoreWrite: all but the op at hand and what ends the unit at hand */
    size_t unit_at; /* where the length of the last unit goes */

    bool has_op; /* of the unit; it lies in these: */
    StoreOp op;
    StoreEvent event;
    buf_t params, payload; /* each a pb_bytes_array_t */
    StorePatch *patches;
    size_t patch_capacity;

    uint32_t *after; /* of the unit */
    size_t after_count, after_capacity;

    uint32_t *first_ops; /* of each unit, in all ops */
    size_t unit_count, unit_capacity;
    bool *publishes; /* each op: whether it has an event */
    size_t op_count, op_capacity;
};

/* ---- the wire ---- */

static void s_encode(buf_t *out, const message_t *message, const void *value) {
    err_t err = message_encode(message, value, out);
    assert_always(err == OK);
}

static size_t s_open(buf_t *wire, uint8_t tag) {
    const uint8_t head[1 + LENGTH_BYTES] = {tag};
    buf_append(wire, head, sizeof head);
    return wire->size - LENGTH_BYTES;
}

/* A varint of full width: each byte but the last says that there is another. */
static void s_close(buf_t *wire, size_t at) {
    size_t length = wire->size - at - LENGTH_BYTES;
    assert_always(length >> 7 * LENGTH_BYTES == 0);
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        wire->data[at + i] = (char)((length & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

static void s_bytes_begin(buf_t *bytes) {
    const pb_bytes_array_t head = {0};
    buf_clear(bytes);
    buf_append(bytes, &head, offsetof(pb_bytes_array_t, bytes));
}

static pb_bytes_array_t *s_bytes_end(buf_t *bytes) {
    pb_bytes_array_t *array = (pb_bytes_array_t *)(void *)bytes->data;
    size_t size = bytes->size - offsetof(pb_bytes_array_t, bytes);
    assert_always(size <= INT32_MAX);
    array->size = (pb_size_t)size;
    return array;
}

static void s_end_op(store_write_t *self) {
    if (!self->has_op)
        return;
    self->op.patches = self->patches;
    size_t at = s_open(&self->wire, TAG_OPS);
    s_encode(&self->wire, StoreOp_message(), &self->op);
    s_close(&self->wire, at);
    self->has_op = false;
}

static void s_end_unit(store_write_t *self) {
    StoreUnit rest = {.after_units = self->after, .after_units_count = (pb_size_t)self->after_count};
    s_end_op(self);
    s_encode(&self->wire, StoreUnit_message(), &rest);
    s_close(&self->wire, self->unit_at);
    self->after_count = 0;
}

static void s_begin_unit(store_write_t *self) {
    self->first_ops = array_grow(self->first_ops, self->unit_count, &self->unit_capacity, CAPACITY_FIRST,
                                 sizeof *self->first_ops);
    self->first_ops[self->unit_count++] = (uint32_t)self->op_count;
    self->unit_at = s_open(&self->wire, TAG_UNITS);
}

/* ---- the write ---- */

store_write_t *store_write_new(void) {
    store_write_t *self = calloc(1, sizeof *self);
    assert_always(self);
    StoreWrite head = StoreWrite_init_zero;
    ids_uuid7(head.batch_id);
    s_encode(&self->wire, StoreWrite_message(), &head);
    s_begin_unit(self);
    return self;
}

void store_write_destroy(store_write_t **self_p) {
    store_write_t *self = *self_p;
    if (!self)
        return;
    buf_free(&self->wire);
    buf_free(&self->params);
    buf_free(&self->payload);
    free(self->patches);
    free(self->after);
    free(self->first_ops);
    free(self->publishes);
    free(self);
    *self_p = NULL;
}

StoreWrite store_write_take(store_write_t **self_p) {
    StoreWrite message = StoreWrite_init_zero;
    s_end_unit(*self_p);
    const buf_t *wire = &(*self_p)->wire;
    err_t err = message_decode(StoreWrite_message(), wire->data, wire->size, &message);
    assert_always(err == OK);
    store_write_destroy(self_p);
    return message;
}

static size_t s_unit_ops(const store_write_t *self, size_t unit) {
    size_t end = unit + 1 < self->unit_count ? self->first_ops[unit + 1] : self->op_count;
    return end - self->first_ops[unit];
}

size_t store_write_unit(store_write_t *self) {
    if (s_unit_ops(self, self->unit_count - 1) > 0) {
        s_end_unit(self);
        s_begin_unit(self);
    }
    return self->unit_count - 1;
}

void store_params_encode(buf_t *out, const char *format, va_list args) {
    for (; *format; format++) {
        value_t value = VALUE_NONE;
        switch (*format) {
        case 's': value = value_text(va_arg(args, const char *)); break;
        case 'i': value = VALUE_OF_INT(va_arg(args, int64_t)); break;
        case 'd':
            value.kind = VALUE_DOUBLE;
            value.real = va_arg(args, double);
            break;
        case 'b': {
            const void *bytes = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            value = bytes ? value_blob(bytes, size) : VALUE_NONE;
            break;
        }
        case 't': {
            int64_t time = va_arg(args, int64_t);
            value = time ? VALUE_OF_INT(time) : VALUE_NONE;
            break;
        }
        case 'f':
            value.real = va_arg(args, double);
            value.kind = isnan(value.real) ? VALUE_NULL : VALUE_DOUBLE;
            break;
        default: assert_always(*format == 'n');
        }
        value_encode(out, &value);
    }
}

/* The statement's name still stands there from the op before, which is most often the same. */
static void s_begin_op(store_write_t *self, const char *statement) {
    StoreOp *op = &self->op;
    s_end_op(self);
    if (strcmp(op->statement, statement) != 0) {
        /* a name that is not in the catalogue is a defect of the caller */
        assert_always(statement_find(statement) && MESSAGE_SET(op->statement, statement));
    }
    op->expect_rows = -1;
    op->event = NULL;
    op->patches_count = 0;
    self->publishes = array_grow(self->publishes, self->op_count, &self->op_capacity, CAPACITY_FIRST,
                                 sizeof *self->publishes);
    self->publishes[self->op_count++] = false;
    self->has_op = true;
}

size_t store_write_op(store_write_t *self, const char *statement, const char *format, ...) {
    va_list args;
    s_begin_op(self, statement);
    s_bytes_begin(&self->params);
    va_start(args, format);
    store_params_encode(&self->params, format, args);
    va_end(args);
    self->op.params = s_bytes_end(&self->params);
    return s_unit_ops(self, self->unit_count - 1) - 1;
}

static StoreOp *s_last_op(store_write_t *self) {
    assert_always(self->has_op);
    return &self->op;
}

void store_write_expect(store_write_t *self, int rows) {
    s_last_op(self)->expect_rows = rows;
}

static void s_add_patch(store_write_t *self, StorePatch patch) {
    StoreOp *op = s_last_op(self);
    self->patches = array_grow(self->patches, op->patches_count, &self->patch_capacity, CAPACITY_FIRST,
                               sizeof *self->patches);
    self->patches[op->patches_count++] = patch;
}

void store_write_seq(store_write_t *self, size_t op, size_t param) {
    s_add_patch(self, (StorePatch){.op = (uint32_t)op, .param = (uint32_t)param, .offset = -1});
}

void store_write_seq_of(store_write_t *self, size_t unit, size_t op, size_t param) {
    s_add_patch(
        self,
        (StorePatch){.op = (uint32_t)op, .param = (uint32_t)param, .offset = -1, .unit = (uint32_t)unit + 1});
}

void store_write_after(store_write_t *self, size_t unit) {
    assert_always(unit + 1 < self->unit_count);
    if (self->after_count && self->after[self->after_count - 1] == unit)
        return;
    self->after = array_grow(self->after, self->after_count, &self->after_capacity, CAPACITY_FIRST,
                             sizeof *self->after);
    self->after[self->after_count++] = (uint32_t)unit;
}

/* A number that looks like a mark may still be one of the caller's: only one that names an event is a mark. */
static bool s_read_mark(const store_write_t *self, const char bytes[8], StorePatch *patch) {
    uint64_t mark;
    memcpy(&mark, bytes, 8);
    mark = le64toh(mark);
    uint32_t unit = mark >> 32 & 0xffff, op = mark & 0xffff;
    if ((mark & 0xffff0000ffff0000) != STORE_SEQ_OF(0) || unit >= self->unit_count)
        return false;
    size_t source = unit ? unit - 1 : self->unit_count - 1;
    patch->op = op;
    patch->unit = unit;
    return op < s_unit_ops(self, source) && self->publishes[self->first_ops[source] + op];
}

/* A patch for every STORE_SEQ_OF in the bytes. It ends in a byte that UTF-8 does not use, so no text holds it. */
static void s_patch_marks(store_write_t *self, uint32_t param, const char *bytes, size_t size) {
    const char *from = size < 8 ? bytes + size : bytes + 7, *end = bytes + size, *at;
    while (from < end && (at = memchr(from, STORE_SEQ_OF(0) >> 56, (size_t)(end - from)))) {
        StorePatch patch = {.param = param, .offset = (int32_t)(at - 7 - bytes)};
        bool is_mark = s_read_mark(self, at - 7, &patch);
        if (is_mark)
            s_add_patch(self, patch);
        from = at + (is_mark ? 8 : 1);
    }
}

void store_write_event(store_write_t *self, const char *topic, const message_t *message, const void *payload,
                       const char *traceparent) {
    store_write_event_on(self, 0, topic, message, payload, traceparent);
}

void store_write_event_on(store_write_t *self, uint64_t base_seq, const char *topic, const message_t *message,
                          const void *payload, const char *traceparent) {
    StoreOp *op = s_last_op(self);
    StoreEvent *event = &self->event;
    assert_always(!op->event);
    assert_always(MESSAGE_SET(event->topic, topic) && MESSAGE_SET(event->schema, message->schema));
    assert_always(MESSAGE_SET(event->traceparent, traceparent ? traceparent : ""));
    event->base_seq = base_seq;
    s_bytes_begin(&self->payload);
    s_encode(&self->payload, message, payload);
    event->payload = s_bytes_end(&self->payload);
    op->event = event;
    self->publishes[self->op_count - 1] = true;
    s_patch_marks(self, STORE_PATCH_EVENT, (const char *)event->payload->bytes, event->payload->size);
}

size_t store_write_answer_op(store_write_t *self, const char *statement, const Envelope *envelope,
                             const char *schema, const void *payload, size_t size, Outcome outcome) {
    int64_t now_ms = clock_wall_ms(), asked_at_ms = envelope->asked_at_ms ? envelope->asked_at_ms : now_ms;
    size_t index = store_write_op(self, statement, "sssisbiii", envelope->principal.name, envelope->operation,
                                  envelope->idempotency_key, (int64_t)envelope->body_hash, schema, payload,
                                  size, (int64_t)outcome, asked_at_ms, now_ms - IDEMPOTENCY_KEPT_MS);
    store_write_expect(self, 1);
    return index;
}

enum { ANSWER_PAYLOAD = 5 };

static void s_write_answer(store_write_t *self, const char *statement, call_t *call, const void *response) {
    const message_t *message = call_rpc(call)->response();
    buf_t payload = BUF_INIT;
    assert_always(message_encode(message, response, &payload) == OK);
    store_write_answer_op(self, statement, call_envelope(call), message->schema, buf_str(&payload),
                          payload.size, call_get_outcome(call));
    s_patch_marks(self, ANSWER_PAYLOAD, buf_str(&payload), payload.size);
    buf_free(&payload);
}

void store_write_answer(store_write_t *self, call_t *call, const void *response) {
    if (!call_envelope(call)->idempotency_key[0])
        return;
    s_write_answer(self, "idempotency_answer", call, response);
    call_answer_recorded(call);
}

void store_write_answer_early(store_write_t *self, call_t *call, const void *response) {
    if (call_envelope(call)->idempotency_key[0])
        s_write_answer(self, "idempotency_early", call, response);
}

void store_commit(actor_t *self, store_write_t **write_p, const actor_request_options_t *options,
                  actor_reply_fn *reply, void *context) {
    s_end_unit(*write_p);
    const buf_t *wire = &(*write_p)->wire;
    actor_request_encoded(self, &rpc_StoreWriter_Write, wire->data, wire->size, options, reply, context);
    store_write_destroy(write_p);
}
