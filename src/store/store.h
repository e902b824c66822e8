/* What components use of the store: building writes and queries, reading rows.
 *
 * The store is two actors: `store` writes, everything in groups on one connection; `store-reader` reads on its
 * own. Components never see SQL: they name a statement of the catalogue (src/store/statements/) and give its
 * parameters in order. A write commits whole or not at all; many writes share one transaction.
 *
 * Values go by a format string, one letter each: s text (NULL = null), i int64_t, d double, b bytes (pointer,
 * size_t), n null (takes no argument), t a time as int64_t (0 = null), f double (NaN = null).
 * Builders belong to the thread that made them. */
#pragma once

#include "actor/actor.h"
#include "base/buf.h"
#include "integration/v1/store.pb.h"

/* A write under construction: units of statements. The first unit is begun by store_write_new. */
typedef struct store_write_s store_write_t;
store_write_t *store_write_new(void);
void store_write_destroy(store_write_t **self_p);

/* Begins another unit (nothing when the present one is still empty); returns its index. */
size_t store_write_unit(store_write_t *self);

/* Adds a statement to the unit; returns its index in the unit. */
size_t store_write_op(store_write_t *self, const char *statement, const char *format, ...);
/* The last op must affect exactly `rows`, else the whole unit is undone and ends CONFLICT. Cheapest on the first
 * op of a unit. */
void store_write_expect(store_write_t *self, int rows);
/* The last op publishes this event when it changed a row. */
void store_write_event(store_write_t *self, const char *topic, const message_t *message, const void *payload,
                       const char *traceparent);
/* The same, for a message that an earlier event, with seq `base_seq`, published in full: `payload` holds only the
 * fields that changed, and what names it in case that event is no longer kept: the two are one message after the
 * other, so the later value of a field counts, and one that is left out (an implicit 0) stays. 0 =
 * store_write_event. */
void store_write_event_on(store_write_t *self, uint64_t base_seq, const char *topic, const message_t *message,
                          const void *payload, const char *traceparent);
/* The present unit is stored only if `unit`, an earlier one of this write, is; else it ends CONFLICT, unrun. */
void store_write_after(store_write_t *self, size_t unit);
/* Parameter `param` (from 0, an integer) of the last op receives the seq of the event of op `op` of the unit. */
void store_write_seq(store_write_t *self, size_t op, size_t param);
/* The same for an op of `unit`, an earlier one of this write; 0 when that was not stored. */
void store_write_seq_of(store_write_t *self, size_t unit, size_t op, size_t param);

/* When the call came with an Idempotency-Key: adds the op that records `response` as its answer, in the unit and
 * so in the transaction of its effect, and marks the call so that the gateway does not record it again. The
 * response's fixed64 fields whose value is STORE_SEQ_OF (op) receive the seq of that op's event. */
#define STORE_SEQ_OF(op) (0xF5E90000D1CE0000ULL + (uint64_t)(op))
/* The same for an op of an earlier unit of the write: 0 when that was not stored. Both also stand in the fixed64
 * fields of an event's message. One that names no op with an event is a number like any other. */
#define STORE_SEQ_OF_UNIT(unit, op) (STORE_SEQ_OF(op) + (((uint64_t)(unit) + 1) << 32))
void store_write_answer(store_write_t *self, call_t *call, const void *response);

/* The same for a call that is answered later, with more than is known now: the key stays running until the gateway
 * records what was answered. `response` is what a repetition gets if that never happens. */
void store_write_answer_early(store_write_t *self, call_t *call, const void *response);

/* Sends the write and takes it; the reply's response is a StoreWritten with one result a unit, in order. */
void store_commit(actor_t *self, store_write_t **write_p, const actor_request_options_t *options,
                  actor_reply_fn *reply, void *context);

/* Runs a query; the reply's response is a StoreRows, read with store_row_*. `max_rows` bounds it. */
void store_query(actor_t *self, const char *statement, uint32_t max_rows,
                 const actor_request_options_t *options, actor_reply_fn *reply, void *context,
                 const char *format, ...);

/* Reading rows: columns from 0. Text is borrowed from the row and NUL-terminated by the reader's copy. */
typedef struct store_row_s store_row_t;
store_row_t *store_row_new(const pb_bytes_array_t *encoded); /* NULL when it is not valid */
void store_row_destroy(store_row_t **self_p);
/* The integer of a query that returns one row with it. ERR_INTERNAL when it has not. */
ERR_MUST_USE
err_t store_rows_int(const StoreRows *rows, int64_t *value);
size_t store_row_columns(const store_row_t *self);
bool store_row_is_null(const store_row_t *self, size_t column);
int64_t store_row_int(const store_row_t *self, size_t column);      /* 0 for null */
double store_row_double(const store_row_t *self, size_t column);    /* 0 for null */
const char *store_row_text(const store_row_t *self, size_t column); /* NULL for null */
const void *store_row_blob(const store_row_t *self, size_t column, size_t *size);
