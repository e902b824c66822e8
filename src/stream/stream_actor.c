/* The stream component: see stream.h. */
#include "stream/stream.h"

#include "base/log.h"
#include "bus/fault.h"
#include "routes.gen.h"
#include "store/store_actor.h"
#include "stream/stream_state.h"
#include "tables.gen.h"
#include <stdlib.h>

enum { TICK_MS = 1000 };

/* ---- what it hears ---- */

static void s_on_committed(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    catch_up_events(actor_state(actor), event);
}

static void s_on_store_state(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)message;
    catch_up_state(actor_state(actor), event);
}

static void s_on_reloaded(actor_t *actor, const bus_message_t *message, const void *event) {
    stream_t *self = actor_state(actor);
    (void)message;
    (void)event;
    curve_reload(&self->curve);
}

static void s_on_tick(actor_t *actor, void *context) {
    stream_t *self = context;
    (void)actor;
    publish_heartbeat(self);
    catch_up_save(self);
    catch_up_tick(self);
}

/* ---- what it answers ---- */

static char *s_text(const buf_t *text) {
    return text->size > 0 ? message_strdup(buf_str(text)) : NULL;
}

static err_t s_get_stats(actor_t *actor, call_t *call, const void *request, void *response) {
    const stream_t *self = actor_state(actor);
    StreamStats *stats = response;
    (void)call;
    (void)request;
    stats->enabled = self->publisher != NULL;
    stats->epoch = self->epoch;
    stats->published = self->published;
    stats->last_seq = self->feed.last;
    stats->subscribers = self->peers.admitted;
    stats->replays = self->replays_done;
    stats->replayed = self->replayed;
    stats->stream_url = s_text(&self->stream_url);
    stats->replay_url = s_text(&self->replay_url);
    assert_always(MESSAGE_SET(stats->format, self->framing.format == FRAMING_JSON ? "json" : "protobuf"));
    return OK;
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const stream_t *self = actor_state(actor);
    status_add_metric(status, "gauge", "last_seq", "Last sequence number published.", (double)self->feed.last,
                      NULL, NULL);
    status_add_metric(status, "gauge", "behind", "Committed events that are not published yet.",
                      (double)(self->feed.known - self->feed.last), NULL, NULL);
    if (self->curve.zap) {
        status_add_metric(status, "gauge", "clients_allowed", "Certificates in the allow-list.",
                          (double)self->curve.allowed.count, NULL, NULL);
        status_add_metric(status, "counter", "clients_refused_total", "Connections refused by CURVE.",
                          (double)self->curve.refused, NULL, NULL);
    }
    if (!self->loaded)
        status_set(status, "degraded", "the store did not say yet where the stream stands");
    else if (!self->store_up)
        status_set(status, "degraded", "the store is not reachable");
}

/* ---- start and stop ---- */

/* The handler of admissions goes last: without it everybody would be admitted. */
static void s_close(stream_t *self) {
    replay_close(self);
    publish_close(self);
    curve_close(&self->curve, self->actor);
    feed_free(&self->feed);
    framing_free(&self->framing);
    buf_free(&self->stream_url);
    buf_free(&self->replay_url);
    free(self);
}

static err_t s_open(stream_t *self, const config_t *config) {
    err_t err = *config->curve_dir ? curve_open(&self->curve, self->actor, config->curve_dir) : OK;
    if (err == OK)
        err = publish_open(self, config);
    if (err == OK)
        err = replay_open(self, config);
    return err;
}

static err_t s_start(actor_t *actor, const void *args) {
    (void)args;
    const config_t *config = actor_config(actor);
    stream_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    self->framing.format = framing_format(config->stream_format);
    err_t err = s_open(self, config);
    if (err != OK) {
        s_close(self);
        return err;
    }
    actor_set_state(actor, self);
    actor_gauge(actor, "subscribers", "Connections on the PUB socket.", 0);
    actor_timer_every(actor, TICK_MS, s_on_tick, self);
    catch_up_tick(self);
    return OK;
}

static bool s_drain(actor_t *actor) {
    return catch_up_drain(actor_state(actor));
}

static void s_stop(actor_t *actor) {
    s_close(actor_state(actor));
    actor_set_state(actor, NULL);
}

static const actor_command_t s_commands[] = {{&rpc_Stream_GetStreamStats, s_get_stats}, {NULL, NULL}};

static const actor_event_t s_events[] = {
    {STORE_TOPIC_COMMITTED, CommittedEvents_message, s_on_committed},
    {STORE_TOPIC_STATE, StoreState_message, s_on_store_state},
    {"evt/config/Reloaded", ConfigReloaded_message, s_on_reloaded},
    {NULL, NULL, NULL},
};

const actor_class_t stream_class = {
    .name = "stream",
    .commands = s_commands,
    .events = s_events,
    .start = s_start,
    .stop = s_stop,
    .drain = s_drain,
    .describe = s_describe,
};
