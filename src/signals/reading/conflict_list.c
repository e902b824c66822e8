/* ListConflicts: a page and the count, asked side by side. */
#include "message/message.h"
#include "signals/conflict_row.h"
#include "signals/signals_state.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 20 };

typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    ListConflictsReply reply;
} listing_t;

static void s_done(actor_t *actor, listing_t *listing, err_t err) {
    signals_t *state = actor_state(actor);
    if (listing->err == OK)
        listing->err = err;
    if (--listing->waiting > 0)
        return;
    state->reads--;
    if (listing->err == OK)
        call_reply(actor, &listing->call, &listing->reply);
    else
        call_fail(actor, &listing->call, listing->err);
    message_release(ListConflictsReply_message(), &listing->reply);
    free(listing);
}

static err_t s_read_page(ListConflictsReply *reply, const StoreRows *rows) {
    reply->conflicts = message_list(rows->rows_count, sizeof *reply->conflicts);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        err_t err = row ? conflict_row_read(row, &reply->conflicts[reply->conflicts_count++]) : ERR_INTERNAL;
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
    listing_t *listing = calloc(1, sizeof *listing);
    assert_always(listing);
    listing->call = call;
    listing->waiting = 2;
    listing->reply.limit = filter->has_limit ? filter->limit : LIMIT_DEFAULT;
    listing->reply.offset = filter->has_offset ? filter->offset : 0;
    state->reads++;
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, statements->page, (uint32_t)listing->reply.limit, &options, s_on_page, listing,
                "ssssii", FILTERS(filter), (int64_t)listing->reply.limit, (int64_t)listing->reply.offset);
    store_query(actor, statements->count, 1, &options, s_on_count, listing, "ssss", FILTERS(filter));
    return ERR_PENDING;
}
