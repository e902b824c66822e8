/* Command line of integration-sim. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int base_port; /* 0 = free ports */
    const char *host;
    const char *only; /* NULL = all services */
    const char *prices;
    const char *as_of; /* YYYY-MM-DD; NULL = all the history */
    int64_t job_ms;
    const char *callback_key;
    bool print_ports;
} options_t;

typedef enum { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD } options_outcome_t;

/* Prints help, version or every problem itself. */
options_outcome_t options_parse(int argc, char **argv, options_t *out);
