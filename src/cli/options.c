/* The command line. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option s_options[] = {
    {"url", required_argument, NULL, 'u'},
    {"replay-url", required_argument, NULL, 'r'},
    {"prefix", required_argument, NULL, 'p'},
    {"json", no_argument, NULL, 'j'},
    {"count", required_argument, NULL, 'n'},
    {"from-seq", required_argument, NULL, 'f'},
    {"after", required_argument, NULL, 'a'},
    {"limit", required_argument, NULL, 'l'},
    {"timeout", required_argument, NULL, 't'},
    {"curve-server-key", required_argument, NULL, 's'},
    {"curve-client-key", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool s_number(const char *name, const char *text, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && !*end && *value <= INT64_MAX)
        return true;
    fprintf(stderr, "--%s: \"%s\" is not a whole number from 0 on\n", name, text);
    return false;
}

static bool s_seconds(const char *text, int64_t *value) {
    uint64_t seconds;
    if (!s_number("timeout", text, &seconds))
        return false;
    *value = (int64_t)seconds;
    if (seconds >= 1 && seconds <= 86400)
        return true;
    fprintf(stderr, "--timeout: must be between 1 and 86400 seconds\n");
    return false;
}

static bool s_prefix(options_t *self, const char *text) {
    self->prefix = text;
    if (strlen(text) <= 160)
        return true;
    fprintf(stderr, "--prefix: longer than 160 bytes, the longest topic\n");
    return false;
}

static bool s_take(options_t *self, int option, const char *value) {
    switch (option) {
    case 'u': self->url = value; return true;
    case 'r': self->replay_url = value; return true;
    case 'p': return s_prefix(self, value);
    case 'j': self->json = true; return true;
    case 'n': return s_number("count", value, &self->count);
    case 'f': self->has_from_seq = true; return s_number("from-seq", value, &self->from_seq);
    case 'a': self->has_from_seq = true; return s_number("after", value, &self->from_seq);
    case 'l': return s_number("limit", value, &self->limit);
    case 't': return s_seconds(value, &self->timeout_s);
    case 's': self->server_key = value; return true;
    case 'c': self->client_key = value; return true;
    case 'h': self->help = true; return true;
    default: return false; /* getopt has said why */
    }
}

bool options_read(options_t *self, int argc, char *const *argv) {
    bool valid = true;
    *self = (options_t){
        .url = "tcp://127.0.0.1:5556", .replay_url = "tcp://127.0.0.1:5557", .prefix = "", .timeout_s = 5};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "h", s_options, NULL)) != -1;)
        valid = s_take(self, option, optarg) && valid;
    self->first = optind;
    if (!self->server_key != !self->client_key) {
        fprintf(stderr, "--curve-server-key and --curve-client-key: both or neither\n");
        valid = false;
    }
    return valid;
}

void options_print_help(void) {
    fputs(
        "usage: integration-cli COMMAND [OPTION...]\n"
        "\n"
        "tail                          shows what is published, and fills gaps by replay\n"
        "  --url ADDRESS               of the PUB socket (tcp://127.0.0.1:5556)\n"
        "  --replay-url ADDRESS        of the replay socket (tcp://127.0.0.1:5557)\n"
        "  --prefix TEXT               only topics that begin so, such as signal/ (all)\n"
        "  --from-seq N                first all that came after this seq (only what comes from now on)\n"
        "  --count N                   ends after so many messages (goes on until interrupted)\n"
        "  --timeout SECONDS           says so when nothing, not even a heartbeat, came for so long (5)\n"
        "\n"
        "replay                        shows what was published and is still kept\n"
        "  --after N                   messages with a greater seq (0)\n"
        "  --limit N                   at most so many (all)\n"
        "  --prefix TEXT, --replay-url ADDRESS   as above\n"
        "  --timeout SECONDS           longest wait for an answer (5)\n"
        "\n"
        "curve-keygen DIR NAME         makes a key pair: DIR/NAME.key (public, for the server's clients/\n"
        "                              directory) and DIR/NAME.key_secret (for its owner alone)\n"
        "  --json                      prints both files and the public key as one JSON object\n"
        "\n"
        "check-config [--config FILE]  prints the configuration that the service would run with, or every\n"
        "                              problem of it; takes the options of integration-service\n"
        "\n"
        "tail and replay also take\n"
        "  --json                      one JSON object a line: topic, header fields, payload\n"
        "  --curve-server-key FILE     public certificate of the server (its server.key), and\n"
        "  --curve-client-key FILE     own secret certificate (NAME.key_secret), when the stream uses CURVE\n"
        "  --help, --version\n"
        "\n"
        "exit codes: 0 done, or interrupted (Ctrl-C); 1 no answer, refused, or a file cannot be read or written;\n"
        "2 the command line or the configuration is not valid\n",
        stdout);
}
