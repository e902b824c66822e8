/* The writer's connection: made, watched, lost, made again; and the state that the others are told. */
#include "store/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store_actor.h"
#include "tables.gen.h"
#include <stdlib.h>

enum { PING_MS = 1000 };

void writer_fill_state(const writer_t *self, StoreState *state) {
    state->available = self->link.engine != NULL;
    assert_always(MESSAGE_SET(state->engine, link_engine_name(&self->link)));
    state->reason = message_strdup(buf_str(&self->link.reason));
    state->epoch = self->epoch;
    state->last_seq = self->sequence.last_seq;
    state->schema_version = (uint32_t)self->link.schema_version;
}

static void s_publish_state(writer_t *self) {
    StoreState state = StoreState_init_zero;
    writer_fill_state(self, &state);
    actor_publish(self->actor, STORE_TOPIC_STATE, StoreState_message(), &state);
    message_release(StoreState_message(), &state);
}

err_t writer_refuse(writer_t *self, call_t *call) {
    call_retry_after(call, 1);
    return call_explain(call, ERR_STORE_UNAVAILABLE, "the store is not reachable: %s",
                        buf_str(&self->link.reason));
}

/* ---- connecting ---- */

static bool s_take_epoch(void *context, const value_t *values, size_t count) {
    char text[32] = {0};
    assert_always(count == 1 && values[0].size < sizeof text);
    for (size_t i = 0; i < values[0].size; i++)
        text[i] = values[0].bytes[i];
    *(uint64_t *)context = strtoull(text, NULL, 10);
    return false;
}

static err_t s_load(writer_t *self) {
    value_t epoch = value_text("epoch");
    self->sequence.engine = self->link.engine;
    err_t err = writer_settle(self);
    if (err == OK)
        err = engine_query(self->link.engine, statement_find("meta_get"), &epoch, 1, s_take_epoch,
                           &self->epoch);
    if (err == OK)
        err = sequence_load(&self->sequence);
    if (err == OK && self->epoch == 0)
        err = engine_fail(self->link.engine, ERR_STORE_UNAVAILABLE, "the store has no epoch");
    return err;
}

static void s_retry(actor_t *actor, void *context) {
    writer_t *self = context;
    (void)actor;
    self->retry_timer = 0;
    err_t err = writer_connect(self);
    if (err != OK && err != ERR_STORE_UNAVAILABLE)
        actor_fail(self->actor, buf_str(&self->link.reason));
}

static void s_retry_later(writer_t *self) {
    int64_t pause_ms = (self->link.retry_at_us - clock_mono_us()) / 1000;
    if (!self->retry_timer)
        self->retry_timer = actor_timer_once(self->actor, pause_ms > 1 ? pause_ms : 1, s_retry, self);
}

/* Notices a server that went away while nobody writes. */
static void s_ping(actor_t *actor, void *context) {
    writer_t *self = context;
    (void)actor;
    if (!self->link.engine || clock_mono_us() - self->used_at_us < PING_MS * 1000LL)
        return;
    if (engine_ping(self->link.engine) != OK)
        writer_disconnect(self);
    else
        self->used_at_us = clock_mono_us();
}

err_t writer_connect(writer_t *self) {
    err_t err = link_open(&self->link);
    if (err == OK) {
        err = s_load(self);
        if (err != OK) {
            link_close(&self->link, NULL);
            err = ERR_STORE_UNAVAILABLE;
        }
    }
    if (err == ERR_STORE_UNAVAILABLE) {
        log_warning("the store is not reachable", LOG_STR("reason", buf_str(&self->link.reason)));
        s_retry_later(self);
        return err;
    }
    if (err != OK) {
        log_critical("the store cannot be used", LOG_STR("reason", buf_str(&self->link.reason)),
                     LOG_ERRT(err));
        return err;
    }
    log_info("store connected", LOG_STR("engine", link_engine_name(&self->link)),
             LOG_INT("schema_version", self->link.schema_version),
             LOG_INT("last_seq", self->sequence.last_seq));
    self->used_at_us = clock_mono_us();
    if (self->link.opened > 1)
        actor_count(self->actor, "reconnects_total", "Connections to the database after the first.", 1);
    if (self->link.engine->klass->remote && !self->ping_timer)
        self->ping_timer = actor_timer_every(self->actor, PING_MS, s_ping, self);
    s_publish_state(self);
    return OK;
}

/* What waits for its group was not tried: it can be refused, where what is in doubt cannot. */
void writer_disconnect(writer_t *self) {
    if (!self->in_doubt)
        writer_fail_pending(self, ERR_STORE_UNAVAILABLE, buf_str(&self->link.engine->error));
    link_close(&self->link, NULL);
    self->sequence.engine = NULL;
    log_error("the store's connection is lost", LOG_STR("reason", buf_str(&self->link.reason)));
    s_publish_state(self);
    s_retry_later(self);
}
