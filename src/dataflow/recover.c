/* After a start: the fetches that were open are taken up again. */
#include "dataflow/dataflow_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "tables.gen.h"

#define MOST_OPEN 1000

static void s_on_closed(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    (void)context;
    (void)response;
    (void)fault;
    if (err != OK)
        log_warning("an open dataset fetch could not be closed", LOG_ERRT(err));
}

static void s_close(dataflow_t *self, const store_row_t *row, const char *why) {
    store_write_t *write = store_write_new();
    store_write_op(write, "dataset_sync_update", "ssssnnis", store_row_text(row, 0), store_row_text(row, 1),
                   store_row_text(row, 2), "failed", clock_wall_ms(), why);
    store_commit(self->actor, &write, NULL, s_on_closed, self);
}

static void s_take_up(dataflow_t *self, const store_row_t *row) {
    const dataset_t *dataset = datasets_find(store_row_text(row, 1));
    if (!dataset)
        s_close(self, row, "the dataset is not known any more");
    else if (sync_find(self, dataset))
        s_close(self, row, "an older fetch of the dataset was still open");
    else
        sync_resume(self, dataset, row);
}

static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    dataflow_t *self = context;
    const StoreRows *rows = response;
    self->recovering = false;
    if (self->stopping)
        return;
    self->recovered = err == OK;
    for (size_t i = 0; err == OK && i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row)
            s_take_up(self, row);
        store_row_destroy(&row);
    }
    ensure_recovered(self, err, fault);
}

void dataflow_recover(dataflow_t *self) {
    if (self->recovered || self->recovering)
        return;
    self->recovering = true;
    store_query(self->actor, "dataset_syncs_open", MOST_OPEN, NULL, s_on_rows, self, "");
}
