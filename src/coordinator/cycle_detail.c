/* One cycle in full: its row, then its stages, from the store. */
#include "coordinator/cycle.h"

#include "base/json_tree.h"
#include "coordinator/cycle_columns.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    call_t *call;
    CycleDetail reply;
} detail_t;

static void s_detail_free(detail_t *self) {
    message_release(CycleDetail_message(), &self->reply);
    free(self);
}

static void s_fill_stage_detail(const store_row_t *row, CycleStageDetail *stage) {
    PUT_COLUMN(stage->name, row, STAGE_COLUMN_NAME);
    PUT_COLUMN(stage->status, row, STAGE_COLUMN_STATUS);
    stage->attempts = (uint32_t)store_row_int(row, STAGE_COLUMN_ATTEMPTS);
    FILL_TIMES(stage, row, STAGE_COLUMN_START_TIME, STAGE_COLUMN_END_TIME);
    stage->error = message_strdup(store_row_text(row, STAGE_COLUMN_ERROR));
    stage->has_input_digest = !store_row_is_null(row, STAGE_COLUMN_INPUT_DIGEST);
    PUT_COLUMN(stage->input_digest, row, STAGE_COLUMN_INPUT_DIGEST);
    stage->has_output_digest = !store_row_is_null(row, STAGE_COLUMN_OUTPUT_DIGEST);
    PUT_COLUMN(stage->output_digest, row, STAGE_COLUMN_OUTPUT_DIGEST);
    stage->summary = message_strdup(store_row_text(row, STAGE_COLUMN_SUMMARY));
    stage->has_downstream_ms = !store_row_is_null(row, STAGE_COLUMN_DOWNSTREAM_MS);
    stage->downstream_ms = store_row_double(row, STAGE_COLUMN_DOWNSTREAM_MS);
    stage->has_job_id = !store_row_is_null(row, STAGE_COLUMN_JOB_ID);
    PUT_COLUMN(stage->job_id, row, STAGE_COLUMN_JOB_ID);
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
    signal->error = message_strdup(json_string_value(json_object_get(from, "error")));
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
        cycle->downstream_ms += store_row_double(row, STAGE_COLUMN_DOWNSTREAM_MS);
        if (store_row_int(row, STAGE_COLUMN_POSITION) == STAGE_SIGNAL_DISPATCH)
            s_fill_signals(cycle, store_row_text(row, STAGE_COLUMN_OUTPUT));
        store_row_destroy(&row);
    }
    cycle->has_downstream_ms = true;
    cycle->has_overhead_ms = cycle->has_duration;
    cycle->overhead_ms = cycle->duration * 1000 - cycle->downstream_ms - (double)cycle->paused_ms;
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
    FILL_CYCLE(cycle, row);
    s_fill_request(cycle, store_row_text(row, CYCLE_COLUMN_REQUEST));
    cycle->has_rerun_from_stage = !store_row_is_null(row, CYCLE_COLUMN_FROM_STAGE);
    PUT_COLUMN(cycle->rerun_from_stage, row, CYCLE_COLUMN_FROM_STAGE);
    cycle->has_validation_id = !store_row_is_null(row, CYCLE_COLUMN_VALIDATION_ID);
    PUT_COLUMN(cycle->validation_id, row, CYCLE_COLUMN_VALIDATION_ID);
    cycle->paused_ms = store_row_int(row, CYCLE_COLUMN_PAUSED_MS);
    cycle->has_requested_by = !store_row_is_null(row, CYCLE_COLUMN_PRINCIPAL);
    PUT_COLUMN(cycle->requested_by, row, CYCLE_COLUMN_PRINCIPAL);
}

err_t coordinator_no_such_cycle(call_t *call) {
    return call_explain(call, ERR_NOT_FOUND, "there is no cycle of that cycle_id");
}

static void s_on_detail(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    detail_t *self = context;
    const StoreRows *rows = response;
    store_row_t *row = err == OK && rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (err != OK)
        call_fail_as(actor, &self->call, err, fault);
    else if (!row)
        call_fail(actor, &self->call, coordinator_no_such_cycle(self->call));
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

void coordinator_answer_detail(actor_t *actor, call_t *call, const char *cycle_id) {
    detail_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, "cycle_by_id", 1, &options, s_on_detail, self, "s", cycle_id);
}

err_t coordinator_get_cycle(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    coordinator_answer_detail(actor, call, ((const GetCycleRequest *)request)->cycle_id);
    return ERR_PENDING;
}
