/* tail: follows the stream. What is missing is asked for by replay, what came twice is shown once. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include "base/clock.h"
#include "message/json_codec.h"
#include "stream/follow.h"
#include "stream/framing.h"
#include "tables.gen.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    HELD_MOST = 10000, /* live messages kept while a replay runs; what is beyond is asked for again */
    REPLAY_ROWS = 10000,
    READS_A_TURN = 1000,
    POLL_MS = 1000,
    AGAIN_US = 1000000 /* between a failed replay and the next */
};

typedef struct {
    const options_t *options;
    client_t client;
    follow_t *follow;
    received_t *held;
    size_t held_count;
    bool asking;
    int64_t give_up_us; /* on the replay under way */
    int64_t ask_at_us;  /* not before */
    int64_t heard_us;   /* last, of the live stream */
    bool silence_told;
    uint64_t shown, lost_told, epoch_told;
    bool done; /* as many as wanted, or nobody reads on */
    buf_t line;
} tail_t;

/* ---- showing ---- */

static void s_tell_changes(tail_t *self) {
    uint64_t lost = follow_lost(self->follow), epoch = follow_epoch(self->follow);
    if (lost > self->lost_told)
        fprintf(stderr, "%" PRIu64 " messages before the next one are no longer kept\n",
                lost - self->lost_told);
    if (self->epoch_told && epoch != self->epoch_told)
        fprintf(stderr, "the store was replaced (epoch %" PRIu64 "): following from its beginning\n", epoch);
    self->lost_told = lost;
    self->epoch_told = epoch;
}

static void s_show(tail_t *self, const received_t *message) {
    if (self->done)
        return;
    s_tell_changes(self);
    buf_clear(&self->line);
    if (self->options->json)
        print_json(message, &self->line);
    else
        print_line(message, &self->line);
    if (fwrite(self->line.data, 1, self->line.size, stdout) != self->line.size || fflush(stdout) != 0)
        self->done = true;
    self->shown++;
    if (self->options->count && self->shown >= self->options->count)
        self->done = true;
}

/* ---- live ---- */

static void s_hold(tail_t *self, received_t *message) {
    if (self->held_count == HELD_MOST)
        return;
    self->held[self->held_count++] = *message;
    *message = (received_t){0};
}

static void s_on_heartbeat(tail_t *self, const received_t *message) {
    Heartbeat heartbeat = Heartbeat_init_zero;
    problems_t problems = PROBLEMS_INIT;
    err_t err =
        message->payload_size > 0 && message->payload[0] == '{'
            ? json_decode(Heartbeat_message(), message->payload, message->payload_size, &heartbeat, &problems)
            : message_decode(Heartbeat_message(), message->payload, message->payload_size, &heartbeat);
    problems_free(&problems);
    if (err == OK)
        follow_heartbeat(self->follow, &message->header, heartbeat.last_seq);
}

static void s_on_live(tail_t *self, received_t *message) {
    if (strcmp(message->topic, STREAM_HEARTBEAT) == 0) {
        s_on_heartbeat(self, message);
        return;
    }
    follow_verdict_t verdict = follow_live(self->follow, message->topic, &message->header);
    if (verdict == FOLLOW_NEW)
        s_show(self, message);
    else if (verdict == FOLLOW_GAP)
        s_hold(self, message);
}

static void s_read_live(tail_t *self) {
    for (int i = 0; i < READS_A_TURN && !self->done; i++) {
        received_t message;
        err_t err = client_receive(&self->client, &message);
        if (err != ERR_AGAIN)
            self->heard_us = clock_mono_us();
        if (err == OK)
            s_on_live(self, &message);
        received_free(&message);
        if (err == ERR_AGAIN)
            return;
    }
}

/* After a replay, in the order in which they came. */
static void s_offer_held(tail_t *self) {
    size_t count = self->held_count, kept = 0;
    self->held_count = 0;
    for (size_t i = 0; i < count; i++) {
        received_t *message = &self->held[i];
        follow_verdict_t verdict = follow_live(self->follow, message->topic, &message->header);
        if (verdict == FOLLOW_NEW)
            s_show(self, message);
        if (verdict == FOLLOW_GAP)
            self->held[kept++] = *message;
        else
            received_free(message);
    }
    self->held_count = kept;
}

/* ---- replay ---- */

static void s_ask(tail_t *self) {
    int64_t now_us = clock_mono_us();
    if (self->asking || !follow_due(self->follow) || now_us < self->ask_at_us)
        return;
    if (client_ask(&self->client, follow_ask(self->follow), REPLAY_ROWS) != OK) {
        self->done = true;
        return;
    }
    self->asking = true;
    self->give_up_us = now_us + self->options->timeout_s * 1000000;
}

static void s_end_asking(tail_t *self, int64_t again_us) {
    client_ask_no_more(&self->client);
    self->asking = false;
    self->ask_at_us = clock_mono_us() + again_us;
}

static void s_on_answer(tail_t *self, answer_t answer, const received_t *message, const ReplayEnd *end) {
    switch (answer) {
    case ANSWER_MESSAGE:
        self->give_up_us = clock_mono_us() + self->options->timeout_s * 1000000;
        if (follow_replayed(self->follow, message->topic, &message->header) == FOLLOW_NEW)
            s_show(self, message);
        break;
    case ANSWER_END:
        follow_end(self->follow, end);
        s_end_asking(self, 0);
        if (!follow_due(self->follow))
            s_offer_held(self);
        break;
    case ANSWER_ERROR:
        fprintf(stderr, "replay refused: %s\n", message->payload);
        s_end_asking(self, AGAIN_US);
        break;
    default: fprintf(stderr, "the replay socket answers something else\n"); s_end_asking(self, AGAIN_US);
    }
}

static void s_read_answers(tail_t *self) {
    for (int i = 0; i < READS_A_TURN && self->asking && !self->done; i++) {
        received_t message;
        ReplayEnd end;
        answer_t answer = client_answer(&self->client, &message, &end);
        if (answer != ANSWER_NONE)
            s_on_answer(self, answer, &message, &end);
        received_free(&message);
        if (answer == ANSWER_NONE)
            break;
    }
    if (self->asking && clock_mono_us() > self->give_up_us) {
        fprintf(stderr, "no answer from %s; asking again\n", self->options->replay_url);
        s_end_asking(self, 0);
    }
}

/* ---- silence ---- */

/* A heartbeat comes every second, whatever the prefix. Where it does not, the service is down, cannot be reached, or
 * does not admit this key. */
static void s_tell_silence(tail_t *self) {
    int64_t silent_us = clock_mono_us() - self->heard_us, most_us = self->options->timeout_s * 1000000;
    if (silent_us > most_us && !self->silence_told)
        fprintf(stderr, "nothing was heard from %s for %" PRId64 " s; waiting for it\n", self->options->url,
                self->options->timeout_s);
    else if (silent_us <= most_us && self->silence_told)
        fprintf(stderr, "%s is heard again\n", self->options->url);
    self->silence_told = silent_us > most_us;
}

/* ---- the loop ---- */

static bool s_wait(tail_t *self, int interrupts) {
    zmq_pollitem_t items[] = {{.fd = interrupts, .events = ZMQ_POLLIN},
                              {.socket = self->client.sub, .events = ZMQ_POLLIN},
                              {.socket = self->client.monitor, .events = ZMQ_POLLIN},
                              {.socket = self->client.dealer, .events = ZMQ_POLLIN}};
    return zmq_poll(items, self->asking ? 4 : 3, POLL_MS) < 0 || !items[0].revents;
}

static void s_follow(tail_t *self, int interrupts) {
    while (!self->done && s_wait(self, interrupts)) {
        if (client_reconnected(&self->client))
            follow_reconnected(self->follow);
        s_read_live(self);
        if (self->asking)
            s_read_answers(self);
        s_ask(self);
        s_tell_silence(self);
    }
}

int command_tail(const options_t *options) {
    tail_t self = {.options = options, .follow = follow_new(options->prefix), .heard_us = clock_mono_us()};
    self.held = calloc(HELD_MOST, sizeof *self.held);
    assert_always(self.held);
    int interrupts = interrupt_fd(); /* before ZeroMQ starts its threads */
    err_t err = client_open(&self.client, options);
    if (err == OK)
        err = client_subscribe(&self.client);
    if (err == OK) {
        if (options->has_from_seq)
            follow_begin_after(self.follow, options->from_seq);
        s_ask(&self);
        s_follow(&self, interrupts);
    }
    for (size_t i = 0; i < self.held_count; i++)
        received_free(&self.held[i]);
    free(self.held);
    buf_free(&self.line);
    client_close(&self.client);
    follow_destroy(&self.follow);
    return err == OK ? EXIT_DONE : EXIT_FAILED;
}
