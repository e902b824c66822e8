/* Inside the stream actor: its state, and the parts that its handlers are made of. */
#pragma once

#include "store/store.h"
#include "stream/curve.h"
#include "stream/feed.h"
#include "stream/framing.h"
#include "stream/peers.h"

#define REPLAYS_MOST 32 /* peers that a replay is sent to at once */

typedef struct stream_s stream_t;

/* A replay under way. */
typedef struct {
    stream_t *stream;
    bool used;
    uint8_t peer[256]; /* routing id */
    size_t peer_size;
    ReplayRequest request;
    uint64_t after;      /* sent up to this seq */
    uint64_t window_end; /* of the query under way */
    uint32_t left;       /* of the limit */
    ReplayEnd end;
    uint64_t timer; /* tries again to send the end */
    int64_t deadline_us;
} replay_t;

struct stream_s {
    actor_t *actor;
    void *publisher;              /* XPUB; NULL = off */
    void *replayer;               /* ROUTER; NULL = off */
    buf_t stream_url, replay_url; /* as bound */
    curve_t curve;
    peers_t peers;
    framing_t framing;
    bool unreadable_logged; /* logged already */

    bool loaded; /* the mark was read */
    bool loading;
    bool store_up;
    uint64_t epoch;
    feed_t feed;
    uint64_t behind_since; /* `last` when a check found it behind; 0 = it was not */
    bool asking;           /* GetState is under way */

    uint64_t saved; /* the mark in the store */
    bool saving;

    uint64_t published, replays_done, replayed;
    replay_t replays[REPLAYS_MOST];
};

/* ---- publish.c: the PUB socket ---- */
ERR_MUST_USE
err_t publish_open(stream_t *self, const config_t *config);
void publish_close(stream_t *self);
void publish_event(stream_t *self, const CommittedEvent *event);
void publish_heartbeat(stream_t *self);
/* Encodes into self->framing; a payload that cannot be read is logged. False when there is nothing to send. */
bool publish_encode(stream_t *self, const CommittedEvent *event, bool replay);

/* ---- catch_up.c: the store's side ---- */
/* The store says where it stands. */
void catch_up_state(stream_t *self, const StoreState *state);
void catch_up_events(stream_t *self, const CommittedEvents *events);
/* Once a second: asks the store where it stands, and reads what did not come by the bus. */
void catch_up_tick(stream_t *self);
/* Stores the mark when it moved. */
void catch_up_save(stream_t *self);
/* At the stop: true once all that is committed was published and the mark says so, or the store is gone. */
bool catch_up_drain(stream_t *self);
/* A row of stream_events_after as an event, whose payload is released by the caller. False: not such a row. */
bool catch_up_row(const pb_bytes_array_t *encoded, CommittedEvent *event);

/* ---- replay.c: the ROUTER socket ---- */
ERR_MUST_USE
err_t replay_open(stream_t *self, const config_t *config);
void replay_close(stream_t *self);
