/* The configuration as text: effective values as YAML, --help, and the table of the README. */
#include "base/config_table.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

char *config_mask_url(const char *url) {
    return url_mask(url);
}

/* The group of "log.level" is "log". */
static size_t s_group_length(const setting_t *setting) {
    return strcspn(setting->yaml, ".");
}

static bool s_is_service(const setting_t *setting) {
    return strncmp(setting->yaml, "services.", 9) == 0;
}

/* JSON strings are YAML double-quoted scalars. */
static void s_append_string(buf_t *out, const setting_t *setting, const char *text) {
    char *shown = setting->marks & SECRET_PASSWORD ? url_mask(text) : NULL;
    json_write_str(out, shown ? shown : text);
    free(shown);
}

static void s_append_value(buf_t *out, const config_t *self, const setting_t *setting) {
    const void *field = (const char *)self + setting->offset;
    switch (setting->type) {
    case SETTING_TYPE_STRING: s_append_string(out, setting, *(char *const *)field); break;
    case SETTING_TYPE_BOOL: buf_append_str(out, *(const bool *)field ? "true" : "false"); break;
    default: json_write_int(out, *(const int64_t *)field); break;
    }
}

static void s_append_origin(buf_t *out, const config_t *self, config_origin_t origin) {
    buf_append_str(out, "  # ");
    config_origin_print(self->origins, origin, out);
    buf_append_char(out, '\n');
}

/* A secret that is set becomes a comment: its mask must not be read back as a value. */
static void s_append_row(buf_t *out, const config_t *self, int row, const char *indent) {
    const setting_t *setting = &settings[row];
    const char *key = strrchr(setting->yaml, '.') + 1;
    bool hidden = (setting->marks & SECRET) && **(char *const *)((const char *)self + setting->offset);
    buf_printf(out, "%s%s%s: ", indent, hidden ? "# " : "", key);
    if (hidden)
        buf_append_str(out, "\"***\"");
    else
        s_append_value(out, self, setting);
    s_append_origin(out, self, self->origins->settings[row]);
}

static void s_append_service(buf_t *out, const config_t *self, int service) {
    char path[64];
    snprintf(path, sizeof path, "services.%s.url", service_names[service]);
    buf_printf(out, "  %s:\n", service_names[service]);
    for (int row = 0; row < SETTING_COUNT; row++)
        if (strcmp(settings[row].yaml, path) == 0)
            s_append_row(out, self, row, "    ");
    for (int which = 0; which < OVERRIDE_COUNT; which++) {
        const config_override_t *override = &config_overrides[which];
        config_origin_t origin = self->origins->overrides[service][which];
        buf_printf(out, "    %s: ", override->key);
        json_write_int(out, *(const int64_t *)((const char *)&self->services[service] + override->offset));
        if (origin.kind == ORIGIN_NONE)
            buf_printf(out, "  # as %s\n", settings[override->setting].yaml);
        else
            s_append_origin(out, self, origin);
    }
}

static void s_append_routes(buf_t *out, const config_t *self) {
    buf_append_str(out, self->signal_route_count ? "signal_routes:\n" : "signal_routes: []  # default\n");
    for (size_t i = 0; i < self->signal_route_count; i++) {
        const config_signal_route_t *route = &self->signal_routes[i];
        char *url = url_mask(route->url);
        buf_append_str(out, "  - target: ");
        json_write_str(out, route->target);
        buf_append_str(out, "\n    url: ");
        json_write_str(out, url);
        buf_printf(out, "\n    max_attempts: %lld\n", (long long)route->max_attempts);
        free(url);
    }
}

void config_print(const config_t *self, FILE *out) {
    buf_t text = BUF_INIT;
    const char *group = "";
    for (int row = 0; row < SETTING_COUNT; row++) {
        size_t length = s_group_length(&settings[row]);
        if (s_is_service(&settings[row]))
            continue;
        if (strlen(group) < length || strncmp(group, settings[row].yaml, length + 1) != 0)
            buf_printf(&text, "%.*s:\n", (int)length, settings[row].yaml);
        group = settings[row].yaml;
        s_append_row(&text, self, row, "  ");
    }
    buf_append_str(&text, "services:\n");
    for (int service = 0; service < SERVICE_COUNT; service++)
        s_append_service(&text, self, service);
    s_append_routes(&text, self);
    fwrite(text.data, 1, text.size, out);
    buf_free(&text);
}

static void s_append_default(buf_t *out, const setting_t *setting) {
    buf_append_str(out, *setting->fallback ? setting->fallback : "unset");
}

void config_print_help(FILE *out) {
    fputs(
        "Usage: integration-service [FLAG]...\n"
        "\n"
        "  --config FILE       read settings from a YAML file\n"
        "  --check-config      print the effective settings, secrets masked; exit 0, or 2 with every problem\n"
        "  --version           print the version\n"
        "  --help              print this text\n"
        "\n"
        "Settings, by precedence: flag, environment, YAML file, default. A YAML key is grouped by its first\n"
        "word (integration: {port: 8088}) or flat (integration_port: 8088).\n",
        out);
    for (int row = 0; row < SETTING_COUNT; row++) {
        const setting_t *setting = &settings[row];
        buf_t text = BUF_INIT;
        char flag[64];
        setting_flag(setting, flag, sizeof flag);
        buf_printf(&text, "\n  %s", setting->env);
        if (!(setting->marks & SECRET))
            buf_printf(&text, ", --%s", flag);
        buf_printf(&text, ", %s\n      %s. Allowed: ", setting->yaml, setting->text);
        setting_describe_allowed(setting, &text);
        buf_append_str(&text, ". Default: ");
        s_append_default(&text, setting);
        buf_append_str(&text, ".\n");
        fwrite(text.data, 1, text.size, out);
        buf_free(&text);
    }
    fputs(
        "\nOnly in the YAML file: services.<name>.{timeout_ms,pool_size,max_retries,health_interval_seconds,\n"
        "max_response_bytes,hedge_ms} override the ADAPTER_ settings of one service; signal_routes is a list of\n"
        "{target, url, max_attempts}.\n",
        out);
}

static void s_append_markdown_row(buf_t *out, const setting_t *setting) {
    buf_printf(out, "| `%s` | `%s` | ", setting->env, setting->yaml);
    bool quoted = *setting->fallback;
    buf_printf(out, quoted ? "`%s` | " : "%s | ", quoted ? setting->fallback : "unset");
    buf_t allowed = BUF_INIT;
    setting_describe_allowed(setting, &allowed);
    buf_printf(out, "%s | %s%s%s |\n", allowed.data, setting->text, setting->marks & SECRET ? "; secret" : "",
               setting->marks & RELOADABLE ? "; reloaded by SIGHUP" : "");
    buf_free(&allowed);
}

void config_print_markdown(FILE *out) {
    buf_t text = BUF_INIT;
    buf_append_str(&text, "| variable | YAML key | default | allowed | meaning |\n|---|---|---|---|---|\n");
    for (int row = 0; row < SETTING_COUNT; row++)
        s_append_markdown_row(&text, &settings[row]);
    for (int which = 0; which < OVERRIDE_COUNT; which++) {
        const setting_t *setting = &settings[config_overrides[which].setting];
        buf_printf(
            &text, "| | `services.<name>.%s` | as `%s` | %lld to %lld | Overrides it for one service |\n",
            config_overrides[which].key, setting->env, (long long)setting->min, (long long)setting->max);
    }
    buf_append_str(&text,
                   "| | `signal_routes` | none | a list of `{target, url, max_attempts}` | Routed signals of "
                   "the target are also POSTed to the URL; `max_attempts` is 20 unless given |\n");
    fwrite(text.data, 1, text.size, out);
    buf_free(&text);
}
