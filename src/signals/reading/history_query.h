/* The signal history's filters and pages as parameters of the store's history statements. Pure.
 *
 * A cursor is the order's letter and, in hex, the seq of the last signal of the page, the total that the first page
 * told, and a hash of the filters, with which it must come again; opaque to clients. */
#pragma once

#include "base/err.h"
#include "integration/v1/signals.pb.h"
#include "message/json_codec.h"

#define HISTORY_QUERY_CURSOR_SIZE 64

typedef struct {
    /* NULL and -1: no condition */
    const char *symbol, *source, *target, *signal_type, *side, *status; /* borrowed from the request */
    int64_t from_ms, to_ms;
    bool has_from, has_to;
    int64_t after_seq; /* of the filter */
    /* of the page */
    int64_t page_after_seq, page_before_seq;
    bool ascending;
    int32_t limit, offset;
    int64_t total; /* of the first page; -1 when this is the first */
} history_query_t;

/* ERR_VALIDATION_FAILED with problems: a cursor that is none, or of the other order or other filters, or together
 * with an offset; from after to. */
ERR_MUST_USE
err_t history_query_make(history_query_t *self, const ListSignalsRequest *request, problems_t *problems);

void history_query_cursor(const history_query_t *self, uint64_t last_seq, int64_t total,
                          char out[HISTORY_QUERY_CURSOR_SIZE]);
