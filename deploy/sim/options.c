/* Command line of integration-sim. */
#include "options.h"

#include "sim.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_BASE_PORT = 18080, DEFAULT_JOB_MS = 200, MAX_JOB_MS = 86400000, LAST_PORT = 65535 };

static const char s_help[] =
    "integration-sim: the services macro, portfolio, execution and flowhub, computed from real prices\n"
    "\n"
    "  --base-port N      macro listens on N, portfolio on N+1, execution on N+2, flowhub on N+3\n"
    "                     (default 18080; 0 = free ports)\n"
    "  --host ADDRESS     IPv4 address to listen on (default 127.0.0.1)\n"
    "  --only NAME        start only this service\n"
    "  --prices DIR       read the price history from here\n"
    "  --as-of DATE       let the history end here (YYYY-MM-DD); default is the last full month of the files\n"
    "  --job-ms N         how long a job takes (default 200; 0 = answer inline where the contract allows it)\n"
    "  --callback-key KEY sent as Bearer token to callback URLs\n"
    "  --print-ports      also print one NAME_SERVICE_URL=… line a service when ready\n"
    "  --version, --help\n"
    "\n"
    "When ready one JSON line with the ports goes to stdout. Test controls are under /_sim/ on every port.\n";

static bool s_number(const char *text, const char *flag, int64_t max, int64_t *out) {
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (text[0] && !*end && value >= 0 && value <= max) {
        *out = value;
        return true;
    }
    fprintf(stderr, "integration-sim: %s: must be between 0 and %lld, got %s\n", flag, (long long)max, text);
    return false;
}

static bool s_check_only(const char *name) {
    for (int i = 0; i < SIM_SERVICES; i++)
        if (strcmp(sim_classes[i]->name, name) == 0)
            return true;
    fprintf(stderr, "integration-sim: --only: must be macro, portfolio, execution or flowhub, got %s\n",
            name);
    return false;
}

static bool s_check_host(const char *host) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return true;
    fprintf(stderr, "integration-sim: --host: must be an IPv4 address, got %s\n", host);
    return false;
}

static const char *s_default_prices(void) {
    return access(SIM_PRICES_DIR, R_OK) == 0 ? SIM_PRICES_DIR : SIM_PRICES_INSTALL_DIR;
}

static bool s_apply(int flag, options_t *out) {
    int64_t number = 0;
    bool ok = true;
    switch (flag) {
    case 'b':
        ok = s_number(optarg, "--base-port", LAST_PORT - SIM_SERVICES + 1, &number);
        out->base_port = (int)number;
        return ok;
    case 'h': out->host = optarg; return s_check_host(optarg);
    case 'o': out->only = optarg; return s_check_only(optarg);
    case 'a': out->as_of = optarg; return true;
    case 'p': out->prices = optarg; return true;
    case 'j': return s_number(optarg, "--job-ms", MAX_JOB_MS, &out->job_ms);
    case 'k': out->callback_key = optarg; return true;
    case 'P': out->print_ports = true; return true;
    default: return false;
    }
}

options_outcome_t options_parse(int argc, char **argv, options_t *out) {
    static const struct option flags[] = {{"base-port", required_argument, NULL, 'b'},
                                          {"host", required_argument, NULL, 'h'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"prices", required_argument, NULL, 'p'},
                                          {"as-of", required_argument, NULL, 'a'},
                                          {"job-ms", required_argument, NULL, 'j'},
                                          {"callback-key", required_argument, NULL, 'k'},
                                          {"print-ports", no_argument, NULL, 'P'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'H'},
                                          {0}};
    *out = (options_t){.base_port = DEFAULT_BASE_PORT,
                       .host = "127.0.0.1",
                       .prices = s_default_prices(),
                       .job_ms = DEFAULT_JOB_MS};
    bool ok = true;
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == 'V' || flag == 'H') {
            printf("%s", flag == 'H' ? s_help : "integration-sim " SIM_VERSION "\n");
            return OPTIONS_DONE;
        }
        ok = s_apply(flag, out) && ok;
    }
    if (optind < argc) {
        fprintf(stderr, "integration-sim: unknown argument %s\n", argv[optind]);
        ok = false;
    }
    return ok ? OPTIONS_RUN : OPTIONS_BAD;
}
