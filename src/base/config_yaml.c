/* The YAML file: groups of settings, flat settings, `services` and `signal_routes`, each with its line. */
#include "base/config_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { PATH_LONGEST = 256, ROUTE_ATTEMPTS = 20, ROUTE_ATTEMPTS_MOST = 1000000, ROUTES_MOST = 1000 };

typedef struct {
    config_loader_t *loader;
    yaml_document_t *document;
} s_reader_t;

static size_t s_line(const yaml_node_t *node) {
    return node->start_mark.line + 1;
}

/* "config.yaml:12", in the caller's memory. */
static const char *s_where(s_reader_t *self, size_t line, char out[PATH_LONGEST]) {
    snprintf(out, PATH_LONGEST, "%s:%zu", self->loader->config->origins->file, line);
    return out;
}

#define S_PROBLEM(self, node, key, ...)                                                        \
    do {                                                                                       \
        char where_[PATH_LONGEST];                                                             \
        config_problem((self)->loader, s_where(self, s_line(node), where_), key, __VA_ARGS__); \
    } while (0)

/* The scalar's text, "" for null; NULL after a problem when it is no scalar. */
static const char *s_scalar(s_reader_t *self, const yaml_node_t *node, const char *key) {
    if (node->type != YAML_SCALAR_NODE) {
        S_PROBLEM(self, node, key, "is a %s; allowed: one value",
                  node->type == YAML_MAPPING_NODE ? "mapping" : "list");
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        S_PROBLEM(self, node, key, "holds a NUL character");
        return NULL;
    }
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return plain && (strcmp(text, "~") == 0 || strcmp(text, "null") == 0) ? "" : text;
}

typedef void (*s_pair_fn)(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                          yaml_node_t *value);

/* True when an earlier pair of the mapping has the same key; a problem then. */
static bool s_is_repeated(s_reader_t *self, yaml_node_t *mapping, const yaml_node_pair_t *pair,
                          const char *key, const yaml_node_t *key_node) {
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *earlier = yaml_document_get_node(self->document, p->key);
        if (earlier->type == YAML_SCALAR_NODE && strcmp((const char *)earlier->data.scalar.value, key) == 0) {
            S_PROBLEM(self, key_node, key, "is given twice, first on line %zu", s_line(earlier));
            return true;
        }
    }
    return false;
}

/* Calls `fn` for each pair of a mapping; null counts as an empty one, anything else is a problem. */
static void s_each_pair(s_reader_t *self, yaml_node_t *mapping, const char *path, s_pair_fn fn,
                        void *context) {
    if (mapping->type == YAML_SCALAR_NODE) {
        const char *text = s_scalar(self, mapping, path);
        if (text && *text)
            S_PROBLEM(self, mapping, path, "is one value; allowed: a mapping of keys to values");
        return;
    }
    if (mapping->type != YAML_MAPPING_NODE) {
        S_PROBLEM(self, mapping, path, "is a list; allowed: a mapping of keys to values");
        return;
    }
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key_node = yaml_document_get_node(self->document, pair->key);
        const char *key = s_scalar(self, key_node, path);
        if (key && !s_is_repeated(self, mapping, pair, key, key_node))
            fn(self, context, key, key_node, yaml_document_get_node(self->document, pair->value));
    }
}

static bool s_takes_list(const setting_t *setting) {
    return setting->type == SETTING_TYPE_STRING &&
           (setting->check == CHECK_WORDS || setting->check == CHECK_WORDS_OR_ALL ||
            setting->check == CHECK_ORIGINS || setting->check == CHECK_KEYS);
}

/* A sequence of scalars as a comma list; false after a problem. */
static bool s_join(s_reader_t *self, yaml_node_t *sequence, const char *path, buf_t *out) {
    for (yaml_node_item_t *item = sequence->data.sequence.items.start;
         item < sequence->data.sequence.items.top; item++) {
        const char *text = s_scalar(self, yaml_document_get_node(self->document, *item), path);
        if (!text)
            return false;
        if (out->size)
            buf_append_char(out, ',');
        buf_append_str(out, text);
    }
    return true;
}

static void s_set_row(s_reader_t *self, int row, yaml_node_t *key_node, yaml_node_t *value) {
    const setting_t *setting = &settings[row];
    config_origin_t *before = &self->loader->config->origins->settings[row];
    if (before->kind == ORIGIN_FILE) {
        S_PROBLEM(self, key_node, setting->yaml, "is given twice, first on line %zu", before->line);
        return;
    }
    config_origin_t origin = {ORIGIN_FILE, s_line(key_node)};
    if (value->type == YAML_SEQUENCE_NODE && s_takes_list(setting)) {
        buf_t joined = BUF_INIT;
        if (s_join(self, value, setting->yaml, &joined))
            config_set(self->loader, row, buf_str(&joined), origin);
        buf_free(&joined);
        return;
    }
    const char *text = s_scalar(self, value, setting->yaml);
    if (text)
        config_set(self->loader, row, text, origin);
}

static int s_find_path(const char *path) {
    for (int row = 0; row < SETTING_COUNT; row++)
        if (strcmp(settings[row].yaml, path) == 0)
            return row;
    return -1;
}

static int s_find_flat(const char *key) {
    char flat[64];
    for (int row = 0; row < SETTING_COUNT; row++) {
        setting_flat_key(&settings[row], flat, sizeof flat);
        if (strcmp(flat, key) == 0)
            return row;
    }
    return -1;
}

static bool s_is_group(const char *key) {
    size_t length = strlen(key);
    for (int row = 0; row < SETTING_COUNT; row++)
        if (strncmp(settings[row].yaml, key, length) == 0 && settings[row].yaml[length] == '.')
            return true;
    return false;
}

static void s_candidate(size_t i, char *out, size_t room) {
    if (i < SETTING_COUNT)
        snprintf(out, room, "%s", settings[i].yaml);
    else if (i < 2 * SETTING_COUNT)
        setting_flat_key(&settings[i - SETTING_COUNT], out, room);
    else
        snprintf(out, room, "signal_routes");
}

static void s_unknown(s_reader_t *self, yaml_node_t *node, const char *path) {
    buf_t hint = BUF_INIT;
    config_suggest(&hint, path, 2 * SETTING_COUNT + 1, s_candidate);
    S_PROBLEM(self, node, path, "is not a setting%s" CONFIG_ALLOWED_NAMES, buf_str(&hint));
    buf_free(&hint);
}

static void s_on_group_pair(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                            yaml_node_t *value) {
    char path[PATH_LONGEST];
    snprintf(path, sizeof path, "%s.%s", (const char *)context, key);
    int row = s_find_path(path);
    if (row >= 0)
        s_set_row(self, row, key_node, value);
    else
        s_unknown(self, key_node, path);
}

static void s_set_override(s_reader_t *self, int service, int which, const char *path, yaml_node_t *key_node,
                           yaml_node_t *value) {
    const config_override_t *override = &config_overrides[which];
    const setting_t *setting = &settings[override->setting];
    config_t *config = self->loader->config;
    const char *text = s_scalar(self, value, path);
    if (!text || !*text)
        return;
    int64_t *field = (int64_t *)((char *)&config->services[service] + override->offset);
    config->origins->overrides[service][which] = (config_origin_t){ORIGIN_FILE, s_line(key_node)};
    if (!config_parse_int(text, setting->min, setting->max, field))
        S_PROBLEM(self, key_node, path, "\"%.200s\" is not a whole number in range; allowed: %lld to %lld",
                  text, (long long)setting->min, (long long)setting->max);
}

static void s_on_service_key(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                             yaml_node_t *value) {
    int service = *(int *)context;
    char path[PATH_LONGEST];
    snprintf(path, sizeof path, "services.%s.%s", service_names[service], key);
    int row = s_find_path(path);
    if (row >= 0) {
        s_set_row(self, row, key_node, value);
        return;
    }
    for (int which = 0; which < OVERRIDE_COUNT; which++) {
        if (strcmp(config_overrides[which].key, key) == 0) {
            s_set_override(self, service, which, path, key_node, value);
            return;
        }
    }
    S_PROBLEM(self, key_node, path,
              "is not a setting; allowed: url, timeout_ms, pool_size, max_retries, health_interval_seconds, "
              "max_response_bytes, hedge_ms");
}

static void s_on_service(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                         yaml_node_t *value) {
    (void)context;
    char path[PATH_LONGEST];
    snprintf(path, sizeof path, "services.%s", key);
    for (int service = 0; service < SERVICE_COUNT; service++) {
        if (strcmp(service_names[service], key) == 0) {
            s_each_pair(self, value, path, s_on_service_key, &service);
            return;
        }
    }
    S_PROBLEM(self, key_node, path, "is not a service; allowed: macro, portfolio, execution, flowhub");
}

static bool s_target_ok(const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
            return false;
    return length >= 1 && length <= 64;
}

static bool s_route_url_ok(const char *text) {
    url_t url;
    return url_parse(text, &url) && (url_scheme_is(&url, "http") || url_scheme_is(&url, "https")) &&
           url.host.length > 0 && url.port != 0 && url.port != -2;
}

static char *s_copy(const char *text) {
    char *copy = strdup(text);
    assert_always(copy);
    return copy;
}

static void s_on_route_key(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                           yaml_node_t *value) {
    config_signal_route_t *route = context;
    char path[PATH_LONGEST];
    snprintf(path, sizeof path, "signal_routes.%s", key);
    const char *text = s_scalar(self, value, path);
    if (!text)
        return;
    if (strcmp(key, "target") == 0) {
        free(route->target);
        route->target = s_copy(text);
        if (!s_target_ok(text))
            S_PROBLEM(self, key_node, path, "\"%.200s\" is not a target; allowed: [A-Za-z0-9_.-]{1,64}",
                      text);
    } else if (strcmp(key, "url") == 0) {
        free(route->url);
        route->url = s_copy(text);
        char *shown = url_mask(text);
        if (!s_route_url_ok(text))
            S_PROBLEM(self, key_node, path,
                      "\"%.200s\" is not an http or https URL; allowed: http(s)://host[:port]/path", shown);
        free(shown);
    } else if (strcmp(key, "max_attempts") == 0) {
        if (!config_parse_int(text, 1, ROUTE_ATTEMPTS_MOST, &route->max_attempts))
            S_PROBLEM(self, key_node, path, "\"%.200s\" is not a whole number in range; allowed: 1 to %d",
                      text, ROUTE_ATTEMPTS_MOST);
    } else {
        S_PROBLEM(self, key_node, path, "is not a setting; allowed: target, url, max_attempts");
    }
}

static void s_read_route(s_reader_t *self, yaml_node_t *node) {
    config_t *config = self->loader->config;
    config_signal_route_t route = {.max_attempts = ROUTE_ATTEMPTS};
    s_each_pair(self, node, "signal_routes", s_on_route_key, &route);
    if (!route.target || !route.url)
        S_PROBLEM(self, node, "signal_routes", "a route lacks its %s; allowed: target, url, max_attempts",
                  route.target ? "url" : "target");
    for (size_t i = 0; i < config->signal_route_count && route.target && route.url; i++)
        if (strcmp(config->signal_routes[i].target, route.target) == 0 &&
            strcmp(config->signal_routes[i].url, route.url) == 0)
            S_PROBLEM(self, node, "signal_routes", "repeats the target and url of an earlier route");
    route.target = route.target ? route.target : s_copy("");
    route.url = route.url ? route.url : s_copy("");
    config->signal_routes = realloc(config->signal_routes, (config->signal_route_count + 1) * sizeof route);
    assert_always(config->signal_routes);
    config->signal_routes[config->signal_route_count++] = route;
}

static void s_read_routes(s_reader_t *self, yaml_node_t *node) {
    if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
        return;
    if (node->type != YAML_SEQUENCE_NODE) {
        S_PROBLEM(self, node, "signal_routes",
                  "is not a list; allowed: a list of {target, url, max_attempts}");
        return;
    }
    yaml_node_item_t *item = node->data.sequence.items.start;
    if (node->data.sequence.items.top - item > ROUTES_MOST) {
        S_PROBLEM(self, node, "signal_routes", "has too many routes; allowed: at most %d", ROUTES_MOST);
        return;
    }
    for (; item < node->data.sequence.items.top; item++)
        s_read_route(self, yaml_document_get_node(self->document, *item));
}

static void s_on_root_pair(s_reader_t *self, void *context, const char *key, yaml_node_t *key_node,
                           yaml_node_t *value) {
    (void)context;
    int row = s_find_flat(key);
    if (strcmp(key, "services") == 0)
        s_each_pair(self, value, key, s_on_service, NULL);
    else if (strcmp(key, "signal_routes") == 0)
        s_read_routes(self, value);
    else if (s_is_group(key))
        s_each_pair(self, value, key, s_on_group_pair, (void *)key);
    else if (row >= 0)
        s_set_row(self, row, key_node, value);
    else
        s_unknown(self, key_node, key);
}

static void s_syntax_problem(config_loader_t *loader, const yaml_parser_t *parser, const char *path) {
    char where[PATH_LONGEST];
    snprintf(where, sizeof where, "%s:%zu", path, parser->problem_mark.line + 1);
    config_problem(loader, where, "", "is not valid YAML: %s%s%s",
                   parser->problem ? parser->problem : "unreadable", parser->context ? " " : "",
                   parser->context ? parser->context : "");
}

/* Loads the next document; false after a syntax problem. */
static bool s_load(config_loader_t *loader, yaml_parser_t *parser, yaml_document_t *document,
                   const char *path) {
    if (yaml_parser_load(parser, document))
        return true;
    s_syntax_problem(loader, parser, path);
    return false;
}

static void s_read_documents(config_loader_t *loader, yaml_parser_t *parser, const char *path) {
    yaml_document_t document, second;
    if (!s_load(loader, parser, &document, path))
        return;
    s_reader_t reader = {loader, &document};
    yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root)
        s_each_pair(&reader, root, "the file", s_on_root_pair, NULL);
    if (root && s_load(loader, parser, &second, path)) {
        if (yaml_document_get_root_node(&second))
            config_problem(loader, path, "", "holds more than one YAML document; allowed: one");
        yaml_document_delete(&second);
    }
    yaml_document_delete(&document);
}

void config_read_yaml(config_loader_t *loader, const char *path) {
    yaml_parser_t parser;
    FILE *file = fopen(path, "re");
    if (!file) {
        config_problem(loader, path, "", "cannot be read: %s", strerror(errno));
        return;
    }
    assert_always(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, file);
    s_read_documents(loader, &parser, path);
    yaml_parser_delete(&parser);
    fclose(file);
}
