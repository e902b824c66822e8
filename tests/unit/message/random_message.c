/* Random messages, field by field from the tables. */
#include "random_message.h"

#include "base/err.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 24, DEPTH_MAX = 4 };

uint64_t dice_roll(dice_t *self, uint64_t sides) {
    self->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = self->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return sides ? z % sides : z;
}

typedef struct {
    dice_t *dice;
    bool everything;
    bool entry; /* the next message is an entry of a map: its value is never missing */
    int depth;
} maker_t;

static void s_fill(maker_t *self, const message_t *message, void *value);

static size_t s_word(maker_t *self, const char *words, char *out) {
    uint64_t count = 1;
    for (const char *p = words; *p; p++)
        count += *p == '|';
    for (uint64_t skip = dice_roll(self->dice, count); skip; skip--)
        words = strchr(words, '|') + 1;
    size_t length = strcspn(words, "|");
    memcpy(out, words, length);
    return length;
}

static char s_character(maker_t *self, const field_rule_t *rule) {
    for (;;) {
        char c = (char)(' ' + dice_roll(self->dice, 95));
        if (!rule->charset_map || rule->charset_map[c / 64] >> (c % 64) & 1)
            return c;
    }
}

/* A string of the rule into `out` (room for 256); at most `most` bytes. */
static size_t s_string(maker_t *self, const field_t *field, size_t most, char *out) {
    const field_rule_t *rule = field->rule;
    if (rule->words)
        return s_word(self, rule->words, out);
    most = rule->max_length && rule->max_length < most ? rule->max_length : most;
    most = most > TEXT_MAX && rule->min_length <= TEXT_MAX ? TEXT_MAX : most;
    size_t length = rule->min_length + dice_roll(self->dice, most - rule->min_length + 1);
    for (size_t i = 0; i < length; i++)
        out[i] = s_character(self, rule);
    if (!rule->charset_map && length >= 4 && dice_roll(self->dice, 4) == 0)
        memcpy(out + length - 4, "éü", 4);
    return length;
}

static size_t s_json(maker_t *self, const field_t *field, char *out) {
    static const char *const objects[] = {"{}", "{\"a\":1}", "{\"a\":[1,{\"b\":null}],\"c\":\"x y\"}"};
    static const char *const others[] = {"[]", "12.5", "\"text\"", "true", "[[1],{}]"};
    const char *text = objects[dice_roll(self->dice, 3)];
    if (!field->rule->json_object && dice_roll(self->dice, 2))
        text = others[dice_roll(self->dice, 5)];
    strcpy(out, text);
    return strlen(text);
}

static void s_text(maker_t *self, const field_t *field, void *slot) {
    char text[256];
    size_t most = field->pointer ? TEXT_MAX : field->size - 1;
    size_t length = field->type == FIELD_JSON ? s_json(self, field, text) : s_string(self, field, most, text);
    assert_always(length <= most || field->pointer);
    text[length] = '\0';
    if (field->pointer)
        *(char **)slot = message_strdup(text);
    else
        memcpy(slot, text, length + 1);
}

static void s_number(maker_t *self, const field_t *field, void *slot) {
    const field_rule_t *rule = field->rule;
    double low = rule->has_min ? rule->min : -1e6, high = rule->has_max ? rule->max : low + 2e6;
    if (field->type == FIELD_UINT32 || field->type == FIELD_UINT64)
        low = low < 0 ? 0 : low;
    double value = low + (high - low) * ((double)dice_roll(self->dice, 1u << 20) / (1u << 20));
    switch (field->type) {
    case FIELD_INT32: *(int32_t *)slot = (int32_t)ceil(value); break;
    case FIELD_UINT32: *(uint32_t *)slot = (uint32_t)ceil(value); break;
    case FIELD_INT64: *(int64_t *)slot = (int64_t)ceil(value); break;
    case FIELD_UINT64:
        *(uint64_t *)slot = rule->has_max || rule->has_min ? (uint64_t)ceil(value) : dice_roll(self->dice, 0);
        break;
    case FIELD_FLOAT: *(float *)slot = (float)value; break;
    default: *(double *)slot = value; break;
    }
}

static void s_value(maker_t *self, const field_t *field, void *slot) {
    int number;
    switch (field->type) {
    case FIELD_BOOL: *(bool *)slot = dice_roll(self->dice, 2); break;
    case FIELD_STRING:
    case FIELD_JSON: s_text(self, field, slot); break;
    case FIELD_TIMESTAMP: *(int64_t *)slot = (int64_t)dice_roll(self->dice, INT64_C(4102444800000)); break;
    case FIELD_BYTES: *(void **)slot = message_bytes("\x00\xff\x80 bytes", dice_roll(self->dice, 9)); break;
    case FIELD_ENUM:
        for (number = 0; field->enum_names[number];)
            number++;
        number = (int)dice_roll(self->dice, (uint64_t)number);
        memcpy(slot, &number, sizeof number);
        break;
    case FIELD_MESSAGE:
    case FIELD_MAP:
        self->entry = field->type == FIELD_MAP;
        s_fill(self, field->message(), slot);
        break;
    default: s_number(self, field, slot); break;
    }
}

static void s_list(maker_t *self, const field_t *field, void *value) {
    size_t count = dice_roll(self->dice, 4);
    if (count < field->rule->min_items)
        count = field->rule->min_items;
    char *list = message_list(count, field->size);
    *(void **)((char *)value + field->offset) = list;
    *(pb_size_t *)(void *)((char *)value + field->count_offset) = (pb_size_t)count;
    for (size_t i = 0; i < count; i++) {
        s_value(self, field, list + i * field->size);
        char *key =
            list + i * field->size + (field->type == FIELD_MAP ? field->message()->fields[0].offset : 0);
        if (field->type != FIELD_MAP)
            continue;
        char name[8] = {'k', (char)('0' + i)}; /* names of a map differ */
        if (field->message()->fields[0].pointer) {
            free(*(char **)(void *)key);
            *(char **)(void *)key = message_strdup(name);
        } else {
            strcpy(key, name);
        }
    }
}

static void s_single(maker_t *self, const field_t *field, void *value) {
    char *slot = (char *)value + field->offset, *count = (char *)value + field->count_offset;
    if (field->cardinality == CARDINALITY_ONEOF)
        *(pb_size_t *)(void *)count = (pb_size_t)field->tag;
    if (field->cardinality == CARDINALITY_OPTIONAL && !field->pointer)
        *(bool *)count = true;
    bool boxed = field->type == FIELD_STRING || field->type == FIELD_JSON || field->type == FIELD_BYTES;
    if (field->pointer && !boxed)
        slot = *(void **)(void *)slot = calloc(1, field->size);
    s_value(self, field, slot);
}

static void s_fill(maker_t *self, const message_t *message, void *value) {
    bool member_set = false, entry = self->entry;
    self->entry = false;
    self->depth++;
    for (const field_t *field = message->fields; field < message->fields + message->field_count; field++) {
        bool nests = field->type == FIELD_MESSAGE || field->type == FIELD_MAP;
        if ((field->rule->internal || field->rule->output_only) && !self->everything)
            continue;
        if (nests && self->depth >= DEPTH_MAX && !field->rule->required && !entry)
            continue;
        bool may_miss = field->cardinality != CARDINALITY_IMPLICIT && !field->rule->required &&
                        !field->rule->min_items &&
                        !entry; /* a list that is left out is written as an empty one */
        if (may_miss && dice_roll(self->dice, 3) == 0)
            continue;
        if (field->cardinality == CARDINALITY_ONEOF && member_set)
            continue;
        member_set |= field->cardinality == CARDINALITY_ONEOF;
        if (field->cardinality == CARDINALITY_REPEATED)
            s_list(self, field, value);
        else
            s_single(self, field, value);
    }
    self->depth--;
}

void random_message(dice_t *dice, const message_t *message, void *value, bool everything) {
    maker_t maker = {dice, everything, false, 0};
    s_fill(&maker, message, value);
}
