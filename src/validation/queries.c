/* Validations read back from the store. */
#include "store/listing.h"
#include "tables.gen.h"
#include "validation/run.h"

static void s_number(const store_row_t *row, size_t column, bool *has, double *value) {
    *has = !store_row_is_null(row, column);
    *value = store_row_double(row, column);
}

static void s_fill(const store_row_t *row, Validation *validation) {
    const char *cycle_id = store_row_text(row, 1), *tier = store_row_text(row, 5);
    MESSAGE_PUT(validation->validation_id, store_row_text(row, 0));
    MESSAGE_PUT(validation->cycle_id, cycle_id ? cycle_id : "");
    MESSAGE_PUT(validation->validation_type, store_row_text(row, 2));
    MESSAGE_PUT(validation->validation_status, store_row_text(row, 3));
    s_number(row, 4, &validation->has_overall_score, &validation->overall_score);
    validation->has_tier = tier && MESSAGE_SET(validation->tier, tier);
    s_number(row, 6, &validation->has_confidence, &validation->confidence);
    s_number(row, 7, &validation->has_confidence_adjustment, &validation->confidence_adjustment);
    validation->has_historical = validation->has_forward = true;
    s_number(row, 8, &validation->historical.has_score, &validation->historical.score);
    s_number(row, 9, &validation->historical.has_risk, &validation->historical.risk);
    validation->historical.performance = message_strdup(store_row_text(row, 10));
    s_number(row, 11, &validation->forward.has_score, &validation->forward.score);
    s_number(row, 12, &validation->forward.has_risk, &validation->forward.risk);
    s_number(row, 13, &validation->has_execution_time, &validation->execution_time);
    validation->timestamp = store_row_int(row, 14);
    validation->error = message_strdup(store_row_text(row, 15));
    const char *pool_id = store_row_text(row, 16);
    validation->forward.has_pool_id = pool_id && MESSAGE_SET(validation->forward.pool_id, pool_id);
    s_number(row, 17, &validation->has_downstream_ms, &validation->downstream_ms);
}

static void s_on_one(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    call_t *call = context;
    const StoreRows *rows = response;
    bool found = err == OK && rows->rows_count > 0;
    store_row_t *row = found ? store_row_new(rows->rows[0]) : NULL;
    Validation validation = Validation_init_zero;
    if (row) {
        s_fill(row, &validation);
        call_reply(actor, &call, &validation);
    } else if (found) {
        call_fail(actor, &call, ERR_INTERNAL);
    } else if (err == OK) {
        call_explain(call, ERR_NOT_FOUND, "there is no validation of that validation_id");
        call_fail(actor, &call, ERR_NOT_FOUND);
    } else {
        call_fail_as(actor, &call, err, fault);
    }
    message_release(Validation_message(), &validation);
    store_row_destroy(&row);
}

err_t validation_get(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetValidationRequest *input = request;
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, "validation_by_id", 1, &options, s_on_one, call, "s", input->validation_id);
    return ERR_PENDING;
}

static err_t s_read(const store_row_t *row, void *item) {
    s_fill(row, item);
    return OK;
}

static const listing_kind_t s_kind = LISTING_KIND(ListValidationsReply, validations, s_read);

err_t validation_list(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ListValidationsRequest *filter = request;
    listing_t listing = {&s_kind,
                         LISTING_LIMIT(filter),
                         LISTING_OFFSET(filter),
                         "validations_filtered",
                         "validations_filtered_count",
                         NULL};
    listing_start(actor, call, listing, "ss", filter->has_cycle_id ? filter->cycle_id : NULL,
                  filter->has_status ? filter->status : NULL);
    return ERR_PENDING;
}
