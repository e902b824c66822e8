/* The settings as a table at run time; for the config_*.c files and their tests only. */
#pragma once

#include "base/buf.h"
#include "base/config.h"
#include "base/url.h"
#include <stdarg.h>
#include <stddef.h>

typedef enum { SETTING_TYPE_STRING, SETTING_TYPE_BOOL, SETTING_TYPE_INT } setting_type_t;

typedef enum {
    CHECK_HOST,
    CHECK_NAME,         /* one word of letters, digits and . _ - */
    CHECK_WORD,         /* one of the words */
    CHECK_WORD_UPPER,   /* one of the words in any case; kept in upper case */
    CHECK_WORDS,        /* comma list of the words */
    CHECK_WORDS_OR_ALL, /* "all", "none", or a comma list of the words */
    CHECK_ORIGINS,
    CHECK_URL,
    CHECK_DATABASE,
    CHECK_REDIS,
    CHECK_ENDPOINT,
    CHECK_TIMEZONE,
    CHECK_KEYS, /* parsed by config_keys.c */
    CHECK_FILE,
    CHECK_FILE_TO_MAKE,
    CHECK_DIR,
    CHECK_DIR_TO_MAKE
} setting_check_t;

enum {
    SECRET = 1,          /* the whole value */
    SECRET_PASSWORD = 2, /* the password within the URL */
    RELOADABLE = 4,
    EMPTY_MEANS_OFF = 8
};

typedef struct {
    const char *field;
    const char *env;
    const char *yaml;
    const char *fallback; /* the default, as text */
    const char *allowed;
    const char *text;
    setting_type_t type;
    setting_check_t check;
    int marks;
    int64_t min, max;
    size_t offset; /* of the field in config_t */
} setting_t;

/* The row numbers: SETTING_host, SETTING_port, ... */
enum {
#define SETTING_STRING(field, ...) SETTING_##field,
#define SETTING_BOOL(field, ...)   SETTING_##field,
#define SETTING_INT(field, ...)    SETTING_##field,
#include "base/settings.def"
#undef SETTING_STRING
#undef SETTING_BOOL
#undef SETTING_INT
    SETTING_COUNT
};
extern const setting_t settings[SETTING_COUNT];

/* The YAML keys of a service beside its url, each an override of an ADAPTER_ row. */
enum { OVERRIDE_COUNT = 6 };
typedef struct {
    const char *key;
    int setting;   /* the row that gives default and range */
    size_t offset; /* in config_service_t */
} config_override_t;
extern const config_override_t config_overrides[OVERRIDE_COUNT];

typedef enum { ORIGIN_NONE, ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG } origin_kind_t;
typedef struct {
    origin_kind_t kind;
    size_t line; /* of the YAML file, from 1 */
} config_origin_t;

typedef struct config_origins_s {
    char *file;
    config_origin_t settings[SETTING_COUNT];
    config_origin_t overrides[SERVICE_COUNT][OVERRIDE_COUNT];
} config_origins_t;

/* What is being read. */
typedef struct {
    config_t *config;
    FILE *problems;
    size_t problem_count;
} config_loader_t;

/* "integration_port" (the flat YAML key) and "stream-url" (the flag without its dashes). */
void setting_flat_key(const setting_t *setting, char *out, size_t room);
void setting_flag(const setting_t *setting, char *out, size_t room);

/* The phrase for messages and tables: "0 to 65535", "lru, lfu, ttl, adaptive". */
void setting_describe_allowed(const setting_t *setting, buf_t *out);

char **setting_string(config_t *config, const setting_t *setting);
int64_t *setting_int(config_t *config, const setting_t *setting);
bool *setting_bool(config_t *config, const setting_t *setting);

/* "config.yaml:12", "environment", "command line", "default". */
void config_origin_print(const config_origins_t *origins, config_origin_t origin, buf_t *out);

/* One problem line: where, key, text. Control characters are shown as '?', so that it stays one line. */
void config_problem(config_loader_t *loader, const char *where, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A problem of a setting, with the place and the name that the user wrote it under. */
void config_setting_problem(config_loader_t *loader, int row, config_origin_t origin, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets a row from its text (config_value.c): a bad value is a problem and leaves the field alone. */
void config_set(config_loader_t *loader, int row, const char *text, config_origin_t origin);

/* A decimal integer within the row's range; false when it is not. */
bool config_parse_int(const char *text, int64_t min, int64_t max, int64_t *value);

/* Reads the YAML file (config_yaml.c). */
void config_read_yaml(config_loader_t *loader, const char *path);

/* Parses api_keys and api_keys_file into config->keys (config_keys.c). */
void config_read_keys(config_loader_t *loader);

/* What only shows with all settings read (config_check.c). */
void config_check(config_loader_t *loader);

/* What is allowed in place of a name that is none. */
#define CONFIG_ALLOWED_NAMES "; allowed: those that --help lists"

/* Appends "; did you mean X?" for the nearest of `candidate (i)`, i < count; nothing when none is near. */
void config_suggest(buf_t *out, const char *wrong, size_t count,
                    void (*candidate)(size_t i, char *out, size_t room));
