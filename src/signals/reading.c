/* ListSignals and GetSignal: what the store knows. */
#include "message/message.h"
#include "signals/history_query.h"
#include "signals/signal_row.h"
#include "signals/signals_state.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

static signals_t *s_state(actor_t *actor) {
    return actor_state(actor);
}

/* --- history --------------------------------------------------------------------------------- */

/* The page and the count are asked side by side. */
typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    ListSignalsRequest request; /* the query borrows from it */
    history_query_t query;
    ListSignalsReply reply;
} listing_t;

static void s_listing_done(actor_t *actor, listing_t *listing, err_t err) {
    if (listing->err == OK)
        listing->err = err;
    if (--listing->waiting > 0)
        return;
    s_state(actor)->reads--;
    if (listing->err == OK)
        call_reply(actor, &listing->call, &listing->reply);
    else
        call_fail(actor, &listing->call, listing->err);
    message_release(ListSignalsReply_message(), &listing->reply);
    free(listing);
}

static err_t s_read_page(listing_t *listing, const StoreRows *rows) {
    ListSignalsReply *reply = &listing->reply;
    size_t limit = (size_t)listing->query.limit;
    size_t count = rows->rows_count < limit ? rows->rows_count : limit;
    reply->history = message_list(count, sizeof *reply->history);
    for (size_t i = 0; i < count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        err_t err = row ? signal_row_read(row, &reply->history[reply->history_count++]) : ERR_INTERNAL;
        store_row_destroy(&row);
        if (err != OK)
            return err;
    }
    if (rows->rows_count > limit) {
        char cursor[HISTORY_QUERY_CURSOR_SIZE];
        history_query_cursor(&listing->query, reply->history[count - 1].seq, cursor);
        reply->has_next_cursor = true;
        MESSAGE_PUT(reply->next_cursor, cursor);
    }
    return OK;
}

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    s_listing_done(actor, context, err == OK ? s_read_page(context, response) : err);
}

static err_t s_read_count(listing_t *listing, const StoreRows *rows) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (!row)
        return ERR_INTERNAL;
    listing->reply.total = store_row_int(row, 0);
    store_row_destroy(&row);
    return OK;
}

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    s_listing_done(actor, context, err == OK ? s_read_count(context, response) : err);
}

#define ADD_NUMBER(format, numbers, count, present, number) \
    do {                                                    \
        *(format)++ = (present) ? 'i' : 'n';                \
        if (present)                                        \
            (numbers)[(count)++] = (number);                \
    } while (0)

/* Four conditions may be absent, and an absent number takes no argument: the numbers present move up, and those left
 * over at the end are not read. */
static void s_query(actor_t *actor, const listing_t *listing, const char *statement, int64_t after_seq,
                    int64_t before_seq, int64_t limit, int64_t offset, actor_reply_fn *reply, void *context) {
    const history_query_t *query = &listing->query;
    char format[16] = "ssssss", *at = format + 6;
    int64_t numbers[7] = {0};
    size_t count = 0;
    ADD_NUMBER(at, numbers, count, query->has_from, query->from_ms);
    ADD_NUMBER(at, numbers, count, query->has_to, query->to_ms);
    ADD_NUMBER(at, numbers, count, after_seq >= 0, after_seq);
    ADD_NUMBER(at, numbers, count, before_seq >= 0, before_seq);
    ADD_NUMBER(at, numbers, count, true, query->ascending);
    ADD_NUMBER(at, numbers, count, true, limit);
    ADD_NUMBER(at, numbers, count, true, offset);
    actor_request_options_t options = {.on_behalf = listing->call};
    store_query(actor, statement, (uint32_t)limit, &options, reply, context, format, query->symbol,
                query->source, query->target, query->signal_type, query->side, query->status, numbers[0],
                numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
}

static err_t s_refuse(call_t *call, const problems_t *problems) {
    for (size_t i = 0; i < problems->count; i++)
        call_problem(call, problems->items[i].field, "%s", problems->items[i].problem);
    return ERR_VALIDATION_FAILED;
}

err_t reading_list_signals(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    listing_t *listing = calloc(1, sizeof *listing);
    assert_always(listing);
    memcpy(&listing->request, request, sizeof listing->request); /* holds no pointers */
    problems_t problems = PROBLEMS_INIT;
    err_t err = history_query_make(&listing->query, &listing->request, &problems);
    if (err != OK) {
        err = s_refuse(call, &problems);
        problems_free(&problems);
        free(listing);
        return err;
    }
    const history_query_t *query = &listing->query;
    listing->call = call;
    listing->waiting = 2;
    s_state(actor)->reads++;
    listing->reply.limit = query->limit;
    listing->reply.offset = query->offset;
    /* One more than asked for tells whether another page follows. */
    s_query(actor, listing, "signals_history", query->page_after_seq, query->page_before_seq,
            (int64_t)query->limit + 1, query->offset, s_on_page, listing);
    s_query(actor, listing, "signals_count", query->after_seq, -1, 1, 0, s_on_count, listing);
    return ERR_PENDING;
}

/* --- one signal ------------------------------------------------------------------------------ */

static void s_add_step(SignalTrail *trail, const char *step, int64_t timestamp, uint64_t seq) {
    SignalStep *to = &trail->steps[trail->steps_count++];
    MESSAGE_PUT(to->step, step);
    to->timestamp = timestamp;
    to->has_seq = seq != 0;
    to->seq = seq;
}

static bool s_is_later(const char *status) {
    return strcmp(status, "superseded") == 0 || strcmp(status, "expired") == 0;
}

/* received, what was decided, and what became of it since. */
static void s_add_steps(SignalTrail *trail, const store_row_t *row) {
    enum { STEPS_MAX = 3 };
    const Signal *signal = trail->signal;
    bool later = s_is_later(signal->status);
    trail->steps = message_list(STEPS_MAX, sizeof *trail->steps);
    s_add_step(trail, "received", signal->received_at, 0);
    s_add_step(trail, later ? "routed" : signal->status, signal->received_at, signal->seq);
    if (later)
        s_add_step(trail, signal->status, signal_row_updated_at(row), 0);
}

static err_t s_read_trail(const StoreRows *rows, SignalTrail *trail) {
    if (rows->rows_count == 0)
        return ERR_NOT_FOUND;
    store_row_t *row = store_row_new(rows->rows[0]);
    trail->signal = message_new(Signal_message());
    err_t err = row ? signal_row_read(row, trail->signal) : ERR_INTERNAL;
    if (err == OK) {
        trail->decision = signal_row_decision(row);
        s_add_steps(trail, row);
    }
    store_row_destroy(&row);
    return err;
}

static void s_on_signal(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    call_t *call = context;
    SignalTrail trail = SignalTrail_init_zero;
    s_state(actor)->reads--;
    if (err == OK)
        err = s_read_trail(response, &trail);
    if (err == OK)
        call_reply(actor, &call, &trail);
    else
        call_fail(actor, &call, err);
    message_release(SignalTrail_message(), &trail);
}

err_t reading_get_signal(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetSignalRequest *input = request;
    actor_request_options_t options = {.on_behalf = call};
    s_state(actor)->reads++;
    store_query(actor, "signal_by_id", 1, &options, s_on_signal, call, "s", input->signal_id);
    return ERR_PENDING;
}
