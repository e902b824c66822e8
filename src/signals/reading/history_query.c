/* Filters count for the total, the cursor only for the page. */
#include "signals/reading/history_query.h"

#include "base/ids.h"
#include "base/json_hash.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_LIMIT = 20, CURSOR_DIGITS = 16 };

typedef struct {
    uint64_t seq, total, filters;
    bool ascending;
} cursor_t;

static uint64_t s_fold_text(uint64_t hash, const char *text) {
    return hash_fold(hash, text ? ids_hash64(text, strlen(text) + 1) : 0);
}

static uint64_t s_fold_number(uint64_t hash, bool present, int64_t number) {
    return hash_fold(hash_fold(hash, present), present ? (uint64_t)number : 0);
}

static uint64_t s_hash_filters(const history_query_t *self) {
    const char *const texts[] = {self->symbol,      self->source, self->target,
                                 self->signal_type, self->side,   self->status};
    uint64_t hash = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash = s_fold_text(hash, texts[i]);
    hash = s_fold_number(hash, self->has_from, self->from_ms);
    hash = s_fold_number(hash, self->has_to, self->to_ms);
    return s_fold_number(hash, self->after_seq >= 0, self->after_seq);
}

static bool s_read_cursor(const char *text, cursor_t *cursor) {
    if ((text[0] != 'a' && text[0] != 'd') || strlen(text) != 1 + 3 * CURSOR_DIGITS ||
        strspn(text + 1, "0123456789abcdef") != 3 * CURSOR_DIGITS)
        return false;
    cursor->ascending = text[0] == 'a';
    return sscanf(text + 1, "%16" SCNx64 "%16" SCNx64 "%16" SCNx64, &cursor->seq, &cursor->total,
                  &cursor->filters) == 3 &&
           cursor->seq <= INT64_MAX && cursor->total <= INT64_MAX;
}

static void s_apply_cursor(history_query_t *self, const ListSignalsRequest *request, problems_t *problems) {
    cursor_t cursor;
    if (!s_read_cursor(request->cursor, &cursor)) {
        problems_add(problems, "cursor", "must be the next_cursor of a page");
        return;
    }
    if (cursor.ascending != self->ascending)
        problems_add(problems, "cursor", "belongs to the order %s", cursor.ascending ? "asc" : "desc");
    if (cursor.filters != s_hash_filters(self))
        problems_add(problems, "cursor",
                     "belongs to other filters: repeat those of the page that it came with");
    if (self->offset)
        problems_add(problems, "offset", "must be left out with a cursor");
    self->total = (int64_t)cursor.total;
    if (cursor.ascending && (int64_t)cursor.seq > self->page_after_seq)
        self->page_after_seq = (int64_t)cursor.seq;
    else if (!cursor.ascending)
        self->page_before_seq = (int64_t)cursor.seq;
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
    snprintf(out, HISTORY_QUERY_CURSOR_SIZE, "%c%0*" PRIx64 "%0*" PRIx64 "%0*" PRIx64,
             self->ascending ? 'a' : 'd', CURSOR_DIGITS, last_seq, CURSOR_DIGITS, (uint64_t)total,
             CURSOR_DIGITS, s_hash_filters(self));
}
