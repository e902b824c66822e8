/* Values of answers: see words.h. */
#include "coordinator/words.h"

#include "base/json_tree.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool words_has(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return length > 0;
    }
    return false;
}

err_t words_require(json_t *object, const char *key, const char *words, char why[STAGE_WHY_SIZE]) {
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) {
        snprintf(why, STAGE_WHY_SIZE, "%s is missing", key);
        return ERR_PROTOCOL;
    }
    const char *word = json_string_value(value);
    if (!word || !words_has(words, word)) {
        snprintf(why, STAGE_WHY_SIZE, "%s must be one of %s, got %s%.40s%s", key, words, word ? "\"" : "",
                 word ? word : "another type", word ? "\"" : "");
        return ERR_PROTOCOL;
    }
    return OK;
}

char *words_pick(json_t *object, const char *const *keys) {
    json_t *picked = json_object();
    for (; *keys; keys++)
        if (json_object_get(object, *keys))
            json_object_set(picked, *keys, json_object_get(object, *keys));
    char *text = json_tree_text(picked);
    json_decref(picked);
    return text;
}

bool words_is_date(const char *text) {
    static const char pattern[] = "dddd-dd-dd";
    struct tm date = {0};
    for (size_t i = 0; i < sizeof pattern; i++)
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
            return false;
    date.tm_year = atoi(text) - 1900;
    date.tm_mon = atoi(text + 5) - 1;
    date.tm_mday = atoi(text + 8);
    struct tm normal = date;
    timegm(&normal);
    return normal.tm_mon == date.tm_mon && normal.tm_mday == date.tm_mday;
}

err_t words_require_date(json_t *object, const char *key, char why[STAGE_WHY_SIZE]) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text && words_is_date(text))
        return OK;
    snprintf(why, STAGE_WHY_SIZE, "%s must be a date (YYYY-MM-DD), got %.40s", key,
             text ? text : "another type");
    return ERR_PROTOCOL;
}

double words_clamp(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}
