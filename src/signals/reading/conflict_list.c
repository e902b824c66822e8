/* ListConflicts: a page and the count, asked side by side. */
#include "signals/conflict_row.h"
#include "signals/signals_state.h"
#include "store/listing.h"
#include "tables.gen.h"
#include <string.h>

static err_t s_read(const store_row_t *row, void *item) {
    return conflict_row_read(row, item);
}

static const listing_kind_t s_kind = LISTING_KIND(ListConflictsReply, conflicts, s_read);

typedef struct {
    const char *status, *page, *count;
} statements_t;

static const statements_t *s_statements(const char *status) {
    static const statements_t all[] = {
        {"open", "conflicts_page_open", "conflicts_count_open"},
        {"resolved", "conflicts_page_resolved", "conflicts_count_resolved"},
        {"all", "conflicts_page", "conflicts_count"},
    };
    for (size_t i = 0; i < 2; i++)
        if (strcmp(all[i].status, status) == 0)
            return &all[i];
    return &all[2];
}

#define WHEN_SET(request, field) ((request)->has_##field ? (request)->field : NULL)
#define FILTERS(request) \
    WHEN_SET(request, type), WHEN_SET(request, severity), WHEN_SET(request, target), WHEN_SET(request, symbol)

err_t conflict_list(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    signals_t *state = actor_state(actor);
    const ListConflictsRequest *filter = request;
    const statements_t *statements = s_statements(filter->has_status ? filter->status : "open");
    listing_t listing = {&s_kind,          LISTING_LIMIT(filter), LISTING_OFFSET(filter),
                         statements->page, statements->count,     &state->reads};
    listing_start(actor, call, listing, "ssss", FILTERS(filter));
    return ERR_PENDING;
}
