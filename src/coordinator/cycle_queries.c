/* Reading cycles back: the history page by page, and one cycle in full. Both come from the store alone, so that
 * running and ended cycles read alike. */
#include "coordinator/cycle.h"

#include "base/json_tree.h"
#include "base/log.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows ---- */

/* The column's text into a static string field; "" for null. */
static void s_put(char *field, size_t capacity, const char *text) {
    message_put(field, capacity, text ? text : "");
}

#define PUT_COLUMN(field, row, column) s_put((field), sizeof(field), store_row_text((row), (column)))

static void s_fill_times(int64_t start, int64_t end, bool *has_start, int64_t *start_time, bool *has_end,
                         int64_t *end_time, bool *has_duration, double *duration) {
    *has_start = start > 0;
    *start_time = start;
    *has_end = end > 0;
    *end_time = end;
    *has_duration = start > 0 && end > 0;
    *duration = (double)(end - start) / 1000.0;
}

static void s_fill_summary(const store_row_t *row, CycleSummary *cycle) {
    PUT_COLUMN(cycle->cycle_id, row, 0);
    PUT_COLUMN(cycle->status, row, 1);
    PUT_COLUMN(cycle->trigger, row, 2);
    cycle->created_at = store_row_int(row, 4);
    s_fill_times(store_row_int(row, 5), store_row_int(row, 6), &cycle->has_start_time, &cycle->start_time,
                 &cycle->has_end_time, &cycle->end_time, &cycle->has_duration, &cycle->duration);
    cycle->has_success = !store_row_is_null(row, 7);
    cycle->success = store_row_int(row, 7) != 0;
    cycle->error = message_strdup(store_row_text(row, 8));
    cycle->degraded = store_row_int(row, 10) != 0;
    cycle->force = store_row_int(row, 11) != 0;
    cycle->has_rerun_of = !store_row_is_null(row, 12);
    PUT_COLUMN(cycle->rerun_of, row, 12);
}

static uint32_t s_produced(const char *result) {
    json_t *root = json_tree_parse(result);
    double produced = json_tree_number(root, "signals_produced", 0);
    json_decref(root);
    return (uint32_t)produced;
}

static void s_fill_stage(const store_row_t *row, CycleStage *stage) {
    PUT_COLUMN(stage->name, row, 1);
    PUT_COLUMN(stage->status, row, 3);
    stage->attempts = (uint32_t)store_row_int(row, 4);
    s_fill_times(store_row_int(row, 5), store_row_int(row, 6), &stage->has_start_time, &stage->start_time,
                 &stage->has_end_time, &stage->end_time, &stage->has_duration, &stage->duration);
    stage->error = message_strdup(store_row_text(row, 7));
}

/* ---- ListCycles: count, page, the page's stages ---- */

typedef struct {
    call_t *call;
    char status[33];
    int32_t limit, offset;
    ListCyclesReply reply;
} listing_t;

static void s_listing_free(listing_t *self) {
    message_release(ListCyclesReply_message(), &self->reply);
    free(self);
}

static bool s_listing_failed(actor_t *actor, listing_t *self, err_t err, const Fault *fault) {
    if (err == OK)
        return false;
    call_fail_as(actor, &self->call, err, fault);
    s_listing_free(self);
    return true;
}

static void s_add_stage(ListCyclesReply *reply, const store_row_t *row) {
    const char *cycle_id = store_row_text(row, 0);
    for (size_t i = 0; i < reply->history_count; i++) {
        CycleSummary *cycle = &reply->history[i];
        if (strcmp(cycle->cycle_id, cycle_id) != 0)
            continue;
        if (!cycle->stages)
            cycle->stages = message_list(STAGE_COUNT, sizeof *cycle->stages);
        if (cycle->stages_count < STAGE_COUNT)
            s_fill_stage(row, &cycle->stages[cycle->stages_count++]);
        return;
    }
}

static void s_on_page_stages(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    listing_t *self = context;
    const StoreRows *rows = response;
    if (s_listing_failed(actor, self, err, fault))
        return;
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row)
            s_add_stage(&self->reply, row);
        store_row_destroy(&row);
    }
    call_reply(actor, &self->call, &self->reply);
    s_listing_free(self);
}

static void s_query_page(actor_t *actor, listing_t *self, const char *all, const char *by_status,
                         uint32_t max_rows, actor_reply_fn *reply) {
    actor_request_options_t options = {.on_behalf = self->call};
    if (*self->status)
        store_query(actor, by_status, max_rows, &options, reply, self, "sii", self->status,
                    (int64_t)self->limit, (int64_t)self->offset);
    else
        store_query(actor, all, max_rows, &options, reply, self, "ii", (int64_t)self->limit,
                    (int64_t)self->offset);
}

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    listing_t *self = context;
    const StoreRows *rows = response;
    if (s_listing_failed(actor, self, err, fault))
        return;
    self->reply.history = message_list(rows->rows_count, sizeof *self->reply.history);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row) {
            CycleSummary *cycle = &self->reply.history[self->reply.history_count++];
            s_fill_summary(row, cycle);
            cycle->signals_produced = s_produced(store_row_text(row, 15));
        }
        store_row_destroy(&row);
    }
    s_query_page(actor, self, "cycle_stages_page", "cycle_stages_page_by_status",
                 (uint32_t)self->limit * STAGE_COUNT, s_on_page_stages);
}

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    listing_t *self = context;
    const StoreRows *rows = response;
    if (s_listing_failed(actor, self, err, fault))
        return;
    store_row_t *row = rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (row)
        self->reply.total = store_row_int(row, 0);
    store_row_destroy(&row);
    s_query_page(actor, self, "cycles_page", "cycles_page_by_status", (uint32_t)self->limit, s_on_page);
}

err_t coordinator_list_cycles(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ListCyclesRequest *input = request;
    listing_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    self->limit = input->has_limit ? input->limit : 20;
    self->offset = input->has_offset ? input->offset : 0;
    self->reply.limit = self->limit;
    self->reply.offset = self->offset;
    actor_request_options_t options = {.on_behalf = call};
    if (input->has_status) {
        snprintf(self->status, sizeof self->status, "%s", input->status);
        store_query(actor, "cycles_count_by_status", 1, &options, s_on_count, self, "s", self->status);
    } else {
        store_query(actor, "cycles_count", 1, &options, s_on_count, self, "");
    }
    return ERR_PENDING;
}

/* ---- GetCycle: the row, then its stages ---- */

typedef struct {
    call_t *call;
    CycleDetail reply;
} detail_t;

static void s_detail_free(detail_t *self) {
    message_release(CycleDetail_message(), &self->reply);
    free(self);
}

static void s_fill_stage_detail(const store_row_t *row, CycleStageDetail *stage) {
    PUT_COLUMN(stage->name, row, 1);
    PUT_COLUMN(stage->status, row, 3);
    stage->attempts = (uint32_t)store_row_int(row, 4);
    s_fill_times(store_row_int(row, 5), store_row_int(row, 6), &stage->has_start_time, &stage->start_time,
                 &stage->has_end_time, &stage->end_time, &stage->has_duration, &stage->duration);
    stage->error = message_strdup(store_row_text(row, 7));
    stage->has_input_digest = !store_row_is_null(row, 8);
    PUT_COLUMN(stage->input_digest, row, 8);
    stage->has_output_digest = !store_row_is_null(row, 9);
    PUT_COLUMN(stage->output_digest, row, 9);
    stage->summary = message_strdup(store_row_text(row, 12));
    stage->has_downstream_ms = !store_row_is_null(row, 13);
    stage->downstream_ms = store_row_double(row, 13);
    stage->has_job_id = !store_row_is_null(row, 14);
    PUT_COLUMN(stage->job_id, row, 14);
}

static void s_fill_signal(json_t *from, CycleSignal *signal) {
    const char *signal_id = json_string_value(json_object_get(from, "signal_id"));
    const char *symbol = json_string_value(json_object_get(from, "symbol"));
    const char *side = json_string_value(json_object_get(from, "side"));
    const char *status = json_string_value(json_object_get(from, "status"));
    MESSAGE_PUT(signal->signal_id, signal_id ? signal_id : "");
    signal->has_symbol = symbol && MESSAGE_SET(signal->symbol, symbol);
    signal->has_side = side && MESSAGE_SET(signal->side, side);
    signal->strength = json_tree_number(from, "strength", 0);
    signal->confidence = json_tree_number(from, "confidence", 0);
    MESSAGE_PUT(signal->status, status ? status : "");
    signal->seq = (uint64_t)json_tree_number(from, "seq", 0);
}

static void s_fill_signals(CycleDetail *cycle, const char *output) {
    json_t *root = json_tree_parse(output), *signals = json_object_get(root, "signals");
    cycle->signals = message_list(json_array_size(signals), sizeof *cycle->signals);
    for (size_t i = 0; i < json_array_size(signals); i++)
        s_fill_signal(json_array_get(signals, i), &cycle->signals[cycle->signals_count++]);
    json_decref(root);
}

static void s_on_detail_stages(actor_t *actor, void *context, err_t err, const void *response,
                               const Fault *fault) {
    detail_t *self = context;
    const StoreRows *rows = response;
    CycleDetail *cycle = &self->reply;
    if (err != OK) {
        call_fail_as(actor, &self->call, err, fault);
        s_detail_free(self);
        return;
    }
    cycle->stages = message_list(rows->rows_count, sizeof *cycle->stages);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (!row)
            continue;
        s_fill_stage_detail(row, &cycle->stages[cycle->stages_count++]);
        cycle->downstream_ms += store_row_double(row, 13);
        if (store_row_int(row, 2) == STAGE_SIGNAL_DISPATCH)
            s_fill_signals(cycle, store_row_text(row, 11));
        store_row_destroy(&row);
    }
    cycle->has_downstream_ms = true;
    cycle->has_overhead_ms = cycle->has_duration;
    cycle->overhead_ms = cycle->duration * 1000 - cycle->downstream_ms;
    call_reply(actor, &self->call, cycle);
    s_detail_free(self);
}

static void s_fill_request(CycleDetail *cycle, const char *text) {
    json_t *root = json_tree_parse(text), *symbols = json_object_get(root, "symbols");
    const char *portfolio_id = json_string_value(json_object_get(root, "portfolio_id"));
    MESSAGE_PUT(cycle->portfolio_id, portfolio_id ? portfolio_id : "");
    cycle->symbols = message_list(json_array_size(symbols), sizeof *cycle->symbols);
    for (size_t i = 0; i < json_array_size(symbols); i++)
        cycle->symbols[cycle->symbols_count++] =
            message_strdup(json_string_value(json_array_get(symbols, i)));
    json_decref(root);
}

static void s_fill_detail(const store_row_t *row, CycleDetail *cycle) {
    PUT_COLUMN(cycle->cycle_id, row, 0);
    PUT_COLUMN(cycle->status, row, 1);
    PUT_COLUMN(cycle->trigger, row, 2);
    s_fill_request(cycle, store_row_text(row, 3));
    cycle->created_at = store_row_int(row, 4);
    s_fill_times(store_row_int(row, 5), store_row_int(row, 6), &cycle->has_start_time, &cycle->start_time,
                 &cycle->has_end_time, &cycle->end_time, &cycle->has_duration, &cycle->duration);
    cycle->has_success = !store_row_is_null(row, 7);
    cycle->success = store_row_int(row, 7) != 0;
    cycle->error = message_strdup(store_row_text(row, 8));
    cycle->degraded = store_row_int(row, 10) != 0;
    cycle->force = store_row_int(row, 11) != 0;
    cycle->has_rerun_of = !store_row_is_null(row, 12);
    PUT_COLUMN(cycle->rerun_of, row, 12);
    cycle->has_rerun_from_stage = !store_row_is_null(row, 13);
    PUT_COLUMN(cycle->rerun_from_stage, row, 13);
    cycle->has_validation_id = !store_row_is_null(row, 14);
    PUT_COLUMN(cycle->validation_id, row, 14);
    cycle->has_requested_by = !store_row_is_null(row, 18);
    PUT_COLUMN(cycle->requested_by, row, 18);
}

static void s_on_detail(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    detail_t *self = context;
    const StoreRows *rows = response;
    store_row_t *row = err == OK && rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (err != OK)
        call_fail_as(actor, &self->call, err, fault);
    else if (!row)
        call_fail(actor, &self->call, ERR_NOT_FOUND);
    if (!row) {
        s_detail_free(self);
        return;
    }
    s_fill_detail(row, &self->reply);
    store_row_destroy(&row);
    actor_request_options_t options = {.on_behalf = self->call};
    store_query(actor, "cycle_stages_by_cycle", 100, &options, s_on_detail_stages, self, "s",
                self->reply.cycle_id);
}

err_t coordinator_get_cycle(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetCycleRequest *input = request;
    detail_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, "cycle_by_id", 1, &options, s_on_detail, self, "s", input->cycle_id);
    return ERR_PENDING;
}
