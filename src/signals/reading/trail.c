/* GetSignal: the signal with its decision, its conflicts, those that it superseded, its deliveries, and what is known of
 * it on the stream; then its steps in the order of time. */
#include "delivery/delivery_row.h"
#include "message/message.h"
#include "signals/conflict_row.h"
#include "signals/signal_row.h"
#include "signals/signals_state.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICTS_MOST = 200, SUPERSEDES_MOST = 200, DELIVERIES_MOST = 1000 };

typedef struct {
    call_t *call;
    char signal_id[sizeof((Signal *)0)->signal_id];
    int waiting;
    err_t err;
    bool found, asked_stream;
    SignalTrail trail;
    bool *own; /* of each conflict: the signal's arrival made it */
    int64_t updated_at;
    int64_t stream_mark; /* the stream has published up to this seq */
    int64_t event_at_us; /* of its first event; 0: it is not kept */
} tracing_t;

/* --- steps ----------------------------------------------------------------------------------- */

static void s_add_step(SignalTrail *trail, const char *step, int64_t timestamp, uint64_t seq,
                       const char *detail) {
    SignalStep *to = &trail->steps[trail->steps_count++];
    MESSAGE_PUT(to->step, step);
    to->timestamp = timestamp;
    to->has_seq = seq != 0;
    to->seq = seq;
    to->detail = detail ? message_strdup(detail) : NULL;
}

/* A conflict that its arrival made and that was not settled at once held it. */
static bool s_was_held(const tracing_t *self) {
    if (strcmp(self->trail.signal->status, "held") == 0)
        return true;
    for (size_t i = 0; i < self->trail.conflicts_count; i++) {
        const Conflict *conflict = &self->trail.conflicts[i];
        if (self->own[i] &&
            (!conflict->resolution || conflict->resolution->timestamp > conflict->detected_at))
            return true;
    }
    return false;
}

static void s_add_decided(tracing_t *self) {
    SignalTrail *trail = &self->trail;
    const Signal *signal = trail->signal;
    bool held = s_was_held(self), rejected = strcmp(signal->status, "rejected") == 0;
    s_add_step(trail,
               held       ? "held"
               : rejected ? "rejected"
                          : "routed",
               signal->received_at, signal->seq, NULL);
    if (self->event_at_us && (int64_t)signal->seq <= self->stream_mark)
        s_add_step(trail, "published", self->event_at_us / 1000, signal->seq, NULL);
}

static void s_add_resolved(SignalTrail *trail) {
    for (size_t i = 0; i < trail->conflicts_count; i++) {
        const Conflict *conflict = &trail->conflicts[i];
        const Resolution *resolution = conflict->resolution;
        char detail[512];
        if (!resolution)
            continue;
        snprintf(detail, sizeof detail, "%s %s by %s%s%s", conflict->conflict_type, conflict->conflict_id,
                 resolution->strategy, resolution->has_winner_signal_id ? ", won by " : "",
                 resolution->has_winner_signal_id ? resolution->winner_signal_id : "");
        s_add_step(trail, "resolved", resolution->timestamp, 0, detail);
    }
}

static void s_add_ended(tracing_t *self) {
    SignalTrail *trail = &self->trail;
    const Signal *signal = trail->signal;
    char detail[128];
    if (strcmp(signal->status, "superseded") == 0) {
        snprintf(detail, sizeof detail, "by %s", signal->superseded_by);
        s_add_step(trail, "superseded", self->updated_at, 0, signal->superseded_by[0] ? detail : NULL);
    } else if (strcmp(signal->status, "expired") == 0) {
        s_add_step(trail, "expired", self->updated_at, 0, NULL);
    } else if (s_was_held(self) && strcmp(signal->status, "held") != 0) {
        s_add_step(trail, signal->status, self->updated_at, 0, "its conflicts are resolved");
    }
}

static void s_add_delivered(SignalTrail *trail) {
    for (size_t i = 0; i < trail->deliveries_count; i++)
        if (trail->deliveries[i].has_delivered_at)
            s_add_step(trail, "delivered", trail->deliveries[i].delivered_at, 0, trail->deliveries[i].url);
}

/* Stable: what has the same time stays in the order of what led to what. */
static void s_sort(SignalTrail *trail) {
    for (size_t i = 1; i < trail->steps_count; i++) {
        SignalStep step = trail->steps[i];
        size_t at = i;
        for (; at > 0 && trail->steps[at - 1].timestamp > step.timestamp; at--)
            trail->steps[at] = trail->steps[at - 1];
        trail->steps[at] = step;
    }
}

static void s_add_steps(tracing_t *self) {
    enum { OTHER_STEPS = 4 };
    SignalTrail *trail = &self->trail;
    trail->steps =
        message_list(OTHER_STEPS + trail->conflicts_count + trail->deliveries_count, sizeof *trail->steps);
    s_add_step(trail, "received", trail->signal->received_at, 0, NULL);
    s_add_decided(self);
    s_add_resolved(trail);
    s_add_ended(self);
    s_add_delivered(trail);
    s_sort(trail);
}

/* --- the parts ------------------------------------------------------------------------------- */

/* Reads a row into what is made of it. */
typedef err_t(read_fn)(tracing_t *self, const store_row_t *row);

static err_t s_read_each(tracing_t *self, const StoreRows *rows, read_fn *read) {
    err_t err = OK;
    for (size_t i = 0; i < rows->rows_count && err == OK; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        err = row ? read(self, row) : ERR_INTERNAL;
        store_row_destroy(&row);
    }
    return err;
}

static err_t s_read_signal(tracing_t *self, const store_row_t *row) {
    self->found = true;
    self->trail.signal = message_new(Signal_message());
    err_t err = signal_row_read(row, self->trail.signal);
    if (err != OK)
        return err;
    self->trail.decision = signal_row_decision(row);
    self->updated_at = signal_row_updated_at(row);
    return OK;
}

static err_t s_read_conflict(tracing_t *self, const store_row_t *row) {
    SignalTrail *trail = &self->trail;
    err_t err = conflict_row_read(row, &trail->conflicts[trail->conflicts_count]);
    self->own[trail->conflicts_count++] =
        err == OK && strcmp(conflict_row_newcomer(row), self->signal_id) == 0;
    return err;
}

static err_t s_read_superseded(tracing_t *self, const store_row_t *row) {
    self->trail.supersedes[self->trail.supersedes_count++] = message_strdup(store_row_text(row, 0));
    return OK;
}

static err_t s_read_delivery(tracing_t *self, const store_row_t *row) {
    return delivery_row_read(row, &self->trail.deliveries[self->trail.deliveries_count++]);
}

static err_t s_read_mark(tracing_t *self, const store_row_t *row) {
    self->stream_mark = store_row_int(row, 0);
    return OK;
}

static err_t s_read_event(tracing_t *self, const store_row_t *row) {
    self->event_at_us = store_row_int(row, 1);
    return OK;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void s_free(tracing_t *self) {
    message_release(SignalTrail_message(), &self->trail);
    free(self->own);
    free(self);
}

static void s_end(actor_t *actor, tracing_t *self) {
    ((signals_t *)actor_state(actor))->reads--;
    if (self->err == OK) {
        s_add_steps(self);
        call_reply(actor, &self->call, &self->trail);
    } else {
        call_fail(actor, &self->call, self->err);
    }
    s_free(self);
}

static void s_ask_stream(actor_t *actor, tracing_t *self);

/* One of the answers has come. */
static void s_took(actor_t *actor, tracing_t *self, err_t err) {
    if (self->err == OK)
        self->err = err;
    if (--self->waiting > 0)
        return;
    if (self->err == OK && !self->found)
        self->err = ERR_NOT_FOUND;
    if (self->err == OK && !self->asked_stream)
        s_ask_stream(actor, self);
    else
        s_end(actor, self);
}

#define DEFINE_TAKE(name, prepare, read)                                                                   \
    static void name(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) { \
        (void)fault;                                                                                       \
        tracing_t *self = context;                                                                         \
        const StoreRows *rows = response;                                                                  \
        if (err == OK) {                                                                                   \
            prepare;                                                                                       \
            err = s_read_each(self, rows, read);                                                           \
        }                                                                                                  \
        s_took(actor, self, err);                                                                          \
    }
#define ROOM(list) self->trail.list = message_list(rows->rows_count, sizeof *self->trail.list)

static void s_prepare_conflicts(tracing_t *self, const StoreRows *rows) {
    ROOM(conflicts);
    self->own = calloc(rows->rows_count + 1u, sizeof *self->own);
    assert_always(self->own);
}

DEFINE_TAKE(s_on_signal, , s_read_signal)
DEFINE_TAKE(s_on_conflicts, s_prepare_conflicts(self, rows), s_read_conflict)
DEFINE_TAKE(s_on_superseded, ROOM(supersedes), s_read_superseded)
DEFINE_TAKE(s_on_deliveries, ROOM(deliveries), s_read_delivery)
DEFINE_TAKE(s_on_mark, , s_read_mark)
DEFINE_TAKE(s_on_event, , s_read_event)

/* Its event is found by its seq, which is known by now. */
static void s_ask_stream(actor_t *actor, tracing_t *self) {
    actor_request_options_t options = {.on_behalf = self->call};
    self->asked_stream = true;
    self->waiting = 2;
    store_query(actor, "stream_published_get", 1, &options, s_on_mark, self, "");
    store_query(actor, "stream_event_by_seq", 1, &options, s_on_event, self, "i",
                (int64_t)self->trail.signal->seq);
}

err_t trail_get(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetSignalRequest *input = request;
    actor_request_options_t options = {.on_behalf = call};
    tracing_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    MESSAGE_PUT(self->signal_id, input->signal_id);
    self->waiting = 4;
    ((signals_t *)actor_state(actor))->reads++;
    store_query(actor, "signal_by_id", 1, &options, s_on_signal, self, "s", self->signal_id);
    store_query(actor, "conflicts_of_signal", CONFLICTS_MOST, &options, s_on_conflicts, self, "si",
                self->signal_id, (int64_t)CONFLICTS_MOST);
    store_query(actor, "signals_superseded_by", SUPERSEDES_MOST, &options, s_on_superseded, self, "s",
                self->signal_id);
    store_query(actor, "deliveries_by_signal", DELIVERIES_MOST, &options, s_on_deliveries, self, "s",
                self->signal_id);
    return ERR_PENDING;
}
