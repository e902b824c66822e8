/* store: the one writer. Its commands, its timers, its start and stop. */
#include "store/store_actor.h"

#include "base/clock.h"
#include "base/log.h"
#include "routes.gen.h"
#include "store/store_private.h"
#include "store/writer.h"
#include "tables.gen.h"
#include <stdlib.h>

enum { PRUNE_MS = 600 * 1000, PRUNE_AGAIN_MS = 1000, SAVE_MS = 5000, RUNNING_MOST_S = 900 };
enum { PRUNED_EVENTS_MOST = 5000 }; /* in one transaction: others wait for it */
#define DAY_US INT64_C(86400000000)

static err_t s_write(actor_t *actor, call_t *call, const void *request, void *response) {
    writer_t *self = actor_state(actor);
    /* The request is the loop's, which releases what is left in it: its content moves to the group instead of being
     * copied. */
    StoreWrite *write = (StoreWrite *)request;
    (void)response;
    if (!self->link.engine)
        return writer_refuse(self, call);
    if (write->units_count == 0 || write->units_count > WRITER_WRITE_UNITS)
        return call_explain(call, ERR_INTERNAL, "a write has 1 to %d units, not %u", WRITER_WRITE_UNITS,
                            write->units_count);
    writer_add(self, call, PENDING_WRITE, write);
    if (group_size(self->group) >= WRITER_GROUP_UNITS || group_bytes(self->group) >= WRITER_GROUP_BYTES)
        writer_commit(self);
    return ERR_PENDING;
}

static err_t s_get_state(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)call;
    (void)request;
    writer_fill_state(actor_state(actor), response);
    return OK;
}

static void s_batch_end(actor_t *actor) {
    writer_commit(actor_state(actor));
}

/* ---- pruning ---- */

/* *more: there are more events to prune than one transaction takes. */
static err_t s_prune_rows(writer_t *self, int64_t retention_days, bool *more) {
    engine_t *engine = self->link.engine;
    int64_t affected = 0, before_ms = clock_wall_ms() - IDEMPOTENCY_KEPT_MS;
    int64_t events_before_us = clock_wall_us() - retention_days * DAY_US;
    const value_t before = VALUE_OF_INT(before_ms);
    const value_t events[] = {VALUE_OF_INT(events_before_us), VALUE_OF_INT(PRUNED_EVENTS_MOST)};
    err_t err = engine_begin(engine);
    if (err == OK)
        err = engine_run_one(engine, "stream_events_prune", events, 2, &affected);
    *more = affected >= PRUNED_EVENTS_MOST;
    if (err == OK)
        err = engine_run_one(engine, "idempotency_prune", &before, 1, &affected);
    if (err == OK)
        err = engine_run_one(engine, "batches_prune", &before, 1, &affected);
    if (err == OK)
        return engine_commit(engine);
    engine_rollback(engine);
    return err;
}

static void s_prune(actor_t *actor, void *context) {
    writer_t *self = context;
    running_keys_expire(self->running, clock_mono_us() - RUNNING_MOST_S * 1000000LL);
    if (!self->link.engine)
        return;
    bool more = false;
    err_t err = s_prune_rows(self, actor_config(actor)->stream_retention_days, &more);
    if (err != OK)
        log_warning("old rows were not pruned", LOG_STR("reason", buf_str(&self->link.engine->error)),
                    LOG_ERRT(err));
    else if (more)
        actor_timer_once(actor, PRUNE_AGAIN_MS, s_prune, self);
    if (!self->link.engine->alive)
        writer_disconnect(self);
}

/* ---- the topics' numbers ---- */

/* What a group does when it must, done before when there is time; and pruning waits for it. */
static void s_save(actor_t *actor, void *context) {
    writer_t *self = context;
    (void)actor;
    if (!self->link.engine || self->in_doubt)
        return;
    err_t err = sequence_save(&self->sequence);
    if (err != OK)
        log_warning("the topics' numbers were not saved",
                    LOG_STR("reason", buf_str(&self->link.engine->error)), LOG_ERRT(err));
    if (!self->link.engine->alive)
        writer_disconnect(self);
}

/* ---- life ---- */

static void s_stop(actor_t *actor) {
    writer_t *self = actor_state(actor);
    if (!self)
        return;
    writer_forget_pending(self);
    group_destroy(&self->group);
    running_keys_destroy(&self->running);
    topics_destroy(&self->sequence.topics);
    link_free(&self->link);
    buf_free(&self->results);
    buf_free(&self->refused);
    free(self->pending);
    free(self);
    actor_set_state(actor, NULL);
}

static err_t s_start(actor_t *actor, const void *args) {
    writer_t *self = calloc(1, sizeof *self);
    assert_always(self);
    actor_set_state(actor, self);
    self->actor = actor;
    self->group = group_new();
    self->running = running_keys_new();
    self->sequence.topics = topics_new(TOPICS_KEPT);
    self->prune_timer = actor_timer_every(actor, PRUNE_MS, s_prune, self);
    self->save_timer = actor_timer_every(actor, SAVE_MS, s_save, self);
    writer_retention_start(self);
    err_t err = link_init(&self->link, actor_config(actor), args, false);
    if (err == OK)
        err = writer_connect(self);
    if (err == ERR_STORE_UNAVAILABLE)
        return OK;
    if (err != OK)
        s_stop(actor); /* the loop stops only what has started */
    return err;
}

/* What is in doubt was not acknowledged: nobody waits for the database. */
static bool s_drain(actor_t *actor) {
    const writer_t *self = actor_state(actor);
    return self->pending_count == 0 || self->in_doubt;
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const writer_t *self = actor_state(actor);
    if (!self->link.engine) {
        assert_always(MESSAGE_SET(status->status, "degraded"));
        free(status->reason);
        status->reason = message_strdup(buf_str(&self->link.reason));
    } else if (self->refused.size) {
        assert_always(MESSAGE_SET(status->status, "degraded"));
        free(status->reason);
        status->reason = message_strdup(buf_str(&self->refused));
    }
}

static const actor_command_t s_commands[] = {
    {&rpc_StoreWriter_Write, s_write},
    {&rpc_StoreWriter_GetState, s_get_state},
    {&rpc_StoreWriter_BeginIdempotent, idempotency_begin},
    {&rpc_StoreWriter_EndIdempotent, idempotency_end},
    {NULL, NULL},
};

const actor_class_t store_writer_class = {
    .name = "store",
    .commands = s_commands,
    .start = s_start,
    .stop = s_stop,
    .drain = s_drain,
    .batch_end = s_batch_end,
    .describe = s_describe,
};
