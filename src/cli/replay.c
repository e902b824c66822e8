/* replay: shows what was published and is still kept, then ends. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include "base/clock.h"
#include "stream/framing.h"
#include <inttypes.h>
#include <stdio.h>
#include <zmq.h>

typedef struct {
    const options_t *options;
    client_t client;
    uint64_t after, left; /* left: UINT64_MAX = all */
    uint64_t shown, shown_in_part;
    int interrupts;
    buf_t line;
} replay_t;

typedef enum { STEP_ON, STEP_DONE, STEP_INTERRUPTED, STEP_FAILED } step_t;

static step_t s_show(replay_t *self, const received_t *message) {
    buf_clear(&self->line);
    if (self->options->json)
        print_json(message, &self->line);
    else
        print_line(message, &self->line);
    self->after = message->header.seq;
    self->left -= self->left != UINT64_MAX;
    self->shown++;
    self->shown_in_part++;
    return fwrite(self->line.data, 1, self->line.size, stdout) == self->line.size ? STEP_ON : STEP_FAILED;
}

static step_t s_ask(replay_t *self) {
    uint64_t limit = self->left < STREAM_LIMIT_MOST ? self->left : STREAM_LIMIT_MOST;
    self->shown_in_part = 0;
    return client_ask(&self->client, self->after, (uint32_t)limit) == OK ? STEP_ON : STEP_FAILED;
}

static step_t s_on_end(replay_t *self, const ReplayEnd *end) {
    if (!end->more || self->left == 0)
        return STEP_DONE;
    if (self->shown_in_part == 0)
        fprintf(stderr, "the service sends nothing of what it has; asking again\n");
    return s_ask(self);
}

static step_t s_wait(replay_t *self) {
    zmq_pollitem_t items[] = {{.fd = self->interrupts, .events = ZMQ_POLLIN},
                              {.socket = self->client.dealer, .events = ZMQ_POLLIN}};
    int rc = zmq_poll(items, 2, self->options->timeout_s * 1000);
    if (rc > 0 && items[0].revents)
        return STEP_INTERRUPTED;
    if (rc > 0)
        return STEP_ON;
    fprintf(stderr, "no answer from %s within %" PRId64 " s\n", self->options->replay_url,
            self->options->timeout_s);
    return STEP_FAILED;
}

static step_t s_take(replay_t *self) {
    received_t message;
    ReplayEnd end;
    step_t step = STEP_ON;
    switch (client_answer(&self->client, &message, &end)) {
    case ANSWER_NONE: step = s_wait(self); break;
    case ANSWER_MESSAGE: step = s_show(self, &message); break;
    case ANSWER_END: step = s_on_end(self, &end); break;
    case ANSWER_ERROR:
        fprintf(stderr, "replay refused: %s\n", message.payload);
        step = STEP_FAILED;
        break;
    default: fprintf(stderr, "%s answers something else\n", self->options->replay_url); step = STEP_FAILED;
    }
    received_free(&message);
    return step;
}

int command_replay(const options_t *options) {
    replay_t self = {.options = options,
                     .after = options->from_seq,
                     .left = options->limit ? options->limit : UINT64_MAX,
                     .interrupts = interrupt_fd()};
    step_t step = client_open(&self.client, options) == OK ? s_ask(&self) : STEP_FAILED;
    while (step == STEP_ON)
        step = s_take(&self);
    if (fflush(stdout) != 0)
        step = STEP_FAILED;
    client_close(&self.client);
    buf_free(&self.line);
    return step == STEP_FAILED ? EXIT_FAILED : EXIT_DONE;
}
