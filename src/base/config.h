/* Configuration: one table (settings.def) of every setting.
 *
 * A row: field, environment name, YAML path, type, default, range or words, secret, reloadable, text.
 * Precedence: flag > environment > YAML file > default. Reading never stops at the first problem: all are
 * listed, and nothing falls back silently. The result is immutable and shared by reference with every
 * component; a reload makes a new one.
 *
 * A YAML key is the environment name in lower case, grouped by its first word (integration: {port: 8088}), or
 * flat (integration_port: 8088). Lists may be YAML sequences. An empty environment variable, flag or YAML
 * string counts as unset, except for the stream's two addresses, where it means off. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/scope.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SERVICE_MACRO, SERVICE_PORTFOLIO, SERVICE_EXECUTION, SERVICE_FLOWHUB, SERVICE_COUNT };
extern const char *const service_names[SERVICE_COUNT]; /* "macro", "portfolio", "execution", "flowhub" */

/* How to reach a downstream service: the ADAPTER_* defaults with the overrides of YAML `services.<name>`. */
typedef struct {
    const char *url; /* the same text as the service's own setting */
    int64_t timeout_ms;
    int64_t pool_size;
    int64_t max_retries;
    int64_t health_interval_seconds;
    int64_t max_response_bytes;
    int64_t hedge_ms; /* 0 = off */
} config_service_t;

/* YAML `signal_routes`: routed signals of `target` are also POSTed to `url`. */
typedef struct {
    char *target;
    char *url;
    int64_t max_attempts;
} config_signal_route_t;

typedef struct {
    char *name;
    scope_t scope;      /* the highest that was given */
    uint8_t sha256[32]; /* of the key's bytes */
} config_api_key_t;

typedef struct config_s {
/* An unset string is "", never NULL. */
#define SETTING_STRING(field, ...) char *field;
#define SETTING_BOOL(field, ...)   bool field;
#define SETTING_INT(field, ...)    int64_t field;
#include "base/settings.def"
#undef SETTING_STRING
#undef SETTING_BOOL
#undef SETTING_INT
    config_service_t services[SERVICE_COUNT];
    config_signal_route_t *signal_routes;
    size_t signal_route_count;
    config_api_key_t *keys; /* of api_keys and api_keys_file together; names are unique */
    size_t key_count;
    struct config_origins_s *origins; /* where each value came from, for config_print */
} config_t;

/* Command line of the service. */
typedef struct {
    const char *config_file; /* --config */
    bool check_config;
    bool version;
    bool help;
} config_flags_t;

/* Reads flags, environment (`envp`), and file. Problems go to `problems`, one line each: where, key, what is
 * wrong, what is allowed. ERR_BAD_CONFIG when there was any; then *self_p is NULL. With --help or --version
 * only the command line is read: OK and *self_p is NULL. */
ERR_MUST_USE
err_t config_load(config_t **self_p, config_flags_t *flags, int argc, char *const *argv, char *const *envp,
                  FILE *problems);
void config_destroy(config_t **self_p);

/* Appends the environment names of the settings that differ between the two, joined by ", ": the reloadable
 * ones, or those that need a restart. Returns how many; YAML-only parts count as needing a restart. */
size_t config_changes(const config_t *before, const config_t *after, bool reloadable, buf_t *names);

/* Takes the first item off the comma list; false when nothing is left, also of NULL. Lists in config_t have no blanks
 * and no empty items. */
bool config_list_next(const char **list, const char **item, size_t *length);
/* True when the comma list holds the word ("a,b" holds "b"). */
bool config_list_has(const char *list, const char *word);

/* True when an address or host name means this machine only: 127.0.0.0/8, localhost, ::1. */
bool config_is_loopback(const char *host, size_t length);

/* Prints every setting with its effective value and where it came from, as YAML that --config takes back.
 * Passwords in URLs are masked; a set secret is printed as a comment. */
void config_print(const config_t *self, FILE *out);

/* The URL with any password replaced by *** (url_mask); the caller frees it. */
char *config_mask_url(const char *url);

/* --help text, and the Markdown table of the README (tools and tests compare it). */
void config_print_help(FILE *out);
void config_print_markdown(FILE *out);
