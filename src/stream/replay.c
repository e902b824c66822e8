/* The ROUTER socket: what was published is sent again to a peer that asks for it.
 *
 * A replay reads the bounds of the stream, then goes up to the last_seq found there in windows of seq, one query at a
 * time: nothing up to it is left out, and a prefix that is rare among many events does not hold the reader for longer
 * than a window takes, so that other reads come in between. It stops where the peer's queue is full; the end then
 * waits until there is room. */
#include "stream/stream_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "stream/endpoint.h"
#include "tables.gen.h"
#include <czmq.h>

enum {
    PAGE_ROWS = 256,
    WINDOW = 20000,  /* events that one query looks at */
    SEND_HWM = 4096, /* messages held for one peer */
    RECEIVE_HWM = 256,
    LINGER_MS = 1000,
    HEARTBEAT_MS = 10000,
    REQUESTS_A_TURN = 64,
    REQUEST_BYTES = 1024,
    MESSAGE_BYTES = 65536, /* a peer that sends more is disconnected */
    RETRY_MS = 20,
    PATIENCE_US = 10000000 /* for the peer to make room for the end */
};

/* ---- sending ---- */

static err_t s_send_frame(stream_t *self, const void *bytes, size_t size, int flags) {
    if (zmq_send(self->replayer, bytes, size, flags | ZMQ_DONTWAIT) >= 0)
        return OK;
    return zmq_errno() == EAGAIN ? ERR_AGAIN : ERR_NOT_FOUND;
}

/* ERR_AGAIN: the peer's queue is full. ERR_NOT_FOUND: the peer is gone. The first frame decides: one message is
 * queued whole or not at all. */
static err_t s_begin(const replay_t *replay) {
    return s_send_frame(replay->stream, replay->peer, replay->peer_size, ZMQ_SNDMORE);
}

static err_t s_send_pair(const replay_t *replay, const char *word, const void *bytes, size_t size) {
    err_t err = s_begin(replay);
    if (err == OK)
        err = s_send_frame(replay->stream, word, strlen(word), ZMQ_SNDMORE);
    if (err == OK)
        err = s_send_frame(replay->stream, bytes, size, 0);
    return err;
}

static err_t s_send_event(const replay_t *replay, const CommittedEvent *event) {
    stream_t *self = replay->stream;
    const framing_t *frames = &self->framing;
    if (!publish_encode(self, event, true))
        return OK;
    err_t err = s_begin(replay);
    if (err == OK)
        err = s_send_frame(self, event->topic, strlen(event->topic), ZMQ_SNDMORE);
    if (err == OK)
        err = s_send_frame(self, buf_str(&frames->header), frames->header.size, ZMQ_SNDMORE);
    if (err == OK)
        err = s_send_frame(self, buf_str(&frames->payload), frames->payload.size, 0);
    return err;
}

/* ---- the end ---- */

static void s_forget(replay_t *replay) {
    actor_timer_cancel(replay->stream->actor, &replay->timer);
    message_release(ReplayRequest_message(), &replay->request);
    replay->used = false;
}

static void s_refuse(replay_t *replay, const char *why) {
    stream_t *self = replay->stream;
    actor_count(self->actor, "replays_refused_total", "Replay requests answered with an error.", 1);
    if (s_send_pair(replay, STREAM_ERROR, why, strlen(why)) != OK)
        log_debug("a peer of the replay socket was not told", LOG_STR("reason", why));
    s_forget(replay);
}

static void s_end(actor_t *actor, void *context) {
    replay_t *replay = context;
    stream_t *self = replay->stream;
    buf_t end = BUF_INIT;
    replay->timer = 0;
    assert_always(message_encode(ReplayEnd_message(), &replay->end, &end) == OK);
    err_t err = s_send_pair(replay, STREAM_END, buf_str(&end), end.size);
    buf_free(&end);
    if (err == ERR_AGAIN && clock_mono_us() < replay->deadline_us) {
        replay->timer = actor_timer_once(actor, RETRY_MS, s_end, replay);
        return;
    }
    if (err == OK) {
        self->replays_done++;
        actor_count(actor, "replays_total", "Replays sent to their end.", 1);
    } else {
        log_info("a peer did not take the end of its replay",
                 LOG_STR("reason", err == ERR_AGAIN ? "its queue stayed full" : "it is gone"));
    }
    s_forget(replay);
}

static void s_finish(replay_t *replay, bool more) {
    replay->end.more = more;
    replay->deadline_us = clock_mono_us() + PATIENCE_US;
    s_end(replay->stream->actor, replay);
}

/* ---- windows and pages ---- */

static void s_read(replay_t *replay);

static uint32_t s_page_rows(const replay_t *replay) {
    return replay->left < PAGE_ROWS ? replay->left : PAGE_ROWS;
}

/* OK, or why the peer takes no more. */
static err_t s_send_rows(replay_t *replay, const StoreRows *rows, uint32_t most) {
    stream_t *self = replay->stream;
    err_t err = OK;
    for (pb_size_t i = 0; i < rows->rows_count && i < most && err == OK; i++) {
        CommittedEvent event;
        if (catch_up_row(rows->rows[i], &event))
            err = s_send_event(replay, &event);
        else
            log_error("a row of the stream cannot be read", LOG_INT("after_seq", replay->after));
        if (err == OK) {
            replay->after = event.seq > replay->after ? event.seq : replay->after;
            replay->left--;
            self->replayed++;
            actor_count(self->actor, "replayed_total", "Messages sent by replays.", 1);
        }
        message_release(CommittedEvent_message(), &event);
    }
    return err;
}

/* One row more than is sent is asked for: it tells whether there is more. With nothing left of the limit that one row
 * is looked for on its own, up to the last window. */
static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    replay_t *replay = context;
    const StoreRows *rows = response;
    uint32_t page = s_page_rows(replay);
    (void)actor;
    if (err != OK) {
        s_refuse(replay, fault->message ? fault->message : err_text(err));
        return;
    }
    bool more = rows->rows_count > page || rows->more;
    err = s_send_rows(replay, rows, page);
    if (err == OK && !more)
        replay->after = replay->window_end;
    if (err == ERR_NOT_FOUND)
        s_forget(replay);
    else if (err == OK && (more ? replay->left > 0 : replay->after < replay->end.last_seq))
        s_read(replay);
    else
        s_finish(replay, more || err == ERR_AGAIN);
}

static void s_read(replay_t *replay) {
    uint32_t rows = s_page_rows(replay) + 1;
    uint64_t last = replay->end.last_seq;
    replay->window_end = last - replay->after > WINDOW ? replay->after + WINDOW : last;
    store_query(replay->stream->actor, "stream_events_between", rows, NULL, s_on_rows, replay, "iisi",
                (int64_t)replay->after, (int64_t)replay->window_end, replay->request.prefix, (int64_t)rows);
}

static void s_on_bounds(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    replay_t *replay = context;
    const StoreRows *rows = response;
    (void)actor;
    store_row_t *row = err == OK && rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (!row || store_row_columns(row) < 2) {
        store_row_destroy(&row);
        s_refuse(replay,
                 err != OK && fault->message ? fault->message : err_text(err != OK ? err : ERR_INTERNAL));
        return;
    }
    replay->end.first_seq = (uint64_t)store_row_int(row, 0);
    replay->end.last_seq = (uint64_t)store_row_int(row, 1);
    store_row_destroy(&row);
    if (replay->end.first_seq > 0 && replay->after < replay->end.first_seq - 1)
        replay->after = replay->end.first_seq - 1; /* what was pruned is not looked for */
    if (replay->after < replay->end.last_seq)
        s_read(replay);
    else
        s_finish(replay, false);
}

/* ---- requests ---- */

static bool s_is_peer(const replay_t *replay, const uint8_t *peer, size_t size) {
    return replay->used && replay->peer_size == size && memcmp(replay->peer, peer, size) == 0;
}

static replay_t *s_free_slot(stream_t *self) {
    for (size_t i = 0; i < REPLAYS_MOST; i++)
        if (!self->replays[i].used)
            return &self->replays[i];
    return NULL;
}

static bool s_is_running(const stream_t *self, const uint8_t *peer, size_t size) {
    for (size_t i = 0; i < REPLAYS_MOST; i++)
        if (s_is_peer(&self->replays[i], peer, size))
            return true;
    return false;
}

/* Answers where there is no replay. */
static void s_refuse_peer(stream_t *self, const uint8_t *peer, size_t size, const char *why) {
    replay_t unknown = {.stream = self, .peer_size = size};
    memcpy(unknown.peer, peer, size);
    s_refuse(&unknown, why);
}

static void s_take_request(stream_t *self, const uint8_t *peer, size_t peer_size, const void *bytes,
                           size_t size, size_t frames) {
    ReplayRequest request;
    replay_t *slot = s_free_slot(self);
    const char *problem = framing_read_request(bytes, size, frames, &request);
    if (!problem && s_is_running(self, peer, peer_size))
        problem = "a replay for this peer is under way";
    if (!problem && !slot)
        problem = "too many replays are under way; try again later";
    if (!problem && !self->loaded)
        problem = "the store is not reachable";
    if (problem) {
        message_release(ReplayRequest_message(), &request);
        s_refuse_peer(self, peer, peer_size, problem);
        return;
    }
    *slot = (replay_t){.stream = self,
                       .used = true,
                       .peer_size = peer_size,
                       .request = request,
                       .after = request.after_seq,
                       .left = request.limit,
                       .end = {.epoch = self->epoch}};
    memcpy(slot->peer, peer, peer_size);
    store_query(self->actor, "stream_bounds", 1, NULL, s_on_bounds, slot, "");
}

static bool s_more(void *socket) {
    int more = 0;
    size_t size = sizeof more;
    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    return more;
}

/* The routing id, then what the peer sent. False when there is nothing. */
static bool s_receive(stream_t *self) {
    uint8_t peer[256];
    char bytes[REQUEST_BYTES], rest[1];
    int peer_size = zmq_recv(self->replayer, peer, sizeof peer, ZMQ_DONTWAIT);
    if (peer_size < 0 || peer_size > (int)sizeof peer)
        return false;
    size_t frames = 0;
    int size = 0;
    while (s_more(self->replayer)) {
        int got = frames == 0 ? zmq_recv(self->replayer, bytes, sizeof bytes, ZMQ_DONTWAIT)
                              : zmq_recv(self->replayer, rest, sizeof rest, ZMQ_DONTWAIT);
        if (frames++ == 0)
            size = got;
    }
    /* What is longer than the longest request was cut by zmq_recv and cannot be one. */
    bool whole = size >= 0 && size <= (int)sizeof bytes;
    s_take_request(self, peer, (size_t)peer_size, whole ? bytes : "\xff", whole ? (size_t)size : 1, frames);
    return true;
}

static void s_on_requests(actor_t *actor, void *context, short revents) {
    (void)actor;
    (void)revents;
    for (int i = 0; i < REQUESTS_A_TURN && s_receive(context); i++)
        continue;
}

/* ---- the socket ---- */

static void s_set(void *socket, int option, int value) {
    assert_always(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

err_t replay_open(stream_t *self, const config_t *config) {
    if (!*config->replay_url)
        return OK;
    self->replayer = zmq_socket(zsys_init(), ZMQ_ROUTER);
    assert_always(self->replayer);
    s_set(self->replayer, ZMQ_ROUTER_MANDATORY, 1);
    s_set(self->replayer, ZMQ_SNDHWM, SEND_HWM);
    s_set(self->replayer, ZMQ_RCVHWM, RECEIVE_HWM);
    s_set(self->replayer, ZMQ_LINGER, LINGER_MS);
    s_set(self->replayer, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    int64_t most = MESSAGE_BYTES;
    assert_always(zmq_setsockopt(self->replayer, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    err_t err = curve_apply(&self->curve, self->replayer);
    if (err == OK)
        err = endpoint_bind(self->replayer, "INTEGRATION_REPLAY_URL", config->replay_url, &self->replay_url);
    if (err != OK)
        return err;
    actor_poll_socket(self->actor, self->replayer, ZMQ_POLLIN, s_on_requests, self);
    log_info("replay bound", LOG_STR("replay", buf_str(&self->replay_url)));
    return OK;
}

void replay_close(stream_t *self) {
    for (size_t i = 0; i < REPLAYS_MOST; i++)
        if (self->replays[i].used)
            s_forget(&self->replays[i]);
    if (!self->replayer)
        return;
    actor_unpoll_socket(self->actor, self->replayer);
    zmq_close(self->replayer);
    self->replayer = NULL;
}
