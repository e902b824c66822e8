/* While one page is entered the store reads the next: a page is asked for as soon as the last row of the one before
 * is known. */
#include "signals/index/active_load.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "message/message.h"
#include "store/store.h"
#include "store/value.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_ROWS = 10000, PAGE_SECONDS = 30 };

/* Columns of signals_active_slim. */
enum {
    COLUMN_SEQ,
    COLUMN_EXPIRY_TIME,
    COLUMN_SIGNAL_ID,
    COLUMN_SOURCE,
    COLUMN_TARGET,
    COLUMN_SYMBOL,
    COLUMN_SIDE,
    COLUMN_STRENGTH,
    COLUMN_CONFIDENCE,
    COLUMN_PRIORITY,
    COLUMN_TIMESTAMP,
    COLUMN_SOURCE_SEQ,
    COLUMN_DATA,
    COLUMN_ALLOCATION,
    COLUMNS
};

typedef struct {
    scope_index_t *index;
    active_loaded_fn *done;
    void *context;
    err_t err; /* of entering a page */
} load_t;

/* ---- rows ---- */

static bool s_copy(char *to, size_t size, const value_t *text) {
    if (text->kind != VALUE_TEXT || text->size >= size)
        return false;
    memcpy(to, text->bytes, text->size);
    to[text->size] = '\0';
    return true;
}

#define COPY(field, text) s_copy((field), sizeof(field), (text))

static double s_number(const value_t *value) {
    return value->kind == VALUE_DOUBLE ? value->real : value->kind == VALUE_INT ? (double)value->integer : 0;
}

static bool s_read_texts(const value_t *row, Signal *signal) {
    signal->has_symbol = row[COLUMN_SYMBOL].kind != VALUE_NULL;
    signal->has_side = row[COLUMN_SIDE].kind != VALUE_NULL;
    return COPY(signal->signal_id, &row[COLUMN_SIGNAL_ID]) && COPY(signal->source, &row[COLUMN_SOURCE]) &&
           COPY(signal->target, &row[COLUMN_TARGET]) &&
           (!signal->has_symbol || COPY(signal->symbol, &row[COLUMN_SYMBOL])) &&
           (!signal->has_side || COPY(signal->side, &row[COLUMN_SIDE]));
}

static void s_read_numbers(const value_t *row, Signal *signal) {
    signal->seq = (uint64_t)row[COLUMN_SEQ].integer;
    signal->expiry_time = row[COLUMN_EXPIRY_TIME].integer;
    signal->strength = s_number(&row[COLUMN_STRENGTH]);
    signal->confidence = s_number(&row[COLUMN_CONFIDENCE]);
    signal->priority = (int32_t)row[COLUMN_PRIORITY].integer;
    signal->timestamp = row[COLUMN_TIMESTAMP].integer;
    signal->has_source_seq = row[COLUMN_SOURCE_SEQ].kind != VALUE_NULL;
    signal->source_seq = signal->has_source_seq ? row[COLUMN_SOURCE_SEQ].integer : 0;
    signal->has_allocation = row[COLUMN_ALLOCATION].kind != VALUE_NULL;
    signal->allocation = s_number(&row[COLUMN_ALLOCATION]);
}

static bool s_are_numbers(const value_t *row) {
    return row[COLUMN_SEQ].kind == VALUE_INT && row[COLUMN_EXPIRY_TIME].kind == VALUE_INT &&
           row[COLUMN_PRIORITY].kind == VALUE_INT && row[COLUMN_TIMESTAMP].kind == VALUE_INT &&
           (row[COLUMN_SOURCE_SEQ].kind == VALUE_INT || row[COLUMN_SOURCE_SEQ].kind == VALUE_NULL);
}

static void s_enter(scope_index_t *index, const Signal *signal) {
    candidate_t candidate;
    candidate_scopes_t scopes;
    candidate_of(signal, &candidate);
    candidate_scopes(signal, &scopes);
    scope_index_add(index, &candidate, scopes.keys, scopes.count);
    candidate_scopes_free(&scopes);
}

err_t active_load_row(scope_index_t *index, const void *bytes, size_t size) {
    value_t row[COLUMNS];
    size_t count;
    Signal signal = Signal_init_zero;
    if (!value_decode_row(bytes, size, row, COLUMNS, &count) || count != COLUMNS || !s_are_numbers(row) ||
        !s_read_texts(row, &signal))
        return ERR_INTERNAL;
    s_read_numbers(row, &signal);
    if (row[COLUMN_DATA].kind == VALUE_TEXT) {
        signal.data = strndup(row[COLUMN_DATA].bytes, row[COLUMN_DATA].size);
        assert_always(signal.data);
    }
    s_enter(index, &signal);
    free(signal.data);
    return OK;
}

/* ---- pages ---- */

static void s_end(actor_t *actor, load_t *self, err_t err, const char *reason) {
    self->done(actor, self->context, err, reason);
    free(self);
}

static actor_reply_fn s_on_page;

static void s_ask(actor_t *actor, load_t *self, int64_t after_expiry, int64_t after_seq) {
    actor_request_options_t options = {.deadline_us = clock_mono_us() + PAGE_SECONDS * 1000000LL};
    store_query(actor, "signals_active_slim", PAGE_ROWS, &options, s_on_page, self, "iii", after_expiry,
                after_seq, (int64_t)PAGE_ROWS);
}

/* Asks for what follows the page; false when its last row cannot be read. */
static bool s_ask_next(actor_t *actor, load_t *self, const StoreRows *page) {
    const pb_bytes_array_t *last = page->rows[page->rows_count - 1];
    value_t row[COLUMNS];
    size_t count;
    if (!value_decode_row(last->bytes, last->size, row, COLUMNS, &count) || count != COLUMNS ||
        !s_are_numbers(row))
        return false;
    s_ask(actor, self, row[COLUMN_EXPIRY_TIME].integer, row[COLUMN_SEQ].integer);
    return true;
}

static err_t s_enter_page(scope_index_t *index, const StoreRows *page) {
    err_t err = OK;
    for (size_t i = 0; i < page->rows_count && err == OK; i++)
        err = active_load_row(index, page->rows[i]->bytes, page->rows[i]->size);
    return err;
}

/* An empty page is the end. A page that cannot be entered is told with the answer to the next, which is under way. */
static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    load_t *self = context;
    const StoreRows *page = response;
    if (self->err != OK)
        s_end(actor, self, self->err, err_text(self->err));
    else if (err != OK)
        s_end(actor, self, err, fault->message ? fault->message : err_text(err));
    else if (page->rows_count == 0)
        s_end(actor, self, OK, "");
    else if (!s_ask_next(actor, self, page))
        s_end(actor, self, ERR_INTERNAL, err_text(ERR_INTERNAL));
    else
        self->err = s_enter_page(self->index, page);
}

void active_load_begin(actor_t *actor, scope_index_t *index, int64_t now_ms, active_loaded_fn *done,
                       void *context) {
    load_t *self = calloc(1, sizeof *self);
    assert_always(self && scope_index_count(index) == 0);
    *self = (load_t){.index = index, .done = done, .context = context};
    s_ask(actor, self, now_ms, INT64_MAX);
}
