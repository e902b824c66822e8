/* What is in the outbox: which scopes of which urls have something waiting, and how much. Offering a scope again does no
 * harm, so what is read twice does none either. */
#include "delivery/delivery_state.h"

#include "base/log.h"
#include "message/message.h"
#include <stdlib.h>

enum { PAGE = 512 };

/* seq, url, scope */
enum { COLUMN_SEQ, COLUMN_URL, COLUMN_SCOPE };

static void s_fall_behind(destination_t *self, uint64_t seq) {
    self->cursor = self->behind && self->cursor < seq ? self->cursor : seq - 1;
    self->behind = self->missed = true;
    self->rewound = self->reading;
}

static void s_offer(destination_t *self, uint64_t seq, const char *scope) {
    if (self->behind)
        self->missed = true;
    else if (!lanes_offer(&self->lanes, scope))
        s_fall_behind(self, seq);
}

static void s_pump_all(delivery_t *state) {
    for (destination_t *at = state->destinations; at; at = at->next)
        destination_pump(at);
}

/* ---- all urls ---- */

static void s_take_page(actor_t *actor, const StoreRows *rows) {
    delivery_t *state = actor_state(actor);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        assert_always(row); /* from our own store */
        const char *url = store_row_text(row, COLUMN_URL);
        state->cursor = (uint64_t)store_row_int(row, COLUMN_SEQ);
        s_offer(destination_at(actor, url), state->cursor, store_row_text(row, COLUMN_SCOPE));
        if (i + 1 == rows->rows_count) {
            free(state->cursor_url);
            state->cursor_url = message_strdup(url);
        }
        store_row_destroy(&row);
    }
}

static void s_read(actor_t *actor);

static void s_on_page(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)context;
    (void)fault;
    delivery_t *state = actor_state(actor);
    const StoreRows *rows = response;
    state->reading = false;
    if (err != OK) {
        state->unread = true; /* the next tick reads on */
        return;
    }
    state->unread |= rows->rows_count == PAGE;
    state->changed |= rows->rows_count > 0;
    s_take_page(actor, rows);
    s_pump_all(state);
    s_read(actor);
}

static void s_read(actor_t *actor) {
    delivery_t *state = actor_state(actor);
    if (state->reading || !state->unread || state->stopping)
        return;
    state->reading = true;
    state->unread = false;
    store_query(actor, "deliveries_waiting", PAGE, NULL, s_on_page, NULL, "isi", (int64_t)state->cursor,
                state->cursor_url ? state->cursor_url : "", (int64_t)PAGE);
}

void waiting_read(actor_t *actor) {
    delivery_t *state = actor_state(actor);
    state->unread = true;
    s_read(actor);
}

/* ---- one url ---- */

static void s_take_own_page(destination_t *self, const StoreRows *rows) {
    bool room = true;
    for (size_t i = 0; i < rows->rows_count && room; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        assert_always(row);
        room = lanes_offer(&self->lanes, store_row_text(row, COLUMN_SCOPE));
        if (room)
            self->cursor = (uint64_t)store_row_int(row, COLUMN_SEQ);
        store_row_destroy(&row);
    }
    self->behind = !room || rows->rows_count == PAGE || self->missed;
}

static void s_on_own_page(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    (void)fault;
    destination_t *self = context;
    self->reading = false;
    if (err != OK)
        return; /* it stays behind; the next tick tries again */
    if (!self->rewound)
        s_take_own_page(self, response);
    self->rewound = false;
    destination_pump(self);
}

void waiting_catch_up(destination_t *self) {
    if (!self->behind || self->reading || self->lanes.count + PAGE > LANES_MOST)
        return;
    self->reading = true;
    self->missed = false;
    store_query(self->actor, "deliveries_waiting_of", PAGE, NULL, s_on_own_page, self, "iis",
                (int64_t)self->cursor, (int64_t)PAGE, self->url);
}

void waiting_again(actor_t *actor, const char *url, const char *scope, uint64_t seq) {
    destination_t *self = destination_at(actor, url);
    delivery_t *state = actor_state(actor);
    state->changed = true;
    if (!lanes_hurry(&self->lanes, scope))
        s_fall_behind(self, seq);
    destination_pump(self);
}

/* ---- how much ---- */

static void s_on_counts(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)context;
    (void)fault;
    delivery_t *state = actor_state(actor);
    const StoreRows *rows = response;
    state->counting = false;
    store_row_t *row = err == OK && rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (!row) {
        state->changed = true;
        return;
    }
    state->pending_rows = store_row_int(row, 0);
    state->dead_rows = store_row_int(row, 1);
    store_row_destroy(&row);
}

void waiting_count(actor_t *actor) {
    delivery_t *state = actor_state(actor);
    if (state->counting || !state->changed || state->stopping)
        return;
    state->counting = true;
    state->changed = false;
    store_query(actor, "deliveries_counts", 1, NULL, s_on_counts, NULL, "");
}
