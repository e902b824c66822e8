/* ListDeliveries: a page and the count, asked side by side. */
#include "delivery/delivery_row.h"
#include "delivery/delivery_state.h"
#include "store/listing.h"
#include "tables.gen.h"
#include <string.h>

static err_t s_read(const store_row_t *row, void *item) {
    return delivery_row_read(row, item);
}

static const listing_kind_t s_kind = LISTING_KIND(ListDeliveriesReply, deliveries, s_read);

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

err_t delivery_list(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ListDeliveriesRequest *filter = request;
    delivery_t *state = actor_state(actor);
    const char *status = filter->has_status ? filter->status : "all";
    const char *target = filter->has_target ? filter->target : NULL;
    const char *one_status = strcmp(status, "all") == 0 ? NULL : status;
    const statements_t *statements = s_statements(status);
    listing_t listing = {&s_kind,          LISTING_LIMIT(filter), LISTING_OFFSET(filter),
                         statements->page, statements->count,     &state->calls};
    if (filter->has_signal_id) {
        listing.page = "deliveries_page_of_signal";
        listing.count = "deliveries_count_of_signal";
        listing_start(actor, call, listing, "sss", target, filter->signal_id, one_status);
    } else {
        listing_start(actor, call, listing, "s", target);
    }
    return ERR_PENDING;
}
