/* The order of publishing. */
#include "stream/feed.h"

#include "base/err.h"
#include "tables.gen.h"
#include <stdlib.h>

static CommittedEvent *s_slot(const feed_t *self, size_t index) {
    return &self->held[(self->held_first + index) % FEED_HELD_EVENTS];
}

static size_t s_size(const CommittedEvent *event) {
    return sizeof *event + (event->payload ? event->payload->size : 0);
}

static CommittedEvent s_pop(feed_t *self) {
    CommittedEvent *slot = s_slot(self, 0), event = *slot;
    *slot = (CommittedEvent)CommittedEvent_init_zero;
    self->held_bytes -= s_size(&event);
    self->held_first = (self->held_first + 1) % FEED_HELD_EVENTS;
    self->held_count--;
    return event;
}

static void s_drop_first(feed_t *self) {
    CommittedEvent event = s_pop(self);
    message_release(CommittedEvent_message(), &event);
}

void feed_reset(feed_t *self, uint64_t last) {
    while (self->held_count > 0)
        s_drop_first(self);
    self->last = self->known = last;
    self->reading = false;
}

void feed_free(feed_t *self) {
    feed_reset(self, 0);
    free(self->held);
    self->held = NULL;
}

/* They come in seq order, so what does not follow the last held one leaves a gap that only a read can close. */
static void s_hold(feed_t *self, const CommittedEvent *event) {
    if (self->held_count == FEED_HELD_EVENTS || self->held_bytes + s_size(event) > FEED_HELD_BYTES)
        return;
    if (self->held_count > 0 && event->seq != s_slot(self, self->held_count - 1)->seq + 1)
        return;
    if (!self->held) {
        self->held = calloc(FEED_HELD_EVENTS, sizeof *self->held);
        assert_always(self->held);
    }
    CommittedEvent *slot = s_slot(self, self->held_count);
    if (message_copy(CommittedEvent_message(), slot, event) != OK)
        return;
    self->held_count++;
    self->held_bytes += s_size(slot);
}

void feed_hear(feed_t *self, uint64_t seq) {
    if (seq > self->known)
        self->known = seq;
}

feed_verdict_t feed_offer(feed_t *self, const CommittedEvent *event) {
    feed_hear(self, event->seq);
    if (event->seq <= self->last)
        return FEED_SEEN;
    if (event->seq == self->last + 1 && !self->reading && self->held_count == 0) {
        self->last = event->seq;
        return FEED_PUBLISH;
    }
    s_hold(self, event);
    return FEED_WAIT;
}

feed_verdict_t feed_row(feed_t *self, uint64_t seq) {
    feed_hear(self, seq);
    if (seq <= self->last)
        return FEED_SEEN;
    self->last = seq;
    return FEED_PUBLISH;
}

bool feed_take(feed_t *self, CommittedEvent *event) {
    while (self->held_count > 0 && s_slot(self, 0)->seq <= self->last)
        s_drop_first(self);
    if (self->held_count == 0 || s_slot(self, 0)->seq != self->last + 1)
        return false;
    *event = s_pop(self);
    self->last = event->seq;
    return true;
}

bool feed_behind(const feed_t *self) {
    return self->known > self->last;
}
