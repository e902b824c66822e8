/* The rows of settings.def as an array, and how rows are named and described. */
#include "base/config_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const service_names[SERVICE_COUNT] = {"macro", "portfolio", "execution", "flowhub"};

/* clang-format off */
const setting_t settings[SETTING_COUNT] = {
#define SETTING_STRING(name, env_name, path, value, how, phrase, flags, about) \
    {.field = #name, .env = env_name, .yaml = path, .fallback = value, .allowed = phrase, .text = about, \
     .type = SETTING_TYPE_STRING, .check = how, .marks = flags, .offset = offsetof(config_t, name)},
#define SETTING_BOOL(name, env_name, path, value, flags, about) \
    {.field = #name, .env = env_name, .yaml = path, .fallback = #value, .text = about, \
     .type = SETTING_TYPE_BOOL, .marks = flags, .offset = offsetof(config_t, name)},
#define SETTING_INT(name, env_name, path, value, least, most, flags, about) \
    {.field = #name, .env = env_name, .yaml = path, .fallback = #value, .text = about, \
     .type = SETTING_TYPE_INT, .marks = flags, .min = least, .max = most, .offset = offsetof(config_t, name)},
#include "base/settings.def"
#undef SETTING_STRING
#undef SETTING_BOOL
#undef SETTING_INT
};
/* clang-format on */

const config_override_t config_overrides[OVERRIDE_COUNT] = {
    {"timeout_ms", SETTING_adapter_timeout_ms, offsetof(config_service_t, timeout_ms)},
    {"pool_size", SETTING_adapter_pool_size, offsetof(config_service_t, pool_size)},
    {"max_retries", SETTING_adapter_max_retries, offsetof(config_service_t, max_retries)},
    {"health_interval_seconds", SETTING_adapter_health_interval_seconds,
     offsetof(config_service_t, health_interval_seconds)},
    {"max_response_bytes", SETTING_adapter_max_response_bytes,
     offsetof(config_service_t, max_response_bytes)},
    {"hedge_ms", SETTING_adapter_hedge_ms, offsetof(config_service_t, hedge_ms)},
};

static void s_transform(const char *from, char *out, size_t room, char old, char new) {
    size_t i = 0;
    for (; from[i] && i + 1 < room; i++)
        out[i] = from[i] == old ? new : (char)tolower((unsigned char)from[i]);
    out[i] = '\0';
}

void setting_flat_key(const setting_t *setting, char *out, size_t room) {
    s_transform(setting->env, out, room, '_', '_');
}

void setting_flag(const setting_t *setting, char *out, size_t room) {
    s_transform(setting->field, out, room, '_', '-');
}

/* "a|b|c" as "a, b, c". */
static void s_append_words(const char *words, buf_t *out) {
    for (; *words; words++) {
        if (*words == '|')
            buf_append_str(out, ", ");
        else
            buf_append_char(out, *words);
    }
}

void setting_describe_allowed(const setting_t *setting, buf_t *out) {
    if (setting->type == SETTING_TYPE_INT) {
        buf_printf(out, "%lld to %lld", (long long)setting->min, (long long)setting->max);
        return;
    }
    if (setting->type == SETTING_TYPE_BOOL) {
        buf_append_str(out, "true, false");
        return;
    }
    if (setting->check == CHECK_WORDS_OR_ALL)
        buf_append_str(out, "all, none, or a comma list of ");
    if (setting->check == CHECK_WORDS)
        buf_append_str(out, "a comma list of ");
    s_append_words(setting->allowed, out);
}

static void *s_field(config_t *config, const setting_t *setting, setting_type_t type) {
    assert_always(setting->type == type);
    return (char *)config + setting->offset;
}

char **setting_string(config_t *config, const setting_t *setting) {
    return s_field(config, setting, SETTING_TYPE_STRING);
}

int64_t *setting_int(config_t *config, const setting_t *setting) {
    return s_field(config, setting, SETTING_TYPE_INT);
}

bool *setting_bool(config_t *config, const setting_t *setting) {
    return s_field(config, setting, SETTING_TYPE_BOOL);
}

void config_origin_print(const config_origins_t *origins, config_origin_t origin, buf_t *out) {
    switch (origin.kind) {
    case ORIGIN_FILE: buf_printf(out, "%s:%zu", origins->file, origin.line); break;
    case ORIGIN_ENVIRONMENT: buf_append_str(out, "environment"); break;
    case ORIGIN_FLAG: buf_append_str(out, "command line"); break;
    default: buf_append_str(out, "default"); break;
    }
}

static void s_problem(config_loader_t *loader, const char *where, const char *key, const char *format,
                      va_list args) {
    buf_t line = BUF_INIT;
    buf_printf(&line, "%s: ", where);
    if (*key)
        buf_printf(&line, "%s: ", key);
    buf_vprintf(&line, format, args);
    for (size_t i = 0; i < line.size; i++)
        if ((unsigned char)line.data[i] < ' ' || line.data[i] == 0x7f)
            line.data[i] = '?';
    fprintf(loader->problems, "%s\n", line.data);
    loader->problem_count++;
    buf_free(&line);
}

void config_problem(config_loader_t *loader, const char *where, const char *key, const char *format, ...) {
    va_list args;
    va_start(args, format);
    s_problem(loader, where, key, format, args);
    va_end(args);
}

void config_setting_problem(config_loader_t *loader, int row, config_origin_t origin, const char *format,
                            ...) {
    const setting_t *setting = &settings[row];
    buf_t where = BUF_INIT;
    config_origin_print(loader->config->origins, origin, &where);
    char flag[64];
    setting_flag(setting, flag, sizeof flag);
    buf_t key = BUF_INIT;
    if (origin.kind == ORIGIN_FLAG)
        buf_printf(&key, "--%s", flag);
    else
        buf_append_str(&key, origin.kind == ORIGIN_FILE ? setting->yaml : setting->env);
    va_list args;
    va_start(args, format);
    s_problem(loader, where.data, key.data, format, args);
    va_end(args);
    buf_free(&where);
    buf_free(&key);
}

enum { NAME_LONGEST = 80 };

static size_t s_min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein distance; names longer than NAME_LONGEST count as far away. */
static size_t s_distance(const char *a, const char *b) {
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > NAME_LONGEST || length_b > NAME_LONGEST)
        return SIZE_MAX;
    size_t row[NAME_LONGEST + 1];
    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t above = row[j];
            row[j] = s_min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[length_b];
}

void config_suggest(buf_t *out, const char *wrong, size_t count,
                    void (*candidate)(size_t i, char *out, size_t room)) {
    char best[NAME_LONGEST + 1] = "", name[NAME_LONGEST + 1];
    size_t nearest = strlen(wrong) / 4 + 2; /* about one letter in four may be wrong */
    for (size_t i = 0; i < count; i++) {
        candidate(i, name, sizeof name);
        size_t distance = s_distance(wrong, name);
        if (distance < nearest) {
            nearest = distance;
            memcpy(best, name, sizeof best);
        }
    }
    if (*best)
        buf_printf(out, "; did you mean %s?", best);
}
