/* What the rules read out of a signal. The two names of `data` that mean something are looked for with the pull reader,
 * and only when its text can hold them. */
#include "signals/rules/candidate.h"

#include "base/err.h"
#include "base/ids.h"
#include "base/json.h"
#include "message/message.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESOURCES "resource_requirements"
#define SYMBOLS   "symbols"

enum {
    SYMBOL_MOST = 32,                  /* characters */
    ESCAPE_MOST = 6,                   /* characters of an escape that stands for one */
    TEXT_MOST = 32 * ESCAPE_MOST,      /* longer texts name nothing */
    SLOTS = 2 * CANDIDATE_SCOPES_MOST, /* power of two, half full at most */
};

/* ---- A member of `data` ---- */

/* Unescaped; false when it is too long to matter or holds a NUL. */
static bool s_text(const json_reader_t *reader, char text[TEXT_MOST + 1]) {
    if (reader->length > TEXT_MOST)
        return false;
    size_t length = reader->length;
    if (reader->escaped)
        length = json_unescape(reader->text, reader->length, text);
    else
        memcpy(text, reader->text, length);
    text[length] = '\0';
    return strlen(text) == length;
}

static bool s_is_named(const json_reader_t *reader, const char *name) {
    char text[TEXT_MOST + 1];
    return s_text(reader, text) && strcmp(text, name) == 0;
}

/* True when `data` has the member; `found` then stands behind `first`, the first event of its value. Of a repeated name
 * the last one counts. */
static bool s_member(const char *data, const char *name, json_reader_t *found, json_event_t *first) {
    if (!data || (!strstr(data, name) && !strchr(data, '\\')))
        return false;
    json_reader_t reader;
    bool any = false;
    json_reader_init(&reader, data, strlen(data));
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return false;
    while (json_next(&reader) == JSON_KEY) {
        bool named = s_is_named(&reader, name);
        json_event_t event = json_next(&reader);
        if (named) {
            *found = reader;
            *first = event;
            any = true;
        }
        if (!json_skip(&reader, event))
            return false;
    }
    return any;
}

/* ---- Resources ---- */

static double s_amount(const json_reader_t *reader) {
    double value;
    bool counts = json_read_number(reader->text, reader->length, &value) && isfinite(value) && value > 0;
    return counts ? value : 0;
}

static double s_resources(const char *data) {
    json_reader_t reader;
    json_event_t event;
    double sum = 0;
    if (!s_member(data, RESOURCES, &reader, &event))
        return 0;
    if (event == JSON_NUMBER)
        return s_amount(&reader);
    if (event != JSON_OBJECT_BEGIN)
        return 0;
    while (json_next(&reader) == JSON_KEY) {
        event = json_next(&reader);
        if (event == JSON_NUMBER)
            sum += s_amount(&reader);
        if (!json_skip(&reader, event))
            return 0;
    }
    return fmin(sum, DBL_MAX);
}

static side_t s_side(const Signal *signal) {
    static const char *const words[SIDE_COUNT] = {"", "buy", "sell", "hold"};
    for (int side = SIDE_BUY; signal->has_side && side < SIDE_COUNT; side++)
        if (strcmp(signal->side, words[side]) == 0)
            return (side_t)side;
    return SIDE_NONE;
}

void candidate_of(const Signal *signal, candidate_t *self) {
    *self =
        (candidate_t){.signal_id = signal->signal_id,
                      .source = signal->source,
                      .seq = signal->seq,
                      .timestamp = signal->timestamp,
                      .expiry_time = signal->expiry_time,
                      .source_seq = signal->has_source_seq ? signal->source_seq : 0,
                      .strength = signal->strength,
                      .confidence = signal->confidence,
                      .resources = signal->has_allocation ? signal->allocation : s_resources(signal->data),
                      .priority = (uint8_t)signal->priority,
                      .side = (uint8_t)s_side(signal),
                      .has_source_seq = signal->has_source_seq,
                      .has_allocation = signal->has_allocation,
                      .has_symbol = signal->has_symbol};
}

/* ---- Scopes ---- */

typedef struct {
    char texts[CANDIDATE_SCOPES_MOST][SYMBOL_MOST + 1];
    size_t count, bytes;   /* with each NUL */
    uint16_t slots[SLOTS]; /* index + 1 by hash */
} s_symbols_t;

static bool s_is_symbol(const char *text) {
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._^-");
    return length >= 1 && length <= SYMBOL_MOST && text[length] == '\0';
}

static void s_symbols_add(s_symbols_t *self, const char *text) {
    size_t size = strlen(text) + 1;
    size_t slot = ids_hash64(text, size) & (SLOTS - 1);
    for (; self->slots[slot]; slot = (slot + 1) & (SLOTS - 1))
        if (strcmp(self->texts[self->slots[slot] - 1], text) == 0)
            return;
    memcpy(self->texts[self->count], text, size);
    self->bytes += size;
    self->slots[slot] = (uint16_t)++self->count;
}

static void s_symbols_read(s_symbols_t *self, json_reader_t *reader) {
    char text[TEXT_MOST + 1];
    json_event_t event;
    while (self->count < CANDIDATE_SCOPES_MOST && (event = json_next(reader)) != JSON_ARRAY_END) {
        if (event == JSON_EVENT_STRING && s_text(reader, text) && s_is_symbol(text))
            s_symbols_add(self, text);
        if (!json_skip(reader, event))
            return;
    }
}

static void s_symbols_give(const s_symbols_t *self, const char *target, candidate_scopes_t *scopes) {
    char *text = scopes->text = malloc(self->bytes);
    if (self->count > 1)
        scopes->keys = malloc(self->count * sizeof *scopes->keys);
    assert_always(scopes->text && scopes->keys);
    scopes->count = self->count;
    for (size_t i = 0; i < self->count; i++) {
        size_t size = strlen(self->texts[i]) + 1;
        scopes->keys[i] = (scope_key_t){target, memcpy(text, self->texts[i], size)};
        text += size;
    }
}

void candidate_scopes(const Signal *signal, candidate_scopes_t *scopes) {
    json_reader_t reader;
    json_event_t event;
    *scopes =
        (candidate_scopes_t){.one = {signal->target, signal->has_symbol ? signal->symbol : NULL}, .count = 1};
    scopes->keys = &scopes->one;
    if (signal->has_symbol || !s_member(signal->data, SYMBOLS, &reader, &event) || event != JSON_ARRAY_BEGIN)
        return;
    s_symbols_t symbols = {.count = 0};
    s_symbols_read(&symbols, &reader);
    if (symbols.count > 0)
        s_symbols_give(&symbols, signal->target, scopes);
}

void candidate_scopes_free(candidate_scopes_t *scopes) {
    if (scopes->keys != &scopes->one)
        free(scopes->keys);
    free(scopes->text);
    *scopes = (candidate_scopes_t){.count = 0};
}
