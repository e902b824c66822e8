/* ListDeliveries: a page and the count, asked side by side. */
#include "delivery/delivery_row.h"
#include "delivery/delivery_state.h"
#include "message/message.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 20 };

typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    ListDeliveriesReply reply;
} listing_t;

static void s_done(actor_t *actor, listing_t *listing, err_t err) {
    delivery_t *state = actor_state(actor);
    if (listing->err == OK)
        listing->err = err;
    if (--listing->waiting > 0)
        return;
    state->calls--;
    if (listing->err == OK)
        call_reply(actor, &listing->call, &listing->reply);
    else
        call_fail(actor, &listing->call, listing->err);
    message_release(ListDeliveriesReply_message(), &listing->reply);
    free(listing);
}

static err_t s_read_page(ListDeliveriesReply *reply, const StoreRows *rows) {
    reply->deliveries = message_list(rows->rows_count, sizeof *reply->deliveries);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        err_t err =
            row ? delivery_row_read(row, &reply->deliveries[reply->deliveries_count++]) : ERR_INTERNAL;
        store_row_destroy(&row);
        if (err != OK)
            return err;
    }
    return OK;
}

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    s_done(actor, listing, err == OK ? s_read_page(&listing->reply, response) : err);
}

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    s_done(actor, listing, err == OK ? store_rows_int(response, &listing->reply.total) : err);
}

typedef struct {
    const char *status, *page, *count;
} statements_t;

static const statements_t *s_statements(const char *status) {
    static const statements_t all[] = {
        {"pending", "deliveries_page_pending", "deliveries_count_pending"},
        {"delivered", "deliveries_page_delivered", "deliveries_count_delivered"},
        {"dead", "deliveries_page_dead", "deliveries_count_dead"},
        {"all", "deliveries_page", "deliveries_count"},
    };
    for (size_t i = 0; i < 3; i++)
        if (strcmp(all[i].status, status) == 0)
            return &all[i];
    return &all[3];
}

static void s_ask(actor_t *actor, listing_t *listing, const ListDeliveriesRequest *filter) {
    const char *status = filter->has_status ? filter->status : "all";
    const char *target = filter->has_target ? filter->target : NULL;
    const char *one_status = strcmp(status, "all") == 0 ? NULL : status;
    const statements_t *statements = s_statements(status);
    int64_t limit = listing->reply.limit, offset = listing->reply.offset;
    actor_request_options_t options = {.on_behalf = listing->call};
    if (filter->has_signal_id) {
        store_query(actor, "deliveries_page_of_signal", (uint32_t)limit, &options, s_on_page, listing,
                    "sssii", target, filter->signal_id, one_status, limit, offset);
        store_query(actor, "deliveries_count_of_signal", 1, &options, s_on_count, listing, "sss", target,
                    filter->signal_id, one_status);
        return;
    }
    store_query(actor, statements->page, (uint32_t)limit, &options, s_on_page, listing, "sii", target, limit,
                offset);
    store_query(actor, statements->count, 1, &options, s_on_count, listing, "s", target);
}

err_t delivery_list(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    delivery_t *state = actor_state(actor);
    const ListDeliveriesRequest *filter = request;
    listing_t *listing = calloc(1, sizeof *listing);
    assert_always(listing);
    listing->call = call;
    listing->waiting = 2;
    listing->reply.limit = filter->has_limit ? filter->limit : LIMIT_DEFAULT;
    listing->reply.offset = filter->has_offset ? filter->offset : 0;
    state->calls++;
    s_ask(actor, listing, filter);
    return ERR_PENDING;
}
