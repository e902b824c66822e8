/* The components' side of the store: queries, and rows taken apart. Writes are put together in write.c. */
#include "store/store_private.h"

#include "routes.gen.h"
#include "store/value.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

void store_query_encoded(actor_t *self, const char *statement, uint32_t max_rows, buf_t *params,
                         const actor_request_options_t *options, actor_reply_fn *reply, void *context) {
    StoreQuery query = StoreQuery_init_zero;
    assert_always(MESSAGE_SET(query.statement, statement));
    query.params = message_bytes(buf_str(params), params->size);
    query.max_rows = max_rows;
    actor_request(self, &rpc_StoreReader_Query, &query, options, reply, context);
    message_release(StoreQuery_message(), &query);
}

void store_query(actor_t *self, const char *statement, uint32_t max_rows,
                 const actor_request_options_t *options, actor_reply_fn *reply, void *context,
                 const char *format, ...) {
    buf_t params = BUF_INIT;
    va_list args;
    va_start(args, format);
    store_params_encode(&params, format, args);
    va_end(args);
    store_query_encoded(self, statement, max_rows, &params, options, reply, context);
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

err_t store_rows_int(const StoreRows *rows, int64_t *value) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (!row)
        return ERR_INTERNAL;
    *value = store_row_int(row, 0);
    store_row_destroy(&row);
    return OK;
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
