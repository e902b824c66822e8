/* ListSignals: a page of the history, and how many match in all.
 *
 * Both are found side by side. Without filters the total is known, and a page is found by its seq; by symbol, time and
 * seq an index helps. Other filters may make the store look at everything: that goes range by range of seqs, so that
 * others have their turn at the store in between, and within the time that the request has. What was counted is kept
 * (history_totals.h): asked again, it goes on from there, and the page is looked for only where something was found. */
#include "base/clock.h"
#include "message/message.h"
#include "signals/reading/history_query.h"
#include "signals/reading/history_totals.h"
#include "signals/reading/history_walk.h"
#include "signals/signal_row.h"
#include "signals/stats/stats.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { RETRY_SECONDS = 1, OFFSET_MOST = 10000 /* that the store passes over in one query */ };
/* Seqs of the first range. */
#define RANGE_FIRST  INT64_C(32768)
#define RANGE_SYMBOL INT64_C(8388608) /* with a symbol */
#define MARGIN_US    200000           /* of the deadline, for the answer */

/* What signals_seq_bounds says. */
typedef struct {
    int64_t last_seq, first_seq, end_seq;
} bounds_t;

typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    ListSignalsRequest request; /* the query borrows from it */
    history_query_t query;
    ListSignalsReply reply;
    history_walk_t count, page;
    history_total_t known; /* what was counted, now or before */
    uint64_t totals_age;   /* when counting began */
    int64_t to_skip;       /* rows before the page */
    bool more;             /* signals follow the page */
} listing_t;

static signals_t *s_state(actor_t *actor) {
    return actor_state(actor);
}

/* --- the end --------------------------------------------------------------------------------- */

static void s_put_cursor(listing_t *listing) {
    ListSignalsReply *reply = &listing->reply;
    char cursor[HISTORY_QUERY_CURSOR_SIZE];
    if (!listing->more)
        return;
    history_query_cursor(&listing->query, reply->history[reply->history_count - 1].seq, reply->total, cursor);
    reply->has_next_cursor = true;
    MESSAGE_PUT(reply->next_cursor, cursor);
}

static void s_finish(actor_t *actor, listing_t *listing) {
    s_state(actor)->reads--;
    if (listing->err == OK) {
        s_put_cursor(listing);
        call_reply(actor, &listing->call, &listing->reply);
    } else {
        call_fail(actor, &listing->call, listing->err);
    }
    message_release(ListSignalsReply_message(), &listing->reply);
    free(listing);
}

/* One of those under way has ended. */
static void s_end(actor_t *actor, listing_t *listing, err_t err) {
    if (listing->err == OK)
        listing->err = err;
    if (--listing->waiting == 0)
        s_finish(actor, listing);
}

/* --- ranges ---------------------------------------------------------------------------------- */

static bool s_is_filtered(const history_query_t *query) {
    return query->source || query->target || query->signal_type || query->side || query->status;
}

/* The page may lie far from where the index leads to. */
static bool s_is_walk(const history_query_t *query) {
    return s_is_filtered(query) || query->has_from || query->has_to || query->offset > OFFSET_MOST;
}

static bool s_is_all(const history_query_t *query) {
    return !s_is_filtered(query) && !query->symbol && !query->has_from && !query->has_to &&
           query->after_seq < 0;
}

static history_walk_t s_walk(const history_query_t *query, const bounds_t *bounds, int64_t low,
                             int64_t high) {
    if (low < bounds->first_seq)
        low = bounds->first_seq;
    if (high >= bounds->end_seq)
        high = bounds->end_seq - 1;
    if (high > bounds->last_seq)
        high = bounds->last_seq;
    return (history_walk_t){.low = low, .high = high, .range = query->symbol ? RANGE_SYMBOL : RANGE_FIRST};
}

/* ERR_DEADLINE_EXCEEDED: there is no time for another range. */
static err_t s_check_time(listing_t *listing) {
    int64_t deadline_us = call_envelope(listing->call)->deadline_us;
    if (listing->err != OK)
        return listing->err;
    if (!deadline_us || clock_mono_us() < deadline_us - MARGIN_US)
        return OK;
    call_retry_after(listing->call, RETRY_SECONDS);
    return call_explain(
        listing->call, ERR_DEADLINE_EXCEEDED,
        "too many signals are to be looked at for one request: narrow it by symbol, from, to or "
        "after_seq, which are indexed%s",
        listing->query.status ? "" : ", or ask again, as what was counted is kept");
}

/* --- queries --------------------------------------------------------------------------------- */

#define ADD_NUMBER(format, numbers, count, present, number) \
    do {                                                    \
        *(format)++ = (present) ? 'i' : 'n';                \
        if (present)                                        \
            (numbers)[(count)++] = (number);                \
    } while (0)

/* Four conditions may be absent, and an absent number takes no argument: the numbers present move up, and those left
 * over at the end are not read. */
static void s_query(actor_t *actor, listing_t *listing, const char *statement, int64_t after_seq,
                    int64_t before_seq, int64_t limit, int64_t offset, actor_reply_fn *reply) {
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
    store_query(actor, statement, (uint32_t)limit, &options, reply, listing, format, query->symbol,
                query->source, query->target, query->signal_type, query->side, query->status, numbers[0],
                numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
}

static void s_count_range(actor_t *actor, listing_t *listing, const history_walk_t *walk,
                          actor_reply_fn *reply) {
    s_query(actor, listing, "signals_count", walk->from - 1, walk->to + 1, 1, 0, reply);
}

/* --- the total ------------------------------------------------------------------------------- */

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault);

/* Oldest first, so that what is counted is all up to a seq. */
static void s_count(actor_t *actor, listing_t *listing) {
    err_t err = s_check_time(listing);
    if (err == OK && history_walk_next(&listing->count, true, clock_mono_us())) {
        s_count_range(actor, listing, &listing->count, s_on_count);
        return;
    }
    listing->reply.total = listing->known.count;
    s_end(actor, listing, err);
}

/* Of the present range. */
static void s_note_count(listing_t *listing, int64_t count) {
    history_total_t *known = &listing->known;
    known->up_to_seq = listing->count.to;
    known->count += count;
    if (!count)
        return;
    if (known->first_seq > listing->count.from)
        known->first_seq = listing->count.from;
    known->last_seq = listing->count.to;
}

static void s_on_count(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    int64_t count = 0;
    if (err == OK)
        err = store_rows_int(response, &count);
    if (err != OK) {
        s_end(actor, listing, err);
        return;
    }
    s_note_count(listing, count);
    history_totals_put(s_state(actor)->totals, listing->totals_age, &listing->query, &listing->known);
    history_walk_pass(&listing->count, true, clock_mono_us());
    s_count(actor, listing);
}

static void s_begin_count(actor_t *actor, listing_t *listing, const bounds_t *bounds) {
    const history_query_t *query = &listing->query;
    int64_t up_to_seq =
        listing->known.up_to_seq < query->after_seq ? query->after_seq : listing->known.up_to_seq;
    listing->count = s_walk(query, bounds, up_to_seq + 1, bounds->last_seq);
    s_count(actor, listing);
}

/* --- the page -------------------------------------------------------------------------------- */

static void s_search(actor_t *actor, listing_t *listing);

static err_t s_read_page(listing_t *listing, const StoreRows *rows) {
    ListSignalsReply *reply = &listing->reply;
    size_t limit = (size_t)listing->query.limit;
    if (!reply->history && rows->rows_count)
        reply->history = message_list(limit, sizeof *reply->history);
    for (size_t i = 0; i < rows->rows_count; i++) {
        if (reply->history_count == limit) {
            listing->more = true;
            return OK;
        }
        store_row_t *row = store_row_new(rows->rows[i]);
        err_t err = row ? signal_row_read(row, &reply->history[reply->history_count++]) : ERR_INTERNAL;
        store_row_destroy(&row);
        if (err != OK)
            return err;
    }
    return OK;
}

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    s_end(actor, context, err == OK ? s_read_page(context, response) : err);
}

static void s_on_range(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    if (err == OK)
        err = s_read_page(listing, response);
    if (err != OK || listing->more) {
        s_end(actor, listing, err);
        return;
    }
    listing->to_skip = 0;
    history_walk_pass(&listing->page, listing->query.ascending, clock_mono_us());
    s_search(actor, listing);
}

/* One more than asked for tells whether another page follows. */
static void s_read_range(actor_t *actor, listing_t *listing) {
    s_query(actor, listing, "signals_history", listing->page.from - 1, listing->page.to + 1,
            (int64_t)listing->query.limit + 1 - (int64_t)listing->reply.history_count, listing->to_skip,
            s_on_range);
}

/* A range that lies wholly before the page is passed by its count. */
static void s_on_skipped(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    int64_t count = 0;
    if (err == OK)
        err = store_rows_int(response, &count);
    if (err != OK) {
        s_end(actor, listing, err);
    } else if (count > listing->to_skip) {
        s_read_range(actor, listing);
    } else {
        listing->to_skip -= count;
        history_walk_pass(&listing->page, listing->query.ascending, clock_mono_us());
        s_search(actor, listing);
    }
}

static void s_search(actor_t *actor, listing_t *listing) {
    err_t err = s_check_time(listing);
    history_walk_skip(&listing->page, &listing->known);
    if (err != OK || !history_walk_next(&listing->page, listing->query.ascending, clock_mono_us()))
        s_end(actor, listing, err);
    else if (listing->to_skip)
        s_count_range(actor, listing, &listing->page, s_on_skipped);
    else
        s_read_range(actor, listing);
}

static void s_begin_search(actor_t *actor, listing_t *listing, const bounds_t *bounds) {
    const history_query_t *query = &listing->query;
    listing->page = s_walk(query, bounds, query->page_after_seq < 0 ? 0 : query->page_after_seq + 1,
                           query->page_before_seq >= 0 ? query->page_before_seq - 1 : bounds->last_seq);
    s_search(actor, listing);
}

/* --- the command ----------------------------------------------------------------------------- */

static err_t s_read_bounds(const StoreRows *rows, bounds_t *bounds) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (!row)
        return ERR_INTERNAL;
    *bounds = (bounds_t){store_row_int(row, 0), store_row_int(row, 1), store_row_int(row, 2)};
    store_row_destroy(&row);
    return OK;
}

static void s_on_bounds(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    listing_t *listing = context;
    bounds_t bounds;
    if (err == OK)
        err = s_read_bounds(response, &bounds);
    listing->totals_age = history_totals_age(s_state(actor)->totals);
    listing->known = history_totals_get(s_state(actor)->totals, &listing->query);
    if (err == OK && listing->query.total < 0) {
        listing->waiting++;
        s_begin_count(actor, listing, &bounds);
    }
    if (err == OK && s_is_walk(&listing->query))
        s_begin_search(actor, listing, &bounds);
    else
        s_end(actor, listing, err);
}

static void s_ask_bounds(actor_t *actor, listing_t *listing) {
    const history_query_t *query = &listing->query;
    actor_request_options_t options = {.on_behalf = listing->call};
    char format[3] = {query->has_from ? 'i' : 'n', query->has_to ? 'i' : 'n', '\0'};
    int64_t first =
        query->has_from ? query->from_ms : query->to_ms; /* one that is absent takes no argument */
    store_query(actor, "signals_seq_bounds", 1, &options, s_on_bounds, listing, format, first, query->to_ms);
}

static void s_begin(actor_t *actor, listing_t *listing) {
    const history_query_t *query = &listing->query;
    bool walks = s_is_walk(query);
    listing->waiting = 1 + !walks;
    listing->to_skip = query->offset;
    listing->reply.limit = query->limit;
    listing->reply.offset = query->offset;
    if (query->total < 0 && s_is_all(query))
        listing->query.total = signal_stats_total(s_state(actor)->stats);
    listing->reply.total = query->total;
    if (!walks)
        s_query(actor, listing, "signals_history", query->page_after_seq, query->page_before_seq,
                (int64_t)query->limit + 1, query->offset, s_on_page);
    if (walks || query->total < 0)
        s_ask_bounds(actor, listing);
    else
        listing->waiting--;
}

static err_t s_refuse(call_t *call, const problems_t *problems) {
    for (size_t i = 0; i < problems->count; i++)
        call_problem(call, problems->items[i].field, "%s", problems->items[i].problem);
    return ERR_VALIDATION_FAILED;
}

err_t history_list(actor_t *actor, call_t *call, const void *request, void *response) {
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
    listing->call = call;
    s_state(actor)->reads++;
    s_begin(actor, listing);
    return ERR_PENDING;
}
