/* One value of one setting: from text to its field, checked by the kind of its row. */
#include "base/config_table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* A check says what is wrong ("is not ..."), or NULL; it may bring the value into its usual form. */
typedef const char *(*s_check_fn)(const setting_t *setting, buf_t *value);

static bool s_name_ok(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
            return false;
    return length >= 1 && length <= 64;
}

bool config_is_loopback(const char *host, size_t length) {
    char text[INET6_ADDRSTRLEN];
    struct in_addr address;
    if (length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    if (strcasecmp(text, "localhost") == 0 || strcmp(text, "::1") == 0)
        return true;
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static const char *s_check_host(const setting_t *setting, buf_t *value) {
    (void)setting;
    struct in_addr address;
    if (strchr(value->data, ':'))
        return "is IPv6, which the HTTP server of this build cannot listen on";
    if (strcasecmp(value->data, "localhost") == 0 || inet_pton(AF_INET, value->data, &address) == 1)
        return NULL;
    return "is not an address to listen on";
}

static const char *s_check_name(const setting_t *setting, buf_t *value) {
    (void)setting;
    return s_name_ok(value->data, value->size) ? NULL : "is not a name";
}

/* Calls `check` with each item of a comma list, and joins the items again without blanks. */
static const char *s_each_item(const setting_t *setting, buf_t *value,
                               const char *(*check)(const setting_t *, const char *, size_t)) {
    buf_t joined = BUF_INIT;
    const char *problem = NULL;
    for (const char *item = value->data; !problem; item++) {
        item += strspn(item, " \t\n");
        size_t span = strcspn(item, ",");
        size_t length = span;
        while (length && isspace((unsigned char)item[length - 1]))
            length--;
        problem = check(setting, item, length);
        if (joined.size)
            buf_append_char(&joined, ',');
        buf_append(&joined, item, length);
        item += span;
        if (*item == '\0')
            break;
    }
    if (!problem) {
        buf_clear(value);
        buf_append(value, joined.data, joined.size);
    }
    buf_free(&joined);
    return problem;
}

/* True when `word` is one of the words "a|b|c". */
static bool s_one_of(const char *words, const char *word, size_t length, bool any_case) {
    while (true) {
        size_t span = strcspn(words, "|");
        if (span == length && (any_case ? strncasecmp : strncmp)(words, word, length) == 0)
            return true;
        if (words[span] == '\0')
            return false;
        words += span + 1;
    }
}

static const char *s_check_word(const setting_t *setting, buf_t *value) {
    return s_one_of(setting->allowed, value->data, value->size, false) ? NULL : "is not one of the words";
}

static const char *s_check_word_upper(const setting_t *setting, buf_t *value) {
    for (char *p = value->data; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return s_check_word(setting, value);
}

static const char *s_item_word(const setting_t *setting, const char *item, size_t length) {
    return s_one_of(setting->allowed, item, length, false) ? NULL
                                                           : "holds an item that is not one of the words";
}

static const char *s_check_words(const setting_t *setting, buf_t *value) {
    return s_each_item(setting, value, s_item_word);
}

static const char *s_check_words_or_all(const setting_t *setting, buf_t *value) {
    if (s_one_of("all|none", value->data, value->size, false))
        return NULL;
    return s_check_words(setting, value);
}

static bool s_is_http(const url_t *url) {
    return (url_scheme_is(url, "http") || url_scheme_is(url, "https")) && url->host.length > 0 &&
           url->port != 0 && url->port != -2;
}

static const char *s_item_origin(const setting_t *setting, const char *item, size_t length) {
    (void)setting;
    char text[256];
    url_t url;
    if (length >= sizeof text)
        return "holds an origin that is too long";
    memcpy(text, item, length);
    text[length] = '\0';
    if (strcmp(text, "*") == 0)
        return NULL;
    bool bare = url_parse(text, &url) && s_is_http(&url) && !url.user.text && url.path.length == 0 &&
                url.query.length == 0;
    return bare ? NULL : "holds an item that is not an origin";
}

static const char *s_check_origins(const setting_t *setting, buf_t *value) {
    return s_each_item(setting, value, s_item_origin);
}

static const char *s_check_url(const setting_t *setting, buf_t *value) {
    (void)setting;
    url_t url;
    if (!url_parse(value->data, &url) || !s_is_http(&url))
        return "is not an http or https URL";
    if (url.query.length || strchr(value->data, '#'))
        return "has a query or fragment, which a base URL cannot have";
    while (value->data[value->size - 1] == '/')
        value->data[--value->size] = '\0'; /* paths are appended, each with its own slash */
    return NULL;
}

static const char *s_check_database(const setting_t *setting, buf_t *value) {
    (void)setting;
    url_t url;
    if (strncmp(value->data, "sqlite://", 9) == 0)
        return value->data[9] == '/' && value->data[10] ? NULL : "has no path (sqlite:///path)";
    if (!url_parse(value->data, &url))
        return "is not a database URL";
    if (url_part_is(url.scheme, "postgresql") || url_part_is(url.scheme, "postgres"))
        return url.port == 0 || url.port == -2 ? "has a port that is none" : NULL;
    return "is of a database that is not supported";
}

static const char *s_check_redis(const setting_t *setting, buf_t *value) {
    (void)setting;
    url_t url;
    if (strncasecmp(value->data, "rediss://", 9) == 0)
        return "asks for TLS, which the Redis library of this build cannot do";
    if (!url_parse(value->data, &url) || !url_part_is(url.scheme, "redis") || url.host.length == 0 ||
        url.port == 0 || url.port == -2 || url.query.length)
        return "is not a Redis URL";
    int64_t database;
    if (url.path.length > 1 && !config_parse_int(url.path.text + 1, 0, 65535, &database))
        return "has a database that is not a number";
    return NULL;
}

static const char *s_check_endpoint(const setting_t *setting, buf_t *value) {
    (void)setting;
    url_t url;
    if (!url_parse(value->data, &url) || !url_part_is(url.scheme, "tcp") || url.host.length == 0 ||
        url.user.text || url.path.length || url.query.length)
        return "is not a ZeroMQ address";
    if (memchr(url.host.text, ':', url.host.length))
        return "is IPv6, which the stream does not listen on";
    return url.port == -1 ? "has no port" : NULL;
}

static const char *s_check_timezone(const setting_t *setting, buf_t *value) {
    (void)setting;
    for (const char *p = value->data; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p))
            return "is not a time zone name";
    if (value->data[0] == '/' || value->size > 64)
        return "is not a time zone name";
    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", value->data);
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? NULL : "is not a time zone known here (tzdata)";
}

static const char *s_check_file(const setting_t *setting, buf_t *value) {
    (void)setting;
    struct stat info;
    if (stat(value->data, &info) != 0)
        return errno == ENOENT ? "does not exist" : "cannot be reached";
    if (S_ISDIR(info.st_mode))
        return "is a directory";
    return access(value->data, R_OK) == 0 ? NULL : "cannot be read";
}

static const char *s_check_dir(const setting_t *setting, buf_t *value) {
    (void)setting;
    struct stat info;
    if (stat(value->data, &info) != 0)
        return errno == ENOENT ? "does not exist" : "cannot be reached";
    if (!S_ISDIR(info.st_mode))
        return "is not a directory";
    return access(value->data, R_OK | X_OK) == 0 ? NULL : "cannot be read";
}

static const char *s_check_dir_to_make(const setting_t *setting, buf_t *value) {
    (void)setting;
    struct stat info;
    if (stat(value->data, &info) == 0)
        return S_ISDIR(info.st_mode) ? NULL : "is not a directory";
    return errno == ENOENT ? NULL : "cannot be reached";
}

static const char *s_check_file_to_make(const setting_t *setting, buf_t *value) {
    (void)setting;
    struct stat info;
    if (stat(value->data, &info) == 0 && S_ISDIR(info.st_mode))
        return "is a directory";
    const char *slash = strrchr(value->data, '/');
    if (!slash || slash == value->data)
        return NULL;
    char *parent = strndup(value->data, (size_t)(slash - value->data));
    assert_always(parent);
    bool there = stat(parent, &info) == 0 && S_ISDIR(info.st_mode);
    free(parent);
    return there ? NULL : "is in a directory that does not exist";
}

static const char *s_check_keys(const setting_t *setting, buf_t *value) {
    (void)setting;
    (void)value;
    return NULL; /* entry by entry in config_keys.c */
}

static const s_check_fn s_checks[] = {
    [CHECK_HOST] = s_check_host,
    [CHECK_NAME] = s_check_name,
    [CHECK_WORD] = s_check_word,
    [CHECK_WORD_UPPER] = s_check_word_upper,
    [CHECK_WORDS] = s_check_words,
    [CHECK_WORDS_OR_ALL] = s_check_words_or_all,
    [CHECK_ORIGINS] = s_check_origins,
    [CHECK_URL] = s_check_url,
    [CHECK_DATABASE] = s_check_database,
    [CHECK_REDIS] = s_check_redis,
    [CHECK_ENDPOINT] = s_check_endpoint,
    [CHECK_TIMEZONE] = s_check_timezone,
    [CHECK_KEYS] = s_check_keys,
    [CHECK_FILE] = s_check_file,
    [CHECK_FILE_TO_MAKE] = s_check_file_to_make,
    [CHECK_DIR] = s_check_dir,
    [CHECK_DIR_TO_MAKE] = s_check_dir_to_make,
};

static const char *s_parse_whole(const char *text, int64_t *value) {
    const char *digits = text + (*text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return "is not a whole number";
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno ? "is out of range" : NULL;
}

bool config_parse_int(const char *text, int64_t min, int64_t max, int64_t *value) {
    int64_t parsed;
    if (s_parse_whole(text, &parsed) || parsed < min || parsed > max)
        return false;
    *value = parsed;
    return true;
}

static const char *s_set_int(config_t *config, const setting_t *setting, const buf_t *value) {
    int64_t parsed = 0;
    const char *problem = s_parse_whole(value->data, &parsed);
    if (problem)
        return problem;
    if (parsed < setting->min || parsed > setting->max)
        return "is out of range";
    *setting_int(config, setting) = parsed;
    return NULL;
}

static const char *s_set_bool(config_t *config, const setting_t *setting, const buf_t *value) {
    bool yes = s_one_of("true|1|yes|on", value->data, value->size, true);
    if (!yes && !s_one_of("false|0|no|off", value->data, value->size, true))
        return "is neither true nor false";
    *setting_bool(config, setting) = yes;
    return NULL;
}

static const char *s_set_string(config_t *config, const setting_t *setting, buf_t *value) {
    const char *problem = value->size ? s_checks[setting->check](setting, value) : NULL;
    if (problem)
        return problem;
    char **field = setting_string(config, setting);
    free(*field);
    *field = buf_steal(value);
    return NULL;
}

/* The value as it may be shown in a message. */
static char *s_shown(const setting_t *setting, const char *text) {
    buf_t out = BUF_INIT;
    if (setting->marks & SECRET) {
        buf_append_str(&out, "the value");
    } else {
        char *safe = setting->marks & SECRET_PASSWORD ? url_mask(text) : strdup(text);
        buf_printf(&out, "\"%.200s\"", safe ? safe : "");
        free(safe);
    }
    return buf_steal(&out);
}

static void s_set(config_loader_t *loader, int row, const char *text, buf_t *value, config_origin_t origin) {
    const setting_t *setting = &settings[row];
    const char *problem;
    switch (setting->type) {
    case SETTING_TYPE_INT: problem = s_set_int(loader->config, setting, value); break;
    case SETTING_TYPE_BOOL: problem = s_set_bool(loader->config, setting, value); break;
    default: problem = s_set_string(loader->config, setting, value); break;
    }
    if (!problem)
        return;
    buf_t allowed = BUF_INIT;
    setting_describe_allowed(setting, &allowed);
    char *shown = s_shown(setting, text);
    config_setting_problem(loader, row, origin, "%s %s; allowed: %s", shown, problem, allowed.data);
    free(shown);
    buf_free(&allowed);
}

void config_set(config_loader_t *loader, int row, const char *text, config_origin_t origin) {
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    bool empty_counts = origin.kind == ORIGIN_DEFAULT || (settings[row].marks & EMPTY_MEANS_OFF);
    if (length == 0 && !empty_counts)
        return;
    buf_t value = BUF_INIT;
    buf_append(&value, text, length);
    loader->config->origins->settings[row] = origin;
    s_set(loader, row, text, &value, origin);
    buf_free(&value);
}
