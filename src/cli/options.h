/* The command line of integration-cli. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct {
    const char *url, *replay_url;
    const char *prefix;
    const char *server_key; /* file; NULL = no CURVE */
    const char *client_key; /* file */
    bool json;
    bool has_from_seq;
    uint64_t from_seq; /* tail --from-seq, replay --after */
    uint64_t count;    /* tail; 0 = without end */
    uint64_t limit;    /* replay; 0 = all */
    int64_t timeout_s;
    int first; /* of the arguments that are no options */
    bool help;
} options_t;

/* Reads argv from its second word on (argv[0] is the name of the command). Problems go to stderr; false then. */
bool options_read(options_t *self, int argc, char *const *argv);

void options_print_help(void);
