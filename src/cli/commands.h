/* The commands of integration-cli. Each returns an exit code of options.h. */
#pragma once

#include "cli/options.h"

int command_tail(const options_t *options);
int command_replay(const options_t *options);
int command_curve_keygen(const options_t *options, int argc, char *const *argv);
/* argv as the service's: argv[0] and its flags. */
int command_check_config(int argc, char *const *argv);

/* Interrupts (SIGINT, SIGTERM) as a descriptor to poll; from its call on they do nothing else. */
int interrupt_fd(void);
