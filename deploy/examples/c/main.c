/* stream-subscriber: follows the signal stream. Your own work goes into s_handle.
 *
 *   stream-subscriber --prefix signal/ --from-seq 0
 *   stream-subscriber --json --curve-server-key server.key --curve-client-key alice.key_secret
 *
 * Exit status: 0 done or interrupted, 1 it cannot begin, 2 the command line is wrong, 3 nothing was heard
 * (--give-up). */
#include "print.h"

#include <getopt.h>
#include <inttypes.h>

typedef struct {
    subscriber_options_t subscriber;
    bool json;
    uint64_t count, until_seq; /* 0 = never ends by it */
    uint64_t give_up_s;        /* 0 = never */
} options_t;

/* Called once for each message. To go on after a restart, keep message->header.epoch and .seq together with what you
 * made of the message, and begin the next time with them (has_after_seq, after_seq, epoch). False ends the program. */
static bool s_handle(const subscriber_message_t *message, const options_t *options) {
    return print_message(message, options->json);
}

static int s_follow(subscriber_t *subscriber, const options_t *options) {
    uint64_t handled = 0;
    while (!zsys_interrupted) {
        subscriber_message_t message;
        if (subscriber_next(subscriber, 200, &message)) {
            if (!s_handle(&message, options) || ++handled == options->count)
                return 0;
        }
        if (options->until_seq && subscriber_has_all_up_to(subscriber, options->until_seq))
            return 0;
        if (options->give_up_s && subscriber_silent_ms(subscriber) > (int64_t)options->give_up_s * 1000) {
            fprintf(stderr, "nothing was heard for %" PRIu64 " s: is the service up, and the key admitted?\n",
                    options->give_up_s);
            return 3;
        }
    }
    return 0;
}

/* ---- the command line ---- */

static const struct option s_options[] = {
    {"url", required_argument, NULL, 'u'},
    {"replay-url", required_argument, NULL, 'r'},
    {"prefix", required_argument, NULL, 'p'},
    {"from-seq", required_argument, NULL, 'f'},
    {"epoch", required_argument, NULL, 'e'},
    {"count", required_argument, NULL, 'n'},
    {"until-seq", required_argument, NULL, 'N'},
    {"json", no_argument, NULL, 'j'},
    {"queue", required_argument, NULL, 'q'},
    {"give-up", required_argument, NULL, 'g'},
    {"curve-server-key", required_argument, NULL, 's'},
    {"curve-client-key", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char s_help[] =
    "usage: stream-subscriber [OPTION...]\n"
    "  --url ADDRESS            PUB socket of the service (tcp://127.0.0.1:5556)\n"
    "  --replay-url ADDRESS     its replay socket (tcp://127.0.0.1:5557)\n"
    "  --prefix TEXT            only topics that begin so, such as signal/ (all)\n"
    "  --from-seq N             begin after this seq instead of now; 0 = all that is kept\n"
    "  --epoch N                of that seq; of another store, all comes again\n"
    "  --count N                end after so many messages\n"
    "  --until-seq N            end when all up to this seq was seen\n"
    "  --json                   one JSON object a line\n"
    "  --queue N                messages kept by ZeroMQ while one is handled (100000)\n"
    "  --give-up SECONDS        end with status 3 when nothing is heard for so long\n"
    "  --curve-server-key FILE  public certificate of the server (its server.key)\n"
    "  --curve-client-key FILE  own secret certificate (NAME.key_secret)\n";

static bool s_number(const char *text, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && !*end && *value <= INT64_MAX)
        return true;
    fprintf(stderr, "\"%s\" is not a whole number from 0 on\n", text);
    return false;
}

static bool s_take(options_t *self, int option, const char *value) {
    subscriber_options_t *subscriber = &self->subscriber;
    uint64_t number = 0;
    if (strchr("feNnqg", option) && !s_number(value, &number))
        return false;
    switch (option) {
    case 'u': subscriber->url = value; return true;
    case 'r': subscriber->replay_url = value; return true;
    case 'p': subscriber->prefix = value; return true;
    case 'f':
        subscriber->has_after_seq = true;
        subscriber->after_seq = number;
        return true;
    case 'e': subscriber->epoch = number; return true;
    case 'n': self->count = number; return true;
    case 'N': self->until_seq = number; return true;
    case 'j': self->json = true; return true;
    case 'q': subscriber->queue = number < 1 ? 1 : number > 1000000 ? 1000000 : (int)number; return true;
    case 'g': self->give_up_s = number; return true;
    case 's': subscriber->server_key = value; return true;
    case 'c': subscriber->client_key = value; return true;
    case 'h': fputs(s_help, stdout); exit(0);
    default: return false; /* getopt has said why */
    }
}

static bool s_read_options(options_t *self, int argc, char **argv) {
    bool valid = true;
    *self = (options_t){.subscriber = {.url = "tcp://127.0.0.1:5556",
                                       .replay_url = "tcp://127.0.0.1:5557",
                                       .prefix = "",
                                       .queue = 100000}};
    for (int option; (option = getopt_long(argc, argv, "h", s_options, NULL)) != -1;)
        valid = s_take(self, option, optarg) && valid;
    if (!self->subscriber.server_key != !self->subscriber.client_key) {
        fprintf(stderr, "--curve-server-key and --curve-client-key: both or neither\n");
        valid = false;
    }
    if (strlen(self->subscriber.prefix) > 160) {
        fprintf(stderr, "--prefix: longer than 160 bytes, the longest topic\n");
        valid = false;
    }
    return valid;
}

int main(int argc, char **argv) {
    options_t options;
    if (!s_read_options(&options, argc, argv))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    subscriber_t *subscriber = subscriber_new(&options.subscriber);
    if (!subscriber)
        return 1;
    int status = s_follow(subscriber, &options);
    subscriber_destroy(&subscriber);
    return status;
}
