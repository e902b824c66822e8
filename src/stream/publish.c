/* The PUB socket. It is an XPUB, which tells of nothing that is not known from PUB, but counts as one whose incoming
 * subscriptions can be read away. A subscriber that does not keep up loses messages at its mark; nobody waits. */
#include "stream/stream_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "stream/endpoint.h"
#include <czmq.h>

enum {
    LINGER_MS = 1000,     /* for what was sent last, at the end */
    HEARTBEAT_MS = 10000, /* ZMTP pings, so that a dead peer is noticed */
    READS_A_TURN = 1000
};

/* Subscriptions are ZeroMQ's business; they only must not pile up. */
static void s_on_subscriptions(actor_t *actor, void *context, short revents) {
    stream_t *self = context;
    char bytes[256];
    (void)actor;
    (void)revents;
    for (int i = 0; i < READS_A_TURN && zmq_recv(self->publisher, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0;
         i++)
        continue;
}

static void s_on_peers(actor_t *actor, void *context, short revents) {
    stream_t *self = context;
    (void)revents;
    peers_read(&self->peers);
    actor_gauge(actor, "subscribers", "Connections on the PUB socket.", self->peers.admitted);
}

static void s_set(void *socket, int option, int value) {
    assert_always(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

err_t publish_open(stream_t *self, const config_t *config) {
    if (!*config->stream_url)
        return OK;
    self->publisher = zmq_socket(zsys_init(), ZMQ_XPUB);
    assert_always(self->publisher);
    s_set(self->publisher, ZMQ_SNDHWM, (int)config->stream_hwm);
    s_set(self->publisher, ZMQ_LINGER, LINGER_MS);
    s_set(self->publisher, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    err_t err = curve_apply(&self->curve, self->publisher);
    if (err == OK)
        err = peers_open(&self->peers, self->publisher);
    if (err == OK)
        err = endpoint_bind(self->publisher, "INTEGRATION_STREAM_URL", config->stream_url, &self->stream_url);
    if (err != OK)
        return err;
    actor_poll_socket(self->actor, self->publisher, ZMQ_POLLIN, s_on_subscriptions, self);
    actor_poll_socket(self->actor, self->peers.monitor, ZMQ_POLLIN, s_on_peers, self);
    log_info("stream bound", LOG_STR("stream", buf_str(&self->stream_url)),
             LOG_BOOL("curve", self->curve.zap != NULL), LOG_STR("format", config->stream_format));
    if (config->stream_insecure && !self->curve.zap)
        log_warning("INTEGRATION_STREAM_INSECURE is set: everyone who can connect reads the signals");
    return OK;
}

void publish_close(stream_t *self) {
    if (!self->publisher)
        return;
    actor_unpoll_socket(self->actor, self->publisher);
    if (self->peers.monitor)
        actor_unpoll_socket(self->actor, self->peers.monitor);
    peers_close(&self->peers, self->publisher);
    zmq_close(self->publisher);
    self->publisher = NULL;
}

bool publish_encode(stream_t *self, const CommittedEvent *event, bool replay) {
    err_t err = framing_encode(&self->framing, self->epoch, event, replay);
    if (err == OK)
        return true;
    actor_count(self->actor, "unreadable_total", "Events whose payload could not be read.", 1);
    if (!self->unreadable_logged)
        log_error("an event of the stream cannot be read", LOG_INT("seq", event->seq),
                  LOG_STR("topic", event->topic), LOG_STR("schema", event->schema));
    self->unreadable_logged = true;
    return self->framing.header.size > 0;
}

static void s_send(stream_t *self, const char *topic) {
    const framing_t *frames = &self->framing;
    if (!self->publisher)
        return;
    /* PUB never refuses: what a subscriber has no room for is dropped for it alone. */
    (void)zmq_send(self->publisher, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(self->publisher, buf_str(&frames->header), frames->header.size,
                   ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(self->publisher, buf_str(&frames->payload), frames->payload.size, ZMQ_DONTWAIT);
}

void publish_event(stream_t *self, const CommittedEvent *event) {
    if (!self->publisher)
        return;
    if (publish_encode(self, event, false))
        s_send(self, event->topic);
    self->published++;
    actor_count(self->actor, "published_total", "Messages published, without heartbeats.", 1);
}

void publish_heartbeat(stream_t *self) {
    if (!self->loaded || !self->publisher)
        return;
    framing_encode_heartbeat(&self->framing, self->epoch, self->feed.last, clock_wall_us());
    s_send(self, STREAM_HEARTBEAT);
    actor_count(self->actor, "heartbeats_total", "Heartbeats published.", 1);
}
