/* check-config: what integration-service --check-config does, without the service. */
#include "cli/commands.h"

#include "base/config.h"
#include <stdio.h>
#include <unistd.h>

int command_check_config(int argc, char *const *argv) {
    config_t *config = NULL;
    config_flags_t flags = {0};
    if (config_load(&config, &flags, argc, argv, environ, stderr) != OK)
        return EXIT_USAGE;
    if (config)
        config_print(config, stdout);
    else
        config_print_help(stdout);
    config_destroy(&config);
    return EXIT_DONE;
}
