/* Random messages that keep their rules, for tests of every message type. */
#pragma once

#include "message/message.h"

/* A sequence that is the same in every run. */
typedef struct {
    uint64_t state;
} dice_t;

uint64_t dice_roll(dice_t *self, uint64_t sides); /* 0 .. sides - 1 */

/* Fills a zeroed struct with values that JSON may give. With `everything`, also what JSON never reads
 * (output_only, internal), and without a care for the rules of numbers, strings and words. */
void random_message(dice_t *dice, const message_t *message, void *value, bool everything);
