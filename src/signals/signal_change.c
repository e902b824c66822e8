/* An event holds the fields that changed and those that the rules read, which the store puts over the first event of the
 * signal: so subscribers get all of it, and nothing has to be read for that. */
#include "signals/signal_change.h"

#include "message/message.h"
#include "signals/signal_row.h"
#include "tables.gen.h"
#include <math.h>
#include <string.h>

static const char *const s_sides[SIDE_COUNT] = {
    [SIDE_BUY] = "buy", [SIDE_SELL] = "sell", [SIDE_HOLD] = "hold"};

static Signal s_begin(const stored_signal_t *self) {
    const candidate_t *of = self->of;
    Signal signal = Signal_init_zero;
    if (self->whole)
        signal = *self->whole; /* borrows */
    MESSAGE_PUT(signal.signal_id, of->signal_id);
    MESSAGE_PUT(signal.source, of->source);
    MESSAGE_PUT(signal.target, self->target);
    MESSAGE_PUT(signal.status, self->status);
    if ((signal.has_symbol = self->symbol != NULL))
        MESSAGE_PUT(signal.symbol, self->symbol);
    if ((signal.has_side = s_sides[of->side] != NULL))
        MESSAGE_PUT(signal.side, s_sides[of->side]);
    signal.strength = of->strength;
    if ((signal.has_allocation = of->has_allocation))
        signal.allocation = of->resources;
    signal.confidence = of->confidence;
    signal.priority = of->priority;
    signal.timestamp = of->timestamp;
    signal.expiry_time = of->expiry_time;
    signal.seq = self->seq;
    return signal;
}

static void s_publish(store_write_t *write, const stored_signal_t *self, const Signal *signal,
                      const char *traceparent) {
    char topic[SIGNAL_TOPIC_SIZE];
    signal_topic(topic, self->target, self->symbol);
    store_write_expect(write, 1);
    store_write_event_on(write, self->whole ? 0 : self->seq, topic, Signal_message(), signal, traceparent);
}

size_t signal_change_status(store_write_t *write, const stored_signal_t *self, const char *status,
                            const char *superseded_by, int64_t now_ms, const char *traceparent) {
    Signal signal = s_begin(self);
    MESSAGE_PUT(signal.status, status);
    if ((signal.has_superseded_by = superseded_by != NULL))
        MESSAGE_PUT(signal.superseded_by, superseded_by);
    size_t op = store_write_op(write, "signal_status_set", "ssssni", self->of->signal_id, self->status,
                               status, superseded_by, now_ms);
    s_publish(write, self, &signal, traceparent);
    return op;
}

void signal_change_figures(store_write_t *write, const stored_signal_t *self, const adjustment_t *to,
                           int64_t now_ms, const char *traceparent) {
    Signal signal = s_begin(self);
    if (to->has_strength)
        signal.strength = to->strength;
    if (to->has_allocation) {
        signal.has_allocation = true;
        signal.allocation = to->allocation;
    }
    store_write_op(write, "signal_adjust", "sffi", self->of->signal_id,
                   to->has_strength ? to->strength : (double)NAN,
                   to->has_allocation ? to->allocation : (double)NAN, now_ms);
    s_publish(write, self, &signal, traceparent);
}
