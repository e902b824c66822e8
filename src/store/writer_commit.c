/* Groups: the writes of a turn committed together, answered, and their events published. */
#include "base/clock.h"
#include "base/log.h"
#include "store/store_actor.h"
#include "store/writer.h"
#include "tables.gen.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_A_MESSAGE = 512 };

void writer_add(writer_t *self, call_t *call, pending_kind_t kind, StoreWrite *write) {
    if (self->pending_count == self->pending_capacity) {
        self->pending_capacity = self->pending_capacity ? self->pending_capacity * 2 : 64;
        self->pending = realloc(self->pending, self->pending_capacity * sizeof *self->pending);
        assert_always(self->pending);
    }
    pending_t *pending = &self->pending[self->pending_count++];
    *pending = (pending_t){.call = call, .kind = kind, .write = *write};
    *write = (StoreWrite)StoreWrite_init_zero;
    pending->first_unit = group_add(self->group, &pending->write);
}

void writer_forget_pending(writer_t *self) {
    for (size_t i = 0; i < self->pending_count; i++)
        message_release(StoreWrite_message(), &self->pending[i].write);
    self->pending_count = 0;
    self->in_doubt = false;
    group_clear(self->group);
}

/* ---- answers ---- */

static void s_fill_unit(const writer_t *self, size_t index, StoreUnitResult *result, StoreOpResult *ops) {
    const group_unit_t *unit = group_unit(self->group, index);
    result->code = (char *)err_name(unit->err);
    result->message = (char *)unit->message;
    if (unit->err != OK)
        return;
    result->ops = ops;
    result->ops_count = (pb_size_t)unit->op_count;
    for (size_t i = 0; i < unit->op_count; i++) {
        const group_op_t *op = group_op(self->group, unit->first_op + i);
        ops[i] = (StoreOpResult){.affected = op->run.affected, .seq = op->seq, .topic_seq = op->topic_seq};
    }
}

/* The reply borrows everything: results from `results`, words from the group. */
static void s_answer_write(writer_t *self, pending_t *pending) {
    size_t units = pending->write.units_count, ops = 0;
    for (size_t i = 0; i < units; i++)
        ops += group_unit(self->group, pending->first_unit + i)->op_count;
    size_t size = units * sizeof(StoreUnitResult) + ops * sizeof(StoreOpResult);
    buf_clear(&self->results);
    buf_reserve(&self->results, size);
    memset(self->results.data, 0, size);
    StoreUnitResult *results = (void *)self->results.data;
    StoreOpResult *op = (void *)(results + units);
    StoreWritten written = {.units = results,
                            .units_count = (pb_size_t)units,
                            .committed_at_us = group_committed_at_us(self->group)};
    for (size_t i = 0; i < units; i++) {
        s_fill_unit(self, pending->first_unit + i, &results[i], op);
        op += results[i].ops_count;
    }
    call_reply(self->actor, &pending->call, &written);
}

/* A key whose answer was there already has been answered by somebody else: nothing to complain about. */
static void s_answer_end(writer_t *self, pending_t *pending) {
    const group_unit_t *unit = group_unit(self->group, pending->first_unit);
    Empty empty = Empty_init_zero;
    if (unit->err == OK || unit->err == ERR_CONFLICT)
        call_reply(self->actor, &pending->call, &empty);
    else
        call_fail(self->actor, &pending->call, unit->err);
}

static void s_answer_all(writer_t *self) {
    for (size_t i = 0; i < self->pending_count; i++)
        if (self->pending[i].kind == PENDING_WRITE)
            s_answer_write(self, &self->pending[i]);
        else
            s_answer_end(self, &self->pending[i]);
}

void writer_fail_pending(writer_t *self, err_t err, const char *why) {
    idempotency_release_ended(self, false);
    for (size_t i = 0; i < self->pending_count; i++) {
        call_t *call = self->pending[i].call;
        call_retry_after(call, 1);
        call_fail(self->actor, &self->pending[i].call,
                  call_explain(call, err, "nothing was stored: %s", why));
    }
    writer_forget_pending(self);
}

/* ---- events ---- */

static void s_publish(writer_t *self) {
    group_op_t *const *events;
    size_t count = group_events(self->group, &events),
           most = count < EVENTS_A_MESSAGE ? count : EVENTS_A_MESSAGE;
    CommittedEvent *list = count ? calloc(most, sizeof *list) : NULL;
    assert_always(list || !count);
    for (size_t from = 0; from < count; from += most) {
        CommittedEvents message = {.epoch = self->epoch, .events = list};
        for (size_t i = from; i < count && i < from + most; i++) {
            const StoreEvent *event = events[i]->source->event;
            CommittedEvent *to = &list[message.events_count++];
            to->seq = events[i]->seq;
            to->topic_seq = events[i]->topic_seq;
            to->published_at_us = group_committed_at_us(self->group);
            to->payload = event->payload;
            memcpy(to->topic, event->topic, sizeof to->topic);
            memcpy(to->schema, event->schema, sizeof to->schema);
            memcpy(to->traceparent, event->traceparent, sizeof to->traceparent);
        }
        actor_publish(self->actor, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &message);
    }
    free(list);
}

/* ---- commit ---- */

static void s_measure(writer_t *self) {
    size_t size = group_size(self->group), stored = 0;
    for (size_t i = 0; i < size; i++)
        stored += group_unit(self->group, i)->err == OK;
    actor_count(self->actor, "commits_total", "Transactions committed.", 1);
    actor_count(self->actor, "units_total", "Units stored.", (double)stored);
    actor_count(self->actor, "conflicts_total", "Units that were not stored.", (double)(size - stored));
    actor_gauge(self->actor, "group_size", "Units of the last commit.", (double)size);
    actor_gauge(self->actor, "last_seq", "Last sequence number committed.", (double)self->sequence.last_seq);
}

static void s_done(writer_t *self) {
    s_measure(self);
    idempotency_release_ended(self, true);
    s_answer_all(self);
    s_publish(self);
    writer_forget_pending(self);
}

static err_t s_commit_timed(writer_t *self) {
    int64_t begin_us = clock_mono_us();
    err_t err = group_commit(self->group, &self->sequence);
    int64_t end_us = clock_mono_us();
    double seconds = (double)(end_us - begin_us) * 1e-6;
    actor_count(self->actor, "commit_seconds_total", "Time spent in commits.", seconds);
    actor_gauge(self->actor, "commit_seconds", "Duration of the last commit.", seconds);
    if (err == OK)
        self->used_at_us = end_us;
    return err;
}

void writer_commit(writer_t *self) {
    if (self->pending_count == 0 || self->in_doubt)
        return;
    err_t err = s_commit_timed(self);
    if (err == OK) {
        s_done(self);
    } else if (err == ERR_AGAIN) {
        log_error("the outcome of a commit is not known", LOG_INT("units", group_size(self->group)));
        self->in_doubt = true;
        writer_disconnect(self);
    } else {
        log_error("a group was not stored", LOG_INT("units", group_size(self->group)),
                  LOG_STR("reason", buf_str(&self->link.engine->error)), LOG_ERRT(err));
        writer_fail_pending(self, err, buf_str(&self->link.engine->error));
        if (!self->link.engine->alive)
            writer_disconnect(self);
        else if (err == ERR_STORE_UNAVAILABLE)
            writer_room_refused(self);
    }
}

err_t writer_settle(writer_t *self) {
    if (!self->in_doubt)
        return OK;
    err_t err = group_settle(self->group, &self->sequence);
    log_info("the outcome of a commit was looked up",
             LOG_STR("outcome", err == OK             ? "committed"
                                : err == ERR_CONFLICT ? "not committed"
                                                      : "still not known"));
    if (err == OK)
        s_done(self);
    else if (err == ERR_CONFLICT)
        writer_fail_pending(self, ERR_STORE_UNAVAILABLE, "the connection was lost at the commit");
    return err == ERR_CONFLICT ? OK : err;
}
