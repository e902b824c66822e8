/* From the store to the feed: where publishing goes on after a start, what the bus did not bring, and the mark up to
 * which all was published. */
#include "stream/stream_state.h"

#include "base/log.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <inttypes.h>
#include <stdlib.h>

enum { PAGE_ROWS = 512 };

static void s_read(stream_t *self);

/* ---- rows ---- */

bool catch_up_row(const pb_bytes_array_t *encoded, CommittedEvent *event) {
    *event = (CommittedEvent)CommittedEvent_init_zero;
    store_row_t *row = store_row_new(encoded);
    if (!row)
        return false;
    size_t size = 0;
    const void *payload = NULL;
    const char *traceparent = NULL;
    bool valid = store_row_columns(row) == 7 && store_row_text(row, 3) && store_row_text(row, 4) &&
                 MESSAGE_SET(event->topic, store_row_text(row, 3)) &&
                 MESSAGE_SET(event->schema, store_row_text(row, 4));
    if (valid) {
        event->seq = (uint64_t)store_row_int(row, 0);
        event->topic_seq = (uint64_t)store_row_int(row, 1);
        event->published_at_us = store_row_int(row, 2);
        payload = store_row_blob(row, 5, &size);
        traceparent = store_row_text(row, 6);
        event->payload = message_bytes(payload, size);
        valid = !traceparent || MESSAGE_SET(event->traceparent, traceparent);
    }
    store_row_destroy(&row);
    return valid;
}

/* ---- reading on ---- */

static void s_drain_held(stream_t *self) {
    CommittedEvent event;
    while (feed_take(&self->feed, &event)) {
        publish_event(self, &event);
        message_release(CommittedEvent_message(), &event);
    }
}

static void s_publish_rows(stream_t *self, const StoreRows *rows) {
    for (pb_size_t i = 0; i < rows->rows_count; i++) {
        CommittedEvent event;
        if (!catch_up_row(rows->rows[i], &event))
            log_error("a row of the stream cannot be read", LOG_INT("after_seq", self->feed.last));
        else if (feed_row(&self->feed, event.seq) == FEED_PUBLISH)
            publish_event(self, &event);
        message_release(CommittedEvent_message(), &event);
    }
}

static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    stream_t *self = context;
    const StoreRows *rows = response;
    self->feed.reading = false;
    if (err != OK) {
        self->store_up = false;
        log_warning("the stream cannot read on", LOG_ERRT(err), LOG_STR("reason", fault->message));
        return;
    }
    if (!self->loaded) /* rows of a store that was replaced meanwhile */
        return;
    s_publish_rows(self, rows);
    actor_count(actor, "caught_up_total", "Messages read from the store, not from the bus.",
                rows->rows_count);
    s_drain_held(self);
    if (feed_behind(&self->feed) && rows->rows_count > 0)
        s_read(self);
}

static void s_read(stream_t *self) {
    if (self->feed.reading || !self->loaded)
        return;
    self->feed.reading = true;
    store_query(self->actor, "stream_events_after", PAGE_ROWS, NULL, s_on_rows, self, "isi",
                (int64_t)self->feed.last, "", (int64_t)PAGE_ROWS);
}

/* ---- where to begin ---- */

static void s_on_mark(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    stream_t *self = context;
    const StoreRows *rows = response;
    (void)actor;
    self->loading = false;
    if (err != OK) {
        log_warning("the stream does not know yet where to begin", LOG_ERRT(err),
                    LOG_STR("reason", fault->message));
        return;
    }
    uint64_t mark = 0, known = self->feed.known;
    store_row_t *row = rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (row && store_row_columns(row) > 0)
        mark = (uint64_t)store_row_int(row, 0);
    store_row_destroy(&row);
    feed_reset(&self->feed, mark);
    feed_hear(&self->feed, known);
    self->saved = mark;
    self->loaded = true;
    log_info("stream begins", LOG_INT("after_seq", mark), LOG_INT("last_seq", known));
    if (feed_behind(&self->feed))
        s_read(self);
}

static void s_load(stream_t *self) {
    if (self->loading)
        return;
    self->loading = true;
    store_query(self->actor, "stream_published_get", 1, NULL, s_on_mark, self, "");
}

void catch_up_state(stream_t *self, const StoreState *state) {
    bool came_back = state->available && !self->store_up;
    self->store_up = state->available;
    if (!state->available)
        return;
    if (self->epoch != state->epoch) {
        if (self->loaded)
            log_warning("the store was replaced; the stream begins anew", LOG_INT("epoch", state->epoch));
        self->loaded = false;
        self->epoch = state->epoch;
        feed_reset(&self->feed, 0);
    }
    feed_hear(&self->feed, state->last_seq);
    if (!self->loaded)
        s_load(self);
    else if (came_back && feed_behind(&self->feed))
        s_read(self);
}

void catch_up_events(stream_t *self, const CommittedEvents *events) {
    if (events->epoch != self->epoch)
        return;
    for (pb_size_t i = 0; i < events->events_count; i++) {
        const CommittedEvent *event = &events->events[i];
        if (!self->loaded)
            feed_hear(&self->feed, event->seq);
        else if (feed_offer(&self->feed, event) == FEED_PUBLISH)
            publish_event(self, event);
    }
    if (self->loaded && feed_behind(&self->feed))
        s_read(self);
}

/* ---- once a second ---- */

static void s_on_state(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    stream_t *self = context;
    (void)actor;
    (void)fault;
    self->asking = false;
    if (err == OK)
        catch_up_state(self, response);
    else
        self->store_up = false;
}

/* What the store had committed a second ago has come by the bus by now, or does not come. */
void catch_up_tick(stream_t *self) {
    bool behind = self->loaded && feed_behind(&self->feed);
    if (behind && self->behind_since == self->feed.last + 1)
        s_read(self);
    self->behind_since = behind ? self->feed.last + 1 : 0;
    if (self->asking)
        return;
    self->asking = true;
    StoreStateRequest request = StoreStateRequest_init_zero;
    actor_request(self->actor, &rpc_StoreWriter_GetState, &request, NULL, s_on_state, self);
}

static void s_on_saved(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    stream_t *self = context;
    const StoreWritten *written = response;
    (void)actor;
    self->saving = false;
    if (err == OK && (written->units_count != 1 || strcmp(written->units[0].code, "OK") != 0))
        err = ERR_STORE_UNAVAILABLE;
    if (err == OK)
        return;
    self->saved = 0; /* whatever it is there, it is stored again when the store is back */
    self->store_up = false;
    log_debug("the mark of the stream was not stored", LOG_ERRT(err), LOG_STR("reason", fault->message));
}

void catch_up_save(stream_t *self) {
    if (!self->loaded || !self->store_up || self->saving || self->saved >= self->feed.last)
        return;
    store_write_t *write = store_write_new();
    store_write_op(write, "stream_published_set", "i", (int64_t)self->feed.last);
    self->saving = true;
    self->saved = self->feed.last;
    store_commit(self->actor, &write, NULL, s_on_saved, self);
}

bool catch_up_drain(stream_t *self) {
    if (!self->loaded || !self->store_up)
        return true;
    if (feed_behind(&self->feed)) {
        s_read(self);
        return false;
    }
    catch_up_save(self);
    return !self->saving && self->saved >= self->feed.last;
}
