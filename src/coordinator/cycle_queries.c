/* The history of cycles, page by page. It comes from the store alone, so that running and ended cycles read alike. */
#include "coordinator/cycle.h"

#include "base/json_tree.h"
#include "coordinator/cycle_columns.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows ---- */

static void s_fill_summary(const store_row_t *row, CycleSummary *cycle) {
    FILL_CYCLE(cycle, row);
}

static uint32_t s_produced(const char *result) {
    json_t *root = json_tree_parse(result);
    double produced = json_tree_number(root, "signals_produced", 0);
    json_decref(root);
    return (uint32_t)produced;
}

static void s_fill_stage(const store_row_t *row, CycleStage *stage) {
    PUT_COLUMN(stage->name, row, STAGE_COLUMN_NAME);
    PUT_COLUMN(stage->status, row, STAGE_COLUMN_STATUS);
    stage->attempts = (uint32_t)store_row_int(row, STAGE_COLUMN_ATTEMPTS);
    FILL_TIMES(stage, row, STAGE_COLUMN_START_TIME, STAGE_COLUMN_END_TIME);
    stage->error = message_strdup(store_row_text(row, STAGE_COLUMN_ERROR));
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
    const char *cycle_id = store_row_text(row, STAGE_COLUMN_CYCLE_ID);
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
            cycle->signals_produced = s_produced(store_row_text(row, CYCLE_COLUMN_RESULT));
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
