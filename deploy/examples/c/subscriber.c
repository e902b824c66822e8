/* The subscriber.
 *
 * While nothing is missing it reads the SUB socket. When something is, it asks the replay socket for it (`due`) and
 * reads that connection to its end, while what is live waits in the SUB socket. A live message that shows a gap is
 * dropped: the replay brings it again, in its place. */
#include "subscriber.h"

#include <inttypes.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdarg.h>

enum {
    TOPICS_MOST =
        65536, /* remembered by a subscriber of a prefix; beyond, all are forgotten but that they were seen */
    QUIET_HEARTBEATS =
        5, /* a subscriber of a prefix asks after so many heartbeats without a message of its own */
    REPLAY_LIMIT = 10000, /* the most that one request may ask for */
    ANSWER_MS = 5000,     /* without an answer the replay is asked for again */
    AGAIN_MS = 1000,      /* between a refused replay and the next */
    HEARTBEAT_MS = 5000,  /* ZMTP pings, so that a dead connection is noticed, and made again */
    HEARTBEAT_TIMEOUT_MS = 10000
};

#define MONITOR "inproc://subscriber-monitor"

typedef struct {
    uint64_t topic_seq, seq; /* of the last message given out */
} topic_t;

struct subscriber_s {
    const subscriber_options_t *options;
    zcert_t *server, *own; /* NULL = no CURVE */
    zsock_t *live, *monitor;
    zsock_t *dealer; /* of the replay under way; NULL = none */

    uint64_t epoch;  /* of the store; another one means that seq begins anew. 0 = not known yet */
    bool started;    /* newest is known */
    uint64_t newest; /* highest seq given out, or known to be none of ours */
    uint64_t floor;  /* all of ours up to here was given out */
    zhash_t *topics; /* of topic_t; of a subscriber of a prefix */
    bool due;        /* a replay is due, */
    uint64_t after;  /* after this seq */
    int quiet;       /* heartbeats since a message of ours */

    int connections;
    int64_t heard_ms, answer_by_ms, ask_at_ms;
    uint64_t replayed; /* messages that the replay under way brought */
    zmsg_t *frames;    /* of the message given out last */
    char topic[256];
};

static void s_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool s_is_whole(const subscriber_t *self) {
    return !*self->options->prefix;
}

/* ---- sockets ---- */

static zcert_t *s_load(const char *file, bool secret) {
    zcert_t *cert = zcert_load(file);
    static const byte none[32];
    if (!cert)
        s_note("cannot begin: %s is not a certificate", file);
    else if (secret && memcmp(zcert_secret_key(cert), none, sizeof none) == 0) {
        s_note("cannot begin: %s holds no secret key", file);
        zcert_destroy(&cert);
    }
    return cert;
}

static bool s_load_keys(subscriber_t *self) {
    const subscriber_options_t *options = self->options;
    if (!options->server_key)
        return true;
    self->server = s_load(options->server_key, false);
    self->own = self->server ? s_load(options->client_key, true) : NULL;
    return self->own != NULL;
}

static zsock_t *s_socket(subscriber_t *self, int type) {
    zsock_t *socket = zsock_new(type);
    assert(socket);
    zsock_set_linger(socket, 0);
    zsock_set_rcvhwm(socket, self->options->queue);
    zsock_set_heartbeat_ivl(socket, HEARTBEAT_MS);
    zsock_set_heartbeat_timeout(socket, HEARTBEAT_TIMEOUT_MS);
    if (self->own) {
        zcert_apply(self->own, socket);
        zsock_set_curve_serverkey(socket, zcert_public_txt(self->server));
    }
    return socket;
}

static bool s_connect(zsock_t *socket, const char *url) {
    if (zsock_connect(socket, "%s", url) == 0)
        return true;
    s_note("cannot begin: %s: %s", url, zmq_strerror(zmq_errno()));
    return false;
}

static bool s_open(subscriber_t *self) {
    if (!s_load_keys(self))
        return false;
    self->live = s_socket(self, ZMQ_SUB);
    zmq_socket_monitor(zsock_resolve(self->live), MONITOR, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    self->monitor = zsock_new_pair(">" MONITOR);
    assert(self->monitor);
    zsock_set_subscribe(self->live, self->options->prefix);
    zsock_set_subscribe(self->live, "heartbeat");
    return s_connect(self->live, self->options->url);
}

subscriber_t *subscriber_new(const subscriber_options_t *options) {
    subscriber_t *self = calloc(1, sizeof *self);
    assert(self);
    self->options = options;
    self->topics = zhash_new();
    self->epoch = options->epoch;
    self->started = self->due = options->has_after_seq;
    self->newest = self->floor = self->after = options->after_seq;
    self->heard_ms = zclock_mono();
    if (!s_open(self))
        subscriber_destroy(&self);
    return self;
}

void subscriber_destroy(subscriber_t **self_p) {
    subscriber_t *self = *self_p;
    if (!self)
        return;
    zmsg_destroy(&self->frames);
    zsock_destroy(&self->dealer);
    if (self->live)
        zmq_socket_monitor(zsock_resolve(self->live), NULL, 0);
    zsock_destroy(&self->monitor);
    zsock_destroy(&self->live);
    zcert_destroy(&self->own);
    zcert_destroy(&self->server);
    zhash_destroy(&self->topics);
    free(self);
    *self_p = NULL;
}

/* ---- frames ---- */

static bool s_decode(zframe_t *frame, const pb_msgdesc_t *fields, void *message) {
    pb_istream_t stream = pb_istream_from_buffer(zframe_data(frame), zframe_size(frame));
    return pb_decode(&stream, fields, message);
}

/* topic, StreamHeader, payload; what is something else is not a message of the stream. */
static bool s_read(subscriber_t *self, zmsg_t *frames, subscriber_message_t *message) {
    zframe_t *topic = zmsg_first(frames), *header = zmsg_next(frames), *payload = zmsg_next(frames);
    message->header = (StreamHeader)StreamHeader_init_zero;
    if (zmsg_size(frames) != 3 || zframe_size(topic) >= sizeof self->topic ||
        !s_decode(header, StreamHeader_fields, &message->header)) {
        s_note("what came is not a message of the stream");
        return false;
    }
    memcpy(self->topic, zframe_data(topic), zframe_size(topic));
    self->topic[zframe_size(topic)] = '\0';
    message->topic = self->topic;
    message->payload = zframe_data(payload);
    message->size = zframe_size(payload);
    return true;
}

/* ---- what is new, what is missing ---- */

static void s_want(subscriber_t *self, uint64_t after) {
    if (!self->due || after < self->after)
        self->after = after;
    self->due = true;
}

static void s_forget_topics(subscriber_t *self) {
    zhash_destroy(&self->topics);
    self->topics = zhash_new();
}

/* Another epoch is another store: nothing that was seen counts. True when it changed. */
static bool s_check_epoch(subscriber_t *self, uint64_t epoch) {
    bool changed = self->epoch != 0 && self->epoch != epoch;
    if (changed) {
        s_note("the store was replaced (epoch %" PRIu64 "); beginning anew", epoch);
        s_forget_topics(self);
        self->started = self->due = true;
        self->newest = self->floor = self->after = 0;
    }
    self->epoch = epoch;
    return changed;
}

/* How many messages are missing before this one; -1 when it was seen. */
static int64_t s_missing(const subscriber_t *self, const subscriber_message_t *message) {
    const StreamHeader *header = &message->header;
    if (s_is_whole(self))
        return header->seq > self->newest ? (int64_t)(header->seq - self->newest - 1) : -1;
    const topic_t *topic = zhash_lookup(self->topics, message->topic);
    if (topic)
        return header->topic_seq > topic->topic_seq ? (int64_t)(header->topic_seq - topic->topic_seq - 1)
                                                    : -1;
    return header->seq > self->floor ? 0 : -1;
}

static void s_remember(subscriber_t *self, const subscriber_message_t *message) {
    if (zhash_size(self->topics) >= TOPICS_MOST) {
        s_forget_topics(self);
        self->floor = self->newest;
    }
    topic_t *topic = zhash_lookup(self->topics, message->topic);
    if (!topic) {
        topic = calloc(1, sizeof *topic);
        assert(topic);
        zhash_insert(self->topics, message->topic, topic);
        zhash_freefn(self->topics, message->topic, free);
    }
    *topic = (topic_t){.topic_seq = message->header.topic_seq, .seq = message->header.seq};
}

/* It counts as seen. Always true. */
static bool s_give_out(subscriber_t *self, const subscriber_message_t *message) {
    if (!s_is_whole(self))
        s_remember(self, message);
    if (message->header.seq > self->newest)
        self->newest = message->header.seq;
    self->quiet = 0;
    return true;
}

/* ---- live ---- */

/* The last seq that was published: what is missing at the end shows here. */
static void s_take_heartbeat(subscriber_t *self, const subscriber_message_t *message) {
    Heartbeat heartbeat = Heartbeat_init_zero;
    if (message->size > 0 && message->payload[0] == '{') { /* INTEGRATION_STREAM_FORMAT=json */
        char text[64] = "";
        memcpy(text, message->payload, message->size < sizeof text ? message->size : sizeof text - 1);
        if (sscanf(text, "{\"last_seq\":%" SCNu64, &heartbeat.last_seq) != 1)
            return;
    } else {
        pb_istream_t stream = pb_istream_from_buffer(message->payload, message->size);
        if (!pb_decode(&stream, Heartbeat_fields, &heartbeat))
            return;
    }
    if (!self->started)
        self->newest = self->floor = heartbeat.last_seq;
    self->started = true;
    if (heartbeat.last_seq > self->newest && (++self->quiet >= QUIET_HEARTBEATS || s_is_whole(self)))
        s_want(self, self->newest);
}

static void s_ask_for_what_is_missing(subscriber_t *self, const subscriber_message_t *message,
                                      int64_t missing) {
    const topic_t *topic = s_is_whole(self) ? NULL : zhash_lookup(self->topics, message->topic);
    uint64_t seen = topic ? topic->seq : self->newest;
    s_note("gap: %" PRId64 " missing before seq %" PRIu64 " (%s)", missing, message->header.seq,
           message->topic);
    s_want(self, seen > self->floor ? seen : self->floor);
}

/* True: it is to be handled. */
static bool s_take_live(subscriber_t *self, subscriber_message_t *message) {
    if (s_check_epoch(self, message->header.epoch))
        return false;
    if (strcmp(message->topic, "heartbeat") == 0) {
        s_take_heartbeat(self, message);
        return false;
    }
    if (!self->started) /* following begins here */
        self->newest = self->floor = message->header.seq - 1;
    self->started = true;
    int64_t missing = s_missing(self, message);
    if (missing > 0)
        s_ask_for_what_is_missing(self, message, missing);
    return missing == 0 && !self->due && s_give_out(self, message);
}

/* ---- replay ---- */

/* Each request has a connection of its own: what comes on it belongs to this request. */
static void s_ask(subscriber_t *self) {
    ReplayRequest request = {.after_seq = self->after, .limit = REPLAY_LIMIT};
    uint8_t bytes[ReplayRequest_size];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    snprintf(request.prefix, sizeof request.prefix, "%s", self->options->prefix);
    bool encoded = pb_encode(&stream, ReplayRequest_fields, &request);
    assert(encoded);
    self->dealer = s_socket(self, ZMQ_DEALER);
    self->replayed = 0;
    self->answer_by_ms = zclock_mono() + ANSWER_MS;
    if (s_connect(self->dealer, self->options->replay_url))
        zmq_send(zsock_resolve(self->dealer), bytes, stream.bytes_written, ZMQ_DONTWAIT);
}

static void s_end_asking(subscriber_t *self, int pause_ms) {
    zsock_destroy(&self->dealer);
    self->ask_at_ms = zclock_mono() + pause_ms;
}

static void s_tell_lost(int64_t count) {
    if (count > 0)
        s_note("lost: %" PRId64 " messages are no longer kept", count);
}

static void s_take_end(subscriber_t *self, zframe_t *frame) {
    ReplayEnd end = ReplayEnd_init_zero;
    bool valid = s_decode(frame, ReplayEnd_fields, &end);
    s_end_asking(self, valid ? 0 : AGAIN_MS);
    if (!valid || s_check_epoch(self, end.epoch))
        return;
    s_note("replay: %" PRIu64 " messages after what was seen, up to seq %" PRIu64 "%s", self->replayed,
           end.last_seq, end.more ? ", more to come" : "");
    if (end.more)
        return; /* `after` is where the next request goes on */
    if (s_is_whole(self) && end.last_seq > self->newest)
        s_tell_lost((int64_t)(end.last_seq - self->newest));
    if (end.last_seq > self->newest)
        self->newest = end.last_seq;
    if (end.last_seq > self->floor)
        self->floor = end.last_seq;
    self->due = false;
}

static bool s_take_replayed(subscriber_t *self, subscriber_message_t *message) {
    if (s_check_epoch(self, message->header.epoch)) { /* it was asked of another store */
        s_end_asking(self, 0);
        return false;
    }
    if (message->header.seq > self->after)
        self->after = message->header.seq;
    int64_t missing = s_missing(self, message);
    if (missing < 0)
        return false;
    s_tell_lost(missing);
    self->replayed++;
    return s_give_out(self, message);
}

/* What came on the replay's connection. True: `message` is to be handled. */
static bool s_take_answer(subscriber_t *self, zmsg_t *frames, subscriber_message_t *message) {
    zframe_t *first = zmsg_first(frames), *second = zmsg_next(frames);
    self->answer_by_ms = zclock_mono() + ANSWER_MS;
    if (zmsg_size(frames) == 2 && zframe_streq(first, "end")) {
        s_take_end(self, second);
        return false;
    }
    if (zmsg_size(frames) == 2 && zframe_streq(first, "error")) {
        s_note("replay refused: %.*s; asking again", (int)zframe_size(second), (char *)zframe_data(second));
        s_end_asking(self, AGAIN_MS);
        return false;
    }
    return s_read(self, frames, message) && s_take_replayed(self, message);
}

/* ---- the loop ---- */

static void s_note_connection(subscriber_t *self) {
    zmsg_t *event = zmsg_recv(self->monitor);
    zmsg_destroy(&event);
    if (self->connections++ > 0 && self->started) {
        s_note("connected again");
        s_want(self, self->newest);
    }
}

/* The socket to be read now; NULL while a refused replay waits for its next try. */
static zsock_t *s_reads(subscriber_t *self) {
    if (self->due && !self->dealer && zclock_mono() >= self->ask_at_ms)
        s_ask(self);
    return self->dealer ? self->dealer : self->due ? NULL : self->live;
}

/* Waits for one message at most. False when `ms` passed without one, or the process was interrupted. */
static bool s_wait(subscriber_t *self, zsock_t *socket, int ms) {
    zmq_pollitem_t items[] = {{.socket = zsock_resolve(self->monitor), .events = ZMQ_POLLIN},
                              {.socket = socket ? zsock_resolve(socket) : NULL, .events = ZMQ_POLLIN}};
    if (zmq_poll(items, socket ? 2 : 1, ms) <= 0)
        return false;
    if (items[0].revents)
        s_note_connection(self);
    if (!socket || !items[1].revents)
        return false;
    zmsg_destroy(&self->frames);
    self->frames = zmsg_recv(socket);
    self->heard_ms = zclock_mono();
    return self->frames != NULL;
}

static int s_shorter(const subscriber_t *self, int64_t until_ms) {
    int64_t now = zclock_mono();
    if (self->due && !self->dealer && self->ask_at_ms < until_ms)
        until_ms = self->ask_at_ms;
    if (self->dealer && self->answer_by_ms < until_ms)
        until_ms = self->answer_by_ms;
    return until_ms > now ? (int)(until_ms - now) : 0;
}

bool subscriber_next(subscriber_t *self, int ms, subscriber_message_t *message) {
    int64_t until_ms = zclock_mono() + ms;
    do {
        zsock_t *socket = s_reads(self);
        if (s_wait(self, socket, s_shorter(self, until_ms))) {
            bool replayed = socket == self->dealer;
            bool is_new = replayed ? s_take_answer(self, self->frames, message)
                                   : s_read(self, self->frames, message) && s_take_live(self, message);
            if (is_new)
                return true;
        } else if (self->dealer && zclock_mono() >= self->answer_by_ms) {
            s_note("no answer from %s; asking again", self->options->replay_url);
            s_end_asking(self, 0);
        }
    } while (zclock_mono() < until_ms && !zsys_interrupted);
    return false;
}

bool subscriber_has_all_up_to(const subscriber_t *self, uint64_t seq) {
    return self->started && !self->due && self->newest >= seq;
}

int64_t subscriber_silent_ms(const subscriber_t *self) {
    return zclock_mono() - self->heard_ms;
}
