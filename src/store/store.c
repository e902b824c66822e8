/* The components' side of the store: writes put together as the message that travels, rows taken apart. */
#include "store/store_private.h"

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

struct store_write_s {
    StoreWrite message;
    buf_t params; /* of one op, while it is encoded */
};

/* ---- writes ---- */

store_write_t *store_write_new(void) {
    store_write_t *self = calloc(1, sizeof *self);
    assert_always(self);
    ids_uuid7(self->message.batch_id);
    store_write_unit(self);
    return self;
}

void store_write_destroy(store_write_t **self_p) {
    store_write_t *self = *self_p;
    if (!self)
        return;
    message_release(StoreWrite_message(), &self->message);
    buf_free(&self->params);
    free(self);
    *self_p = NULL;
}

StoreWrite store_write_take(store_write_t **self_p) {
    StoreWrite message = (*self_p)->message;
    (*self_p)->message = (StoreWrite)StoreWrite_init_zero;
    store_write_destroy(self_p);
    return message;
}

/* Lists of nanopb have no capacity: they double whenever their count is a power of two. */
static void *s_grow(void *items, size_t count, size_t size) {
    assert_always(count < PB_SIZE_MAX);
    if (count == 0 || (count & (count - 1)) == 0) {
        items = realloc(items, (count ? count * 2 : 1) * size);
        assert_always(items);
    }
    memset((char *)items + count * size, 0, size);
    return items;
}

static StoreUnit *s_last_unit(store_write_t *self) {
    return &self->message.units[self->message.units_count - 1];
}

size_t store_write_unit(store_write_t *self) {
    StoreWrite *message = &self->message;
    if (message->units_count == 0 || s_last_unit(self)->ops_count > 0) {
        message->units = s_grow(message->units, message->units_count, sizeof *message->units);
        message->units_count++;
    }
    return message->units_count - 1;
}

void store_params_encode(buf_t *out, const char *format, va_list args) {
    buf_clear(out);
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

static StoreOp *s_add_op(store_write_t *self, const char *statement) {
    StoreUnit *unit = s_last_unit(self);
    unit->ops = s_grow(unit->ops, unit->ops_count, sizeof *unit->ops);
    StoreOp *op = &unit->ops[unit->ops_count++];
    assert_always(
        statement_find(statement)); /* a name that is not in the catalogue is a defect of the caller */
    assert_always(MESSAGE_SET(op->statement, statement));
    op->expect_rows = -1;
    return op;
}

size_t store_write_op(store_write_t *self, const char *statement, const char *format, ...) {
    va_list args;
    StoreOp *op = s_add_op(self, statement);
    va_start(args, format);
    store_params_encode(&self->params, format, args);
    va_end(args);
    op->params = message_bytes(buf_str(&self->params), self->params.size);
    return s_last_unit(self)->ops_count - 1u;
}

static StoreOp *s_last_op(store_write_t *self) {
    StoreUnit *unit = s_last_unit(self);
    assert_always(unit->ops_count > 0);
    return &unit->ops[unit->ops_count - 1];
}

void store_write_expect(store_write_t *self, int rows) {
    s_last_op(self)->expect_rows = rows;
}

static void s_add_patch(StoreOp *op, StorePatch patch) {
    op->patches = s_grow(op->patches, op->patches_count, sizeof *op->patches);
    op->patches[op->patches_count++] = patch;
}

void store_write_seq(store_write_t *self, size_t op, size_t param) {
    s_add_patch(s_last_op(self), (StorePatch){.op = (uint32_t)op, .param = (uint32_t)param, .offset = -1});
}

void store_write_seq_of(store_write_t *self, size_t unit, size_t op, size_t param) {
    s_add_patch(
        s_last_op(self),
        (StorePatch){.op = (uint32_t)op, .param = (uint32_t)param, .offset = -1, .unit = (uint32_t)unit + 1});
}

void store_write_after(store_write_t *self, size_t unit) {
    StoreUnit *last = s_last_unit(self);
    size_t count = last->after_units_count;
    assert_always(unit + 1 < self->message.units_count);
    if (count && last->after_units[count - 1] == unit)
        return;
    last->after_units = s_grow(last->after_units, count, sizeof *last->after_units);
    last->after_units[last->after_units_count++] = (uint32_t)unit;
}

/* A number that looks like a mark may still be one of the caller's: only one that names an event is a mark. */
static bool s_read_mark(const store_write_t *self, const char bytes[8], StorePatch *patch) {
    uint64_t mark;
    memcpy(&mark, bytes, 8);
    mark = le64toh(mark);
    uint32_t unit = mark >> 32 & 0xffff, op = mark & 0xffff, units = self->message.units_count;
    if ((mark & 0xffff0000ffff0000) != STORE_SEQ_OF(0) || unit >= units)
        return false;
    const StoreUnit *source = &self->message.units[unit ? unit - 1 : units - 1];
    patch->op = op;
    patch->unit = unit;
    return op < source->ops_count && source->ops[op].event;
}

/* A patch for every STORE_SEQ_OF in the bytes. It ends in a byte that UTF-8 does not use, so no text holds it. */
static void s_patch_marks(store_write_t *self, uint32_t param, const char *bytes, size_t size) {
    const char *from = size < 8 ? bytes + size : bytes + 7, *end = bytes + size, *at;
    while (from < end && (at = memchr(from, STORE_SEQ_OF(0) >> 56, (size_t)(end - from)))) {
        StorePatch patch = {.param = param, .offset = (int32_t)(at - 7 - bytes)};
        bool is_mark = s_read_mark(self, at - 7, &patch);
        if (is_mark)
            s_add_patch(s_last_op(self), patch);
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
    assert_always(!op->event);
    StoreEvent *event = op->event = calloc(1, sizeof *event);
    assert_always(event && MESSAGE_SET(event->topic, topic) && MESSAGE_SET(event->schema, message->schema));
    assert_always(!traceparent || MESSAGE_SET(event->traceparent, traceparent));
    event->base_seq = base_seq;
    buf_clear(&self->params);
    assert_always(message_encode(message, payload, &self->params) == OK);
    event->payload = message_bytes(buf_str(&self->params), self->params.size);
    s_patch_marks(self, STORE_PATCH_EVENT, buf_str(&self->params), self->params.size);
}

size_t store_write_answer_op(store_write_t *self, const Envelope *envelope, const char *schema,
                             const void *payload, size_t size, Outcome outcome) {
    int64_t now_ms = clock_wall_ms();
    size_t index =
        store_write_op(self, "idempotency_answer", "sssisbiii", envelope->principal.name, envelope->operation,
                       envelope->idempotency_key, (int64_t)envelope->body_hash, schema, payload, size,
                       (int64_t)outcome, now_ms, now_ms - IDEMPOTENCY_KEPT_MS);
    store_write_expect(self, 1);
    return index;
}

enum { ANSWER_PAYLOAD = 5 };

void store_write_answer(store_write_t *self, call_t *call, const void *response) {
    const Envelope *envelope = call_envelope(call);
    const message_t *message = call_rpc(call)->response();
    buf_t payload = BUF_INIT;
    if (!envelope->idempotency_key[0])
        return;
    assert_always(message_encode(message, response, &payload) == OK);
    store_write_answer_op(self, envelope, message->schema, buf_str(&payload), payload.size,
                          call_get_outcome(call));
    s_patch_marks(self, ANSWER_PAYLOAD, buf_str(&payload), payload.size);
    buf_free(&payload);
    call_answer_recorded(call);
}

void store_write_answer_again(store_write_t *self, call_t *call, const void *response) {
    const Envelope *envelope = call_envelope(call);
    buf_t payload = BUF_INIT;
    if (!envelope->idempotency_key[0])
        return;
    assert_always(message_encode(call_rpc(call)->response(), response, &payload) == OK);
    store_write_op(self, "idempotency_update", "sssbi", envelope->principal.name, envelope->operation,
                   envelope->idempotency_key, buf_str(&payload), payload.size,
                   (int64_t)call_get_outcome(call));
    buf_free(&payload);
}

void store_commit(actor_t *self, store_write_t **write_p, const actor_request_options_t *options,
                  actor_reply_fn *reply, void *context) {
    actor_request(self, &rpc_StoreWriter_Write, &(*write_p)->message, options, reply, context);
    store_write_destroy(write_p);
}

void store_query(actor_t *self, const char *statement, uint32_t max_rows,
                 const actor_request_options_t *options, actor_reply_fn *reply, void *context,
                 const char *format, ...) {
    StoreQuery query = StoreQuery_init_zero;
    buf_t params = BUF_INIT;
    va_list args;
    va_start(args, format);
    store_params_encode(&params, format, args);
    va_end(args);
    assert_always(MESSAGE_SET(query.statement, statement));
    query.params = message_bytes(buf_str(&params), params.size);
    query.max_rows = max_rows;
    actor_request(self, &rpc_StoreReader_Query, &query, options, reply, context);
    message_release(StoreQuery_message(), &query);
    buf_free(&params);
}

/* ---- rows ---- */

struct store_row_s {
    size_t count;
    char *bytes; /* a copy, with a NUL behind each text */
    value_t values[];
};

store_row_t *store_row_new(const pb_bytes_array_t *encoded) {
    const void *from = encoded ? encoded->bytes : NULL;
    size_t size = encoded ? encoded->size : 0, count;
    if (!value_count_row(from, size, &count))
        return NULL;
    store_row_t *self = calloc(1, sizeof *self + count * sizeof *self->values + size + 1);
    assert_always(self);
    self->bytes = (char *)&self->values[count];
    if (size)
        memcpy(self->bytes, from, size);
    if (!value_decode_row(self->bytes, size, self->values, count, &self->count)) {
        store_row_destroy(&self);
        return NULL;
    }
    /* What stands behind a text, the tag of the next value, has been read already. */
    for (size_t i = 0; i < count; i++)
        if (self->values[i].kind == VALUE_TEXT)
            ((char *)self->values[i].bytes)[self->values[i].size] = '\0';
    return self;
}

void store_row_destroy(store_row_t **self_p) {
    free(*self_p);
    *self_p = NULL;
}

size_t store_row_columns(const store_row_t *self) {
    return self->count;
}

static const value_t *s_column(const store_row_t *self, size_t column) {
    assert_always(column < self->count);
    return &self->values[column];
}

bool store_row_is_null(const store_row_t *self, size_t column) {
    return s_column(self, column)->kind == VALUE_NULL;
}

int64_t store_row_int(const store_row_t *self, size_t column) {
    const value_t *value = s_column(self, column);
    return value->kind == VALUE_INT ? value->integer : value->kind == VALUE_DOUBLE ? (int64_t)value->real : 0;
}

double store_row_double(const store_row_t *self, size_t column) {
    const value_t *value = s_column(self, column);
    return value->kind == VALUE_DOUBLE ? value->real : value->kind == VALUE_INT ? (double)value->integer : 0;
}

const char *store_row_text(const store_row_t *self, size_t column) {
    const value_t *value = s_column(self, column);
    return value->kind == VALUE_TEXT ? value->bytes : NULL;
}

const void *store_row_blob(const store_row_t *self, size_t column, size_t *size) {
    const value_t *value = s_column(self, column);
    bool is_blob = value->kind == VALUE_BLOB;
    *size = is_blob ? value->size : 0;
    return is_blob ? value->bytes : NULL;
}
