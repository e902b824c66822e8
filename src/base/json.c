/* The JSON reader: a pull parser driven by what may come next, with a bit per level for object or array. */
#include "base/json.h"

#include "base/hex.h"
#include <string.h>

enum { /* json_reader_t.expect */
       EXPECT_VALUE,
       EXPECT_VALUE_OR_END, /* after [ */
       EXPECT_KEY,          /* after , in an object */
       EXPECT_KEY_OR_END,   /* after { */
       EXPECT_COMMA_OR_END,
       EXPECT_NOTHING,
       EXPECT_FAILED
};

void json_reader_init(json_reader_t *self, const char *bytes, size_t size) {
    bytes = bytes ? bytes : "";
    *self = (json_reader_t){.begin = bytes, .cursor = bytes, .end = bytes + size, .expect = EXPECT_VALUE};
}

static json_event_t s_fail(json_reader_t *self, const char *at, const char *error) {
    self->cursor = at;
    self->error = error;
    self->expect = EXPECT_FAILED;
    return JSON_ERROR;
}

static void s_skip_space(json_reader_t *self) {
    const char *p = self->cursor;
    while (p < self->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    self->cursor = p;
}

static void s_value_done(json_reader_t *self) {
    self->expect = self->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

/* --- strings --------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at `p`, 0 when it is none (RFC 3629). */
static size_t s_utf8_sequence(const unsigned char *p, const unsigned char *end) {
    size_t room = (size_t)(end - p);
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (room < length)
        return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* True when one of the eight bytes may be a quote, a backslash, a control character or not ASCII. */
static bool s_is_special(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t hit = (quote - ones) & ~quote;
    hit |= (backslash - ones) & ~backslash;
    hit |= (word - ones * 0x20) & ~word;
    return ((hit | word) & high) != 0;
}

static const char *s_skip_plain(const char *p, const char *end) {
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        if (s_is_special(word))
            break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

bool json_utf8_valid(const char *bytes, size_t size) {
    const char *p = bytes, *end = size ? bytes + size : bytes;
    while (p < end) {
        uint64_t word;
        if (end - p >= 8 && (memcpy(&word, p, sizeof word), !(word & 0x8080808080808080u))) {
            p += 8;
            continue;
        }
        size_t length = s_utf8_sequence((const unsigned char *)p, (const unsigned char *)end);
        if (!length)
            return false;
        p += length;
    }
    return true;
}

/* The four hex digits at `p`, or -1. */
static int s_hex4(const char *p, const char *end) {
    if (end - p < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Length of the escape at `p` (a backslash), 0 when it is not one. */
static size_t s_escape(const char *p, const char *end) {
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    int unit = s_hex4(p + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    int low = s_hex4(p + 8, end);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* Reads the string whose opening quote is at the cursor. */
static json_event_t s_string(json_reader_t *self, json_event_t event) {
    const char *p = self->cursor + 1, *end = self->end;
    self->text = p;
    self->escaped = false;
    for (;;) {
        p = s_skip_plain(p, end);
        if (p == end)
            return s_fail(self, p, "the text ends inside a string");
        if (*p == '"')
            break;
        size_t length;
        if (*p == '\\') {
            self->escaped = true;
            if (!(length = s_escape(p, end)))
                return s_fail(self, p, "a backslash escape is not valid");
        } else if ((unsigned char)*p < 0x20) {
            return s_fail(self, p, "a control character must be escaped inside a string");
        } else if (!(length = s_utf8_sequence((const unsigned char *)p, (const unsigned char *)end))) {
            return s_fail(self, p, "the text is not valid UTF-8");
        }
        p += length;
    }
    self->length = (size_t)(p - self->text);
    self->cursor = p + 1;
    return event;
}

static size_t s_put_utf8(unsigned code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static size_t s_unescape_unit(const char **p_p, const char *end, char *out) {
    const char *p = *p_p;
    unsigned code = (unsigned)s_hex4(p, end);
    p += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)s_hex4(p + 2, end) - 0xdc00);
        p += 6;
    }
    *p_p = p;
    return s_put_utf8(code, out);
}

size_t json_unescape(const char *text, size_t length, char *out) {
    const char *p = text, *end = text + length;
    char *to = out;
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        switch (c) {
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u': to += s_unescape_unit(&p, end, to); break;
        default: *to++ = c; break;
        }
    }
    return (size_t)(to - out);
}

/* --- numbers and words ----------------------------------------------------------------------- */

static const char *s_digits(const char *p, const char *end) {
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static json_event_t s_number(json_reader_t *self) {
    const char *p = self->cursor, *end = self->end;
    self->text = p;
    p += *p == '-';
    const char *digits = p;
    p = s_digits(p, end);
    if (p == digits)
        return s_fail(self, p, "a digit must follow the minus sign");
    if (*digits == '0' && p - digits > 1)
        return s_fail(self, digits, "a number must not begin with 0");
    if (p < end && *p == '.') {
        digits = ++p;
        p = s_digits(p, end);
        if (p == digits)
            return s_fail(self, p, "a digit must follow the decimal point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        p = s_digits(p, end);
        if (p == digits)
            return s_fail(self, p, "a digit must follow the exponent mark");
    }
    self->length = (size_t)(p - self->text);
    self->cursor = p;
    s_value_done(self);
    return JSON_NUMBER;
}

static json_event_t s_word(json_reader_t *self, const char *word, size_t length, json_event_t event) {
    if ((size_t)(self->end - self->cursor) < length || memcmp(self->cursor, word, length) != 0)
        return s_fail(self, self->cursor,
                      "a value must be an object, array, string, number, true, false or null");
    self->text = self->cursor;
    self->length = length;
    self->cursor += length;
    s_value_done(self);
    return event;
}

/* --- structure ------------------------------------------------------------------------------- */

static json_event_t s_open(json_reader_t *self, bool object) {
    if (self->depth == JSON_MAX_DEPTH)
        return s_fail(self, self->cursor, "the text is nested too deeply");
    uint64_t bit = (uint64_t)1 << self->depth++;
    self->objects = object ? self->objects | bit : self->objects & ~bit;
    self->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    self->text = self->cursor++;
    self->length = 1;
    return object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
}

static bool s_in_object(const json_reader_t *self) {
    return self->depth && (self->objects >> (self->depth - 1) & 1);
}

static json_event_t s_close(json_reader_t *self) {
    bool object = s_in_object(self);
    self->depth--;
    self->cursor++;
    s_value_done(self);
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static json_event_t s_value(json_reader_t *self) {
    switch (*self->cursor) {
    case '{': return s_open(self, true);
    case '[': return s_open(self, false);
    case '"': s_value_done(self); return s_string(self, JSON_EVENT_STRING);
    case 't': return s_word(self, "true", 4, JSON_EVENT_TRUE);
    case 'f': return s_word(self, "false", 5, JSON_EVENT_FALSE);
    case 'n': return s_word(self, "null", 4, JSON_EVENT_NULL);
    default:
        if (*self->cursor == '-' || (*self->cursor >= '0' && *self->cursor <= '9'))
            return s_number(self);
        return s_word(self, "", SIZE_MAX, JSON_ERROR);
    }
}

static json_event_t s_key(json_reader_t *self) {
    if (*self->cursor != '"')
        return s_fail(self, self->cursor, "a name in double quotes must come here");
    if (s_string(self, JSON_KEY) == JSON_ERROR)
        return JSON_ERROR;
    s_skip_space(self);
    if (self->cursor == self->end || *self->cursor != ':')
        return s_fail(self, self->cursor, "a colon must follow the name");
    self->cursor++;
    self->expect = EXPECT_VALUE;
    return JSON_KEY;
}

static json_event_t s_after_value(json_reader_t *self) {
    bool object = s_in_object(self);
    char c = *self->cursor;
    if (c == (object ? '}' : ']'))
        return s_close(self);
    if (c != ',')
        return s_fail(self, self->cursor,
                      object ? "a comma or } must follow the value" : "a comma or ] must follow the value");
    self->cursor++;
    s_skip_space(self);
    if (self->cursor == self->end)
        return s_fail(self, self->cursor, "the text ends too early");
    return object ? s_key(self) : s_value(self);
}

json_event_t json_next(json_reader_t *self) {
    if (self->expect == EXPECT_FAILED)
        return JSON_ERROR;
    s_skip_space(self);
    if (self->cursor == self->end) {
        if (self->expect == EXPECT_NOTHING)
            return JSON_END;
        return s_fail(self, self->cursor,
                      self->begin == self->end ? "the text is empty" : "the text ends too early");
    }
    switch (self->expect) {
    case EXPECT_VALUE: return s_value(self);
    case EXPECT_VALUE_OR_END: return *self->cursor == ']' ? s_close(self) : s_value(self);
    case EXPECT_KEY: return s_key(self);
    case EXPECT_KEY_OR_END: return *self->cursor == '}' ? s_close(self) : s_key(self);
    case EXPECT_COMMA_OR_END: return s_after_value(self);
    default: return s_fail(self, self->cursor, "nothing may follow the value");
    }
}

bool json_skip(json_reader_t *self, json_event_t first) {
    if (first != JSON_OBJECT_BEGIN && first != JSON_ARRAY_BEGIN)
        return first != JSON_ERROR;
    for (int depth = self->depth - 1; self->depth > depth;)
        if (json_next(self) == JSON_ERROR)
            return false;
    return true;
}

bool json_raw(json_reader_t *self, json_event_t first, const char **text, size_t *length) {
    const char *begin = first == JSON_EVENT_STRING ? self->text - 1 : self->text;
    if (!json_skip(self, first))
        return false;
    *text = begin;
    *length = (size_t)(self->cursor - begin);
    return true;
}

void json_position(const json_reader_t *self, size_t *line, size_t *column) {
    *line = *column = 1;
    for (const char *p = self->begin; p < self->cursor; p++) {
        *line += *p == '\n';
        *column = *p == '\n' ? 1 : *column + 1;
    }
}

bool json_valid(const char *bytes, size_t size, json_event_t *first) {
    json_reader_t reader;
    json_reader_init(&reader, bytes, size);
    json_event_t event = json_next(&reader);
    if (first)
        *first = event;
    return json_skip(&reader, event) && json_next(&reader) == JSON_END;
}

size_t json_compact(const char *text, size_t length, char *out) {
    const char *end = text + length;
    char *to = out;
    bool in_string = false;
    for (const char *p = text; p < end; p++) {
        if (!in_string && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
            continue;
        *to++ = *p;
        if (*p == '\\' && p + 1 < end)
            *to++ = *++p;
        else if (*p == '"')
            in_string = !in_string;
    }
    return (size_t)(to - out);
}
