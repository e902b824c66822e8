/* What only shows when settings are seen together. */
#include "base/config_table.h"

#include <stdlib.h>
#include <string.h>

#define DAY_SECONDS INT64_C(86400)

static config_origin_t s_origin(const config_loader_t *loader, int row) {
    return loader->config->origins->settings[row];
}

/* A file that was named but refused counts as given: its own problem is listed already. */
static bool s_is_given(const config_loader_t *loader, int row) {
    return s_origin(loader, row).kind != ORIGIN_DEFAULT;
}

static void s_check_tls(config_loader_t *loader) {
    bool cert = s_is_given(loader, SETTING_tls_cert), key = s_is_given(loader, SETTING_tls_key);
    if (cert == key)
        return;
    int given = cert ? SETTING_tls_cert : SETTING_tls_key;
    const char *missing = settings[cert ? SETTING_tls_key : SETTING_tls_cert].env;
    config_setting_problem(loader, given, s_origin(loader, given),
                           "is set without %s; allowed: both or neither", missing);
}

/* Beyond loopback the stream carries trading signals in the clear, unless CURVE is on. */
static void s_check_stream(config_loader_t *loader, int row, const char *address) {
    config_t *config = loader->config;
    url_t url;
    if (!*address || *config->curve_dir || config->stream_insecure || !url_parse(address, &url) ||
        config_is_loopback(url.host.text, url.host.length))
        return;
    config_setting_problem(loader, row, s_origin(loader, row),
                           "\"%s\" is not a loopback address; allowed: a loopback address, or with "
                           "INTEGRATION_CURVE_DIR set, or with INTEGRATION_STREAM_INSECURE=true",
                           address);
}

static int s_port_of(const char *address) {
    url_t url;
    return *address && url_parse(address, &url) ? url.port : 0;
}

/* Told of the setting that the user gave, rather than of a default. */
static void s_port_problem(config_loader_t *loader, int row, int other, int64_t port) {
    bool swap = !s_is_given(loader, row) && s_is_given(loader, other);
    int told = swap ? other : row;
    config_setting_problem(loader, told, s_origin(loader, told),
                           "uses port %lld, as %s does; allowed: a port of its own", (long long)port,
                           settings[swap ? row : other].env);
}

static void s_check_ports(config_loader_t *loader) {
    config_t *config = loader->config;
    const int rows[] = {SETTING_port, SETTING_stream_url, SETTING_replay_url};
    const int64_t ports[] = {config->port, s_port_of(config->stream_url), s_port_of(config->replay_url)};
    for (int i = 1; i < 3; i++)
        for (int j = 0; j < i; j++)
            if (ports[i] > 0 && ports[i] == ports[j])
                s_port_problem(loader, rows[i], rows[j], ports[i]);
}

/* A signal whose history is gone is not known to be repeated. */
static void s_check_retention(config_loader_t *loader) {
    const config_t *config = loader->config;
    int64_t days = config->history_retention_days, window = config->signals_dedup_window_seconds;
    if (days == 0 || days * DAY_SECONDS >= window)
        return;
    config_setting_problem(
        loader, SETTING_history_retention_days, s_origin(loader, SETTING_history_retention_days),
        "\"%lld\" is shorter than SIGNALS_DEDUP_WINDOW_SECONDS, which is %lld; allowed: 0, or at "
        "least %lld",
        (long long)days, (long long)window, (long long)((window + DAY_SECONDS - 1) / DAY_SECONDS));
}

void config_check(config_loader_t *loader) {
    s_check_tls(loader);
    s_check_stream(loader, SETTING_stream_url, loader->config->stream_url);
    s_check_stream(loader, SETTING_replay_url, loader->config->replay_url);
    s_check_ports(loader);
    s_check_retention(loader);
}
