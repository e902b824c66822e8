/* Numbers of the JSON reader and writer: exact both ways, and fast for the ones that people send. */
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Powers of ten that are exact as double. */
static const double s_power10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWER10_MAX = 22 };
#define EXACT_MAX ((uint64_t)1 << 53) /* integers up to here are exact as double */

/* A number taken apart: (-1)^negative * mantissa * 10^exponent; `cut` when digits did not fit. */
typedef struct {
    uint64_t mantissa;
    int64_t exponent;
    bool negative, cut;
} decimal_t;

#define EXPONENT_MAX 100000 /* beyond any double and any integer; keeps the arithmetic in range */

static int64_t s_read_exponent(const char *p, const char *end) {
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    int64_t value = 0;
    for (; p < end; p++)
        value = value < EXPONENT_MAX ? value * 10 + (*p - '0') : value;
    return negative ? -value : value;
}

/* Takes apart a number that keeps the JSON grammar. Trailing zeros go to the exponent. */
static void s_take_apart(const char *text, size_t length, decimal_t *out) {
    const char *p = text, *end = text + length;
    *out = (decimal_t){0};
    out->negative = p < end && *p == '-';
    p += out->negative;
    int64_t zeros = 0; /* not yet multiplied in */
    bool fraction = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        out->exponent -= fraction;
        if (*p == '0') {
            zeros += out->mantissa != 0;
            continue;
        }
        for (; zeros >= 0 && !out->cut; zeros--) {
            uint64_t digit = zeros ? 0 : (uint64_t)(*p - '0');
            if (__builtin_mul_overflow(out->mantissa, (uint64_t)10, &out->mantissa) ||
                __builtin_add_overflow(out->mantissa, digit, &out->mantissa))
                out->cut = true;
        }
        zeros = 0;
    }
    out->exponent += zeros;
    if (p < end)
        out->exponent += s_read_exponent(p + 1, end);
    if (out->mantissa == 0 && !out->cut)
        out->exponent = 0;
}

static bool s_number_slow(const char *text, size_t length, double *value) {
    char small[64], *copy = length < sizeof small ? small : malloc(length + 1);
    assert_always(copy);
    memcpy(copy, text, length);
    copy[length] = '\0';
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* static in glibc: costs nothing */
    *value = strtod_l(copy, NULL, c_locale);
    freelocale(c_locale);
    if (copy != small)
        free(copy);
    return isfinite(*value);
}

bool json_read_number(const char *text, size_t length, double *value) {
    decimal_t decimal;
    s_take_apart(text, length, &decimal);
    if (decimal.cut || decimal.mantissa > EXACT_MAX || decimal.exponent > POWER10_MAX ||
        decimal.exponent < -POWER10_MAX)
        return s_number_slow(text, length, value);
    double magnitude = (double)decimal.mantissa;
    if (decimal.exponent < 0)
        magnitude /= s_power10[-decimal.exponent];
    else
        magnitude *= s_power10[decimal.exponent];
    *value = decimal.negative ? -magnitude : magnitude;
    return true;
}

/* The magnitude as integer; false when it has a fraction or more than 64 bits. */
static bool s_magnitude(const decimal_t *decimal, uint64_t *value) {
    if (decimal->cut || decimal->exponent < 0 || decimal->exponent > 19)
        return false;
    *value = decimal->mantissa;
    for (int64_t i = 0; i < decimal->exponent; i++)
        if (__builtin_mul_overflow(*value, (uint64_t)10, value))
            return false;
    return true;
}

bool json_read_unsigned(const char *text, size_t length, uint64_t *value) {
    decimal_t decimal;
    s_take_apart(text, length, &decimal);
    return s_magnitude(&decimal, value) && (!decimal.negative || *value == 0);
}

bool json_read_integer(const char *text, size_t length, int64_t *value) {
    decimal_t decimal;
    uint64_t magnitude;
    s_take_apart(text, length, &decimal);
    if (!s_magnitude(&decimal, &magnitude) || magnitude > (uint64_t)INT64_MAX + decimal.negative)
        return false;
    *value = (int64_t)(decimal.negative ? 0 - magnitude : magnitude);
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Writes the digits backwards from `end`; returns where they begin. */
static char *s_digits_before(char *end, uint64_t value) {
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

void json_write_uint(buf_t *out, uint64_t value) {
    char text[24], *end = text + sizeof text;
    char *begin = s_digits_before(end, value);
    buf_append(out, begin, (size_t)(end - begin));
}

void json_write_int(buf_t *out, int64_t value) {
    char text[24], *end = text + sizeof text;
    char *begin = s_digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--begin = '-';
    buf_append(out, begin, (size_t)(end - begin));
}

/* Writes mantissa / 10^places, which is known to have no zero at its end unless places is 0. */
static void s_write_decimal(buf_t *out, bool negative, uint64_t mantissa, int places) {
    char text[48], *end = text + sizeof text;
    char *begin = s_digits_before(end, mantissa);
    if (places) {
        while (end - begin <= places)
            *--begin = '0';
        size_t whole = (size_t)(end - begin - places);
        memmove(begin - 1, begin, whole);
        begin[whole - 1] = '.';
        begin--;
    }
    if (negative)
        *--begin = '-';
    buf_append(out, begin, (size_t)(end - begin));
}

/* The fewest decimal places that read back the same: mantissa / 10^places is exact when both are. */
static bool s_write_short(buf_t *out, double value) {
    double magnitude = fabs(value);
    for (int places = 0; places <= 17; places++) {
        double scaled = rint(magnitude * s_power10[places]);
        if (!(scaled < (double)EXACT_MAX))
            return false;
        if (scaled / s_power10[places] == magnitude) {
            s_write_decimal(out, signbit(value), (uint64_t)scaled, places);
            return true;
        }
    }
    return false;
}

void json_write_double(buf_t *out, double value) {
    if (!isfinite(value)) {
        buf_append(out, "null", 4);
        return;
    }
    if (s_write_short(out, value))
        return;
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        int length = snprintf(text, sizeof text, "%.*g", precision, value);
        for (char *p = text; *p; p++)
            if (*p == ',') /* the decimal point of some locales */
                *p = '.';
        if (s_number_slow(text, (size_t)length, &back) && back == value)
            break;
    }
    buf_append_str(out, text);
}

void json_write_bool(buf_t *out, bool value) {
    buf_append(out, value ? "true" : "false", value ? 4 : 5);
}
