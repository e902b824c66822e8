/* Hexadecimal digits, for the readers of escapes in JSON and in URLs. Any thread. */
#pragma once

/* The value of a digit of either case; -1 for anything else. */
static inline int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
