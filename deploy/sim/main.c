/* integration-sim: the four downstream services in one program, for the demo, the tests and the benchmarks. */
#include "control.h"
#include "options.h"
#include "server.h"

#include <civetweb.h>
#include <ctype.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, ERROR_SIZE = 512 };

typedef struct {
    prices_t *prices;
    service_t *services[SIM_SERVICES];
    server_t *servers[SIM_SERVICES];
} sim_t;

static bool s_wanted(const options_t *options, int i) {
    return !options->only || strcmp(options->only, sim_classes[i]->name) == 0;
}

static bool s_start_one(sim_t *self, const options_t *options, int i) {
    char error[ERROR_SIZE] = "out of memory or threads";
    self->services[i] = service_new(sim_classes[i], self->prices, options->job_ms, options->callback_key);
    int port = options->base_port ? options->base_port + i : 0;
    if (self->services[i])
        self->servers[i] = server_new(self->services[i], options->host, port, error, sizeof error);
    if (!self->servers[i])
        fprintf(stderr, "integration-sim: %s; choose other ports with --base-port\n", error);
    return self->servers[i] != NULL;
}

static bool s_start(sim_t *self, const options_t *options) {
    char error[ERROR_SIZE] = "out of memory";
    self->prices = prices_load(options->prices, error, sizeof error);
    if (!self->prices) {
        fprintf(stderr, "integration-sim: %s (--prices)\n", error);
        return false;
    }
    if (options->as_of && !prices_cut(self->prices, options->as_of, error, sizeof error)) {
        fprintf(stderr, "integration-sim: --as-of: %s\n", error);
        return false;
    }
    for (int i = 0; i < SIM_SERVICES; i++)
        if (s_wanted(options, i) && !s_start_one(self, options, i))
            return false;
    return true;
}

static void s_stop(sim_t *self) {
    for (int i = SIM_SERVICES - 1; i >= 0; i--) {
        server_destroy(&self->servers[i]);
        service_destroy(&self->services[i]);
    }
    prices_destroy(&self->prices);
}

static void s_print_ready(const sim_t *self, const options_t *options) {
    json_t *ports = json_object();
    for (int i = 0; i < SIM_SERVICES; i++)
        if (self->servers[i])
            json_object_set_new(ports, sim_classes[i]->name, json_integer(server_port(self->servers[i])));
    json_t *line =
        json_pack("{s:b, s:o, s:s, s:s, s:s, s:i}", "ready", 1, "ports", ports, "host", options->host,
                  "control", CONTROL_PREFIX, "as_of", prices_as_of(self->prices), "pid", (int)getpid());
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static void s_print_urls(const sim_t *self, const options_t *options) {
    for (int i = 0; i < SIM_SERVICES; i++) {
        if (!self->servers[i])
            continue;
        for (const char *c = sim_classes[i]->name; *c; c++)
            putchar(toupper((unsigned char)*c));
        printf("_SERVICE_URL=http://%s:%d\n", options->host, server_port(self->servers[i]));
    }
}

int main(int argc, char **argv) {
    options_t options;
    options_outcome_t outcome = options_parse(argc, argv, &options);
    if (outcome != OPTIONS_RUN)
        return outcome == OPTIONS_DONE ? EXIT_OK : EXIT_USAGE;
    /* Blocked before any thread exists, so that only this one takes them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    json_object_seed(0);
    mg_init_library(0);
    sim_t sim = {0};
    int code = EXIT_USAGE;
    if (s_start(&sim, &options)) {
        int received;
        s_print_ready(&sim, &options);
        if (options.print_ports)
            s_print_urls(&sim, &options);
        fflush(stdout);
        code = sigwait(&signals, &received) == 0 ? EXIT_OK : EXIT_FAILED;
    }
    s_stop(&sim);
    mg_exit_library();
    curl_global_cleanup();
    return code;
}
