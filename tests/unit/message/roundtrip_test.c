/* Properties that hold for every message type, over random messages and damaged bytes. */
#include "base/json.h"
#include "message/json_codec.h"
#include "random_message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(roundtrip, .timeout = 120);

enum { TRIES = 30 };

/* The same struct has the same wire bytes, so these stand for equality. */
static buf_t s_wire(const message_t *message, const void *value) {
    buf_t out = BUF_INIT;
    cr_assert_eq(message_encode(message, value, &out), OK, "%s", message->name);
    return out;
}

static void s_assert_same(const message_t *message, const void *a, const void *b) {
    buf_t one = s_wire(message, a), two = s_wire(message, b);
    if (one.size != two.size || memcmp(one.data, two.data, one.size) != 0) {
        buf_t left = BUF_INIT, right = BUF_INIT;
        json_encode(message, a, &left);
        json_encode(message, b, &right);
        cr_assert(false, "%s differs:\n%s\n%s", message->name, buf_str(&left), buf_str(&right));
    }
    buf_free(&one);
    buf_free(&two);
}

Test(roundtrip, a_message_comes_back_from_the_wire_the_same) {
    dice_t dice = {1};
    for (size_t i = 0; i < messages_count * TRIES; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message), *back = message_new(message);
        random_message(&dice, message, value, true);
        buf_t wire = s_wire(message, value);
        cr_assert_eq(message_decode(message, wire.data, wire.size, back), OK, "%s", message->name);
        s_assert_same(message, value, back);
        buf_free(&wire);
        message_free(message, &value);
        message_free(message, &back);
    }
}

Test(roundtrip, a_copy_is_equal_and_stands_alone) {
    dice_t dice = {2};
    for (size_t i = 0; i < messages_count * TRIES; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message), *copy = message_new(message);
        random_message(&dice, message, value, true);
        buf_t before = s_wire(message, value);
        cr_assert_eq(message_copy(message, copy, value), OK);
        message_free(message, &value);
        buf_t after = s_wire(message, copy);
        cr_assert_eq(before.size, after.size);
        cr_assert_eq(memcmp(before.data, after.data, before.size), 0);
        buf_free(&before);
        buf_free(&after);
        message_free(message, &copy);
    }
}

Test(roundtrip, a_message_comes_back_from_json_the_same) {
    dice_t dice = {3};
    for (size_t i = 0; i < messages_count * TRIES; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message), *back = message_new(message);
        random_message(&dice, message, value, false);
        buf_t json = BUF_INIT;
        json_encode(message, value, &json);
        problems_t problems = PROBLEMS_INIT;
        json_seen_t seen = 0;
        err_t err = json_decode_fields(message, json.data, json.size, back, &seen, &problems);
        const char *name = message->name;
        /* What the server alone fills in is written as null or zero, and refused by name. */
        for (size_t p = 0; p < problems.count; p++)
            cr_assert_not_null(strstr(problems.items[p].problem, "set by the server"), "%s: %s: %s\n%s", name,
                               problems.items[p].field, problems.items[p].problem, json.data);
        cr_assert(err == OK || problems.found, "%s: %s", name, err_name(err));
        s_assert_same(message, value, back);
        problems_free(&problems);
        buf_free(&json);
        message_free(message, &value);
        message_free(message, &back);
    }
}

Test(roundtrip, json_of_any_message_is_valid_json) {
    dice_t dice = {4};
    for (size_t i = 0; i < messages_count * TRIES; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message);
        random_message(&dice, message, value, true);
        buf_t json = BUF_INIT;
        json_encode(message, value, &json);
        json_event_t kind;
        cr_assert(json_valid(json.data, json.size, &kind), "%s: %s", message->name, json.data);
        cr_assert_eq(kind, JSON_OBJECT_BEGIN);
        buf_free(&json);
        message_free(message, &value);
    }
}

/* Changes, cuts or doubles some bytes; the copy has its exact size, so that reading past it is seen. */
static char *s_damage(dice_t *dice, const buf_t *bytes, size_t *size) {
    char *copy = malloc(bytes->size + 1);
    memcpy(copy, bytes->data, bytes->size);
    *size = dice_roll(dice, 3) ? bytes->size : dice_roll(dice, bytes->size + 1);
    for (uint64_t n = dice_roll(dice, 4); n && *size; n--)
        copy[dice_roll(dice, *size)] = (char)dice_roll(dice, 256);
    return realloc(copy, *size ? *size : 1);
}

Test(roundtrip, damaged_wire_bytes_are_read_or_refused_and_nothing_leaks) {
    dice_t dice = {5};
    for (size_t i = 0; i < messages_count * TRIES * 4; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message), *back = message_new(message);
        random_message(&dice, message, value, true);
        buf_t wire = s_wire(message, value);
        size_t size;
        char *damaged = s_damage(&dice, &wire, &size);
        err_t err = message_decode(message, damaged, size, back);
        cr_assert(err == OK || err == ERR_PROTOCOL);
        free(damaged);
        buf_free(&wire);
        message_free(message, &value);
        message_free(message, &back);
    }
}

Test(roundtrip, damaged_json_is_read_or_refused_and_nothing_leaks) {
    dice_t dice = {6};
    for (size_t i = 0; i < messages_count * TRIES * 4; i++) {
        const message_t *message = messages_all[i % messages_count];
        void *value = message_new(message), *back = message_new(message);
        random_message(&dice, message, value, false);
        buf_t json = BUF_INIT;
        json_encode(message, value, &json);
        size_t size;
        char *damaged = s_damage(&dice, &json, &size);
        problems_t problems = PROBLEMS_INIT;
        err_t err = json_decode(message, damaged, size, back, &problems);
        cr_assert(err == OK || err == ERR_MALFORMED_JSON || err == ERR_VALIDATION_FAILED);
        cr_assert_eq(err == OK, problems.found == 0);
        problems_free(&problems);
        free(damaged);
        buf_free(&json);
        message_free(message, &value);
        message_free(message, &back);
    }
}
