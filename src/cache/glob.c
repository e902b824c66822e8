/* Patterns of keys: see glob.h. */
#include "cache/glob.h"

#include <stddef.h>

/* Goes back to the last star only: linear but for one star at a time, so no pattern runs away. */
bool glob_match(const char *pattern, const char *text) {
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

void glob_for_redis(const char *pattern, buf_t *out) {
    for (; *pattern; pattern++) {
        if (*pattern == '[' || *pattern == ']' || *pattern == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, *pattern);
    }
}
