/* integration-cli: watching the stream, keys, configuration. */
#include "cli/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupt_fd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int s_usage(const char *word) {
    if (word)
        fprintf(stderr, "integration-cli: no command \"%s\"; ", word);
    fprintf(stderr, "allowed: tail, replay, curve-keygen, check-config; --help says more\n");
    return EXIT_USAGE;
}

static int s_run(const char *command, int argc, char *const *argv) {
    options_t options;
    if (!options_read(&options, argc, argv))
        return EXIT_USAGE;
    if (options.help) {
        options_print_help();
        return EXIT_DONE;
    }
    if (strcmp(command, "curve-keygen") == 0)
        return command_curve_keygen(&options, argc, argv);
    if (options.first < argc) {
        fprintf(stderr, "integration-cli %s: \"%s\" is not expected\n", command, argv[options.first]);
        return EXIT_USAGE;
    }
    return strcmp(command, "tail") == 0 ? command_tail(&options) : command_replay(&options);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is a write that fails */
    const char *command = argc > 1 ? argv[1] : NULL;
    if (!command)
        return s_usage(NULL);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        options_print_help();
        return EXIT_DONE;
    }
    if (strcmp(command, "--version") == 0) {
        puts("integration-cli " INTEGRATION_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(command, "check-config") == 0)
        return command_check_config(argc - 1, argv + 1);
    if (strcmp(command, "tail") == 0 || strcmp(command, "replay") == 0 ||
        strcmp(command, "curve-keygen") == 0)
        return s_run(command, argc - 1, argv + 1);
    return s_usage(command);
}
