/* Reading the configuration in its order of precedence, and its life. */
#include "base/config.h"

#include "base/config_table.h"
#include <stdlib.h>
#include <string.h>

static config_t *s_new(void) {
    config_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->origins = calloc(1, sizeof *self->origins);
    assert_always(self->origins);
    for (int row = 0; row < SETTING_COUNT; row++) {
        if (settings[row].type != SETTING_TYPE_STRING)
            continue;
        char **field = setting_string(self, &settings[row]);
        *field = strdup("");
        assert_always(*field);
    }
    return self;
}

void config_destroy(config_t **self_p) {
    config_t *self = *self_p;
    if (!self)
        return;
    for (int row = 0; row < SETTING_COUNT; row++)
        if (settings[row].type == SETTING_TYPE_STRING)
            free(*setting_string(self, &settings[row]));
    for (size_t i = 0; i < self->signal_route_count; i++) {
        free(self->signal_routes[i].target);
        free(self->signal_routes[i].url);
    }
    for (size_t i = 0; i < self->key_count; i++)
        free(self->keys[i].name);
    free(self->signal_routes);
    free(self->keys);
    free(self->origins->file);
    free(self->origins);
    free(self);
    *self_p = NULL;
}

static const char *const s_own_flags[] = {"config", "check-config", "version", "help"};
enum { OWN_FLAG_COUNT = sizeof s_own_flags / sizeof *s_own_flags };

static void s_flag_candidate(size_t i, char *out, size_t room) {
    char flag[64];
    if (i < OWN_FLAG_COUNT)
        snprintf(flag, sizeof flag, "%s", s_own_flags[i]);
    else
        setting_flag(&settings[i - OWN_FLAG_COUNT], flag, sizeof flag);
    snprintf(out, room, "--%s", flag);
}

static int s_find_flag(const char *name, size_t length) {
    char flag[64];
    for (int row = 0; row < SETTING_COUNT; row++) {
        setting_flag(&settings[row], flag, sizeof flag);
        if (strlen(flag) == length && memcmp(flag, name, length) == 0)
            return row;
    }
    return -1;
}

static void s_unknown_flag(config_loader_t *loader, const char *argument, size_t length) {
    char *name = strndup(argument, length);
    assert_always(name);
    buf_t hint = BUF_INIT;
    config_suggest(&hint, name, OWN_FLAG_COUNT + SETTING_COUNT, s_flag_candidate);
    config_problem(loader, "command line", name, "is not a flag%s" CONFIG_ALLOWED_NAMES, buf_str(&hint));
    buf_free(&hint);
    free(name);
}

static bool s_read_own_flag(config_flags_t *flags, const char *argument) {
    if (strcmp(argument, "--check-config") == 0)
        flags->check_config = true;
    else if (strcmp(argument, "--version") == 0)
        flags->version = true;
    else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        flags->help = true;
    else
        return false;
    return true;
}

/* Where the value of a flag goes, NULL for an unknown flag. */
static const char **s_flag_place(config_flags_t *flags, const char **values, const char *argument,
                                 size_t length) {
    if (length == 8 && memcmp(argument, "--config", 8) == 0)
        return &flags->config_file;
    int row = length > 2 && memcmp(argument, "--", 2) == 0 ? s_find_flag(argument + 2, length - 2) : -1;
    return row >= 0 ? &values[row] : NULL;
}

/* Sorts the command line into `flags` and the texts of settings, which are set after file and environment. */
static void s_read_flags(config_loader_t *loader, config_flags_t *flags, const char *values[SETTING_COUNT],
                         int argc, char *const *argv) {
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        size_t length = strcspn(argument, "=");
        if (s_read_own_flag(flags, argument))
            continue;
        const char **place = s_flag_place(flags, values, argument, length);
        if (!place) {
            s_unknown_flag(loader, argument, length);
            continue;
        }
        if (*place)
            config_problem(loader, "command line", argument, "is given twice");
        if (argument[length] == '=')
            *place = argument + length + 1;
        else if (i + 1 < argc)
            *place = argv[++i];
        else
            config_problem(loader, "command line", argument, "needs a value");
    }
}

static void s_set_flags(config_loader_t *loader, const char *values[SETTING_COUNT]) {
    config_origin_t origin = {ORIGIN_FLAG, 0};
    for (int row = 0; row < SETTING_COUNT; row++) {
        if (values[row] && (settings[row].marks & SECRET))
            config_setting_problem(
                loader, row, origin,
                "a secret on the command line is visible to all; allowed: environment or file");
        else if (values[row])
            config_set(loader, row, values[row], origin);
    }
}

static void s_env_candidate(size_t i, char *out, size_t room) {
    snprintf(out, room, "%s", settings[i].env);
}

static void s_unknown_env(config_loader_t *loader, const char *name) {
    buf_t hint = BUF_INIT;
    const char *bare = name + strlen("INTEGRATION_");
    for (int row = 0; row < SETTING_COUNT && !hint.size; row++)
        if (strcmp(settings[row].env, bare) == 0)
            buf_printf(&hint, "; did you mean %s?", bare);
    if (!hint.size)
        config_suggest(&hint, name, SETTING_COUNT, s_env_candidate);
    config_problem(loader, "environment", name, "is not a setting%s" CONFIG_ALLOWED_NAMES, buf_str(&hint));
    buf_free(&hint);
}

static void s_read_env_entry(config_loader_t *loader, const char *entry) {
    size_t length = strcspn(entry, "=");
    if (entry[length] != '=')
        return;
    for (int row = 0; row < SETTING_COUNT; row++) {
        if (strlen(settings[row].env) == length && memcmp(settings[row].env, entry, length) == 0) {
            config_set(loader, row, entry + length + 1, (config_origin_t){ORIGIN_ENVIRONMENT, 0});
            return;
        }
    }
    if (strncmp(entry, "INTEGRATION_", 12) == 0) {
        char *name = strndup(entry, length);
        assert_always(name);
        s_unknown_env(loader, name);
        free(name);
    }
}

static void s_read_defaults(config_loader_t *loader) {
    config_t *config = loader->config;
    for (int row = 0; row < SETTING_COUNT; row++)
        if (config->origins->settings[row].kind == ORIGIN_NONE)
            config_set(loader, row, settings[row].fallback, (config_origin_t){ORIGIN_DEFAULT, 0});
}

static void s_fill_services(config_t *config) {
    const int urls[SERVICE_COUNT] = {SETTING_macro_service_url, SETTING_portfolio_service_url,
                                     SETTING_execution_service_url, SETTING_flowhub_service_url};
    for (int service = 0; service < SERVICE_COUNT; service++) {
        config->services[service].url = *setting_string(config, &settings[urls[service]]);
        for (int which = 0; which < OVERRIDE_COUNT; which++) {
            const config_override_t *override = &config_overrides[which];
            if (config->origins->overrides[service][which].kind == ORIGIN_NONE)
                *(int64_t *)((char *)&config->services[service] + override->offset) =
                    *setting_int(config, &settings[override->setting]);
        }
    }
}

static void s_read_all(config_loader_t *loader, const char *file, char *const *envp,
                       const char *values[SETTING_COUNT]) {
    if (file) {
        loader->config->origins->file = strdup(file);
        assert_always(loader->config->origins->file);
        config_read_yaml(loader, file);
    }
    for (; envp && *envp; envp++)
        s_read_env_entry(loader, *envp);
    s_set_flags(loader, values);
    s_read_defaults(loader);
    s_fill_services(loader->config);
    config_read_keys(loader);
    config_check(loader);
}

err_t config_load(config_t **self_p, config_flags_t *flags, int argc, char *const *argv, char *const *envp,
                  FILE *problems) {
    *self_p = NULL;
    *flags = (config_flags_t){0};
    config_loader_t loader = {.config = s_new(), .problems = problems};
    const char *values[SETTING_COUNT] = {NULL};
    s_read_flags(&loader, flags, values, argc, argv);
    bool wanted = !flags->help && !flags->version;
    if (wanted)
        s_read_all(&loader, flags->config_file, envp, values);
    if (wanted && loader.problem_count == 0) {
        *self_p = loader.config;
        return OK;
    }
    config_destroy(&loader.config);
    return loader.problem_count ? ERR_BAD_CONFIG : OK;
}

static bool s_differs(const config_t *before, const config_t *after, const setting_t *setting) {
    const char *a = (const char *)before + setting->offset, *b = (const char *)after + setting->offset;
    switch (setting->type) {
    case SETTING_TYPE_STRING: return strcmp(*(char *const *)a, *(char *const *)b) != 0;
    case SETTING_TYPE_INT: return *(const int64_t *)a != *(const int64_t *)b;
    default: return *(const bool *)a != *(const bool *)b;
    }
}

static bool s_services_differ(const config_t *before, const config_t *after) {
    for (int service = 0; service < SERVICE_COUNT; service++) {
        for (int which = 0; which < OVERRIDE_COUNT; which++) {
            size_t offset = config_overrides[which].offset;
            if (*(const int64_t *)((const char *)&before->services[service] + offset) !=
                *(const int64_t *)((const char *)&after->services[service] + offset))
                return true;
        }
    }
    return false;
}

static bool s_routes_differ(const config_t *before, const config_t *after) {
    if (before->signal_route_count != after->signal_route_count)
        return true;
    for (size_t i = 0; i < before->signal_route_count; i++) {
        const config_signal_route_t *a = &before->signal_routes[i], *b = &after->signal_routes[i];
        if (strcmp(a->target, b->target) != 0 || strcmp(a->url, b->url) != 0 ||
            a->max_attempts != b->max_attempts)
            return true;
    }
    return false;
}

static void s_add_name(buf_t *names, size_t *count, const char *name) {
    if ((*count)++)
        buf_append_str(names, ", ");
    buf_append_str(names, name);
}

size_t config_changes(const config_t *before, const config_t *after, bool reloadable, buf_t *names) {
    size_t count = 0;
    for (int row = 0; row < SETTING_COUNT; row++)
        if (((settings[row].marks & RELOADABLE) != 0) == reloadable &&
            s_differs(before, after, &settings[row]))
            s_add_name(names, &count, settings[row].env);
    if (!reloadable && s_services_differ(before, after))
        s_add_name(names, &count, "services");
    if (!reloadable && s_routes_differ(before, after))
        s_add_name(names, &count, "signal_routes");
    return count;
}

bool config_list_next(const char **list, const char **item, size_t *length) {
    if (!*list || !**list)
        return false;
    *item = *list;
    *length = strcspn(*list, ",");
    *list += *length + ((*list)[*length] != '\0');
    return true;
}

bool config_list_has(const char *list, const char *word) {
    const char *item;
    size_t length;
    while (config_list_next(&list, &item, &length))
        if (length == strlen(word) && memcmp(item, word, length) == 0)
            return true;
    return false;
}
