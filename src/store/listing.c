/* The first failure is answered at once; what is left goes with the last reply. */
#include "store/listing.h"

#include "message/message.h"
#include "store/store_private.h"
#include <stdlib.h>

typedef struct {
    call_t *call; /* NULL once it is answered */
    const listing_kind_t *kind;
    int waiting;
    size_t *open;
    char *reply;
} pending_t;

#define FIELD(pending, type, field) (*(type *)((pending)->reply + (pending)->kind->field))

static void s_done(actor_t *actor, pending_t *self, err_t err, const Fault *fault) {
    bool last = --self->waiting == 0;
    if (err != OK && self->call)
        call_fail_as(actor, &self->call, err, fault);
    if (!last)
        return;
    if (self->call)
        call_reply(actor, &self->call, self->reply);
    if (self->open)
        --*self->open;
    message_release(self->kind->reply(), self->reply);
    free(self->reply);
    free(self);
}

static err_t s_read_page(pending_t *self, const StoreRows *rows) {
    char *items = message_list(rows->rows_count, self->kind->item_size);
    err_t err = OK;
    FIELD(self, void *, items) = items;
    for (size_t i = 0; err == OK && i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        FIELD(self, pb_size_t, items_count)++;
        err = row ? self->kind->read(row, items + i * self->kind->item_size) : ERR_INTERNAL;
        store_row_destroy(&row);
    }
    return err;
}

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    s_done(actor, context, err == OK ? s_read_page(context, response) : err, fault);
}

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    pending_t *self = context;
    s_done(actor, self, err == OK ? store_rows_int(response, &FIELD(self, int64_t, total)) : err, fault);
}

static void s_add_range(buf_t *params, const char *format, ...) {
    va_list args;
    va_start(args, format);
    store_params_encode(params, format, args);
    va_end(args);
}

void listing_start(actor_t *actor, call_t *call, listing_t listing, const char *format, ...) {
    pending_t *self = calloc(1, sizeof *self);
    actor_request_options_t options = {.on_behalf = call};
    buf_t params = BUF_INIT;
    va_list args;
    assert_always(self);
    *self = (pending_t){.call = call, .kind = listing.kind, .waiting = 2, .open = listing.open};
    self->reply = calloc(1, listing.kind->reply_size);
    assert_always(self->reply);
    FIELD(self, int32_t, limit) = listing.limit;
    FIELD(self, int32_t, offset) = listing.offset;
    if (self->open)
        ++*self->open;
    va_start(args, format);
    store_params_encode(&params, format, args);
    va_end(args);
    store_query_encoded(actor, listing.count, 1, &params, &options, s_on_count, self);
    s_add_range(&params, "ii", (int64_t)listing.limit, (int64_t)listing.offset);
    store_query_encoded(actor, listing.page, (uint32_t)listing.limit, &params, &options, s_on_page, self);
    buf_free(&params);
}
