/* API keys: `name:scope+scope:sha256hex`, from the setting and from its file. */
#include "base/config_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MOST = 10000, KEY_NAME_LONGEST = 64, KEY_LINE_LONGEST = 4096 };

typedef struct {
    const char *text;
    size_t length;
} s_slice_t;

static s_slice_t s_trim(const char *text, size_t length) {
    while (length && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return (s_slice_t){text, length};
}

/* Cuts up to `separator` off the front of `rest`; false when it is not in there. */
static bool s_cut(s_slice_t *rest, char separator, s_slice_t *front) {
    const char *found = memchr(rest->text, separator, rest->length);
    if (!found)
        return false;
    size_t length = (size_t)(found - rest->text);
    *front = s_trim(rest->text, length);
    *rest = (s_slice_t){found + 1, rest->length - length - 1};
    return true;
}

static bool s_name_ok(s_slice_t name) {
    for (size_t i = 0; i < name.length; i++)
        if (!isalnum((unsigned char)name.text[i]) && !strchr("._-", name.text[i]))
            return false;
    return name.length >= 1 && name.length <= KEY_NAME_LONGEST;
}

static scope_t s_scope(s_slice_t word) {
    static const char *const names[] = {
        [SCOPE_READ] = "read", [SCOPE_OPERATE] = "operate", [SCOPE_ADMIN] = "admin"};
    for (scope_t scope = SCOPE_READ; scope <= SCOPE_ADMIN; scope++)
        if (strlen(names[scope]) == word.length && memcmp(names[scope], word.text, word.length) == 0)
            return scope;
    return SCOPE_OPEN;
}

/* The highest scope of "read+operate"; SCOPE_OPEN, which no key can have, when a word is unknown. */
static scope_t s_scopes(s_slice_t words) {
    scope_t highest = SCOPE_OPEN;
    s_slice_t word;
    bool more = true;
    while (more) {
        more = s_cut(&words, '+', &word);
        scope_t scope = s_scope(more ? word : s_trim(words.text, words.length));
        if (scope == SCOPE_OPEN)
            return SCOPE_OPEN;
        highest = scope > highest ? scope : highest;
    }
    return highest;
}

static int s_hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool s_sha256(s_slice_t hex, uint8_t out[32]) {
    if (hex.length != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int high = s_hex_digit(hex.text[2 * i]), low = s_hex_digit(hex.text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool s_known(const config_t *config, s_slice_t name) {
    for (size_t i = 0; i < config->key_count; i++)
        if (strlen(config->keys[i].name) == name.length &&
            memcmp(config->keys[i].name, name.text, name.length) == 0)
            return true;
    return false;
}

/* What is wrong with the entry, or NULL when it was added. Never quotes the entry: it may hold a key. */
static const char *s_add(config_t *config, s_slice_t entry) {
    s_slice_t name, scopes;
    config_api_key_t key = {0};
    if (!s_cut(&entry, ':', &name) || !s_cut(&entry, ':', &scopes))
        return "is not name:scopes:sha256hex";
    if (!s_name_ok(name))
        return "has a name that is not 1 to 64 letters, digits and . _ -";
    key.scope = s_scopes(scopes);
    if (key.scope == SCOPE_OPEN)
        return "has an unknown scope";
    if (!s_sha256(s_trim(entry.text, entry.length), key.sha256))
        return "has a hash that is not 64 hexadecimal digits (the SHA-256 of the key)";
    if (s_known(config, name))
        return "has the name of an earlier key";
    if (config->key_count == KEYS_MOST)
        return "is one too many (at most 10000)";
    config->keys = realloc(config->keys, (config->key_count + 1) * sizeof key);
    key.name = strndup(name.text, name.length);
    assert_always(config->keys && key.name);
    config->keys[config->key_count++] = key;
    return NULL;
}

static const char *const s_allowed = "name:scope+scope:sha256hex with scopes read, operate, admin";

static void s_read_setting(config_loader_t *loader) {
    const char *cursor = loader->config->api_keys;
    config_origin_t origin = loader->config->origins->settings[SETTING_api_keys];
    for (int number = 1; *cursor;) {
        size_t span = strcspn(cursor, ",\n");
        s_slice_t entry = s_trim(cursor, span);
        const char *problem = entry.length ? s_add(loader->config, entry) : NULL;
        if (problem)
            config_setting_problem(loader, SETTING_api_keys, origin, "entry %d %s; allowed: %s", number,
                                   problem, s_allowed);
        number += entry.length > 0;
        cursor += span + (cursor[span] != '\0');
    }
}

static void s_read_line(config_loader_t *loader, const char *path, size_t number, const char *line) {
    s_slice_t entry = s_trim(line, strcspn(line, "\n"));
    if (entry.length == 0 || entry.text[0] == '#')
        return;
    s_slice_t part;
    bool more = true;
    while (more) {
        more = s_cut(&entry, ',', &part);
        part = more ? part : s_trim(entry.text, entry.length);
        const char *problem = part.length ? s_add(loader->config, part) : NULL;
        if (!problem)
            continue;
        buf_t where = BUF_INIT;
        buf_printf(&where, "%s:%zu", path, number);
        config_problem(loader, where.data, "api_keys_file", "the entry %s; allowed: %s", problem, s_allowed);
        buf_free(&where);
    }
}

static void s_read_file(config_loader_t *loader) {
    const char *path = loader->config->api_keys_file;
    FILE *file = *path ? fopen(path, "re") : NULL;
    char line[KEY_LINE_LONGEST];
    size_t number = 0;
    if (*path && !file)
        config_problem(loader, path, "api_keys_file", "cannot be read: %s", strerror(errno));
    while (file && fgets(line, sizeof line, file)) {
        number++;
        s_read_line(loader, path, number, line);
    }
    if (file && ferror(file))
        config_problem(loader, path, "api_keys_file", "cannot be read to its end");
    if (file)
        fclose(file);
}

void config_read_keys(config_loader_t *loader) {
    s_read_setting(loader);
    s_read_file(loader);
}
