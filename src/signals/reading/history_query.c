/* Filters count for the total, the cursor only for the page. */
#include "signals/reading/history_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_LIMIT = 20, CURSOR_DIGITS = 16 };

static bool s_read_cursor(const char *text, bool *ascending, int64_t *seq, int64_t *total) {
    if ((text[0] != 'a' && text[0] != 'd') || strlen(text) != 1 + 2 * CURSOR_DIGITS ||
        strspn(text + 1, "0123456789abcdef") != 2 * CURSOR_DIGITS)
        return false;
    uint64_t values[2];
    if (sscanf(text + 1, "%16" SCNx64 "%16" SCNx64, &values[0], &values[1]) != 2 || values[0] > INT64_MAX ||
        values[1] > INT64_MAX)
        return false;
    *seq = (int64_t)values[0];
    *total = (int64_t)values[1];
    *ascending = text[0] == 'a';
    return true;
}

static void s_apply_cursor(history_query_t *self, const ListSignalsRequest *request, problems_t *problems) {
    bool ascending;
    int64_t seq;
    if (!s_read_cursor(request->cursor, &ascending, &seq, &self->total)) {
        problems_add(problems, "cursor", "must be the next_cursor of a page");
        return;
    }
    if (ascending != self->ascending)
        problems_add(problems, "cursor", "belongs to the order %s", ascending ? "asc" : "desc");
    if (self->offset)
        problems_add(problems, "offset", "must be left out with a cursor");
    if (ascending && seq > self->page_after_seq)
        self->page_after_seq = seq;
    else if (!ascending)
        self->page_before_seq = seq;
}

static int64_t s_after_seq(const ListSignalsRequest *request) {
    if (!request->has_after_seq)
        return -1;
    return request->after_seq > INT64_MAX ? INT64_MAX : (int64_t)request->after_seq;
}

err_t history_query_make(history_query_t *self, const ListSignalsRequest *request, problems_t *problems) {
    size_t found = problems->found;
    *self = (history_query_t){
        .symbol = request->has_symbol ? request->symbol : NULL,
        .source = request->has_source ? request->source : NULL,
        .target = request->has_target ? request->target : NULL,
        .signal_type = request->has_signal_type ? request->signal_type : NULL,
        .side = request->has_side ? request->side : NULL,
        .status = request->has_status ? request->status : NULL,
        .has_from = request->has_from,
        .from_ms = request->from,
        .has_to = request->has_to,
        .to_ms = request->to,
        .after_seq = s_after_seq(request),
        .page_before_seq = -1,
        .total = -1,
        .ascending = request->has_order && strcmp(request->order, "asc") == 0,
        .limit = request->has_limit ? request->limit : DEFAULT_LIMIT,
        .offset = request->has_offset ? request->offset : 0,
    };
    self->page_after_seq = self->after_seq;
    if (self->has_from && self->has_to && self->from_ms > self->to_ms)
        problems_add(problems, "from", "must not be after to");
    if (request->has_cursor)
        s_apply_cursor(self, request, problems);
    return problems->found == found ? OK : ERR_VALIDATION_FAILED;
}

void history_query_cursor(const history_query_t *self, uint64_t last_seq, int64_t total,
                          char out[HISTORY_QUERY_CURSOR_SIZE]) {
    snprintf(out, HISTORY_QUERY_CURSOR_SIZE, "%c%0*" PRIx64 "%0*" PRIx64, self->ascending ? 'a' : 'd',
             CURSOR_DIGITS, last_seq, CURSOR_DIGITS, (uint64_t)total);
}
